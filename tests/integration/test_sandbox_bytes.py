"""What the server deleted is in no byte of its folder but what its rows say: judged by reading the files."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from joserfc.jwk import ECKey
from support.server_rows import all_rows, rows_about
from support.victims import Victim
from support.world import bytes_of

from rocketvpn_sdk.sandbox import Sandbox

pytestmark = [pytest.mark.sqlite_file, pytest.mark.clause("A3")]


@pytest.fixture
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with Sandbox(tmp_path_factory.mktemp("server")) as sandbox:
        victim = Victim(sandbox, time.time).fill()
        yield victim
        victim.close()


def row_of(victim: Victim, device_id: str) -> dict[str, Any]:
    (row,) = (row for row in all_rows(victim.file)["devices"] if row["id"] == device_id)
    return row


def _address(victim: Victim) -> set[str]:
    before, after = victim.address, "the-next@example.org"
    assert victim.kim.patch({"contact_email": after}, "*", token=victim.stepped).status_code == 200
    victim.address = after
    victim.kim.confirm_address(victim.code)
    return {before, victim.new_address}


def _proposed_address(victim: Victim) -> set[str]:
    assert victim.kim.patch({"contact_email": "the-next@example.org"}, "*", token=victim.stepped).status_code == 200
    return {victim.new_address}


def _unbound(victim: Victim) -> set[str]:
    gone = row_of(victim, victim.lou.device_id)
    assert victim.kim.call("DELETE", f"/v1/devices/{gone['id']}", token=victim.stepped).status_code == 204
    return {gone["id"], gone["jkt"], gone["row_id"]}


def _replaced(victim: Victim) -> set[str]:
    gone, eve = row_of(victim, victim.lou.device_id), victim.peer()
    asked = eve.ask_to_bind(victim.order, replace=victim.kim.called(victim.lou, victim.stepped)).json()
    granted = eve.challenge(auth_session=asked["auth_session"], verification_code=victim.code()).json()
    assert eve.redeem(granted["authorization_code"]).status_code == 200
    return {gone["id"], gone["jkt"], gone["row_id"]}


def _another_key(victim: Victim) -> set[str]:
    gone, eve = row_of(victim, victim.lou.device_id), victim.peer(victim.lou)
    eve.key = ECKey.generate_key("P-256")
    asked = eve.ask_to_bind(victim.order, replace=victim.kim.called(victim.lou, victim.stepped)).json()
    granted = eve.challenge(auth_session=asked["auth_session"], verification_code=victim.code()).json()
    assert eve.redeem(granted["authorization_code"]).status_code == 200
    return {gone["jkt"], gone["row_id"]}


def _ticket(victim: Victim) -> set[str]:
    path = f"/v1/erasure-tickets/{victim.names['ticket_id']}"
    assert victim.kim.call("DELETE", path, token=victim.stepped).status_code == 204
    return {victim.names["ticket_id"]}


def _account(victim: Victim) -> set[str]:
    names = victim.identifiers()
    assert victim.ask_erasure(victim.owner, victim.owner_token).is_success
    return names


KEPT = {"rights_requests", "idempotency"}
"""What is declared to stay for a while: who asked for what, and the answer to a request that is sent again."""
ENDS: dict[str, Callable[[Victim], set[str]]] = {
    "an address that another one replaced": _address,
    "a proposed address that another one replaced": _proposed_address,
    "a device that was unbound": _unbound,
    "a device that another one replaced": _replaced,
    "the key of a device that has a new one": _another_key,
    "a ticket that was revoked": _ticket,
    "an account": _account,
}


@pytest.mark.parametrize("end", ENDS)
def test_what_was_deleted_is_in_no_byte(victim: Victim, end: str) -> None:
    before = bytes_of(victim.file.parent)
    gone = ENDS[end](victim)
    assert all(value.encode() in before for value in gone), "it was there to be found"
    left = {value for value in gone if value.encode() in bytes_of(victim.file.parent)}
    said = rows_about(victim.file, gone)
    assert left == {value for value in gone if value in str(said)}, "no byte says what no row says"
    assert {table for table, rows in said.items() if rows} <= KEPT


def test_a_file_that_could_not_be_rewritten_is_rewritten_later(victim: Victim, monkeypatch: pytest.MonkeyPatch) -> None:
    database = victim.sandbox._services.database
    other = Victim(victim.sandbox, time.time)
    victim.also(other)
    gone = row_of(other, other.lou.device_id)

    def full() -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(database, "_rewrite", full)
        assert other.kim.call("DELETE", f"/v1/devices/{gone['id']}", token=other.stepped).status_code >= 500
    rewritten = []
    rewrite = database._rewrite
    monkeypatch.setattr(database, "_rewrite", lambda: rewritten.append(rewrite()))
    database.purge(time.time() + 3600)
    database.purge(time.time() + 7200)
    assert rewritten == [None], "once, and then nothing is owed"
    assert gone["row_id"].encode() not in bytes_of(victim.file.parent)
