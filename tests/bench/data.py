"""What is recorded: a VPN client's lines and events from a seed; varied, since repeats would flatter compression."""

from __future__ import annotations

import random
from functools import cache

from support.vpn_lines import vpn_lines

from rocketvpn_sdk import Event

REGIONS = ("at-vie", "ca-tor", "de-fra", "es-mad", "fr-par", "gb-lon", "jp-tyo", "nl-ams", "se-sto", "us-nyc")
FAILURES = ("authentication", "dns", "handshake", "network", "timeout", "unknown")


class Connected(Event, name="session.connected", purpose="service"):
    region: str
    protocol: str
    duration: int


class Failed(Event, name="session.failed", purpose="security"):
    region: str
    protocol: str
    failure: str
    attempt: int


EVENTS = (Connected, Failed)


@cache
def lines(count: int) -> tuple[str, ...]:
    """Return ``count`` log lines."""
    return tuple(line.text for line in vpn_lines(count, seed=7))


@cache
def events(count: int) -> tuple[Event, ...]:
    """Return ``count`` events, one in eight a failure."""
    rng = random.Random(7)
    made: list[Event] = []
    for _ in range(count):
        region, protocol = rng.choice(REGIONS), rng.choice(("wireguard", "wireguard", "openvpn", "ikev2"))
        if rng.random() < 0.125:
            made.append(
                Failed(region=region, protocol=protocol, failure=rng.choice(FAILURES), attempt=rng.randint(1, 5))
            )
        else:
            made.append(Connected(region=region, protocol=protocol, duration=int(rng.expovariate(1 / 900))))
    return tuple(made)
