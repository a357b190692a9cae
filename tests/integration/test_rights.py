"""See, correct, delete: against the real server, over TLS."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Literal

import msgspec
import pytest
from support.app_events import SessionConnected
from support.world import World, bytes_of, tunnel_key

from rocketvpn_sdk import DeletionConfirmed, Report, RocketVPN
from rocketvpn_sdk.changes import UserNeeded
from rocketvpn_sdk.errors import (
    AuthenticationRequired,
    Conflict,
    DeletionPending,
    NotAllowed,
    NotBound,
    NotCorrectable,
    ReceiptInvalid,
    SecretMissing,
    SecretStoreLocked,
    ServerUnreachable,
    ValueRefused,
    VaultClosed,
    VaultOutdated,
)
from rocketvpn_sdk.rights.receipts import check_receipt
from rocketvpn_sdk.sandbox import rights as sandbox_rights
from rocketvpn_sdk.testing import MemorySecrets


@pytest.fixture
def order(world: World) -> str:
    return world.sandbox.order(email="kim@example.org")


@pytest.fixture
def rocket(world: World, order: str):
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(order)
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
        rocket.journal.flush()
        yield rocket


def held(report: Report, place: str) -> dict[str, object]:
    return {value.field: value.value for value in (report.here if place == "device" else report.there)}


# ---------------------------------------------------------------- view


@pytest.mark.clause("A1")
def test_the_report_has_what_is_held_here_and_there(rocket: RocketVPN, order: str) -> None:
    key = tunnel_key()
    rocket.call("tunnel.register", public_key=key)
    report = rocket.rights.view(with_code=True)
    here, there = held(report, "device"), held(report, "server")
    assert here["order_number"] == there["order_number"] == order
    assert here["device_id"] == there["device_id"]
    assert there["contact_email"] == "kim@example.org"
    assert there["tunnel_public_key"] == key
    counts = {value.field: value.count for value in report.here}
    assert counts["region"] == counts["duration"] == counts["recorded_at"] == 1
    assert "device_key" in here
    assert here["device_key"] is None
    assert report.server_answered


@pytest.mark.clause("P1", "P3", "T2", "C2")
def test_the_report_says_why_who_and_how_long_and_where_knowledge_ends(rocket: RocketVPN) -> None:
    report = rocket.rights.view()
    for value in (*report.here, *report.there):
        assert value.sentence
        assert value.purposes
        assert value.kept
    assert report.contact == "https://rocketv.org/"
    assert any("internet address" in sentence for sentence in report.caveats)
    assert any("operator's word" in sentence for sentence in report.caveats)


def test_the_report_shows_what_left(rocket: RocketVPN) -> None:
    rocket.device.order()
    rocket.device.order()
    sent = {summary.operation: summary for summary in rocket.rights.view().sent}
    assert sent["order.read"].times == 2
    assert sent["authorize.challenge"].fields == ("device_id", "device_public_key", "order_number")
    entries = list(rocket.rights.sent())
    assert [entry.operation for entry in entries[:3]] == ["server.metadata", "authorize.challenge", "token.issue"]
    assert all(entry.outcome.startswith("200") for entry in entries)


def test_the_report_masks_values_in_its_repr(rocket: RocketVPN, order: str) -> None:
    text = repr(rocket.rights.view())
    assert order not in text
    assert "kim@example.org" not in text


def test_offline_the_report_still_shows_this_device(world: World, rocket: RocketVPN, order: str) -> None:
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        report = offline.rights.view()
    assert not report.server_answered
    assert report.server_problem == "server-unreachable"
    assert report.there == ()
    assert held(report, "device")["order_number"] == order


def test_unbound_the_report_says_so(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        report = rocket.rights.view()
    assert report.server_problem == "not-bound"
    assert [value.field for value in report.here] == ["policy_state", "clock_mark"]


# ---------------------------------------------------------------- correct


@pytest.mark.clause("A2", "C3")
def test_a_correction_is_there_when_read_back(rocket: RocketVPN) -> None:
    rocket.consent.declare_age(adult=True)
    rocket.rights.correct({"contact_email": "new@example.org", "language": "de"})
    there = held(rocket.rights.view(), "server")
    assert there["contact_email"] == "new@example.org"
    assert there["language"] == "de"
    rocket.rights.correct({"contact_email": None})
    assert held(rocket.rights.view(), "server").get("contact_email") is None


@pytest.mark.clause("A4")
def test_attack_moving_the_address_to_catch_the_codes(world: World, rocket: RocketVPN) -> None:
    """Codes go to the contact address, so correcting it asks for a code at the present one."""
    world.sandbox.mail.clear()
    rocket.rights.correct({"contact_email": "new@example.org"})
    assert [message.to for message in world.sandbox.mail] == ["kim@example.org", "new@example.org", "kim@example.org"]
    assert [challenge.hint for challenge in world.asked] == ["k…@example.org", "n…@example.org"]


@pytest.mark.clause("A4")
def test_a_correction_without_the_code_changes_nothing(world: World, rocket: RocketVPN, order: str) -> None:
    rocket.close()
    nobody_to_ask = world.config(authenticator=None)
    with RocketVPN.open(nobody_to_ask) as again, pytest.raises(AuthenticationRequired, match="authenticator"):
        again.rights.correct({"contact_email": "new@example.org"})
    (row,) = (row for row in world.sandbox.rows()["orders"] if row["number"] == order)
    assert row["contact_email"] == "kim@example.org"


@pytest.mark.clause("A2")
def test_a_field_that_is_not_correctable_is_refused_with_those_that_are(rocket: RocketVPN) -> None:
    before = rocket.rights.view().there
    with pytest.raises(NotCorrectable, match="contact_email, language"):
        rocket.rights.correct({"contact_email": "new@example.org", "order_number": "RV-2026-0002"})
    with pytest.raises(NotCorrectable):
        rocket.rights.correct({"no_such_field": "x"})
    assert held(rocket.rights.view(), "server") == {value.field: value.value for value in before}


@pytest.mark.parametrize("changes", [{}, {"contact_email": "not an address"}, {"language": "?"}])
def test_a_value_that_does_not_fit_is_refused_before_it_is_sent(
    rocket: RocketVPN, changes: dict[str, str | None]
) -> None:
    sent = len(list(rocket.rights.sent()))
    with pytest.raises(ValueRefused) as refused:
        rocket.rights.correct(changes)
    assert "not an address" not in str(refused.value)
    assert len(list(rocket.rights.sent())) == sent


@pytest.mark.clause("A2")
def test_a_change_made_elsewhere_meanwhile_is_a_conflict_with_both_values(world: World, rocket: RocketVPN) -> None:
    call = rocket.rights._api.call

    def meanwhile(operation: str, **arguments: object) -> object:
        answer = call(operation, **arguments)
        if operation == "data.view" and "contact_email" in {f.id for f in answer.value.fields if not f.code_needed}:
            rocket.rights._api.call = call
            rocket.rights.correct({"contact_email": "theirs@example.org"})
        return answer

    rocket.rights._api.call = meanwhile
    with pytest.raises(Conflict) as conflict:
        rocket.rights.correct({"contact_email": "mine@example.org"})
    assert conflict.value.here == {"contact_email": "mine@example.org"}
    assert conflict.value.there == {"contact_email": "theirs@example.org"}
    assert "example.org" not in str(conflict.value)


@pytest.mark.clause("M1")
def test_someone_of_unknown_age_corrects_what_is_there_and_adds_nothing_new(rocket: RocketVPN) -> None:
    with pytest.raises(NotAllowed, match="M1"):
        rocket.rights.correct({"language": "de"})
    rocket.rights.correct({"contact_email": "new@example.org"})
    rocket.consent.declare_age(adult=False)
    assert held(rocket.rights.view(), "device")["age_flag"] is False
    with pytest.raises(NotAllowed, match="take that back"):
        rocket.consent.declare_age(adult=True)
    with pytest.raises(NotAllowed, match="M1"):
        rocket.rights.correct({"language": "de"})


def test_correcting_unbound_or_offline_changes_nothing(world: World, rocket: RocketVPN, tmp_path: Path) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "other").config()) as unbound, pytest.raises(NotBound):
        unbound.rights.correct({"contact_email": "new@example.org"})
    rocket.close()
    offline = world.config(server="https://localhost:9")
    with RocketVPN.open(offline) as cut_off, pytest.raises(ServerUnreachable):
        cut_off.rights.correct({"contact_email": "new@example.org"})
    with RocketVPN.open(world.config()) as again:
        assert held(again.rights.view(with_code=True), "server")["contact_email"] == "kim@example.org"


# ---------------------------------------------------------------- delete


@pytest.mark.clause("A3", "R2", "S3")
def test_the_plan_says_what_goes_what_stays_and_what_else_it_reaches(
    world: World, rocket: RocketVPN, order: str, tmp_path: Path
) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "laptop").config()) as laptop:
        laptop.device.bind(order)
    plan = rocket.rights.plan_delete("account", with_code=True)
    assert plan.server_asked
    assert {"order_number", "contact_email", "region"} <= {goes.field for goes in plan.goes}
    (stays,) = plan.stays
    assert (stays.field, stays.basis) == ("payment_record", "law")
    assert len(plan.other_devices) == 1
    assert any("paid service ends" in sentence for sentence in plan.consequences)
    assert plan.service_ends
    assert plan.paid_until == rocket.device.order().paid_until
    device = rocket.rights.plan_delete("device")
    assert device.other_devices == ()
    assert (device.service_ends, device.paid_until) == (False, None)
    kept = {stays.field: stays.basis for stays in device.stays}
    assert kept == {"payment_record": "law", "contact_email": "order", "order_number": "order"}
    assert not set(kept) & {goes.field for goes in device.goes}
    assert {stays.field for stays in device.stays if stays.goes_from == ("device",)} == {"order_number"}
    logs = rocket.rights.plan_delete("logs")
    assert (logs.service_ends, logs.stays, logs.other_devices) == (False, (), ())
    with pytest.raises(ValueRefused, match="logs, device, account"):
        rocket.rights.plan_delete("everything")
    assert rocket.device.binding is not None


@pytest.mark.clause("A3", "A4")
def test_deleting_the_account_leaves_nothing_here_and_a_receipt(
    world: World, rocket: RocketVPN, order: str, tmp_path: Path
) -> None:
    confirmed: list[DeletionConfirmed] = []
    rocket.events.subscribe(DeletionConfirmed, confirmed.append)
    shutil.copytree(world.folder, tmp_path / "copy")
    outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert outcome.here.done
    assert not outcome.here.rotation_owed
    assert outcome.server.state == "confirmed"
    assert len(world.asked) == 1  # the server wanted a code (A4)
    receipt = outcome.server.receipt
    assert receipt is not None
    assert {"order_number", "contact_email", "device_id"} <= set(receipt.claims.erased)
    assert [back.field for back in receipt.claims.held_back] == ["payment_record"]
    assert confirmed[0].receipt == receipt
    assert not world.folder.exists()
    assert world.secrets.names() == ()
    assert rocket.status().vault.state == "closed"
    with pytest.raises(VaultClosed):
        rocket.rights.view()
    with pytest.raises((SecretMissing, VaultOutdated)):
        RocketVPN.open(world.config(data_dir=tmp_path / "copy"))
    rows = world.sandbox.rows()
    assert order not in str(rows)
    assert not any(row.get("number") == order for row in rows["orders"])


@pytest.mark.clause("A3")
def test_deleting_the_device_leaves_the_order_and_other_devices(
    world: World, rocket: RocketVPN, order: str, tmp_path: Path
) -> None:
    with RocketVPN.open(world.neighbour(tmp_path / "laptop").config()) as laptop:
        laptop.device.bind(order)
        plan = rocket.rights.plan_delete("device")
        outcome = rocket.rights.delete(plan)
        assert outcome.server.state == "confirmed"
        assert outcome.server.receipt is not None
        erased = set(outcome.server.receipt.claims.erased)
        assert erased <= {goes.field for goes in plan.goes if "server" in goes.places}  # the plan said what would go
        assert not erased & {stays.field for stays in plan.stays}
        assert len(laptop.device.list()) == 1
    assert not world.folder.exists()


@pytest.mark.clause("A3")
def test_deleting_the_logs_leaves_the_rest(rocket: RocketVPN, order: str) -> None:
    outcome = rocket.rights.delete(rocket.rights.plan_delete("logs"))
    assert outcome.here.keys_destroyed == 1
    assert outcome.server.state == "confirmed"
    assert list(rocket.journal.read()) == []
    binding = rocket.device.binding
    assert binding is not None
    assert binding.order_number == order
    rocket.journal.record(SessionConnected(region="nl-ams", protocol="wireguard", duration=1))
    assert rocket.journal.stats().records == 1
    assert rocket.status().waiting == 0


@pytest.mark.clause("A3")
def test_deleting_unbound_needs_no_server(world: World) -> None:
    with RocketVPN.open(world.config(server="https://localhost:9")) as rocket:
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
        outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
    assert outcome.server.state == "not_needed"
    assert not world.folder.exists()


@pytest.mark.clause("A3")
@pytest.mark.parametrize("scope", ["account", "device"])
def test_the_plan_of_an_unbound_device_promises_nothing_about_the_server(
    world: World, rocket: RocketVPN, order: str, scope: Literal["account", "device"]
) -> None:
    assert rocket.rights.plan_delete(scope).server_told
    rocket.device.unbind()
    plan = rocket.rights.plan_delete(scope)
    assert (plan.server_told, plan.server_asked, plan.service_ends) == (False, False, False)
    assert {place for goes in plan.goes for place in goes.places} == {"device"}
    assert any("is not told" in sentence for sentence in plan.consequences)
    assert not any("paid service" in sentence for sentence in plan.consequences)
    assert rocket.rights.delete(plan).server.state == "not_needed"
    assert order in [row["number"] for row in world.sandbox.rows()["orders"]]


@pytest.mark.clause("A3")
def test_the_plan_for_the_log_names_what_is_destroyed_and_promises_nothing_about_the_server(rocket: RocketVPN) -> None:
    plan = rocket.rights.plan_delete("logs")
    assert {place for goes in plan.goes for place in goes.places} == {"device"}
    assert {"region", "recorded_at"} <= {goes.field for goes in plan.goes}
    assert "witness_record" not in {goes.field for goes in plan.goes}  # nothing was noted
    assert not plan.server_asked
    receipt = rocket.rights.delete(plan).server.receipt
    assert receipt is not None
    assert receipt.claims.erased == []


@pytest.mark.clause("A3")
@pytest.mark.parametrize("scope", ["account", "device"])
def test_the_receipt_names_all_that_the_server_said_it_holds(
    rocket: RocketVPN, scope: Literal["account", "device"]
) -> None:
    plan = rocket.rights.plan_delete(scope)
    receipt = rocket.rights.delete(plan).server.receipt
    assert receipt is not None
    assert plan.server_holds
    assert set(plan.server_holds) <= set(receipt.claims.erased)


@pytest.mark.clause("A3")
def test_offline_it_is_gone_here_at_once_and_the_server_is_told_later(
    world: World, rocket: RocketVPN, order: str, tmp_path: Path
) -> None:
    logging.getLogger("app").info("something")
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        shutil.copytree(world.folder, tmp_path / "before")
        plan = offline.rights.plan_delete("account")
        assert not plan.server_asked
        outcome = offline.rights.delete(plan)
        assert outcome.here.done
        assert (outcome.server.state, outcome.server.problem) == ("waiting_for_connection", "server-unreachable")
        assert offline.device.binding is None
        assert list(offline.journal.read()) == []
        assert offline.status().waiting == 1
        with pytest.raises((SecretMissing, VaultOutdated)):
            RocketVPN.open(world.config(data_dir=tmp_path / "before"))
    with RocketVPN.open(world.config()) as online:  # another start, with a connection
        needed: list[UserNeeded] = []
        online.events.subscribe(UserNeeded, needed.append)
        online.sync()
        assert [notice.operation for notice in needed] == ["rights.request"]
        (server,) = online.rights.resume()
        assert server.state == "confirmed"
    assert not world.folder.exists()
    assert order not in str(world.sandbox.rows())


@pytest.mark.clause("A4")
def test_a_user_who_cancels_the_code_can_go_on_later(world: World, rocket: RocketVPN) -> None:
    rocket.close()
    with RocketVPN.open(world.config(authenticator=lambda challenge: None)) as cancelling:
        outcome = cancelling.rights.delete(cancelling.rights.plan_delete("account"))
        assert (outcome.server.state, outcome.server.problem) == ("waiting_for_user", "authentication-cancelled")
        assert cancelling.status().bound is False
    with RocketVPN.open(world.config()) as later:
        (server,) = later.rights.resume()
        assert server.state == "confirmed"


def test_a_deletion_that_the_server_takes_its_time_over_is_followed(world: World, rocket: RocketVPN) -> None:
    world.sandbox.faults.delay_deletions = True
    outcome = rocket.rights.delete(rocket.rights.plan_delete("device"))
    assert outcome.server.state == "in_progress"
    assert rocket.rights.resume()[0].state == "in_progress"
    assert world.folder.exists()
    world.sandbox.faults.release_deletions()
    assert rocket.rights.resume()[0].state == "confirmed"
    assert not world.folder.exists()


def test_an_answer_that_was_lost_does_not_make_two_requests(world: World, rocket: RocketVPN) -> None:
    before = len(world.sandbox.rows()["rights_requests"])
    plan = rocket.rights.plan_delete("logs")
    world.sandbox.faults.lose_answers(1)
    outcome = rocket.rights.delete(plan)
    if outcome.server.state != "confirmed":
        assert rocket.rights.resume()[0].state == "confirmed"
    assert len(world.sandbox.rows()["rights_requests"]) == before + 1


@pytest.mark.clause("A3")
def test_forget_now_drops_the_ticket_of_a_user_who_does_not_care_to_wait(world: World, rocket: RocketVPN) -> None:
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        offline.rights.delete(offline.rights.plan_delete("account"))
        offline.rights.forget_now()
    assert not world.folder.exists()
    assert world.secrets.names() == ()


@pytest.mark.clause("A3")
def test_an_app_that_changes_a_report_changes_no_request(world: World, rocket: RocketVPN) -> None:
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        offline.rights.delete(offline.rights.plan_delete("account"))
        (waiting,) = offline.rights.view().waiting
        waiting.content["scope"] = "logs"
        assert offline.rights.view().waiting[0].content == {"exercise": "deletion", "scope": "account"}
        offline.rights.forget_now()  # as the request says: all that is here
    assert not world.folder.exists()


@pytest.mark.clause("A3")
def test_attack_forged_altered_replayed_or_foreign_receipt(world: World, rocket: RocketVPN, order: str) -> None:
    outcome = rocket.rights.delete(rocket.rights.plan_delete("device"))
    receipt = outcome.server.receipt
    assert receipt is not None
    claims = receipt.claims
    good = {
        "issuer": claims.iss,
        "request_id": claims.jti,
        "device_id": claims.device_id,
        "scope": claims.scope,
        "requested_at": float(claims.iat),
        "now": float(claims.iat),
    }
    assert check_receipt(receipt.token, receipt.keys, **good).claims == claims
    assert receipt.vouched_by == "tuf"
    header, payload, signature = receipt.token.split(".")
    wrong_tokens = [
        f"{header}.{payload}.{signature[:-4]}AAAA",
        f"{header}.{payload[:-4]}AAAA.{signature}",
        f"eyJhbGciOiJub25lIn0.{payload}.",
        "",
        "a.b.c",
        "not a token",
    ]
    for token in wrong_tokens:
        with pytest.raises(ReceiptInvalid):
            check_receipt(token, receipt.keys, **good)
    for change in (
        {"issuer": "https://elsewhere.example"},
        {"request_id": "another"},
        {"device_id": "another"},
        {"scope": "account"},
        {"requested_at": good["requested_at"] + 3600, "now": good["now"] + 3600},
        {"now": good["now"] - 3600},
    ):
        with pytest.raises(ReceiptInvalid):
            check_receipt(receipt.token, receipt.keys, **(good | change))
    with pytest.raises(ReceiptInvalid):
        check_receipt(receipt.token, '{"keys": []}', **good)


@pytest.mark.clause("T1", "A3")
def test_no_planted_value_is_ever_in_the_folder(world: World, rocket: RocketVPN, order: str) -> None:
    rocket.rights.correct({"contact_email": "new@example.org"})
    binding = rocket.device.binding
    assert binding is not None
    stored = bytes_of(world.folder)
    assert len(stored) > 10_000
    for value in (order, binding.device_id, "kim@example.org", "new@example.org", "session.connected", "de-fra"):
        assert value.encode() not in stored
        assert value.encode("utf-16-le") not in stored
        assert value.encode().hex().encode() not in stored


def test_without_an_authenticator_the_error_says_what_to_do(world: World, order: str) -> None:
    with RocketVPN.open(world.config(authenticator=None)) as rocket:
        rocket.device.bind(order)
        outcome = rocket.rights.delete(rocket.rights.plan_delete("account"))
        assert outcome.server.state == "waiting_for_user"
    assert "authenticator" in AuthenticationRequired(sent_to="k…@example.org").hint
    assert msgspec.json.encode(outcome)


@pytest.mark.clause("A4")
@pytest.mark.parametrize("authenticator", [True, False])
def test_a_code_that_the_server_wants_for_a_status_is_never_asked_for_by_sync(
    world: World, order: str, monkeypatch: pytest.MonkeyPatch, authenticator: bool
) -> None:
    wanted, found = [False], sandbox_rights._found

    def strict(db: Any, parts: Any, request_id: str, caller: Any) -> Any:
        if wanted[0]:
            caller.require_code(300)
        return found(db, parts, request_id, caller)

    monkeypatch.setattr(sandbox_rights, "_found", strict)
    world.sandbox.faults.delay_deletions = True
    with RocketVPN.open(world.config(**({} if authenticator else {"authenticator": None}))) as rocket:
        rocket.device.bind(order)
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        needed: list[UserNeeded] = []
        rocket.events.subscribe(UserNeeded, needed.append)
        wanted[0] = True
        rocket.sync()
        assert world.asked == []
        assert [(notice.operation, notice.code) for notice in needed] == [("rights.request", "authentication-required")]
        (item,) = rocket.queue.items()
        assert (item.state, item.problem, item.can_cancel) == ("waiting_for_user", "authentication-required", False)
        (server,) = rocket.rights.resume()
        assert server.state == ("in_progress" if authenticator else "waiting_for_user")
        assert len(world.asked) == int(authenticator)
        wanted[0] = False
        world.sandbox.faults.release_deletions()
        assert rocket.sync().waiting == 0


# ---------------------------------------------------------------- what went wrong in between


@pytest.fixture
def offline_deletion(world: World, rocket: RocketVPN) -> World:
    """Leave a deletion that the server knows nothing of."""
    rocket.close()
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        offline.rights.delete(offline.rights.plan_delete("account"))
    return world


def test_attack_binding_anew_while_a_deletion_waits_deletes_nobody_else(offline_deletion: World, order: str) -> None:
    world = offline_deletion
    other = world.sandbox.order(email="someone@example.org")
    with RocketVPN.open(world.config()) as rocket:
        with pytest.raises(DeletionPending, match="resume"):
            rocket.device.bind(other)
        assert rocket.rights.resume()[0].state == "confirmed"
    assert order not in str(world.sandbox.rows())
    assert other in str(world.sandbox.rows())
    with RocketVPN.open(world.config()) as again:
        assert again.device.bind(other).order_number == other


def test_two_deletions_that_wait_end_with_the_wider_one(offline_deletion: World) -> None:
    world = offline_deletion
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        offline.rights.delete(offline.rights.plan_delete("logs"))
        assert offline.status().waiting == 2
    with RocketVPN.open(world.config()) as rocket:
        answers = rocket.rights.resume()
    assert answers[-1].state == "confirmed"
    assert answers[-1].receipt is not None
    assert not world.folder.exists()


class Stubborn(MemorySecrets):
    """Refuses to delete, when told to."""

    locked = False

    def delete(self, name: str) -> None:
        if self.locked:
            raise SecretStoreLocked(store=self.label, problem="its prompt was dismissed")
        super().delete(name)


def test_a_confirmed_deletion_keeps_its_receipt_where_a_secret_cannot_be_removed(world: World, order: str) -> None:
    world.secrets = Stubborn()
    with RocketVPN.open(world.config()) as rocket:
        confirmed: list[DeletionConfirmed] = []
        rocket.events.subscribe(DeletionConfirmed, confirmed.append)
        rocket.device.bind(order)
        plan = rocket.rights.plan_delete("account")
        world.sandbox.faults.delay_deletions = True
        assert rocket.rights.delete(plan).server.state == "in_progress"
        world.sandbox.faults.release_deletions()
        world.secrets.locked = True
        (server,) = rocket.rights.resume()
        assert (server.state, server.problem) == ("confirmed", "secret-store-locked")
        assert server.receipt is not None
        assert len(confirmed) == 1
        assert rocket.status().vault.state == "closed"
        with pytest.raises(SecretStoreLocked):
            rocket.rights.forget_now()
        world.secrets.locked = False
        rocket.rights.forget_now()
    assert not world.folder.exists()
    assert world.secrets.names() == ()


@pytest.mark.clause("A3")
def test_attack_reader_that_holds_the_log_while_something_is_deleted(world: World, rocket: RocketVPN) -> None:
    """What was dropped still stands in the write-ahead log then: that must be owed, and paid later."""
    reader = sqlite3.connect(world.folder / "vault.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM blocks").fetchone()
    outcome = rocket.rights.delete(rocket.rights.plan_delete("logs"))
    assert outcome.here.rotation_owed
    assert rocket.status().vault.rotation_owed_since is not None
    reader.execute("ROLLBACK")
    reader.close()
    rocket.sync()
    assert rocket.status().vault.rotation_owed_since is None


def test_another_process_goes_on_after_this_device_was_bound_anew(world: World, rocket: RocketVPN, order: str) -> None:
    with RocketVPN.open(world.config()) as other:
        assert other.device.order().devices_used == 1
        rocket.device.unbind()
        rocket.device.bind(order)
        assert other.device.order().devices_used == 1


def test_after_a_deletion_nothing_is_collected_any_more(world: World, rocket: RocketVPN) -> None:
    rocket.rights.delete(rocket.rights.plan_delete("account"))
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
    assert len(rocket.journal._backlog) == 0


def test_a_vault_that_another_process_deleted_is_closed_here(world: World, rocket: RocketVPN) -> None:
    with RocketVPN.open(world.config()) as other:
        rocket.rights.delete(rocket.rights.plan_delete("account"))
        assert other.status().vault.state == "closed"
        assert "VPN" in repr(other)
