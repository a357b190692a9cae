"""Without the server: every public call ends within its time, does its part here, and queues what is the server's."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.app_events import SessionConnected
from support.noticing import NOTICE_NOWHERE
from support.offering import OFFER
from support.releases import made_up
from support.reporting import prepared_nowhere
from support.surveying import ANSWERS, SURVEY
from support.walking import LAST, Values, _keywords, calls_of, heard, somewhere
from support.world import World, tunnel_key

from rocketvpn_sdk import Limits, RocketVPN
from rocketvpn_sdk.changes import UserNeeded
from rocketvpn_sdk.errors import (
    NotCancellable,
    RocketVPNError,
    TransportError,
    ValueRefused,
    VaultBusy,
    VaultClosed,
    VaultLocked,
)
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.maintenance.worker import Job
from rocketvpn_sdk.signed_files.folder import beside
from rocketvpn_sdk.transport import deadline
from rocketvpn_sdk.transport.connections import Connections
from rocketvpn_sdk.transport.socket_backend import SocketBackend

SHORT, PATIENT = (
    Limits(total_timeout=total, connect_timeout=total, read_timeout=total, write_timeout=total, close_timeout=1.0)
    for total in (0.2, 60.0)
)
"""Bounds where nobody answers, and where nobody is there, which is known at once, were the machine ever so busy."""


@contextmanager
def black_hole() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.create_server(("localhost", 0), backlog=128) as listening:
        yield f"https://localhost:{listening.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """A port where nothing listens."""
    with socket.create_server(("localhost", 0)) as listening:
        port = listening.getsockname()[1]
    yield f"https://localhost:{port}"


@pytest.fixture
def bound(world: World) -> World:
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order(email="kim@example.org"))
        rocket.consent.declare_age(adult=True)
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
    return world


@pytest.fixture
def offline(bound: World, no_pauses: None) -> Iterator[RocketVPN]:
    with nobody() as server, RocketVPN.open(bound.config(server=server, limits=PATIENT)) as rocket:
        yield rocket


class Time:
    """Counts the time that calls are given for the network: deadlines that were begun outside any other."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.given = 0.0
        within = deadline.within

        @contextmanager
        def counted(seconds: float) -> Iterator[None]:
            if deadline._current.get() is None:
                self.given += seconds
            with within(seconds):
                yield

        monkeypatch.setattr(deadline, "within", counted)


def values(folder: Path) -> Values:
    key = tunnel_key()

    def waiting(rocket: RocketVPN) -> list[str]:
        return [item.id for item in rocket.queue.items()] or ["none"]

    return {
        "config": lambda rocket: [rocket._components.config],
        "call.operation": lambda _: ["tunnel.register"],
        "fields": lambda _: [{"public_key": key}],
        "order_number": lambda _: ["RV-2026-0001"],
        "device_id": lambda _: [None, "A" * 52],
        "kind": lambda _: [Notification],
        "callback": lambda _: [heard],
        "kinds": lambda _: [[SessionConnected]],
        "level": lambda _: ["ERROR"],
        "journal.compiled": lambda _: [{"kind": SessionConnected}],
        "journal.keep": lambda rocket: [
            {"compiled": rocket.journal.compiled(SessionConnected), "values": ("de-fra", "wireguard", 1)}
        ],
        "notification": lambda _: [Notification()],
        "look": lambda _: [dict],
        "journal.record.event": lambda _: [SessionConnected(region="de-fra", protocol="wireguard", duration=1)],
        "journal.read.event": lambda _: [None],
        "purpose": lambda _: ["improvement"],
        "consent.grant.notice": lambda rocket: [rocket.consent.notice("improvement")],
        "consent.deny.notice": lambda rocket: [rocket.consent.notice("rights", recipient="relay")],
        "adult": lambda _: [True],
        "contact": lambda _: ["mum@family.example"],
        "code": lambda _: ["00000000"],
        "changes": lambda _: [{"contact_email": "new@example.org"}],
        "scope": lambda _: ["logs", "device"],
        "plan": lambda rocket: [rocket.rights.plan_delete("logs"), rocket.rights.plan_delete("device")],
        "term": lambda _: ["contact_email"],
        "entry": lambda rocket: list(rocket.rights.sent())[:1],
        "body": lambda _: [b""],
        "ticket_id": lambda _: ["0" * 64],
        "notice": lambda rocket: [notice] if (notice := rocket.policy.notice()) else [],
        "request_id": waiting,
        "release": lambda _: [made_up()],
        "survey_id": lambda _: [SURVEY.id],
        "answers": lambda _: [ANSWERS],
        "offer_id": lambda _: [OFFER.id],
        "policy.acknowledge.notice": lambda _: [NOTICE_NOWHERE],
        "report": lambda _: [prepared_nowhere()],
        "path": somewhere(folder),
        "folder": somewhere(folder),
    }


