"""The log of a VPN session as an app writes it, made up from a seed, with the personal values that such logs hold.

Every name and address is invented or from a range for documentation.
"""

from __future__ import annotations

import random
from collections.abc import Mapping

LOGGERS = ("app.tunnel", "app.dns", "app.account", "app.system")
KEPT = "Handshake completed, keepalive every 25 seconds"
"""Something that the log may keep: the vault holds it, so not finding it in the files shows that they are sealed."""

PERSONAL: Mapping[str, str] = {
    "IPv4 address": "203.0.113.77",
    "IPv6 address": "2001:db8:4a3:91::beef",
    "site visited": "www.fertility-clinic.example.com",
    "second site": "forum.debt-advice.example.net",
    "friend's e-mail": "mira.novak@example.com",
    "network card": "3c:22:fb:9a:41:d7",
    "home folder": "/home/kim.berger",
    "access token": "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJraW0uYmVyZ2VyIn0.c2lnbmF0dXJlLW9mLWEtdG9rZW4",
}

SHOWN = (
    "Connecting to {IPv4 address}:51820 over UDP",
    "DNS query A {site visited} answered in 18.4 ms",
    "Cannot open {home folder}/.config/vpn.json: permission denied",
    "Signed in as {friend's e-mail} from {IPv4 address}",
    "Authorization: Bearer {access token}",
)
"""Shown to people, before and after."""

_PERSONAL_LINES = (
    *SHOWN,
    "Endpoint moved to [{IPv6 address}]:51820",
    "Resolving {second site} failed: NXDOMAIN",
    "https://{site visited}/appointments?week=12 blocked by filter",
    "Gateway {IPv4 address} is at {network card} on wlan0",
    "Bound order {order number} to device {device number}",
    "Survey sent by {contact e-mail}",
)
_PLAIN_LINES = (
    KEPT,
    "Tunnel to de-fra is up after {ms} ms",
    "MTU lowered to 1380 after {n} lost probes",
    "Dropped {n} packets outside the replay window",
    "Kill switch engaged, {n} rules in {ms} ms",
    "Network changed: wifi -> ethernet, roaming",
    "Rekey after {size} packets",
    "Received {size} bytes, counter {n}",
)


def session_lines(count: int, values: Mapping[str, str], *, seed: int = 2026) -> list[tuple[str, str]]:
    """Return ``count`` pairs of a logger and a line: first each of ``SHOWN``, then a mixture.

    Args:
        count: how many.
        values: what is put in the place of the names in braces, besides numbers.
        seed: the same seed gives the same lines.
    """
    rng = random.Random(seed)  # noqa: S311 - made-up log lines
    lines = [filled(template, values) for template in (*_PERSONAL_LINES, *_PLAIN_LINES)]
    while len(lines) < count:
        template = rng.choice(_PERSONAL_LINES if rng.random() < 0.4 else _PLAIN_LINES)
        lines.append(filled(template, values, rng))
    return [(LOGGERS[number % len(LOGGERS)], line) for number, line in enumerate(lines[:count])]


def filled(template: str, values: Mapping[str, str], rng: random.Random | None = None) -> str:
    """Return ``template`` with ``values`` and numbers in their places."""
    rng = rng or random.Random(0)  # noqa: S311 - made-up log lines
    numbers = {"ms": f"{rng.uniform(1, 90):.1f}", "n": str(rng.randint(1, 9)), "size": str(rng.randint(100, 10**6))}
    for name, value in {**numbers, **values}.items():
        template = template.replace(f"{{{name}}}", value)
    return template
