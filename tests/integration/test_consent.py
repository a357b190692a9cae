"""Consents against the real server, over TLS: granted, withdrawn, delivered, erased."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from support.app_events import Crashed, Polled, SessionConnected
from support.policies import NEWEST, across_text
from support.world import World, bytes_of

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import (
    AgeUnknown,
    ConsentNotNeeded,
    NoticeUnknown,
    OperationUndeclared,
    PurposeUnknown,
    PurposeUnused,
)
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.wire import HeldConsent

EVENTS = [SessionConnected, Crashed]
OFFLINE = "https://localhost:9"


@pytest.fixture
def rocket(world: World):
    with RocketVPN.open(world.config(events=EVENTS)) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.consent.declare_age(adult=True)
        yield rocket


def held(world: World, rocket: RocketVPN) -> dict[str, str]:
    """Return what the server holds about this device, by purpose."""
    binding = rocket.device.binding
    assert binding is not None
    rows = world.sandbox.rows()["consents"]
    return {row["purpose"]: row["state"] for row in rows if row["device_id"] == binding.device_id}


def puts(world: World) -> list[tuple[str, str]]:
    """Return what was put, and what state it said."""
    return [
        (received.path.rpartition("/")[2], json.loads(received.body)["state"])
        for received in world.sandbox.requests
        if received.method == "PUT" and received.path.startswith("/v1/consents/")
    ]


def agree(rocket: RocketVPN, purpose: str = "improvement") -> None:
    rocket.consent.grant(rocket.consent.notice(purpose))


def recorded(rocket: RocketVPN) -> list[str]:
    rocket.journal.record(Crashed(failure="timeout"))
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
    rocket.journal.flush()
    return [entry.purpose for entry in rocket.journal.read()]


class Interrupted:
    """A connection whose user presses Ctrl-C when the next transaction is just written."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._pressed = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._db, name)

    def execute(self, statement: str, *values: Any) -> Any:
        done = self._db.execute(statement, *values)
        if statement == "COMMIT" and not self._pressed:
            self._pressed = True
            raise KeyboardInterrupt
        return done


@pytest.mark.clause("U3")
def test_a_withdrawal_that_is_interrupted_when_it_is_written_counts_at_once(rocket: RocketVPN) -> None:
    agree(rocket)
    assert "improvement" in recorded(rocket)
    store = rocket._components.vault._store
    store._db = Interrupted(store._db)
    with pytest.raises(KeyboardInterrupt):
        rocket.consent.withdraw("improvement")
    assert rocket.consent.status().purposes[0].state == "withdrawn"
    assert "improvement" not in recorded(rocket)


class AtThePrompt(MemorySecrets):
    """A secret store whose user presses Ctrl-C when it is asked to keep the next key."""

    armed = False

    def set(self, name: str, value: bytes) -> None:
        if self.armed:
            raise KeyboardInterrupt
        super().set(name, value)


ENDING = {
    "withdraw": lambda rocket: rocket.consent.withdraw("improvement"),
    "delete": lambda rocket: rocket.rights.delete(rocket.rights.plan_delete("logs")),
    "under age": lambda rocket: rocket.consent.declare_age(adult=False),
}


@pytest.mark.clause("R1")
@pytest.mark.parametrize("act", ENDING)
def test_attack_ctrl_c_at_the_keyring_s_prompt_keeps_nothing_in_memory(world: World, act: str) -> None:
    """The keys are destroyed by then: what a buffer still holds of the same must go as well."""
    secrets = AtThePrompt()
    config = world.config(secrets=secrets, events=[Crashed, SessionConnected])
    with RocketVPN.open(config) as rocket:
        rocket.consent.declare_age(adult=True)
        agree(rocket)
        rocket.journal.record(Crashed(failure="timeout"))
        assert rocket.journal.unsealed == 1
        secrets.armed = True
        with pytest.raises(KeyboardInterrupt):
            ENDING[act](rocket)
        assert rocket.journal.unsealed == 0
        secrets.armed = False
        rocket.journal.flush()
        assert "improvement" not in [entry.purpose for entry in rocket.journal.read()]


@pytest.mark.clause("U3")
def test_nothing_is_recorded_before_the_consent_and_nothing_is_left_after_the_withdrawal(
    world: World, rocket: RocketVPN
) -> None:
    assert recorded(rocket) == ["service"]
    agree(rocket)
    assert recorded(rocket).count("improvement") == 1
    done = rocket.consent.withdraw("improvement")
    assert (done.changed, done.server, done.keys_destroyed) == (True, "told", 1)
    assert "improvement" not in [entry.purpose for entry in rocket.journal.read()]
    assert "improvement" not in recorded(rocket)
    assert held(world, rocket) == {"improvement": "withdrawn"}