@pytest.mark.parametrize("server", [nobody, black_hole])
def test_no_public_call_takes_longer_than_its_time(
    bound: World, tmp_path: Path, server: Any, monkeypatch: pytest.MonkeyPatch, no_pauses: None
) -> None:
    walked: dict[str, str] = {}
    limits = PATIENT if server is nobody else SHORT
    with server() as address, RocketVPN.open(bound.config(server=address, limits=limits)) as rocket:
        time = Time(monkeypatch)
        for name, (thing, attribute, found) in calls_of(rocket).items():
            for keywords in _keywords(name, found, rocket, values(tmp_path)):
                time.given = 0.0
                problem = ""
                try:
                    value = getattr(thing, attribute)
                    result = value if isinstance(found, property) else value(**keywords)
                    list(result) if isinstance(result, Iterator) else None
                except RocketVPNError as error:
                    problem = error.code
                assert time.given <= limits.total_timeout + 1e-9, f"{name}: {time.given}"
                walked[name] = problem or walked.get(name, "")
    unreachable = "server-unreachable" if server is nobody else "server-timeout"
    fails = {name for name, problem in walked.items() if problem == unreachable}
    assert fails == {  # (``device.unbind`` comes after a deletion, and is not bound any more)
        "ask_server",
        *("surveys.available", "surveys.decline", "offers.available", "offers.hide", "offers.take"),
        "call",
        "consent.request_guardian",
        "device.list",
        "device.order",
        "policy.check",
        "rights.as_owner",
        "rights.cancel",
        "rights.confirm_address",
        "rights.correct",
        "rights.disclosures",
        "rights.make_recovery_code",
        "rights.make_ticket",
        "rights.request",
        "rights.revoke_ticket",
        "rights.tickets",
        "updates.certify",
        "updates.check",
        "updates.download",
        "updates.known",
    }
    assert set(LAST) <= set(walked)
    assert {"consent.grant", "consent.withdraw", "rights.view", "rights.delete", "sync", "queue.items"} <= set(walked)


@pytest.mark.clause("U5", "A3")
def test_what_was_decided_offline_holds_here_and_is_told_when_the_server_is_back(
    bound: World, offline: RocketVPN
) -> None:
    assert offline.consent.grant(offline.consent.notice("improvement")).server == "waiting"
    assert offline.consent.withdraw("improvement").server == "waiting"
    assert offline.consent.deny(offline.consent.notice("rights", recipient="relay")).state == "denied"
    outcome = offline.rights.delete(offline.rights.plan_delete("logs"))
    assert (outcome.here.done, outcome.server.state) == (True, "waiting_for_connection")
    assert list(offline.journal.read()) == []
    items = offline.queue.items()
    assert [item.operation for item in items] == ["consents.put", "consents.put", "rights.request"]
    assert all(item.due is not None and item.problem == "server-unreachable" for item in items if item.tries)
    assert offline.sync().waiting == 3
    offline.close()
    with RocketVPN.open(bound.config()) as online:
        assert online.sync().waiting == 0
        held = {row["purpose"]: row["state"] for row in bound.sandbox.rows()["consents"]}
        assert held == {"improvement": "withdrawn", "rights": "denied"}
        assert online.queue.items() == ()


def test_seeing_works_without_the_server(offline: RocketVPN) -> None:
    report = offline.rights.view()
    assert (report.server_answered, report.server_problem) == (False, "server-unreachable")
    assert {"order_number", "region"} <= {value.field for value in report.here}


# ---------------------------------------------------------------- rocket.queue


