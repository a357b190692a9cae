"""What stands in front of the server: the address that clients know it by, and whose word about theirs is taken."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal
from urllib.parse import urlsplit

from rocketvpn_sdk.errors import ConfigurationError

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
ProxyHeader = Literal["x-forwarded-for", "forwarded"]

_SUBSCRIBER_BITS = 64
"""Of an IPv6 address: one network's (RFC 4291 §2.5.1). Who has one address has all of them, and counts as one."""
_PAIR = re.compile(r"""\s*([A-Za-z0-9!#$%&'*+.^_`|~-]+)=("(?:[^"\\]|\\.)*"|[^\s";,]*)\s*([;,]|$)""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """A reverse proxy in front of the server.

    Args:
        public_url: what clients call: ``https://host`` or ``https://host:port``. It is the issuer, what proofs are
            checked against, and what links begin with. ``None``: the server's own address on loopback.
        trusted: addresses and networks of proxies. What they say about a client's address is believed.
        header: the one header that they say it in. It has to be one that they write or append to themselves: a header
            that they pass on as it came would be the client's own word.

    Raises:
        ConfigurationError: the URL is no such URL, a network is none, or there is no such header.
    """

    public_url: str | None = None
    trusted: Sequence[str] = ()
    header: ProxyHeader = "x-forwarded-for"

    def __post_init__(self) -> None:
        _ = self.networks
        if self.header not in _READERS:
            raise ConfigurationError(problem="the header of a trusted proxy is x-forwarded-for or forwarded")
        if self.public_url is not None:
            _check_url(self.public_url)

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks of the trusted proxies."""
        try:
            return tuple(ip_network(text, strict=False) for text in self.trusted)
        except ValueError:
            raise ConfigurationError(problem="a trusted proxy is an IP address or a network (10.0.0.0/8)") from None

    @property
    def host(self) -> str | None:
        """The host of ``public_url``, if there is one."""
        return None if self.public_url is None else urlsplit(self.public_url).hostname

    def client(self, peer: str, headers: Sequence[tuple[str, str]]) -> str:
        """Return the name that the tries of a request's client are counted by.

        Args:
            peer: the address that the connection comes from.
            headers: of the request, names in lower case.
        """
        current = _address(peer)
        if current is None:
            return peer
        values = [value for name, value in headers if name == self.header]
        # RFC 7239 §8.1: only what trusted proxies appended counts. They append at the end, so it is read from there.
        for hop in reversed(list(_READERS[self.header](",".join(values)))):
            if not self._trusts(current):
                break
            before = _address(hop)
            if before is None:  # "unknown", or a name that hides the address (RFC 7239 §6): the proxy counts
                break
            current = before
        return _counted(current)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self.networks if network.version == address.version)


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        parts, port = None, None
    plain = parts is not None and parts.hostname and url.isascii() and parts.netloc == _netloc(parts.hostname, port)
    if parts is None or not plain or parts.scheme != "https" or url != f"https://{parts.netloc}":
        raise ConfigurationError(
            problem="the public URL is https://host or https://host:port in lower case, without a path"
        )


def _netloc(host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return name if port is None else f"{name}:{port}"


def _address(text: str) -> Address | None:
    """Return the address in a hop: with or without a port, an IPv6 one with or without brackets."""
    match = re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::\d+)?|([0-9.]+):\d+", text.strip())
    try:
        address = ip_address(match[1] or match[2] if match else text.strip())
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _counted(address: Address) -> str:
    if isinstance(address, IPv6Address):
        return str(ip_network((int(address), _SUBSCRIBER_BITS), strict=False))
    return str(address)


def _forwarded(value: str) -> Iterator[str]:
    """Yield the ``for`` of each element of ``Forwarded`` (RFC 7239 §4), an empty text for an element without one."""
    at, hop = 0, ""
    while at < len(value):
        match = _PAIR.match(value, at)
        if match is None:  # what cannot be read hides what stands before it, and says nothing itself
            yield from ("",)
            return
        at = match.end()
        if match[1].lower() == "for":
            text = match[2]
            hop = re.sub(r"\\(.)", r"\1", text[1:-1]) if text.startswith('"') else text
        if match[3] != ";":
            yield hop
            hop = ""


def _x_forwarded_for(value: str) -> Iterator[str]:
    yield from value.split(",") if value else ()


_READERS: dict[str, Callable[[str], Iterator[str]]] = {
    "x-forwarded-for": _x_forwarded_for,
    "forwarded": _forwarded,
}
