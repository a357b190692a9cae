"""A year at the sandbox, with daily use of several orders: no row outlives what is declared for its table."""

from __future__ import annotations

import hashlib
import re
import uuid
from base64 import b32encode, b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.dpop_client import Peer
from support.forms import form
from support.operations import REPORT
from support.server_rows import all_rows
from support.surveying import SURVEY, listed

from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing.clock import FakeClock

DOCS = Path(__file__).parents[2] / "docs" / "openapi.md"
MINUTE, DAY = 60, 24 * 3600
YEAR = 365 * DAY
DAYS = form(100, 365, 365)
SWEEP = MINUTE
"""What has expired may be there for this long, while there are requests."""

ALWAYS = None
LIVES: dict[str, tuple[int | None, str, str | None]] = {
    "orders": (ALWAYS, "until the account is erased", "order_number"),
    "payments": (10 * YEAR, "10 years after the payment", "payment_record"),
    "devices": (ALWAYS, "as long as the order", "device_id"),
    "refresh_tokens": (ALWAYS, "as long as the device", "session_token"),
    "proven_devices": (ALWAYS, "as long as the device", "device_public_key"),
    "pending_addresses": (7 * DAY, "1 day until its code is given back; then 7 days", None),
    "recovery_codes": (ALWAYS, "until it is used or replaced", "recovery_code"),
    "guardian_confirmations": (ALWAYS, "as long as the device", "guardian_confirmation"),
    "removed_keys": (90 * DAY, "90 days", None),
    "auth_sessions": (15 * MINUTE, "15 minutes", "verification_code"),
    "auth_codes": (MINUTE, "1 minute", None),
    "code_budgets": (7 * DAY, "7 days", None),
    "reports": (30 * DAY, "30 days", "recorded_at"),
    "survey_responses": (90 * DAY, "90 days", "survey_text"),
    "proofs": (2 * MINUTE, "2 minutes", None),
    "access_tokens": (15 * MINUTE, "15 minutes", None),
    "tunnels": (7 * DAY, "7 days", "tunnel_address"),
    "rights_requests": (3 * YEAR, "3 years", "rights_request"),
    "disclosures": (3 * YEAR, "3 years", "disclosure_record"),
    "tickets": (ALWAYS, "until it is used, then 1 day", "erasure_ticket"),
    "consents": (3 * YEAR, "3 years", "consent_record"),
    "guardian_requests": (37 * DAY, "37 days", "guardian_code"),
    "idempotency": (DAY, "1 day; the answer to a rights request, as long as the request", None),
    "meta": (ALWAYS, "always: it says that the sandbox has its first orders", None),
}
"""By table: seconds (``None``: as long as what it belongs to), the words of the docs, and the policy's field."""