@pytest.mark.clause("U3")
def test_what_was_buffered_for_the_purpose_is_gone_with_the_withdrawal(rocket: RocketVPN) -> None:
    agree(rocket)
    rocket.journal.record(Crashed(failure="timeout"))
    rocket.consent.withdraw("improvement")
    rocket.journal.flush()
    assert [entry.event for entry in rocket.journal.read()] == []


@pytest.mark.clause("U3", "U5", "U6", "U7")
def test_the_server_is_told_what_was_shown_and_nothing_more(world: World, rocket: RocketVPN) -> None:
    notice = rocket.consent.notice("improvement")
    done = rocket.consent.grant(notice)
    assert done.server == "told"
    (received,) = [item for item in world.sandbox.requests[-2:] if item.method == "PUT"]
    body = json.loads(received.body)
    assert set(body) == {"record_id", "state", "policy_version", "policy_sha256", "at"}
    assert (body["policy_version"], body["policy_sha256"]) == (notice.policy_version, notice.sha256)
    assert body["record_id"] == rocket.consent.receipts()[-1].record_id
    entry = list(rocket.rights.sent())[-1]
    assert (entry.operation, entry.purpose) == ("consents.put", "rights")
    assert entry.fields == ("device_public_key", "session_token", "consent_record")


@pytest.mark.clause("U6")
def test_the_privacy_signal_goes_with_every_request_until_the_user_agrees_otherwise(
    tmp_path: Path,
) -> None:
    with (
        running_sandbox(tmp_path / "server", policy=parse_policy(across_text())) as sandbox,
        RocketVPN.open(World(sandbox, tmp_path / "vault").config()) as rocket,
    ):
        rocket.device.bind(sandbox.order())
        rocket.consent.declare_age(adult=True)
        assert sandbox.requests[-1].header("sec-gpc") == "1"
        agree(rocket, "cross_service")
        rocket.device.order()
        assert sandbox.requests[-1].header("sec-gpc") is None
        rocket.consent.withdraw("cross_service")
        rocket.device.order()
        assert sandbox.requests[-1].header("sec-gpc") == "1"


@pytest.mark.clause("U6", "U7")
def test_what_the_policy_uses_nothing_for_cannot_be_agreed_to(world: World, rocket: RocketVPN) -> None:
    with pytest.raises(PurposeUnused, match=r"\(U5\): nothing is used for it now"):
        rocket.consent.notice("surveys", recipient="partner")
    listed = [(part.purpose, part.recipient) for part in rocket.consent.status().purposes]
    third = [("improvement", "relay"), ("surveys", "relay"), ("cross_service", "partner"), ("rights", "relay")]
    assert listed == [("improvement", None), ("surveys", None), ("cross_service", None), *third]
    for purpose, recipient in listed:  # what is listed can be asked about
        assert rocket.consent.notice(purpose, recipient=recipient).fields
    rocket.device.order()
    assert world.sandbox.requests[-1].header("sec-gpc") == "1"


@pytest.mark.clause("U3")
def test_an_offline_withdrawal_holds_at_once_and_reaches_the_server_later_exactly_once(
    world: World, rocket: RocketVPN
) -> None:
    agree(rocket)
    recorded(rocket)
    rocket.close()
    before = len(puts(world))
    with RocketVPN.open(world.config(events=EVENTS, server=OFFLINE)) as offline:
        done = offline.consent.withdraw("improvement")
        assert (done.state, done.server) == ("withdrawn", "waiting")
        assert [entry.purpose for entry in offline.journal.read()] == ["service"]
        assert offline.status().waiting == 1
        assert offline.consent.deliver() == 1
    assert len(puts(world)) == before
    with RocketVPN.open(world.config(events=EVENTS)) as again:
        assert again.consent.status().purposes[0].server == "waiting"
        assert again.consent.deliver() == 0
        assert again.consent.deliver() == 0
        assert again.status().waiting == 0
        assert held(world, again) == {"improvement": "withdrawn"}
        assert again.consent.status().purposes[0].server == "told"
    assert puts(world)[before:] == [("improvement", "withdrawn")]


@pytest.mark.clause("U3")
def test_an_answer_that_got_lost_is_no_second_withdrawal(world: World, rocket: RocketVPN) -> None:
    agree(rocket)
    start = len(world.sandbox.requests)
    world.sandbox.faults.lose_answers(10)
    done = rocket.consent.withdraw("improvement")
    assert done.server == "waiting"
    world.sandbox.faults.clear()
    assert rocket.consent.deliver() == 0
    assert held(world, rocket) == {"improvement": "withdrawn"}
    keys = {
        item.header("idempotency-key")
        for item in world.sandbox.requests[start:]
        if item.method == "PUT" and b"withdrawn" in item.body
    }
    assert len(keys) == 1


