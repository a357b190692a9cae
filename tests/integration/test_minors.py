"""Minors and their guardians, against the real server; and no way round what protects them (M1 to M3)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.app_events import Crashed, SessionConnected
from support.codes import other_than
from support.noticing import NOTICE_NOWHERE
from support.offering import OFFER
from support.policies import NEWEST, renumbered
from support.releases import made_up
from support.reporting import prepared_nowhere
from support.surveying import ANSWERS, SURVEY
from support.walking import UnknownParameter, Values, calls_of, heard, somewhere, walk
from support.world import World, bytes_of, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.consent.guardian import REQUEST, GuardianRequestState
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.errors import (
    AgeSettled,
    GuardianError,
    GuardianNeeded,
    NotBound,
    RateLimited,
    RocketVPNError,
    ServerUnreachable,
    ValueRefused,
)
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

EVENTS = [SessionConnected, Crashed]
GUARDIAN = "mum@family.example"


@pytest.fixture
def minor(world: World) -> Iterator[RocketVPN]:
    """Somebody who said to be under age; bound to an order without an e-mail address."""
    with RocketVPN.open(world.config(events=EVENTS)) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
        rocket.consent.declare_age(adult=False)
        yield rocket


def ask(world: World, rocket: RocketVPN, **more: Any) -> str:
    """Ask a guardian; return the code of the letter."""
    rocket.consent.request_guardian(GUARDIAN, **more)
    return world.sandbox.mail.last_code(GUARDIAN)


def grant(rocket: RocketVPN, purpose: str = "improvement") -> None:
    rocket.consent.grant(rocket.consent.notice(purpose))


# ---------------------------------------------------------------- the way through


@pytest.mark.clause("M1", "M2", "M3")
def test_a_guardian_reads_the_text_and_the_version_and_agrees_with_the_code(world: World, minor: RocketVPN) -> None:
    with pytest.raises(GuardianNeeded):
        grant(minor)
    asked = minor.consent.request_guardian(GUARDIAN)
    policy = minor.policy.current
    assert (asked.about, asked.policy_version, asked.sha256) == ("agreement", policy.version, policy.sha256)
    letter = world.sandbox.mail[-1]
    assert letter.to == GUARDIAN
    assert policy.document.minors.guardian["en"] in letter.text
    assert f"version {policy.version}" in letter.text
    assert policy.sha256 in letter.text
    assert policy.contact in letter.text
    assert minor.consent.status().guardian_asked == "agreement"
    minor.consent.confirm_guardian(letter.code)
    status = minor.consent.status()
    assert (status.guardian, status.guardian_asked, status.adult) == (True, None, False)
    grant(minor)
    assert minor.consent.status().purposes[0].effective


@pytest.mark.clause("M1")
def test_a_guardian_can_take_it_back_and_the_server_hears_of_it(world: World, minor: RocketVPN) -> None:
    minor.consent.confirm_guardian(ask(world, minor))
    grant(minor)
    minor.journal.record(Crashed(failure="timeout"))
    minor.journal.flush()
    assert len(list(minor.journal.read())) == 1
    binding = minor.device.binding
    assert binding is not None
    assert any(row["device_id"] == binding.device_id for row in world.sandbox.rows()["guardian_confirmations"])
    assert minor.consent.withdraw_guardian() is True
    assert list(minor.journal.read()) == []
    assert not any(row["device_id"] == binding.device_id for row in world.sandbox.rows()["guardian_confirmations"])
    assert not any(row["device_id"] == binding.device_id for row in world.sandbox.rows()["guardian_requests"])
    with pytest.raises(GuardianNeeded):
        grant(minor)
    assert minor.consent.withdraw_guardian() is False


@pytest.mark.clause("M1")
def test_taking_it_back_offline_holds_at_once_and_reaches_the_server_later(world: World, minor: RocketVPN) -> None:
    minor.consent.confirm_guardian(ask(world, minor))
    grant(minor)
    minor.close()
    with RocketVPN.open(world.config(events=EVENTS, server="https://localhost:9")) as offline:
        assert offline.consent.withdraw_guardian() is True
        assert offline.status().waiting == 2  # the guardian's word, and the consent that rested on it
    with RocketVPN.open(world.config(events=EVENTS)) as again:
        assert not again.consent.status().guardian
        assert again.consent.deliver() == 0
        binding = again.device.binding
        assert binding is not None
        rows = world.sandbox.rows()
        assert not any(row["device_id"] == binding.device_id for row in rows["guardian_confirmations"])
        assert {row["state"] for row in rows["consents"] if row["device_id"] == binding.device_id} == {"unset"}


@pytest.mark.clause("M1")
def test_a_guardian_can_say_that_they_are_of_age_now(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor, of_age=True)
    assert "of age now" in world.sandbox.mail[-1].text
    minor.consent.confirm_guardian(code)
    assert minor.consent.status().adult is True
    assert minor.consent.status().guardian is False
    grant(minor)


@pytest.mark.clause("M1")
def test_agreeing_to_the_policy_does_not_make_anybody_of_age(world: World, minor: RocketVPN) -> None:
    minor.consent.confirm_guardian(ask(world, minor))
    with pytest.raises(AgeSettled, match="take that back"):
        minor.consent.declare_age(adult=True)


# ---------------------------------------------------------------- the address


@pytest.mark.sqlite_file
@pytest.mark.clause("M1", "R1")
def test_the_guardian_s_address_is_kept_nowhere(world: World, minor: RocketVPN) -> None:
    minor.consent.confirm_guardian(ask(world, minor))
    assert "family.example" not in json.dumps(world.sandbox.rows(), default=str)
    assert b"family.example" not in world.sandbox.database_file.read_bytes()
    entries = [entry for entry in minor.rights.sent() if entry.operation == "guardian.request"]
    assert "guardian_contact" in entries[0].fields
    assert "family.example" not in "".join(str(getattr(entries[0], name)) for name in entries[0].__struct_fields__)
    report = minor.rights.view()
    assert "family.example" not in "".join(str(value.value) for value in (*report.here, *report.there))
    held = {value.field: value.value for value in report.here}
    assert held["guardian_confirmation"] == f"version {NEWEST}: agreed"
    assert "family.example" not in json.dumps([receipt.document for receipt in minor.consent.receipts()])
    minor.close()
    assert b"family.example" not in bytes_of(world.folder)


@pytest.mark.clause("R1")
def test_the_fingerprint_of_a_request_tells_nobody_the_address(world: World, minor: RocketVPN) -> None:
    """Two requests with one body have two fingerprints, so none can be guessed by trying addresses."""
    ask(world, minor)
    ask(world, minor)
    rows = [row for row in world.sandbox.rows()["idempotency"] if row["path"] == "/v1/guardian-requests"]
    assert len({row["fingerprint"] for row in rows}) == len(rows) >= 2


@pytest.mark.parametrize(("contact", "language"), [("nobody", "en"), ("", "en"), ("a@b@c", "en"), (GUARDIAN, "?")])
def test_what_is_no_address_or_no_language_is_refused(minor: RocketVPN, contact: str, language: str) -> None:
    with pytest.raises(ValueRefused) as refused:
        minor.consent.request_guardian(contact, language)
    assert contact not in str(refused.value) or not contact
    assert minor.consent.status().guardian_asked is None


def test_asking_needs_a_bound_device_and_a_server(world: World, minor: RocketVPN, tmp_path: Path) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "other").config()) as unbound, pytest.raises(NotBound):
        unbound.consent.request_guardian(GUARDIAN)
    minor.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        with pytest.raises(ServerUnreachable):
            offline.consent.request_guardian(GUARDIAN)
        assert offline.consent.status().guardian_asked is None


def test_a_guardian_s_mailbox_cannot_be_flooded(world: World, minor: RocketVPN) -> None:
    for _ in range(world.sandbox.settings.guardian_live):
        ask(world, minor)
    with pytest.raises(RateLimited):
        ask(world, minor)


# ---------------------------------------------------------------- attacks on the code


@pytest.mark.clause("M1", "M2")
def test_attack_a_code_without_a_request(minor: RocketVPN) -> None:
    with pytest.raises(GuardianError, match="No guardian was asked"):
        minor.consent.confirm_guardian("12345678")


@pytest.mark.clause("M1", "M2")
def test_attack_a_wrong_code_and_then_too_many(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor)
    for left in range(world.sandbox.settings.code_tries - 1, -1, -1):
        with pytest.raises(GuardianError, match="That is not the code") as wrong:
            minor.consent.confirm_guardian(other_than(code))
        assert f"{left} {'try is' if left == 1 else 'tries are'} left" in str(wrong.value)
        assert code not in str(wrong.value)
    with pytest.raises(GuardianError, match="Too many wrong codes"):
        minor.consent.confirm_guardian(code)  # the right one comes too late
    with pytest.raises(GuardianError, match="No guardian was asked"):
        minor.consent.confirm_guardian(code)
    assert not minor.consent.status().guardian


@pytest.mark.parametrize("code", ["", " ", "12 34", "x" * 9000, "ü"])
def test_attack_something_that_is_no_code(world: World, minor: RocketVPN, code: str) -> None:
    right = ask(world, minor)
    with pytest.raises(GuardianError, match="That is not the code"):
        minor.consent.confirm_guardian(code)
    minor.consent.confirm_guardian(f" {right}\n")  # as it comes out of a clipboard


@pytest.mark.clause("M1", "M2")
def test_attack_a_code_used_twice(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor)
    request = minor._components.vault.get(REQUEST, GuardianRequestState)
    assert request is not None
    minor.consent.confirm_guardian(code)
    with pytest.raises(GuardianError, match="used already"):
        minor.consent.confirm_guardian(code)
    minor._components.vault.put(REQUEST, msgspec.structs.replace(request, key=str(uuid.uuid4())))
    with pytest.raises(GuardianError, match="used already"):
        minor.consent.confirm_guardian(code)  # past what this device remembers, the server knows


@pytest.mark.clause("M1", "M2")
def test_attack_a_code_after_the_guardian_took_it_back(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor)
    minor.consent.confirm_guardian(code)
    minor.consent.withdraw_guardian()
    with pytest.raises(GuardianError, match="No guardian was asked"):
        minor.consent.confirm_guardian(code)


@pytest.mark.clause("M1")
def test_attack_a_code_of_somebody_else_s_request(world: World, minor: RocketVPN, tmp_path: Path) -> None:
    ask(world, minor)
    with RocketVPN.open(world.neighbour(tmp_path / "other").config(events=EVENTS)) as other:
        other.device.bind(world.sandbox.order(email=None))
        other.consent.declare_age(adult=False)
        theirs = ask(world, other)
        request = other._components.vault.get(REQUEST, GuardianRequestState)
        assert request is not None
    minor._components.vault.put(REQUEST, request)
    with pytest.raises(GuardianError, match="no longer valid"):
        minor.consent.confirm_guardian(theirs)
    assert not minor.consent.status().guardian


@pytest.mark.clause("M1", "M2")
@pytest.mark.parametrize("meanwhile", ["withdrawn", "asked for anew"])
def test_attack_an_answer_to_what_is_asked_no_longer(
    world: World, minor: RocketVPN, monkeypatch: pytest.MonkeyPatch, meanwhile: str
) -> None:
    """Another thread, or process, takes the request back while the answer is on its way."""
    code = ask(world, minor)
    confirm = Minors.confirm

    def too_late(minors: Minors, asked: GuardianRequestState) -> None:
        minor.consent.withdraw_guardian()
        if meanwhile == "asked for anew":
            ask(world, minor)
        confirm(minors, asked)

    monkeypatch.setattr(Minors, "confirm", too_late)
    with pytest.raises(GuardianError, match="No guardian was asked"):
        minor.consent.confirm_guardian(code)
    assert not minor.consent.status().guardian
    assert (minor._components.vault.get(REQUEST, GuardianRequestState) is not None) == (meanwhile == "asked for anew")


def test_an_answer_that_got_lost_comes_again_with_the_same_code(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor)
    world.sandbox.faults.lose_answers(10)
    with pytest.raises(ServerUnreachable):
        minor.consent.confirm_guardian(code)
    world.sandbox.faults.clear()
    minor.consent.confirm_guardian(code)
    assert minor.consent.status().guardian


@pytest.fixture
def own(tmp_path: Path) -> Iterator[tuple[World, FakeClock]]:
    """A sandbox and a machine whose clock can be turned."""
    clock = FakeClock()
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        yield World(sandbox, tmp_path / "vault"), clock


@pytest.mark.clause("M1", "M2")
def test_attack_an_expired_code(own: tuple[World, FakeClock]) -> None:
    world, clock = own
    with RocketVPN.open(world.config(events=EVENTS, clock=clock)) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
        rocket.consent.declare_age(adult=False)
        code = ask(world, rocket)
        clock.advance(world.sandbox.settings.guardian_lifetime + 1)
        with pytest.raises(GuardianError, match="no longer valid"):
            rocket.consent.confirm_guardian(code)
        assert not rocket.consent.status().guardian
        ask(world, rocket)
        clock.advance(world.sandbox.settings.guardian_lifetime + world.sandbox.settings.guardian_memory + 61)
        world.sandbox.order()
        with pytest.raises(GuardianError, match="no longer valid"):
            rocket.consent.confirm_guardian("12345678")
        assert world.sandbox.rows()["guardian_requests"] == []  # purged (R1)


@pytest.mark.clause("M2", "X2")
def test_attack_a_code_for_another_version_of_the_policy(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor)
    text = renumbered(NEWEST + 1)
    newer = parse_policy(text).with_hosts("operator", ("localhost",)).with_hosts("relay", ("localhost",))
    newer = newer.with_hosts("partner", ("localhost",))
    minor._components.versions.offer(newer)
    with pytest.raises(GuardianError, match=f"version {NEWEST} of the policy, and version {NEWEST + 1} is there now"):
        minor.consent.confirm_guardian(code)
    assert not minor.consent.status().guardian
    with pytest.raises(GuardianError, match=f"does not know version {NEWEST + 1}"):
        minor.consent.request_guardian(GUARDIAN)
    world.sandbox.publish(newer)
    minor.consent.confirm_guardian(ask(world, minor))
    assert f"version {NEWEST + 1}" in world.sandbox.mail[-1].text
    assert minor.consent.status().guardian


# ---------------------------------------------------------------- no way round


OPTIONAL = {"contact_email", "language"}
EMAIL, LANGUAGE = "kim@example.org", "kk-KZ"
"""What a minor would give away; both fit their fields."""


class Watch:
    """Looks for anything optional that was recorded or left; the guardian's own address is how one asks them."""

    def __init__(self, world: World, rocket: RocketVPN, order: str) -> None:
        self.world, self.rocket, self.order = world, rocket, order
        self.policy = rocket.policy.current
        self.asked = {part.id for part in self.policy.document.purpose if part.necessity == "consent"}
        self.optional = {part.id for part in self.policy.document.field if part.optional} - {"guardian_contact"}
        assert self.optional >= OPTIONAL
        self.seen = len(world.sandbox.requests)

    def check(self, name: str) -> None:
        self._left(name)
        self._there(name)
        if self.rocket._components.vault.unlocked:
            self._here(name)

    def _left(self, name: str) -> None:
        received = self.world.sandbox.requests[self.seen :]
        self.seen += len(received)
        for request in received:
            assert request.header("sec-gpc") == "1", f"{name}: the signal is missing"
            assert b'"granted"' not in request.body, f"{name}: a consent was told"
            letter = request.path.startswith(
                "/v1/guardian-requests"
            )  # it says in which language to write to a guardian
            for field in self.optional - ({"language"} if letter else set()):
                assert field.encode() not in request.body, f"{name}: {field} left"
            for value in (EMAIL, LANGUAGE):
                assert value.encode() not in request.body, f"{name}: a value left"

    def _there(self, name: str) -> None:
        rows = self.world.sandbox.rows()
        for row in rows["orders"]:
            if row["number"] == self.order:
                assert all(row[field] is None for field in OPTIONAL), name
        told = [row["state"] for row in rows["consents"] if row["order_number"] == self.order]
        assert "granted" not in told, name

    def _here(self, name: str) -> None:
        state = self.rocket.consent.state()
        assert not any(held.state == "granted" for held in state.consents.values()), name
        assert state.adult is not True, name
        assert not state.guardian, name
        self.rocket.journal.flush()
        for entry in self.rocket.journal.read():
            assert entry.purpose not in self.asked, f"{name}: recorded for {entry.purpose}"
            assert self.optional.isdisjoint(entry.fields), f"{name}: recorded {entry.fields.keys()}"
        for sent in self.rocket.rights.sent():
            assert sent.purpose not in self.asked, f"{name}: sent for {sent.purpose}"
            assert self.optional.isdisjoint(sent.fields), f"{name}: sent {sent.fields}"


