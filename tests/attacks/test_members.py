"""Attack: whoever has an order's number binds a device by it, and then wants what is the account's (wire.md, roles).

Each operation and each field that needs an e-mailed code: refused or withheld before it, there after it, and gone again
once ``max_age`` is over; and the same after each thing that others change meanwhile.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from support.dpop_client import Peer
from support.server_rows import rows_about
from support.victims import Victim

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A1", "A2", "A3", "A4")

CLOCK = FakeClock()
TICKETS = "/v1/erasure-tickets"
Ask = Callable[[Victim, Peer, str | None], httpx.Response]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def victim(sandbox: Sandbox) -> Iterator[Victim]:
    CLOCK.advance(3601)  # what is counted for an address begins again
    made = Victim(sandbox, CLOCK.time).fill()
    yield made
    made.close()


# ---------------------------------------------------------------- what needs a code


def _patch(changes: dict[str, Any]) -> Ask:
    return lambda _, eve, token: eve.patch(changes, "*", token=token)


def _ticket(victim: Victim, eve: Peer, token: str | None) -> httpx.Response:
    wanted = {"ticket_id": secrets.token_hex(32), "scope": "account"}
    return eve.call("POST", TICKETS, json_body=wanted, token=token)


def _tickets_of(victim: Victim, scope: str) -> str:
    rows = victim.sandbox.rows()["tickets"]
    return next(row["ticket_id"] for row in rows if (row["order_number"], row["scope"]) == (victim.order, scope))


def _revoke(scope: str) -> Ask:
    return lambda victim, eve, token: eve.call("DELETE", f"{TICKETS}/{_tickets_of(victim, scope)}", token=token)


def _handle(victim: Victim, eve: Peer) -> str:
    """Return a handle as somebody may have it from the refusal of a full order."""
    from rocketvpn_sdk.sandbox.accounts import handle_of
    from rocketvpn_sdk.sandbox.tables import DeviceRow

    (row,) = (row for row in victim.sandbox.rows()["devices"] if row["id"] == victim.lou.device_id)
    return handle_of(DeviceRow(**row))


ASKS: dict[str, Ask] = {
    "the list of devices": lambda _, eve, token: eve.call("GET", "/v1/devices", token=token),
    "to whom something was disclosed": lambda _, eve, token: eve.call("GET", "/v1/disclosures", token=token),
    "revoking another device's ticket": _revoke("device"),
    "revoking a ticket for the account": _revoke("account"),
    "a ticket for the account": _ticket,
    "correcting the language that another device gave": _patch({"language": "fr"}),
    "correcting the address": _patch({"contact_email": "eve@example.net"}),
    "removing the address and the language": _patch({"contact_email": None, "language": None}),
    "unbinding another device, by its handle": lambda victim, eve, token: eve.call(
        "DELETE", f"/v1/devices/{_handle(victim, eve)}", token=token
    ),
    "unbinding another device, by its ID": lambda victim, eve, token: eve.call(
        "DELETE", f"/v1/devices/{victim.kim.device_id}", token=token
    ),
    "making a recovery code": lambda _, eve, token: eve.call(
        "POST", "/v1/recovery-codes", json_body={"fingerprint": "0" * 64}, token=token
    ),
    "deleting the account": lambda _, eve, token: eve.call(
        "POST", "/v1/data-rights-requests", json_body={"exercise": "deletion", "scope": "account"}, token=token
    ),
}
"""In an order in which each can be done: the removed address comes back before the code that the last ones need."""
WITHHELD = {"contact_email", "language", "payment_record", "disclosure_record", "erasure_ticket", "recovery_code"}


def _check_refused(victim: Victim, eve: Peer) -> None:
    told = victim.identifiers() - {victim.order, eve.device_id, eve.jkt} - _own_rows(victim, eve)
    before = rows_about(victim.file, told)
    for name, ask in ASKS.items():
        answer = ask(victim, eve, None)
        assert answer.status_code == 401, (name, answer.text)
        assert 'error="insufficient_user_authentication"' in answer.headers["WWW-Authenticate"], name
        assert not [value for value in told if value in answer.text], name
    assert rows_about(victim.file, told) == before


def _own_rows(victim: Victim, eve: Peer) -> set[str]:
    return {row["row_id"] for row in victim.sandbox.rows()["devices"] if row["id"] == eve.device_id}


def _check_withheld(victim: Victim, eve: Peer) -> None:
    answer = eve.call("GET", "/v1/data")
    withheld = [field for field in answer.json()["fields"] if field.get("code_needed")]
    assert {field["id"] for field in withheld} == WITHHELD
    assert all(field["value"] is None and "since" not in field and "hold" not in field for field in withheld)
    shown = {field["id"] for field in answer.json()["fields"] if not field.get("code_needed")}
    assert shown == {"order_number", "device_id", "device_public_key", "device_name", "bound_on", "session_token"}
    tickets = eve.call("GET", TICKETS).json()
    assert tickets == {"tickets": [], "code_needed": True}
    told = victim.identifiers() - {victim.order, eve.device_id, eve.jkt}
    assert not [value for value in told if value in answer.text]


def _check_shown(eve: Peer, token: str) -> None:
    fields = eve.call("GET", "/v1/data", token=token).json()["fields"]
    assert not [field for field in fields if "code_needed" in field]
    assert {field["id"] for field in fields if "since" in field} >= WITHHELD
    assert {field["id"] for field in fields if field["value"] is not None} >= WITHHELD - {"recovery_code"}
    tickets = eve.call("GET", TICKETS, token=token).json()
    assert len(tickets["tickets"]) == 2
    assert "code_needed" not in tickets


# ---------------------------------------------------------------- what others change meanwhile


def _nothing(victim: Victim, eve: Peer) -> Peer:
    return eve


def _address(victim: Victim, eve: Peer) -> Peer:
    victim.address = f"{secrets.token_hex(6)}@example.org"
    token = victim.stepped
    assert victim.kim.patch({"contact_email": victim.address}, token=token).status_code == 200
    victim.kim.confirm_address(victim.code)
    return eve


def _bound_again(victim: Victim, eve: Peer) -> Peer:
    path = f"/v1/devices/{eve.device_id}"
    assert victim.kim.call("DELETE", path, token=victim.stepped).status_code == 204
    return victim.peer(eve).bind(victim.order)


def _another(victim: Victim, eve: Peer) -> Peer:
    victim.step_up(victim.bound())
    return eve


def _own_ticket(victim: Victim, eve: Peer) -> Peer:
    """A ticket of its own is all that a member makes, sees and revokes."""
    wanted = {"ticket_id": secrets.token_hex(32), "scope": "device"}
    assert eve.call("POST", TICKETS, json_body=wanted).status_code == 201
    assert [each["ticket_id"] for each in eve.call("GET", TICKETS).json()["tickets"]] == [wanted["ticket_id"]]
    assert eve.call("DELETE", f"{TICKETS}/{wanted['ticket_id']}").status_code == 204
    return eve


CHANGES = {
    "nothing": _nothing,
    "the address is another one": _address,
    "it was taken off and bound again": _bound_again,
    "another device entered a code": _another,
    "it made a ticket for itself": _own_ticket,
}
WAIT = 7 * 24 * 3600
LATER = 301
"""Seconds: ``max_age`` is 300."""


@pytest.mark.one_in(3)
@pytest.mark.parametrize("change", CHANGES)
def test_attack_what_is_the_accounts_without_a_code(
    victim: Victim, change: str, record_property: Callable[[str, object], None]
) -> None:
    eve = victim.bound()
    _check_refused(victim, eve)
    _check_withheld(victim, eve)

    eve = CHANGES[change](victim, eve)
    _check_refused(victim, eve)
    _check_withheld(victim, eve)

    token = victim.step_up(eve)
    _check_shown(eve, token)
    CLOCK.advance(LATER)
    assert eve.call("GET", "/v1/data", token=token).status_code == 401
    eve.access_token = eve.refresh().json()["access_token"]
    _check_refused(victim, eve)
    _check_withheld(victim, eve)

    for name, ask in ASKS.items():
        token = victim.step_up(eve)
        answer = ask(victim, eve, token)
        assert answer.is_success, (name, answer.text)
        if name.startswith("removing the address"):
            assert eve.patch({"contact_email": victim.address}, "*").status_code == 200
            eve.confirm_address(victim.code)
            CLOCK.advance(WAIT)  # a first address counts after a week
            eve.access_token = eve.refresh().json()["access_token"]
        elif name.startswith("correcting the address"):
            victim.address = "eve@example.net"
            eve.confirm_address(victim.code)
    record_property("pairs", 3 * (len(ASKS) + len(WITHHELD) + 1))