@pytest.mark.clause("U3")
def test_a_yes_does_not_overtake_the_no_before_it(world: World, rocket: RocketVPN) -> None:
    agree(rocket)
    rocket.close()
    with RocketVPN.open(world.config(events=EVENTS, server=OFFLINE)) as offline:
        offline.consent.withdraw("improvement")
        agree(offline)
    start = len(puts(world))
    with RocketVPN.open(world.config(events=EVENTS)) as again:
        again.consent.deliver()
        assert held(world, again) == {"improvement": "granted"}
    assert puts(world)[start:] == [("improvement", "withdrawn"), ("improvement", "granted")]


def test_what_was_agreed_to_before_binding_is_told_after_it(world: World) -> None:
    with RocketVPN.open(world.config(events=[*EVENTS, Polled])) as rocket:
        rocket.consent.declare_age(adult=True)
        assert rocket.consent.grant(rocket.consent.notice("surveys")).server == "not_needed"
        assert rocket.status().waiting == 0
        rocket.device.bind(world.sandbox.order())
        rocket.consent.deliver()
        assert held(world, rocket) == {"surveys": "granted"}


def test_what_waits_in_the_name_of_a_device_that_this_is_no_longer_is_dropped(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.fail(50)
    agree(rocket)
    world.sandbox.faults.clear()
    assert rocket.status().waiting == 1
    rocket.device.unbind()
    assert rocket.consent.deliver() == 0
    assert rocket.status().waiting == 0


def test_a_server_that_refuses_keeps_the_notice_waiting(world: World, rocket: RocketVPN) -> None:
    agree(rocket)
    world.sandbox.faults.fail(50, status=400, retry_after=None)
    assert rocket.consent.withdraw("improvement").server == "waiting"
    world.sandbox.faults.clear()
    assert rocket.consent.deliver() == 0


@pytest.mark.clause("U7")
def test_an_unknown_purpose_and_a_notice_from_elsewhere_are_refused(
    world: World, rocket: RocketVPN, tmp_path: Path
) -> None:
    with pytest.raises(PurposeUnknown):
        rocket.consent.notice("advertising")
    with pytest.raises(ConsentNotNeeded):
        rocket.consent.notice("service")
    with (
        RocketVPN.open(world.neighbour(tmp_path / "other").config(events=EVENTS)) as other,
        pytest.raises(NoticeUnknown),
    ):
        rocket.consent.grant(other.consent.notice("improvement"))
    assert held(world, rocket) == {}


def test_the_calls_are_not_open_to_the_app(rocket: RocketVPN) -> None:
    for operation in ("consents.put", "consents.read", "guardian.request", "guardian.confirm", "guardian.withdraw"):
        with pytest.raises(OperationUndeclared, match="the SDK's own"):
            rocket.call(operation)


@pytest.mark.clause("A1")
def test_consents_are_in_the_report_from_both_sides(rocket: RocketVPN) -> None:
    agree(rocket)
    report = rocket.rights.view()
    here = {value.field: value.value for value in report.here}
    there = {value.field: value.value for value in report.there}
    assert here["consent_record"] == "improvement: granted"
    assert there["consent_record"] == f"improvement: granted, version {NEWEST}"


@pytest.mark.clause("A3")
@pytest.mark.parametrize("scope", ["device", "account"])
def test_consents_are_erased_with_everything_else(world: World, rocket: RocketVPN, scope: str) -> None:
    agree(rocket)
    binding = rocket.device.binding
    assert binding is not None
    outcome = rocket.rights.delete(rocket.rights.plan_delete(scope))
    assert outcome.server.state == "confirmed"
    receipt = outcome.server.receipt
    assert receipt is not None
    assert "consent_record" in receipt.claims.erased
    assert all(row["device_id"] != binding.device_id for row in world.sandbox.rows()["consents"])


def test_nothing_of_a_consent_lies_in_the_open(world: World, rocket: RocketVPN) -> None:
    agree(rocket)
    rocket.close()
    found = bytes_of(world.folder)
    for word in (b"improvement", b"granted", b"ConsentGiven", b"consents"):
        assert word not in found


@pytest.mark.clause("M1")
def test_the_first_grant_asks_for_the_age(world: World) -> None:
    with RocketVPN.open(world.config(events=EVENTS)) as rocket, pytest.raises(AgeUnknown, match="declare_age"):
        agree(rocket)


def test_what_the_server_answers_is_what_it_holds(rocket: RocketVPN) -> None:
    agree(rocket)
    answer = rocket._components.api.call(
        "consents.read", answer=dict[str, list[HeldConsent]], path={"purpose": "improvement"}
    )
    (consent,) = answer.value["consents"]
    assert (consent.purpose, consent.state) == ("improvement", "granted")


@pytest.mark.clause("U3")
def test_the_last_word_of_one_second_is_what_the_server_holds(world: World) -> None:
    clock = FakeClock(time.time())
    with RocketVPN.open(world.config(events=EVENTS, clock=clock)) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.consent.declare_age(adult=True)
        for state in ("granted", "withdrawn", "granted"):
            if state == "granted":
                agree(rocket)
            else:
                rocket.consent.withdraw("improvement")
            assert held(world, rocket) == {"improvement": state}
