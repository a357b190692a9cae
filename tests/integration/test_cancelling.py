"""A call that is cancelled ends where it is: the server is at work, nothing answers, a pause, a line of other calls.

Each test would run into its time-out if the call only ended by itself: what it waits for comes when the test is over.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from support.held_back import Beside, held_back
from support.releases import CONTENT, installed, publish
from support.silent import mute_addresses, name_first, silent_addresses
from support.until import until
from support.world import World, tunnel_key

from rocketvpn_sdk import CancelToken, Limits, RocketVPN
from rocketvpn_sdk.errors import CallbackFailed, CallCancelled, ValueRefused
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.transport import SentEntry, retries

pytestmark = [pytest.mark.timeout(60), pytest.mark.clause("A1")]

AN_HOUR = 3600.0
PATIENT = Limits(connect_timeout=AN_HOUR, read_timeout=AN_HOUR, write_timeout=AN_HOUR, total_timeout=AN_HOUR)


@pytest.fixture
def rocket(world: World) -> Iterator[RocketVPN]:
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        rocket.device.bind(world.sandbox.order())
        yield rocket


def last(rocket: RocketVPN) -> SentEntry:
    return list(rocket.rights.sent())[-1]


@contextmanager
def server_at_work(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    with held_back(world.sandbox) as gate:
        yield gate.arrived.acquire


@contextmanager
def nothing_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    with mute_addresses(1) as found:
        went = name_first(monkeypatch, found)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        yield lambda: until(lambda: bool(went))


@contextmanager
def nothing_connects(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    with silent_addresses(1) as found:
        went = name_first(monkeypatch, found)
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        yield lambda: until(lambda: bool(went))


@contextmanager
def no_resolver(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], object]]:
    asked, answer = threading.Event(), threading.Event()

    def look_up(*_: Any, **__: Any) -> list[Any]:
        asked.set()
        answer.wait()
        return []

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    try:
        yield asked.wait
    finally:
        answer.set()


@pytest.mark.parametrize("trouble", [server_at_work, nothing_answers, nothing_connects, no_resolver])
def test_a_wait_for_the_network_ends_at_once(
    world: World, rocket: RocketVPN, trouble: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    rocket.network_changed()
    token, before = CancelToken(), len(world.sandbox.requests)
    with trouble(world, monkeypatch) as reached:
        call = Beside(lambda: rocket.rights.view(cancel=token))
        reached()
        token.cancel()
        assert isinstance(call.end(), CallCancelled)
    sent = trouble is server_at_work
    assert last(rocket).outcome == ("no answer: call-cancelled" if sent else "not delivered: call-cancelled")
    assert len(world.sandbox.requests) == before + sent


def test_a_pause_before_another_try_ends_at_once(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.fail(times=9, status=503, retry_after=1000)
    token, answered = CancelToken(), len(world.sandbox.requests)
    call = Beside(lambda: rocket.rights.view(cancel=token))
    until(lambda: len(world.sandbox.requests) > answered and bool(rocket._components.api._exchange.retries._pauses))
    token.cancel()
    assert isinstance(call.end(), CallCancelled)
    assert (last(rocket).outcome, last(rocket).tries) == ("503 call-cancelled", 1)


def test_a_lost_answer_is_not_said_to_be_undelivered(
    world: World, rocket: RocketVPN, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "full_jitter", lambda failures: 1000.0)
    world.sandbox.faults.lose_answers()
    token = CancelToken()
    call = Beside(lambda: rocket.rights.view(cancel=token))
    until(lambda: bool(rocket._components.api._exchange.retries._pauses))
    token.cancel()
    assert isinstance(call.end(), CallCancelled)
    assert (last(rocket).outcome, last(rocket).tries) == ("no answer: call-cancelled", 1)


def test_a_call_that_waits_for_a_free_connection_ends_at_once_and_the_others_go_on(
    world: World, rocket: RocketVPN
) -> None:
    with held_back(world.sandbox) as gate:
        others = [Beside(rocket.device.order) for _ in range(10)]
        for _ in others:
            gate.arrived.acquire()
        token, waiting = CancelToken(), CancelToken()
        calls = [Beside(lambda: rocket.rights.view(cancel=token)), Beside(lambda: rocket.rights.view(cancel=waiting))]
        token.cancel()
        assert isinstance(calls[0].end(), CallCancelled)
    assert calls[1].end().server_answered
    assert {order.end().devices_used for order in others} == {1}


def test_a_call_that_waits_for_another_s_token_ends_at_once(world: World) -> None:
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        rocket.device.bind(world.sandbox.order())
    with RocketVPN.open(world.config(limits=PATIENT)) as rocket:
        with held_back(world.sandbox) as gate:
            other = Beside(rocket.device.order)
            gate.arrived.acquire()
            token = CancelToken()
            call = Beside(lambda: rocket.rights.view(cancel=token))
            until(lambda: sum(entry.outcome == "unknown" for entry in rocket.rights.sent()) == 3)
            token.cancel()
            assert isinstance(call.end(), CallCancelled)
            assert last(rocket).outcome == "not delivered: call-cancelled"
        assert other.end().devices_used == 1


def test_what_is_cancelled_before_it_begins_leaves_no_trace(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    plan = rocket.rights.plan_delete("account")
    entries, requests = len(list(rocket.rights.sent())), len(world.sandbox.requests)
    for call in (
        lambda: rocket.rights.view(cancel=token),
        lambda: rocket.rights.export(tmp_path / "data.zip", cancel=token),
        lambda: rocket.rights.delete(plan, cancel=token),
    ):
        with pytest.raises(CallCancelled):
            call()
    assert (len(list(rocket.rights.sent())), len(world.sandbox.requests)) == (entries, requests)
    assert not (tmp_path / "data.zip").exists()
    assert rocket.status().bound


def test_a_token_that_is_done_with_ends_nothing(world: World, rocket: RocketVPN) -> None:
    token = CancelToken()
    assert rocket.rights.view(cancel=token).server_answered
    token.cancel()
    assert rocket.rights.view().server_answered
    assert token.cancelled


def test_what_is_no_token_is_refused(rocket: RocketVPN) -> None:
    with pytest.raises(ValueRefused, match="cancel"):
        rocket.rights.view(cancel=threading.Event())  # type: ignore[arg-type] # that is what is tried


# ---------------------------------------------------------------- each long call


def test_a_view_tells_how_far_it_is(rocket: RocketVPN) -> None:
    told: list[tuple[int, int, str]] = []
    rocket.rights.view(progress=lambda *step: told.append(step))
    assert told == [(n, 5, what) for n, what in enumerate(("data", "disclosures", "requests", "log", "sent"), 1)]
    with pytest.raises(CallbackFailed):
        rocket.rights.view(progress=lambda *_: 1 / 0)


def test_an_export_that_is_cancelled_leaves_nothing(rocket: RocketVPN, tmp_path: Path) -> None:
    token, told = CancelToken(), list[str]()

    def stop_at_the_log(done: int, total: int, what: str) -> None:
        told.append(what)
        if what == "report.html":
            token.cancel()

    with pytest.raises(CallCancelled):
        rocket.rights.export(tmp_path / "data.zip", progress=stop_at_the_log, cancel=token)
    assert told[-1] == "report.html"
    assert [path.name for path in tmp_path.iterdir() if "data" in path.name] == []


@pytest.mark.clause("A3")
def test_a_deletion_that_is_cancelled_is_done_here_and_told_later(world: World, rocket: RocketVPN) -> None:
    token, told = CancelToken(), list[tuple[int, int, str]]()
    plan = rocket.rights.plan_delete("device")
    with held_back(world.sandbox) as gate:
        call = Beside(lambda: rocket.rights.delete(plan, progress=lambda *step: told.append(step), cancel=token))
        gate.arrived.acquire()
        token.cancel()
        outcome = call.end()
    assert outcome.here.done
    assert (outcome.server.state, outcome.server.problem) == ("waiting_for_connection", "call-cancelled")
    assert told == [(0, 2, "here"), (1, 2, "server")]
    (waiting,) = rocket.queue.items()
    assert (waiting.state, waiting.problem) == ("waiting", None)
    rocket.rights.resume()
    assert rocket.status().vault.state == "closed"


def test_what_a_deletion_s_progress_raises_ends_it_only_before_it_begins(rocket: RocketVPN) -> None:
    plan = rocket.rights.plan_delete("logs")
    with pytest.raises(CallbackFailed):
        rocket.rights.delete(plan, progress=lambda *_: 1 / 0)
    outcome = rocket.rights.delete(plan, progress=lambda done, *_: 1 / (1 - done))
    assert outcome.here.done
    assert outcome.server.state == "confirmed"


def test_a_download_that_is_cancelled_goes_on_where_it_ended(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "sandbox") as sandbox:
        world, folder = World(sandbox, tmp_path / "vault"), tmp_path / "downloads"
        folder.mkdir()
        publish(sandbox, "1.1", CONTENT * 8)
        with installed(world) as rocket:
            release = rocket.updates.check().release
            assert release is not None
            token, told = CancelToken(), list[int]()

            def stop_in_the_middle(have: int, length: int) -> None:
                told.append(have)
                if have > length // 3:
                    token.cancel()

            with pytest.raises(CallCancelled):
                rocket.updates.download(release, folder, stop_in_the_middle, cancel=token)
            assert last(rocket).outcome.startswith("answer not taken") or "call-cancelled" in last(rocket).outcome
            went_on = list[int]()
            path = rocket.updates.download(release, folder, lambda have, _: went_on.append(have))
            assert path.read_bytes() == CONTENT * 8
            assert went_on[0] >= told[-1] > 0


def test_an_app_s_own_call_says_by_which_key_to_repeat_it(world: World, rocket: RocketVPN) -> None:
    """Cancelled by its task (``aio``), whose error has the SDK's as its cause."""
    from rocketvpn_sdk.cancelling import cancelled_by

    token, key = CancelToken(), tunnel_key()

    def call() -> Any:
        with cancelled_by(token):
            return rocket.call("tunnel.register", public_key=key)

    with held_back(world.sandbox) as gate:
        beside = Beside(call)
        gate.arrived.acquire()
        token.cancel()
        error = beside.end()
    assert isinstance(error, CallCancelled)
    assert error.idempotency_key
    assert rocket.call("tunnel.register", public_key=key, idempotency_key=error.idempotency_key)["endpoint"]
