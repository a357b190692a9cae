"""Correcting (A2) with others about: two devices at once, and a server whose word does not hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.world import World

from rocketvpn_sdk import Outcome, RocketVPN, wire
from rocketvpn_sdk.errors import Conflict, ServerError, ServerUnreachable
from rocketvpn_sdk.transport import Api


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(email="kim@example.org")


@pytest.fixture
def rocket(world: World, order: str):
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(order)
        rocket.consent.declare_age(adult=True)
        yield rocket


@pytest.fixture
def laptop(world: World, order: str, tmp_path: Path):
    with RocketVPN.open(world.neighbour(tmp_path / "laptop").config()) as laptop:
        laptop.device.bind(order)
        laptop.consent.declare_age(adult=True)
        yield laptop


def held(rocket: RocketVPN) -> dict[str, object]:
    return {value.field: value.value for value in rocket.rights.view(with_code=True).there}


def before(monkeypatch: pytest.MonkeyPatch, rocket: RocketVPN, n: int, act: Callable[[], None]) -> None:
    """Have ``act`` happen before the n-th call (from 1) that ``rocket`` makes, once."""
    api = rocket.rights._api
    call, calls = api.call, iter(range(1, 100))

    def slow(operation: str, **arguments: Any) -> Any:
        if next(calls) == n:
            act()
        return call(operation, **arguments)

    monkeypatch.setattr(api, "call", slow)


READ, WRITE, READ_BACK = 1, 2, 3


@pytest.mark.clause("A2")
def test_attack_two_devices_correct_at_once(
    monkeypatch: pytest.MonkeyPatch, rocket: RocketVPN, laptop: RocketVPN
) -> None:
    """The second one to write has read an older version: it is told both values, and nothing is lost."""
    before(monkeypatch, rocket, WRITE, lambda: laptop.rights.correct({"language": "fr"}) and None)
    with pytest.raises(Conflict) as conflict:
        rocket.rights.correct({"language": "de"})
    assert (conflict.value.here, conflict.value.there) == ({"language": "de"}, {"language": "fr"})
    assert held(rocket)["language"] == "fr"
    assert rocket.rights.correct({"language": "de"}).server.state == "confirmed"


@pytest.mark.clause("A2")
def test_of_many_devices_at_once_each_is_confirmed_or_told(rocket: RocketVPN, laptop: RocketVPN) -> None:
    begin = threading.Barrier(2)
    said: dict[str, Outcome | Conflict] = {}

    def correct(device: RocketVPN, language: str) -> None:
        begin.wait()
        try:
            said[language] = device.rights.correct({"language": language})
        except Conflict as conflict:
            said[language] = conflict

    threads = [threading.Thread(target=correct, args=pair) for pair in ((rocket, "de"), (laptop, "fr"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    now = held(rocket)["language"]
    assert now in said
    for language, outcome in said.items():
        if isinstance(outcome, Conflict):
            assert outcome.there["language"] in (None, "de", "fr")
        else:
            assert outcome.server.state == "confirmed"
            assert language == now or not isinstance(said[str(now)], Conflict)


@pytest.mark.clause("A2")
def test_a_change_between_the_correction_and_its_reading_back_is_seen(
    monkeypatch: pytest.MonkeyPatch, rocket: RocketVPN, laptop: RocketVPN
) -> None:
    before(monkeypatch, rocket, READ_BACK, lambda: laptop.rights.correct({"language": "fr"}) and None)
    with pytest.raises(Conflict) as conflict:
        rocket.rights.correct({"language": "de"})
    assert conflict.value.there == {"language": "fr"}


@pytest.mark.clause("A2")
def test_a_correction_is_read_back_from_the_server(world: World, rocket: RocketVPN) -> None:
    count = len(world.sandbox.requests)
    assert rocket.rights.correct({"language": "de"}).server.state == "confirmed"
    made = [(each.method, each.path) for each in world.sandbox.requests[count:] if each.path == "/v1/data"]
    assert made == [("GET", "/v1/data"), ("PATCH", "/v1/data"), ("GET", "/v1/data")]


def answering(monkeypatch: pytest.MonkeyPatch, operation: str, n: int, made: Callable[[Any], Any]) -> None:
    """Have the n-th answer (from 1) to ``operation`` be what ``made`` makes of it."""
    call, calls = Api.call, iter(range(1, 100))

    def lying(self: Api, asked: str, **arguments: Any) -> Any:
        answer = call(self, asked, **arguments)
        return made(answer) if asked == operation and next(calls) == n else answer

    monkeypatch.setattr(Api, "call", lying)


def without_language(answer: Any) -> Any:
    import msgspec

    fields = [field for field in answer.value.fields if field.id != "language"]
    return msgspec.structs.replace(answer, value=wire.ServerData(fields=fields))


@pytest.mark.clause("A2")
def test_attack_server_says_yes_and_does_not_keep_the_correction(
    monkeypatch: pytest.MonkeyPatch, rocket: RocketVPN
) -> None:
    answering(monkeypatch, "data.view", 2, without_language)
    with pytest.raises(ServerError, match="read back"):
        rocket.rights.correct({"language": "de"})


def test_a_server_that_does_not_even_say_yes_is_an_error(monkeypatch: pytest.MonkeyPatch, rocket: RocketVPN) -> None:
    answering(monkeypatch, "data.correct", 1, without_language)
    with pytest.raises(ServerError, match="did not take"):
        rocket.rights.correct({"language": "de"})


def test_what_cannot_be_read_back_is_not_called_confirmed(monkeypatch: pytest.MonkeyPatch, rocket: RocketVPN) -> None:
    def cut_off(answer: Any) -> Any:
        raise ServerUnreachable(host="localhost", problem="cut off")

    answering(monkeypatch, "data.view", 2, cut_off)
    outcome = rocket.rights.correct({"language": "de"})
    assert (outcome.here.keys_destroyed, outcome.here.rotation_owed) == (0, False)
    assert (outcome.server.state, outcome.server.problem) == ("in_progress", "server-unreachable")


@pytest.mark.clause("A2", "T1")
def test_neither_the_old_value_nor_the_new_one_is_kept_here(world: World, rocket: RocketVPN) -> None:
    """There is no copy here that would have to be shredded: not in a report, not in the ledger, not in the queue."""
    rocket.rights.correct({"language": "tlh"})
    here = {value.field: value.value for value in rocket.rights.view().here}
    assert here.keys().isdisjoint({"language", "contact_email"})
    assert "tlh" not in str(here)
    assert rocket.status().waiting == 0


@pytest.mark.clause("A2")
def test_attack_a_value_set_elsewhere_after_the_user_looked_is_not_overwritten(
    rocket: RocketVPN, laptop: RocketVPN
) -> None:
    rocket.rights.correct({"language": "en"})
    report = rocket.rights.view()
    laptop.rights.correct({"language": "fr"})
    for seen in (report, {"language": "en"}, {}):
        with pytest.raises(Conflict) as conflict:
            rocket.rights.correct({"language": "de"}, seen)
        assert (conflict.value.here, conflict.value.there) == ({"language": "de"}, {"language": "fr"})
    assert held(rocket)["language"] == "fr"
    assert rocket.rights.correct({"language": "de"}, seen=conflict.value.there).server.state == "confirmed"
    assert rocket.rights.correct({"language": "de"}, seen={}).server.state == "confirmed"  # it is what is asked for
