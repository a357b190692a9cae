"""Host names in the one form in which two can be compared: that of the policy with that of the configuration. Pure."""

from __future__ import annotations

import functools
import ipaddress

import httpx


@functools.lru_cache(maxsize=64)
def canonical(host: str) -> str:
    """Return ``host``, or ``host:port``, in lower case and ASCII, without the dot of the root and TLS's usual port.

    RFC 3986 §6.2 (case, default port), RFC 5890 §2.3.2.1 (A-labels), RFC 5952 §4 (IPv6). What is no host stays.
    """
    try:
        url = httpx.URL(f"https://{host}")
        name = url.raw_host.decode("ascii").rstrip(".")
        if ":" in name:
            name = f"[{ipaddress.IPv6Address(name)}]"
    except (httpx.InvalidURL, ValueError):
        return host
    return name if url.port is None else f"{name}:{url.port}"


def without_port(host: str) -> str:
    """Return a canonical ``host[:port]`` without the port."""
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host