def test_the_user_sees_what_waits_in_words_and_without_values(offline: RocketVPN) -> None:
    offline.consent.deny(offline.consent.notice("rights", recipient="relay"))
    offline.rights.delete(offline.rights.plan_delete("logs"))
    no, deletion = offline.queue.items()
    assert deletion.sentence == "Ask the server to delete your data."
    assert (deletion.state, deletion.tries, deletion.can_cancel, deletion.why_not) == ("waiting", 1, True, "")
    assert (no.can_cancel, "the server has to hear" in no.why_not) == (False, True)
    assert offline.queue.items("xx")[1].sentence == deletion.sentence
    assert "relay" not in repr(offline.queue.items())


@pytest.mark.clause("A3")
def test_cancelling_undoes_nothing_that_was_done_here(bound: World, offline: RocketVPN) -> None:
    offline.rights.delete(offline.rights.plan_delete("logs"))
    (deletion,) = offline.queue.items()
    done = offline.queue.cancel(deletion.id)
    assert done.request.id == deletion.id
    assert "stays done" in done.sentence
    assert offline.queue.items() == ()
    assert list(offline.journal.read()) == []
    with pytest.raises(ValueRefused):
        offline.queue.cancel(deletion.id)


@pytest.mark.clause("U5")
def test_attack_cancelling_a_no_so_that_the_server_never_hears_it(offline: RocketVPN) -> None:
    offline.consent.grant(offline.consent.notice("improvement"))
    (yes,) = offline.queue.items()
    with pytest.raises(NotCancellable, match="take the consent back instead"):
        offline.queue.cancel(yes.id)
    offline.consent.withdraw("improvement")
    (no,) = offline.queue.items()
    with pytest.raises(NotCancellable, match="the server has to hear that"):
        offline.queue.cancel(no.id)
    offline.rights.delete(offline.rights.plan_delete("device"))
    (last,) = offline.queue.items()
    with pytest.raises(NotCancellable, match="forget_now"):
        offline.queue.cancel(last.id)


def test_what_the_server_has_and_what_is_on_its_way_cannot_be_cancelled(bound: World) -> None:
    bound.sandbox.faults.delay_deletions = True
    with RocketVPN.open(bound.config()) as rocket:
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        (taken,) = rocket.queue.items()
        with rocket._components.queue.delivery_lock(0), pytest.raises(VaultBusy):
            rocket.queue.cancel(taken.id)
        with pytest.raises(NotCancellable, match="has it already"):
            rocket.queue.cancel(taken.id)
        assert rocket.queue.items()[0].due is not None


def test_a_locked_vault_says_so(bound: World) -> None:
    with RocketVPN.open(bound.config(), unlock=False) as rocket, pytest.raises(VaultLocked):
        rocket.queue.items()


# ---------------------------------------------------------------- the worker in the app


def test_the_worker_delivers_what_waits_and_asks_nobody(bound: World, offline: RocketVPN) -> None:
    offline.consent.deny(offline.consent.notice("rights", recipient="relay"))
    offline.rights.delete(offline.rights.plan_delete("account"))
    offline.close()
    needed: list[UserNeeded] = []
    with RocketVPN.open(bound.config(background=True)) as rocket:
        rocket.events.subscribe(UserNeeded, needed.append)
        worker = rocket._maintenance.background
        assert worker is not None
        assert rocket.status().background is not None
        assert rocket.status().background.running
        bound.asked.clear()
        for item in rocket._components.queue.items():
            rocket._components.queue.update(msgspec.structs.replace(item, due_at=0.0))
        for job in worker._jobs:
            worker._try(job)
        assert rocket.status().background.problems == {}
        assert [item.state for item in rocket.queue.items()] == ["waiting_for_user"]
        assert [notice.operation for notice in needed] == ["rights.request"]
        assert bound.asked == []
        assert (beside(bound.folder)).is_dir()  # it asked for a new version of the policy
    assert not worker.status().running


def test_it_does_not_run_before_the_vault_is_unlocked(bound: World) -> None:
    with RocketVPN.open(bound.config(background=True), unlock=False) as rocket:
        assert not rocket._maintenance.background.status().running
        rocket.unlock()
        assert rocket._maintenance.background.status().running
    with RocketVPN.open(bound.config()) as rocket:
        assert rocket.status().background is None