def values(world: World, folder: Path, *, said: bool) -> Values:
    """Return what somebody under age could pass: everything that is optional, and every way to say yes."""
    kinds = [SessionConnected(region="de-fra", protocol="wireguard", duration=12), Crashed(failure="timeout")]

    def notices(rocket: RocketVPN) -> list[Any]:
        asked = rocket.consent.status().purposes
        return [rocket.consent.notice(part.purpose, recipient=part.recipient) for part in asked]

    def operations(rocket: RocketVPN) -> list[Any]:
        return [*rocket.policy.current.operations, "no.such"]

    everything = {"public_key": tunnel_key(), "region": "de-fra"}
    optional = {"contact_email": EMAIL, "language": LANGUAGE}
    return {
        "operation": operations,
        "fields": lambda _: [{}, everything, {**everything, **optional}],
        "kind": lambda _: [Notification],
        "callback": lambda _: [heard],
        "notification": lambda _: [Notification()],
        "look": lambda _: [dict],
        "kinds": lambda _: [EVENTS],
        "level": lambda _: ["ERROR"],
        "journal.compiled": lambda _: [{"kind": kind} for kind in EVENTS],
        "journal.keep": lambda rocket: [
            {"compiled": rocket.journal.compiled(type(kind)), "values": msgspec.structs.astuple(kind)} for kind in kinds
        ],
        "config": lambda _: [world.config(events=EVENTS)],
        "order_number": lambda _: [world.sandbox.order(email=None)],
        "device_id": lambda _: [None],
        "ticket_id": lambda _: ["0" * 64],
        "event": lambda _: [*kinds, None],
        "journal.record.event": lambda _: list(kinds),
        "journal.read.event": lambda _: [None],
        "purpose": lambda _: ["improvement", "surveys", "cross_service", "service", "advertising"],
        "language": lambda _: ["en"],
        "consent.grant.notice": notices,
        "consent.deny.notice": notices,
        "adult": lambda _: [False, True] if said else [False],
        "contact": lambda _: [GUARDIAN],
        "of_age": lambda _: [False, True],
        "code": lambda _: ["00000000"],
        "changes": lambda _: [{"contact_email": EMAIL}, {"language": LANGUAGE}, optional],
        "scope": lambda _: ["logs", "device", "account"],
        "plan": lambda rocket: [rocket.rights.plan_delete("logs"), rocket.rights.plan_delete("device")],
        "term": lambda _: ["contact_email"],
        "entry": lambda rocket: list(rocket.rights.sent())[:1],
        "body": lambda _: [b""],
        "policy.shown.notice": lambda rocket: [notice] if (notice := rocket.policy.notice()) else [],
        "policy.accept.notice": lambda rocket: [notice] if (notice := rocket.policy.notice()) else [],
        "request_id": lambda rocket: [item.id for item in rocket.queue.items()] or ["none"],
        "release": lambda _: [made_up()],
        "survey_id": lambda _: ["no-such", SURVEY.id],
        "answers": lambda _: [ANSWERS],
        "offer_id": lambda _: ["no-such", OFFER.id],
        "policy.acknowledge.notice": lambda _: [NOTICE_NOWHERE],
        "report": lambda _: [prepared_nowhere()],
        "path": somewhere(folder),
        "folder": somewhere(folder),
    }


