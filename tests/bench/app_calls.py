"""Log calls as a VPN client has them: a constant text with values, each call in a place of its own."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from functools import cache
from typing import Any

from support.vpn_lines import HARMLESS, PERSONAL

Call = tuple[Callable[..., None], tuple[Any, ...]]
_SITES: list[tuple[Callable[..., None], tuple[str, ...]]] = []


def _site(*kinds: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    def add(call: Callable[..., None]) -> Callable[..., None]:
        _SITES.append((call, kinds))
        return call

    return add


@_site("n")
def _attempt(log: logging.Logger, attempt: int) -> None:
    log.info("Handshake initiation sent, attempt %d", attempt)


@_site("ms")
def _completed(log: logging.Logger, took: float) -> None:
    log.info("Handshake completed in %.1f ms", took)


@_site()
def _keepalive(log: logging.Logger) -> None:
    log.info("Keepalive sent, next in 25 s")


@_site("region", "ms")
def _up(log: logging.Logger, region: str, took: float) -> None:
    log.info("Tunnel to %s is up after %.1f ms", region, took)


@_site("size", "size")
def _down(log: logging.Logger, received: int, sent: int) -> None:
    log.info("Tunnel down: no handshake for 180 s, %d bytes in, %d bytes out", received, sent)


@_site("state", "state")
def _state(log: logging.Logger, before: str, after: str) -> None:
    log.info("State changed: %s -> %s", before, after)


@_site("n", "ms")
def _kill_switch(log: logging.Logger, rules: int, took: float) -> None:
    log.info("Kill switch engaged, %d rules in %.1f ms", rules, took)


@_site("mtu", "n")
def _mtu(log: logging.Logger, mtu: int, probes: int) -> None:
    log.info("MTU lowered to %d after %d lost probes", mtu, probes)


@_site("n")
def _replay(log: logging.Logger, packets: int) -> None:
    log.info("Dropped %d packets outside the replay window", packets)


@_site("ms")
def _configuration(log: logging.Logger, took: float) -> None:
    log.info("Reading configuration took %.1f ms", took)


@_site("v4", "port")
def _endpoint(log: logging.Logger, address: str, port: int) -> None:
    log.info("Connecting to %s:%d over UDP", address, port)


@_site("host", "ms")
def _dns(log: logging.Logger, host: str, took: float) -> None:
    log.info("DNS query A %s answered in %.1f ms", host, took)


@_site("v4", "mac")
def _gateway(log: logging.Logger, address: str, card: str) -> None:
    log.info("Gateway %s is at %s on wlan0", address, card)


@_site("name")
def _signed_in(log: logging.Logger, name: str) -> None:
    log.info("Signed in as %s", name)


@_site("ssid")
def _joined(log: logging.Logger, name: str) -> None:
    log.info("Joined the network %r", name)


def _values(rng: random.Random) -> dict[str, Callable[[], Any]]:
    def text(kind: str) -> Callable[[], str]:
        return lambda: {**PERSONAL, **HARMLESS}[kind](rng)

    return {
        "n": lambda: rng.randint(1, 9),
        "ms": lambda: rng.uniform(0.2, 900),
        "size": lambda: rng.randint(100, 10**9),
        "port": lambda: rng.choice((53, 443, 1194, 8443, 51820)),
        "mtu": lambda: rng.choice((1280, 1380, 1420, 1500)),
        "state": lambda: rng.choice(("connecting", "connected", "reconnecting", "failed")),
        **{kind: text(kind) for kind in ("region", "v4", "host", "mac", "name", "ssid")},
    }


@cache
def calls(count: int) -> tuple[Call, ...]:
    """Return ``count`` calls with their values, from a seed; two in three hold nothing personal."""
    rng = random.Random(7)
    values = _values(rng)
    return tuple((call, tuple(values[kind]() for kind in kinds)) for call, kinds in rng.choices(_SITES, k=count))