def test_closing_does_not_wait_for_a_call_in_flight(bound: World) -> None:
    reached, leave = threading.Event(), threading.Event()
    with RocketVPN.open(bound.config(background=True, limits=Limits(close_timeout=0.3))) as rocket:
        worker = rocket._maintenance.background

        def stuck() -> None:
            reached.set()
            leave.wait(30)

        worker._jobs = [Job("stuck", lambda: 0.0, stuck)]
        thread = threading.Thread(target=lambda: worker._try(worker._jobs[0]))
        worker._thread = thread
        thread.start()
        assert reached.wait(30)
        rocket.close()
        assert thread.is_alive()  # closing came back first
    leave.set()
    thread.join(30)


def test_closing_ends_a_call_that_waits_to_be_tried_again(bound: World) -> None:
    waiting, caught = threading.Event(), list[str]()

    def wait(closed: threading.Event, seconds: float) -> None:
        waiting.set()
        assert closed.wait(30)  # nothing but closing ends it

    def call(rocket: RocketVPN) -> None:
        try:
            rocket.device.order()
        except RocketVPNError as error:
            caught.append(error.code)

    with nobody() as server, RocketVPN.open(bound.config(server=server)) as rocket:
        rocket._components.api._exchange.retries._wait = wait
        thread = threading.Thread(target=call, args=(rocket,))
        thread.start()
        assert waiting.wait(30)
        rocket.close()
        thread.join(30)
    assert caught == ["vault-closed"]