@pytest.mark.clause("M1")
@pytest.mark.parametrize("said", [False, True], ids=["never asked", "under age"])
def test_no_public_call_is_a_way_round_what_protects_minors(world: World, tmp_path: Path, said: bool) -> None:
    """Every call of every group, under age and without a guardian's word: nothing optional is kept or leaves."""
    with RocketVPN.open(world.config(events=EVENTS)) as rocket:
        order = world.sandbox.order(email=None)
        rocket.device.bind(order)
        if said:
            rocket.consent.declare_age(adult=False)
        watch = Watch(world, rocket, order)
        walked = walk(rocket, values(world, tmp_path, said=said), check=watch.check)
        assert walked == set(calls_of(rocket)) - UNPASSABLE
    assert {"call", "consent.grant", "journal.record", "rights.correct", "device.bind", "close"} <= walked


UNPASSABLE = {"policy.shown", "policy.accept"}
"""Calls that need what is not there: there is no newer version to take note of."""


@pytest.mark.clause("M1")
def test_what_was_agreed_to_before_is_no_way_round_either(world: World, tmp_path: Path) -> None:
    """Somebody agreed to everything, then said to be under age: from there on the same holds."""
    with RocketVPN.open(world.config(events=EVENTS)) as rocket:
        order = world.sandbox.order(email=None)
        rocket.device.bind(order)
        rocket.consent.declare_age(adult=True)
        for part in rocket.consent.status().purposes:
            rocket.consent.grant(rocket.consent.notice(part.purpose, recipient=part.recipient))
        rocket.journal.record(Crashed(failure="timeout"))
        rocket.journal.flush()
        kept = rocket.consent.notice("improvement")
        rocket.consent.declare_age(adult=False)
        with pytest.raises(GuardianNeeded):
            rocket.consent.grant(kept)
        watch = Watch(world, rocket, order)
        watch.check("declare_age")
        rocket.journal.record(Crashed(failure="timeout"))
        watch.check("journal.record")


