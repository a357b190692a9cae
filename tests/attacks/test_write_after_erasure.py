"""Attack: a request that was let in before an erasure, and lands after it. Nothing of the order may be written then.

Others' requests are let in between the transactions of a request, wherever there is such a place; what is left is read
from the server's file, in every table.
"""

from __future__ import annotations

import threading
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Self

import pytest
from support.dpop_client import Peer
from support.operations import Operation, operations, send
from support.server_rows import Rows, all_rows, rows_about
from support.victims import REQUESTS, Victim

from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = pytest.mark.clause("A3", "R2")

CLOCK = FakeClock()
"""It stands still during an attack: so the server does not sweep what has expired in the middle of it."""
OWNERS = "/v1/owner/"
CLOSED = ("revoked", "fulfilled")
"""Requests without a receipt: one that was called off, one for access."""
SECONDS = 30
"""Until a thread that waits for another gives up."""


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with running_sandbox(tmp_path_factory.mktemp("sandbox") / "server", clock=CLOCK) as running:
        yield running


@pytest.fixture
def victims(sandbox: Sandbox) -> Iterator[Callable[[], Victim]]:
    made: list[Victim] = []

    def new() -> Victim:
        CLOCK.advance(3601)  # what is counted for an address begins again
        made.append(Victim(sandbox, CLOCK.time))
        return made[-1]

    yield new
    sandbox.faults.clear()
    for victim in made:
        victim.close()


class Between:
    """Lets ``act`` happen after the ``place``-th transaction of a request, on its thread; ``acted``: it did."""

    def __init__(self, sandbox: Sandbox, place: int, act: Callable[[], object]) -> None:
        self.acted = False
        self._sandbox, self._left, self._act = sandbox, place, act

    def __enter__(self) -> Self:
        self._sandbox.faults.between_transactions = self._ended
        return self

    def __exit__(self, *_: object) -> None:
        self._sandbox.faults.between_transactions = None

    def _ended(self) -> None:
        self._left -= 1
        if self._left == 0:
            self._sandbox.faults.between_transactions = None  # the act's own transactions are not counted
            self.acted = True
            self._act()


def left_of(victim: Victim, names: set[str]) -> Rows:
    """Return the rows that name anything of the order, but what is declared to stay: a request with its receipt.

    Of a request, the key that asked and the random name of the former row stay, so that the receipt can be fetched.
    """
    found = rows_about(victim.file, names)
    requests = found.pop("rights_requests", [])
    assert all(row["receipt"] or row["status"] in CLOSED for row in requests)
    assert not [row for row in requests if row["order_number"] or row["device_id"] or row["device_row"]]
    for table in ("access_tokens", "idempotency"):  # the token and the kept answer with which the receipt is fetched
        found[table] = [row for row in found.get(table, []) if row["request_id"] is None]
    return {table: rows for table, rows in found.items() if rows}


# ---------------------------------------------------------------- every operation, at every place


def _rightful(victim: Victim, operation: Operation) -> tuple[Peer, str]:
    if operation.path.startswith(OWNERS):
        return victim.owner, victim.owner_token
    return victim.kim, victim.stepped


@pytest.mark.one_in(8)
@pytest.mark.parametrize("operation", operations(), ids=lambda operation: f"{operation.method} {operation.path}")
def test_attack_an_erasure_between_the_transactions_of_any_operation(
    sandbox: Sandbox, victims: Callable[[], Victim], operation: Operation
) -> None:
    places = 0
    while True:
        victim = victims().fill()
        names = victim.identifiers()
        owner = victim.owns()
        (peer, token), place = _rightful(victim, operation), places + 1
        with Between(sandbox, place, partial(victim.ask_erasure, *owner)) as between:
            answers = send(peer, operation, victim.names, token)
        if not between.acted:
            break
        places += 1
        assert all(answer.status_code < 500 for answer in answers), [answer.text for answer in answers]
        assert not [row for row in all_rows(victim.file)["orders"] if row["number"] == victim.order], "it was erased"
        assert left_of(victim, names) == {}, (place, [answer.status_code for answer in answers])
    assert places >= (0 if operation.open else 2), "identified in one transaction, and again in the one that acts"


# ---------------------------------------------------------------- five at once


def test_attack_writes_let_in_before_an_erasure_land_after_it(sandbox: Sandbox, victims: Callable[[], Victim]) -> None:
    victim = victims()
    names = victim.identifiers()
    policy = sandbox.policy
    version = {"policy_version": policy.version, "policy_sha256": policy.sha256}
    consent = {"record_id": str(uuid.uuid4()), "state": "denied", "at": "2026-11-28T10:00:00Z", **version}
    guardian = {"contact": "mum@example.org", "about": "agreement", "language": "en", **version}
    writes = {
        "consent": ("PUT", "/v1/consents/diagnostics", consent),
        "tunnel": ("POST", "/v1/tunnels", {"public_key": b64encode(b"k" * 32).decode()}),
        "ticket": ("POST", "/v1/erasure-tickets", {"ticket_id": "ab" * 32, "scope": "device"}),
        "guardian": ("POST", "/v1/guardian-requests", guardian),
        "deletion": ("POST", REQUESTS, {"exercise": "deletion", "scope": "device"}),
    }
    arrived, go = threading.Semaphore(0), threading.Event()

    def wait() -> None:
        arrived.release()
        assert go.wait(SECONDS)

    def write(name: str) -> int:
        method, path, body = writes[name]
        peer = victim.peer(victim.lou)
        return peer.call(method, path, json_body=body, token=victim.lou.access_token).status_code

    sandbox.faults.between_transactions = wait
    with ThreadPoolExecutor(len(writes)) as pool:
        answers = {name: pool.submit(write, name) for name in writes}
        assert all(arrived.acquire(timeout=SECONDS) for _ in writes), "each was let in, and waits"
        sandbox.faults.between_transactions = None
        victim.erase()
        go.set()
        statuses = {name: answer.result(SECONDS) for name, answer in answers.items()}

    assert statuses == dict.fromkeys(writes, 403)
    assert left_of(victim, names) == {}
    assert not [message for message in sandbox.mail if message.to == "mum@example.org"], "nor was anybody written to"


# ---------------------------------------------------------------- what stays


def test_after_an_erasure_no_table_has_a_row_of_the_order(victims: Callable[[], Victim]) -> None:
    victim = victims().fill()
    names = victim.identifiers()
    full = {table for table, rows in all_rows(victim.file).items() if rows}
    invoices = len(all_rows(victim.file)["payments"])

    asked = victim.erase()

    assert full >= set(all_rows(victim.file)) - {"removed_keys", "reports", "survey_responses"}, (
        "there was something in every table to erase"
    )
    assert left_of(victim, names) == {}
    assert len(all_rows(victim.file)["payments"]) == invoices, "the invoice stays, by law"
    receipt = victim.owner.call("GET", f"{OWNERS}data-rights-requests/{asked}/receipt", token=victim.owner_token)
    assert receipt.status_code == 200


def test_after_an_erasure_nobody_writes_by_asking_for_the_number(victims: Callable[[], Victim]) -> None:
    victim = victims()
    names = victim.identifiers()
    victim.erase()
    stranger = victim.peer()

    stranger.challenge(order_number=victim.order, acr_values="urn:rocketvpn:acr:owner")
    stranger.ask_to_bind(victim.order)
    stranger.ask_to_bind(victim.order, replace=victim.kim.device_id)

    assert left_of(victim, names) == {}