def test_closing_never_closes_a_socket_under_the_call_that_reads_it(
    bound: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its number would soon be another connection's, and OpenSSL would read and write there."""
    arrived, leave = threading.Event(), threading.Event()
    caught: list[tuple[str, str]] = []
    closers: list[str] = []
    real = SocketBackend.let_go

    def let_go(lines: SocketBackend, handle: socket.socket) -> None:
        closers.append(threading.current_thread().name)
        real(lines, handle)

    def wait() -> None:
        arrived.set()
        leave.wait(30)

    def call(rocket: RocketVPN) -> None:
        try:
            rocket.device.order()
        except RocketVPNError as error:
            caught.append((error.code, str(error)))

    with RocketVPN.open(bound.config(limits=Limits(close_timeout=30.0))) as rocket:
        rocket.device.order()  # from here on there is a token, and the next call has the one connection
        monkeypatch.setattr(bound.sandbox.faults, "pause", wait)
        monkeypatch.setattr(SocketBackend, "let_go", let_go)
        thread = threading.Thread(target=call, args=(rocket,), name="caller")
        thread.start()
        assert arrived.wait(30)
        rocket.close()
        ended = bool(caught)  # closing waited for it, and it for nothing
        leave.set()
        thread.join(30)
    assert ended
    assert [code for code, _ in caught] == ["vault-closed"]
    assert closers == ["caller"]
    monkeypatch.undo()
    with RocketVPN.open(bound.config()) as rocket:
        assert [entry.outcome for entry in rocket.rights.sent()][-1] == "no answer: vault-closed"
        with pytest.raises(VaultClosed):
            _called_after_closing(rocket)


def _called_after_closing(rocket: RocketVPN) -> None:
    rocket._components.api.close()
    rocket.ask_server()


CHAINS: dict[str, Any] = {
    "bind": lambda rocket, order: (rocket.device.unbind(), rocket.device.bind(order)),
    "as_owner": lambda rocket, order: rocket.rights.as_owner(order),
    "owner.delete": lambda rocket, order: rocket.rights.as_owner(order).delete(),
    "plan_delete": lambda rocket, _: rocket.rights.plan_delete("account"),
    "correct": lambda rocket, _: rocket.rights.correct({"language": "de"}),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_call_of_many_requests_has_one_deadline(bound: World, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    real = Connections.exchange

    def exchange(self: Connections, *arguments: Any, **more: Any) -> Any:
        seen.append(deadline._current.get())
        return real(self, *arguments, **more)

    parts = {"bind": 2, "owner.delete": 2}.get(name, 1)  # the public calls in the chain
    with RocketVPN.open(bound.config()) as rocket:
        order = rocket.device.binding.order_number  # type: ignore[union-attr] # it is bound
        monkeypatch.setattr(Connections, "exchange", exchange)
        CHAINS[name](rocket, order)
    assert len(seen) > parts
    assert None not in seen
    assert len(set(map(id, seen))) == parts


def test_nothing_of_the_network_is_loaded_for_an_unbound_idle_app(world: World) -> None:
    with RocketVPN.open(world.config(background=True, trusted_root=None)) as rocket:
        worker = rocket._maintenance.background
        assert [worker._due(job) for job in worker._jobs if job.name == "queue"] == [None]
        assert rocket._components.opened("api") is None


def test_a_transport_error_is_one_of_ours(offline: RocketVPN) -> None:
    with pytest.raises(TransportError):
        offline.device.order()


def test_a_deletion_that_another_process_is_taking_further_is_left_to_it(bound: World, offline: RocketVPN) -> None:
    offline.rights.delete(offline.rights.plan_delete("logs"))
    with RocketVPN.open(bound.config(limits=SHORT)) as other, offline._components.queue.delivery_lock(0):
        (server,) = other.rights.resume()
    assert (server.state, server.problem) == ("waiting_for_connection", "vault-busy")


def test_a_deletion_in_another_device_s_name_is_not_sent_in_ours(bound: World, offline: RocketVPN) -> None:
    offline.rights.delete(offline.rights.plan_delete("logs"))
    (ticket,) = offline._components.queue.items()
    offline._components.queue.update(msgspec.structs.replace(ticket, device_id="B" * 52))
    offline.close()
    with RocketVPN.open(bound.config()) as online:
        assert online.sync().waiting == 1
        assert [(item.state, item.problem) for item in online.queue.items()] == [("refused", "not-bound")]


@pytest.mark.clause("U5")
def test_a_notice_of_a_revoked_device_is_not_sent_with_every_sync(bound: World) -> None:
    with RocketVPN.open(bound.config()) as rocket:
        rocket.consent.grant(rocket.consent.notice("improvement"))
        assert rocket.device.binding is not None
        bound.sandbox.faults.revoke_device(rocket.device.binding.device_id)
        rocket.consent.withdraw("improvement")
        assert [(item.state, item.problem) for item in rocket.queue.items()] == [("refused", "device-revoked")]
        sent = len(list(rocket.rights.sent()))
        for _ in range(5):
            assert rocket.sync().waiting == 1
        assert len(list(rocket.rights.sent())) == sent
        assert rocket.consent.deliver() == 1
        assert len(list(rocket.rights.sent())) > sent


@pytest.mark.clause("U5")
@pytest.mark.parametrize("revoked", [False, True])
def test_bound_again_to_the_same_order_the_server_is_told_again(bound: World, revoked: bool) -> None:
    def there(device_id: str) -> dict[str, str]:
        rows = bound.sandbox.rows()["consents"]
        return {row["purpose"]: row["state"] for row in rows if row["device_id"] == device_id}

    with RocketVPN.open(bound.config()) as rocket:
        first = rocket.device.binding
        assert first is not None
        assert rocket.consent.grant(rocket.consent.notice("improvement")).server == "told"
        assert rocket.consent.deny(rocket.consent.notice("rights", recipient="relay")).server == "told"
        if revoked:
            bound.sandbox.faults.revoke_device(first.device_id)
            rocket.consent.withdraw("improvement")
            assert [item.problem for item in rocket.queue.items()] == ["device-revoked"]
        rocket.device.unbind()
        assert revoked or there(first.device_id) == {}
        assert rocket.device.bind(first.order_number).device_id == first.device_id
        known = {part.purpose: part.server for part in rocket.consent.status().purposes if part.server != "not_needed"}
        assert known["improvement"] == known["rights"] == "waiting"
        assert rocket.sync().waiting == 0
        assert there(first.device_id) == {"improvement": "withdrawn" if revoked else "granted", "rights": "denied"}
        known = {part.purpose: part.server for part in rocket.consent.status().purposes if part.server != "not_needed"}
        assert known["improvement"] == known["rights"] == "told"
