from __future__ import annotations

from email.utils import formatdate

import httpx
import pytest
from support.calls import Line, TurnableClock

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import AuthenticationFailed
from rocketvpn_sdk.transport.connections import HttpReply
from rocketvpn_sdk.transport.server_clock import LEAST, ServerClock

NOW = 1_800_000_000.0


def dated(at: float) -> HttpReply:
    return HttpReply(200, {"date": formatdate(at, usegmt=True)}, b"")


@pytest.fixture
def server_clock() -> ServerClock:
    return ServerClock(TurnableClock(NOW))


@pytest.mark.parametrize("off", [-DAY, -3600.0, -6.0, 6.0, 3600.0, DAY])
def test_the_servers_time_is_taken_within_a_day(server_clock: ServerClock, off: float) -> None:
    server_clock.learn(dated(NOW + off))
    assert server_clock.now() == NOW + off
    assert server_clock.corrects(NOW)
    assert not server_clock.corrects(NOW + off), "a proof that was made for that time is not made again"


@pytest.mark.parametrize("off", [-LEAST, -1.0, 0.0, 1.0, LEAST])
def test_seconds_are_the_networks(server_clock: ServerClock, off: float) -> None:
    server_clock.learn(dated(NOW + off))
    assert server_clock.now() == NOW
    assert not server_clock.corrects(NOW)


@pytest.mark.parametrize("off", [-400 * DAY, -DAY - 1, DAY + 1, 400 * DAY])
def test_attack_a_server_that_lies_about_the_day_moves_nothing(server_clock: ServerClock, off: float) -> None:
    server_clock.learn(dated(NOW + off))
    assert server_clock.now() == NOW
    with pytest.raises(AuthenticationFailed, match="clock is wrong"):
        server_clock.corrects(NOW)


@pytest.mark.parametrize("text", ["", "yesterday", "99999999999999999999", "Mon, 99 Foo 2026 00:00:00 GMT"])
def test_what_is_no_date_is_not_taken(server_clock: ServerClock, text: str) -> None:
    server_clock.learn(HttpReply(200, {"date": text}, b""))
    assert server_clock.now() == NOW
    assert server_clock.trusted_time() is None


def test_the_vaults_word_counts_until_the_server_has_spoken() -> None:
    server_clock = ServerClock(TurnableClock(NOW), trusted_time=lambda: 5.0)
    assert server_clock.trusted_time() == 5.0
    assert server_clock.now() == NOW, "a proof goes by the server's word alone"
    server_clock.learn(dated(NOW + 60))
    assert server_clock.trusted_time() == NOW + 60


def test_what_the_server_says_is_passed_on_of_a_refusal_too() -> None:
    told = list[float]()
    server_clock = ServerClock(TurnableClock(NOW), agree=told.append)
    server_clock.learn(dated(NOW + 40 * DAY))
    server_clock.learn(HttpReply(401, {"date": formatdate(NOW, usegmt=True)}, b""))
    server_clock.learn(HttpReply(302, {"date": formatdate(NOW + 1, usegmt=True)}, b""))
    assert told == [NOW + 40 * DAY, NOW]


@pytest.mark.parametrize(("more", "off"), [({}, 77.0), ({"Age": "0"}, 0.0)])
def test_an_answer_that_was_kept_on_its_way_tells_no_time(line: Line, more: dict[str, str], off: float) -> None:
    headers = {"Date": formatdate(NOW + 77, usegmt=True), **more}
    line.router.get("/v1/order").mock(return_value=httpx.Response(200, json={}, headers=headers))
    line.api.call("order.read", answer=dict)
    assert line.api.session.server_clock.now() == line.clock.now + off


@pytest.mark.clause("U1")
def test_attack_a_time_told_to_nobody_in_particular_comes_back_with_no_name(line: Line) -> None:
    """Each device could be given a time of its own in a call without identity, and be known by it afterwards."""
    answer = httpx.Response(200, json={}, headers={"Date": formatdate(NOW + 77, usegmt=True)})
    line.router.get("/v1/keys").mock(return_value=answer)
    line.api.call("server.keys", answer=dict)
    assert line.api.session.server_clock.now() == line.clock.now
