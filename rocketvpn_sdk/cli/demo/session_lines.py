"""The log of a VPN session as an app writes it, made up from a seed, with the personal values that such logs hold.

Every name and address is invented or from a range for documentation.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterable, Mapping
from typing import NamedTuple

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
    "Connecting to %(IPv4 address)s:51820 over UDP",
    "DNS query A %(site visited)s answered in 18.4 ms",
    "Cannot open %(home folder)s/.config/vpn.json: permission denied",
    "Signed in as %(friend's e-mail)s from %(IPv4 address)s",
    "Authorization: Bearer %(access token)s",
)
"""Shown to people, before and after."""

_PERSONAL_LINES = (
    *SHOWN,
    "Endpoint moved to [%(IPv6 address)s]:51820",
    "Resolving %(second site)s failed: NXDOMAIN",
    "https://%(site visited)s/appointments?week=12 blocked by filter",
    "Gateway %(IPv4 address)s is at %(network card)s on wlan0",
    "Bound order %(order number)s to device %(device number)s",
    "Survey sent by %(contact e-mail)s",
)
_PLAIN_LINES = (
    KEPT,
    "Tunnel to %(region)s is up after %(ms).1f ms",
    "MTU lowered to 1380 after %(n)d lost probes",
    "Dropped %(n)d packets outside the replay window",
    "Kill switch engaged, %(n)d rules in %(ms).1f ms",
    "Network changed: wifi -> ethernet, roaming",
    "Rekey after %(size)d packets",
    "Received %(size)d bytes, counter %(n)d",
)


class SessionLine(NamedTuple):
    """A call of a logger: its text is a constant of this module, and its values have names."""

    logger: str
    text: str
    values: Mapping[str, object]

    def __str__(self) -> str:
        return self.text % self.values


def session_lines(count: int, values: Mapping[str, str], *, seed: int = 2026) -> list[SessionLine]:
    """Return ``count`` lines: first each of ``SHOWN``, then a mixture.

    Args:
        count: how many.
        values: what is put in the place of the names, besides numbers.
        seed: the same seed gives the same lines.
    """
    rng = random.Random(seed)  # noqa: S311 - made-up log lines
    texts = [*_PERSONAL_LINES, *_PLAIN_LINES]
    while len(texts) < count:
        texts.append(rng.choice(_PERSONAL_LINES if rng.random() < 0.4 else _PLAIN_LINES))
    return [
        SessionLine(LOGGERS[number % len(LOGGERS)], text, {**_numbers(rng), **values})
        for number, text in enumerate(texts[:count])
    ]


def _numbers(rng: random.Random) -> dict[str, object]:
    return {"ms": rng.uniform(1, 90), "n": rng.randint(1, 9), "size": rng.randint(100, 10**6), "region": "de-fra"}


def write(lines: Iterable[SessionLine]) -> None:
    """Log every line, as an app does: a constant text, and its values."""
    for line in lines:
        logging.getLogger(line.logger).info(line.text, line.values)