def test_the_walk_notices_a_call_that_nobody_has_said_how_to_make(world: World) -> None:
    class Odd(RocketVPN):
        def telemetry(self, interval: int) -> None: ...

    with (
        Odd.open(world.config(events=EVENTS)) as rocket,
        pytest.raises(UnknownParameter, match=r"telemetry\(interval\)"),
    ):
        walk(rocket, dict.fromkeys(_parameters(rocket) - {"interval"}, _none), check=heard_of)


def _none(_: RocketVPN) -> list[Any]:
    return []


def heard_of(_: str) -> None:
    """Check nothing."""


def _parameters(rocket: RocketVPN) -> set[str]:
    import inspect

    found: set[str] = set()
    for _, _, call in calls_of(rocket).values():
        if not isinstance(call, property):
            function: Callable[..., Any] = getattr(call, "__func__", call)
            found |= set(inspect.signature(function).parameters)
    return found


def test_the_watch_notices(world: World) -> None:
    """Were a grant to slip through, the walk would fail."""
    with RocketVPN.open(world.config(events=EVENTS)) as rocket:
        order = world.sandbox.order(email=None)
        rocket.device.bind(order)
        watch = Watch(world, rocket, order)
        rocket.consent.declare_age(adult=True)
        with pytest.raises(AssertionError):
            watch.check("declare_age")


def test_the_errors_are_ours_and_name_no_value(world: World, minor: RocketVPN) -> None:
    code = ask(world, minor)
    with pytest.raises(RocketVPNError) as wrong:
        minor.consent.confirm_guardian(other_than(code))
    said = str(wrong.value) + str(wrong.value.params)
    assert other_than(code) not in said
    assert GUARDIAN not in said
