"""What a support engineer asks of a log in private mode can be answered, and nothing in it says who the user is."""

from __future__ import annotations

import enum
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.personal import found_in

from rocketvpn_sdk import Config, Entry, RocketVPN, hashed, public
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

PLANTED = {
    "user": "Lena Fischer",
    "address": "198.51.100.23",
    "peer": "203.0.113.77",
    "host": "www.fertility-clinic.example.com",
    "mail": "lena.fischer@example.org",
    "home": "/home/lena",
    "network": "Fischers Netz",
    "key": "mC4CAQAwBQYDK2VwBCIEIA7Hx9cQ2hZq1YtKzOe0b3dS",
}

pytestmark = pytest.mark.clause("C2")


class State(enum.Enum):
    CONNECTING = 1
    CONNECTED = 2
    FAILED = 3


class HandshakeTimeout(Exception):
    pass


def session(log: logging.Logger, clock: FakeClock) -> None:
    """A session of an app that knows nothing of this test."""
    log.info("app %s started on %s by %s", public("1.4.2"), "linux", PLANTED["user"])
    log.info("configuration read from %s in %.1f ms", PLANTED["home"], 12.34)
    log.info("joined the network %r, mtu %d", PLANTED["network"], 1420)
    log.info("state %s -> %s", State.CONNECTING, State.CONNECTING)
    log.info("peer %s in region %s by %s", hashed(PLANTED["peer"]), "de-fra", "wireguard")
    for attempt in range(1, 4):
        log.warning("handshake with %s: no answer after %d ms, attempt %d", PLANTED["peer"], 5000, attempt)
        clock.advance(60)
    try:
        raise HandshakeTimeout(f"{PLANTED['peer']} did not answer {PLANTED['address']}")
    except HandshakeTimeout:
        log.exception("the tunnel failed: %s", "timeout")
    log.info("state %s -> %s", State.CONNECTING, State.FAILED)
    log.info("peer %s in region %s by %s", hashed(PLANTED["peer"]), "nl-ams", "openvpn")
    log.info("state %s -> %s after %.2f s", State.FAILED, State.CONNECTED, 1.234)
    log.info("dns query of %s answered with %s", PLANTED["host"], "NXDOMAIN")
    log.info("session of %s ended after %d s, %d bytes, key %s", PLANTED["mail"], 5211, 48_113_206, PLANTED["key"])


@pytest.fixture
def entries(tmp_path: Path) -> Iterator[list[Entry]]:
    clock = FakeClock()
    config = Config(
        "https://api.rocketvpn.example", "org.example.vpn", data_dir=tmp_path, secrets=MemorySecrets(), clock=clock
    )
    with RocketVPN.open(config) as rocket:
        log = logging.Logger("app.tunnel", logging.DEBUG)  # noqa: LOG001 - pytest looks into those of the tree
        log.addHandler(rocket.journal.handler())
        session(log, clock)
        yield list(rocket.journal.read())


QUESTIONS = {
    "which version?": (r"app (\S+) started", ["1.4.2"]),
    "which states?": (r"-> (?:State\.)(\w+)", ["CONNECTING", "FAILED", "CONNECTED"]),
    "which regions?": (r"in region (\S+)", ["de-fra", "nl-ams"]),
    "which protocols?": (r" by (wireguard|openvpn)", ["wireguard", "openvpn"]),
    "which error?": (r"the tunnel failed: (\S+)", ["timeout"]),
    "how many attempts, and how long was each?": (
        r"after (\d+) ms, attempt (\d)",
        [("5000", str(n)) for n in (1, 2, 3)],
    ),
    "how long until it was connected?": (r"CONNECTED after (\S+) s", ["1.23"]),
    "how long was the session?": (r"ended after (\d+) s", ["5211"]),
    "what did the resolver say?": (r"answered with (\S+)", ["NXDOMAIN"]),
    "which mtu?": (r"mtu (\d+)", ["1420"]),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_ten_questions_have_their_answers(entries: list[Entry], question: str) -> None:
    pattern, answers = QUESTIONS[question]
    assert re.findall(pattern, "\n".join(str(entry.fields["message"]) for entry in entries)) == answers


def test_where_and_when_it_failed_and_whether_the_peer_was_the_same(entries: list[Entry]) -> None:
    (failed,) = [entry for entry in entries if entry.fields["exception"]]
    said = str(failed.fields["exception"])
    assert said.startswith(f"{__name__}.HandshakeTimeout(")
    assert re.search(r"\[test_support_questions\.py:\d+ session\]$", said)
    assert (failed.fields["level"], failed.fields["logger"]) == ("ERROR", "app.tunnel")
    assert (failed.at - entries[0].at).total_seconds() == 180
    one, other = re.findall(r"peer (\[hash:\w+\])", "\n".join(str(entry.fields["message"]) for entry in entries))
    assert one == other


def test_nothing_says_who_it_was(entries: list[Entry]) -> None:
    for entry in entries:
        assert found_in(f"{entry.fields['message']} {entry.fields['exception']}", PLANTED.values()) == []