@pytest.mark.clause("R1")
def test_every_table_s_life_is_that_of_the_docs_and_the_policy(tmp_path: Path) -> None:
    said = dict(re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", DOCS.read_text(), re.MULTILINE))
    assert said == {table: words for table, (_, words, _) in LIVES.items()}
    policy = bundled_policy()
    for table, (seconds, _, field) in LIVES.items():
        kept = policy.fields[field].retention.server if field else None
        if kept is not None:
            assert (None if kept.text == "bound" else kept.seconds) == seconds, table
    with Sandbox(tmp_path / "server") as sandbox:
        assert set(sandbox.rows()) == set(LIVES)


def life(table: str, row: dict[str, Any]) -> int | None:
    if table == "idempotency" and row["path"].endswith("data-rights-requests"):
        return 3 * YEAR
    if table == "tickets" and row["receipt"] is not None:
        return DAY
    return LIVES[table][0]


def rows_of(sandbox: Sandbox) -> dict[str, list[dict[str, Any]]]:
    """Return all rows but the one that says which version of the tables this is."""
    return {table: rows for table, rows in all_rows(sandbox.database_file).items() if table != "alembic_version"}


class Watch:
    """Notes when each row was first seen; keeps nothing of the server's own word about its time."""

    def __init__(self, sandbox: Sandbox, clock: FakeClock) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.first: dict[tuple[str, str], float] = {}
        self.most: dict[str, int] = {}

    def look(self) -> None:
        now, there = self.clock.time(), set()
        for table, rows in rows_of(self.sandbox).items():
            self.most[table] = max(self.most.get(table, 0), len(rows))
            for row in rows:
                changing = ("tries", "used", "sent", "wrong", "mailed", "expires_at", "order_number", "status")
                known = {name: value for name, value in row.items() if name not in changing or table == "idempotency"}
                # A budget's row is used again for the next window: each window is a row of its own here.
                name = (table, repr(known))
                there.add(name)
                seconds = life(table, row)
                age = now - self.first.setdefault(name, now)
                assert seconds is None or age <= seconds + SWEEP, (table, age / DAY)
        self.first = {name: since for name, since in self.first.items() if name in there}


class House:
    """An order with its devices, which use the server."""

    def __init__(self, sandbox: Sandbox, clock: FakeClock, devices: int) -> None:
        self.sandbox, self.clock = sandbox, clock
        self.address = f"{uuid.uuid4().hex}@example.org"
        sandbox.sign(listed())
        self.order = sandbox.order(limit=4, email=self.address)
        self.devices = [self.new().bind(self.order) for _ in range(devices)]
        self.ticket = ""

    def new(self) -> Peer:
        return Peer(self.sandbox.url, self.sandbox.ca_file, now=self.clock.time)

    def code(self) -> str:
        return self.sandbox.mail.last_code(self.address)

    def close(self) -> None:
        for device in self.devices:
            device.close()

    def use(self, day: int) -> None:
        """Let one device be used, for the one thing or the other."""
        device = self.devices[day % len(self.devices)]
        device.access_token = device.refresh().json()["access_token"]
        key = {"Idempotency-Key": f'"{uuid.uuid4()}"'}
        assert device.http.post("/v1/logs", json=REPORT, headers=key).status_code == 200
        answers = {"erasure_handle": uuid.uuid4().hex, "answers": [{"question": "stars", "rating": 4}]}
        path = f"/v1/surveys/{SURVEY.id}/responses"
        assert device.http.post(path, json=answers, headers=key).status_code == 200
        assert device.call("GET", "/v1/data").status_code == 200
        acts = (
            self._tunnel, self._consent, self._step_up, self._guardian, self._ticket, self._ask, self._correct,
            self._replace, self._owner, self._leave_open, self._disclose, self._use_ticket,
        )  # fmt: skip
        acts[day % len(acts)](device)

    def _handle(self, device: Peer) -> str:
        (row,) = (row for row in rows_of(self.sandbox)["devices"] if row["id"] == device.device_id)
        return b32encode(hashlib.sha256(f"handle\n{row['row_id']}".encode()).digest()).decode().rstrip("=")

    def _tunnel(self, device: Peer) -> None:
        key = b64encode(hashlib.sha256(uuid.uuid4().bytes).digest()).decode()
        assert device.call("POST", "/v1/tunnels", json_body={"public_key": key}).status_code == 201

    def _consent(self, device: Peer) -> None:
        body = {"record_id": str(uuid.uuid4()), "state": "denied", "policy_version": 1, "policy_sha256": "0" * 64}
        at = "2027-01-01T00:00:00Z"
        assert device.call("PUT", "/v1/consents/improvement", json_body=body | {"at": at}).status_code == 200

    def _step_up(self, device: Peer) -> None:
        """… and print a recovery code."""
        token, made = device.step_up(self.code), hashlib.sha256(uuid.uuid4().bytes).hexdigest()
        answer = device.call("POST", "/v1/recovery-codes", json_body={"fingerprint": made}, token=token)
        assert answer.status_code == 201

    def _guardian(self, device: Peer) -> None:
        made = device.ask_guardian(self.sandbox.policy, "parent@example.org")
        assert made.status_code == 201, made.text
        code = {"code": self.sandbox.mail.last_code("parent@example.org")}
        path = f"/v1/guardian-requests/{made.json()['request_id']}/confirm"
        assert device.call("POST", path, json_body=code).status_code == 200

    def _ticket(self, device: Peer) -> None:
        self.ticket = uuid.uuid4().hex + "ticket"
        body = {"ticket_id": hashlib.sha256(self.ticket.encode()).hexdigest(), "scope": "device"}
        assert device.call("POST", "/v1/erasure-tickets", json_body=body).status_code == 201

    def _ask(self, device: Peer) -> None:
        body = {"exercise": "access", "scope": "account"}
        assert device.call("POST", "/v1/data-rights-requests", json_body=body).status_code == 201

    def _correct(self, device: Peer) -> None:
        """… and ask for a new address, whose code is never given back."""
        token, new = device.step_up(self.code), f"{uuid.uuid4().hex}@example.org"
        assert device.patch({"language": "de", "contact_email": new}, "*", token=token).status_code == 200

    def _replace(self, device: Peer) -> None:
        """Put the device's own successor in its place, with the code."""
        new = self.new()
        asked = new.ask_to_bind(self.order, replace=self._handle(device)).json()
        granted = new.challenge(auth_session=asked["auth_session"], verification_code=self.code()).json()
        tokens = new.redeem(granted["authorization_code"]).json()
        new.access_token, new.refresh_token = tokens["access_token"], tokens["refresh_token"]
        self.devices[self.devices.index(device)] = new
        device.close()

    def _owner(self, device: Peer) -> None:
        with self.new() as owner:
            asked = owner.challenge(order_number=self.order, acr_values="urn:rocketvpn:acr:owner").json()
            wrong = owner.challenge(auth_session=asked["auth_session"], verification_code="not-it")
            assert wrong.json()["error"] == "invalid_grant"
            granted = owner.challenge(auth_session=asked["auth_session"], verification_code=self.code()).json()
            assert owner.redeem(granted["authorization_code"]).status_code == 200

    def _leave_open(self, device: Peer) -> None:
        """Ask for codes that nobody enters."""
        with self.new() as stranger:
            assert stranger.challenge(order_number=self.order, acr_values="urn:rocketvpn:acr:owner").status_code == 400
            assert stranger.ask_to_bind(self.order, replace=self._handle(device)).status_code == 400
        assert device.ask_to_bind(self.order).status_code == 200

    def _disclose(self, device: Peer) -> None:
        self.sandbox.disclose(self.order, recipient="A court", basis="court", categories=["account"])

    def _use_ticket(self, device: Peer) -> None:
        if self.ticket and len(self.devices) > 1:
            used = device.http.post("/v1/erasures", json={"ticket": self.ticket}, headers={"Idempotency-Key": '"once"'})
            assert used.status_code in (200, 404)  # its device may have been replaced since, and the ticket with it
        for number, each in enumerate(self.devices):
            if each.refresh().status_code != 200:
                each.close()
                self.devices[number] = self.new().bind(self.order)

    def erase(self) -> None:
        device = self.devices[0]
        device.access_token = device.refresh().json()["access_token"]
        assert device.ask_deletion("account", token=device.step_up(self.code)).status_code == 201


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[tuple[Watch, Callable[[int], House]]]:
    clock, houses = FakeClock(), list[House]()
    with Sandbox(tmp_path / "server", clock=clock) as sandbox:

        def house(devices: int) -> House:
            houses.append(House(sandbox, clock, devices))
            return houses[-1]

        yield Watch(sandbox, clock), house
        for each in houses:
            each.close()


@pytest.mark.clause("R1", "R2")
@pytest.mark.timeout(900)
def test_nothing_outlives_its_time_in_a_year_of_daily_use(watched: tuple[Watch, Callable[[int], House]]) -> None:
    watch, house = watched
    clock = watch.clock
    houses = {0: house(3), 1: house(1), 2: house(2)}
    for day in range(DAYS):
        if day == DAYS // 3:
            houses.pop(1).erase()
        if day == DAYS // 2:
            houses[1] = house(1)
        number = day % 3
        if number in houses:
            houses[number].use(day // 3)
        watch.look()
        clock.advance(DAY / 2)
        with houses[0].new() as stranger:
            stranger.http.get("/v1/keys")  # the first request of a half day: what has expired goes
        watch.look()
        clock.advance(DAY / 2)

    # Something was in every table, and some of it came to its end.
    assert {table for table, most in watch.most.items() if not most} == set()
    erase_all(watch, list(houses.values()))


def erase_all(watch: Watch, houses: list[House]) -> None:
    """Erase every account; ten years later there is nothing about anybody."""
    for each in houses:
        each.erase()
    seeded = {"RV-2026-0001", "RV-2026-0002", "RV-2026-0003"}
    for wait, left in (
        (91 * DAY, {"rights_requests", "idempotency", "payments"}),
        (3 * YEAR, {"payments"}),
        (8 * YEAR, set()),
    ):
        watch.clock.advance(wait)
        with houses[0].new() as stranger:
            stranger.http.get("/v1/keys")
        watch.look()
        rows = rows_of(watch.sandbox)
        theirs = [row for row in rows["payments"] if row["order_number"] not in seeded]
        rows |= {
            "payments": theirs,
            "orders": [row for row in rows["orders"] if row["number"] not in seeded],
            "meta": [],
        }
        assert {table for table, there in rows.items() if there} <= left
