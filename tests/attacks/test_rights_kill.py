"""``kill -9`` at every exchange of a right with the server; for deletions see ``test_deletion_kill``.

The long form (every exchange): ``ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_rights_kill.py --timeout=3600``
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support.crash_steps import SURVIVED
from support.deletion_steps import config
from support.exports import Unpacked
from support.forms import form
from support.rights_steps import USES, RightsSteps

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.rights import erase_with_ticket
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.vault.verify import verify

pytestmark = pytest.mark.timeout(form(120, 120, 3_600))

KILLED = -9
MOST = 60
"""More seams than any right has."""


@pytest.fixture(scope="module")
def steps() -> Iterator[RightsSteps]:
    with RightsSteps() as steps:
        yield steps


@dataclass
class Device:
    """A bound device, and what the server knows of its order."""

    folder: Path
    sandbox: Sandbox
    number: str = ""

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.number = self.sandbox.order()
        with self.open() as rocket:
            rocket.device.bind(self.number)
            rocket.consent.declare_age(adult=True)

    @property
    def path(self) -> Path:
        return self.folder / "mine.zip"

    def open(self) -> RocketVPN:
        return RocketVPN.open(config(self.folder, self.sandbox.url, self.sandbox.ca_file))

    def rows(self, table: str, column: str = "order_number") -> list[dict[str, Any]]:
        return [row for row in self.sandbox.rows()[table] if row[column] == self.number]

    def prepare(self, name: str, at: int) -> str:
        """Bring about what the right is used on; return what it is about."""
        with self.open() as rocket:
            if name == "cancel":
                self.sandbox.faults.delay_deletions = True
                return rocket.rights.delete(rocket.rights.plan_delete("logs")).server.request_id or ""
            if name == "revoke-ticket":
                return rocket.rights.make_ticket("device").ticket_id
        return {"export": str(self.path), "correct": "de" if at % 4 < 2 else "fr"}.get(name, "")

    def again(self, name: str, about: str) -> None:
        """Start the app anew, look whether all is whole, use the right once more, and see that it ended right."""
        with self.open() as rocket:
            verify(rocket._components.vault)
            AFTER[name](self, rocket, about)
            verify(rocket._components.vault)


def _view(_: Device, rocket: RocketVPN, __: str) -> None:
    report = rocket.rights.view()
    assert report.server_answered
    assert {entry.outcome for entry in rocket.rights.sent()} & {"interrupted", "unknown"}, "the ledger has what began"


def _export(device: Device, rocket: RocketVPN, about: str) -> None:
    assert not device.path.exists(), "the server is asked before a file is begun"
    assert rocket.rights.export(about).server_problem == "authentication-required", "only who was told needs a code"
    Unpacked(device.path)
    assert not list(device.folder.glob(".mine*"))
    device.path.unlink()


def _correct(device: Device, rocket: RocketVPN, about: str) -> None:
    assert rocket.rights.correct({"language": about}).server.state == "confirmed"
    assert [row["language"] for row in device.rows("orders", "number")] == [about]


def _cancel(device: Device, rocket: RocketVPN, about: str) -> None:
    assert rocket.rights.cancel(about).status == "revoked"
    assert rocket.status().waiting == 0
    assert [row["status"] for row in device.sandbox.rows()["rights_requests"] if row["id"] == about] == ["revoked"]


def _make_ticket(device: Device, rocket: RocketVPN, _: str) -> None:
    """One whose making was cut off was never shown; it is listed, and can be revoked."""
    assert len(device.rows("tickets")) <= 1
    made = rocket.rights.make_ticket("device")
    assert made.ticket_id in {row["ticket_id"] for row in device.rows("tickets")}
    for listed in rocket.rights.tickets():
        rocket.rights.revoke_ticket(listed.ticket_id)
    assert not device.rows("tickets")


def _revoke_ticket(device: Device, rocket: RocketVPN, about: str) -> None:
    for listed in rocket.rights.tickets():
        rocket.rights.revoke_ticket(listed.ticket_id)
    assert about not in {row["ticket_id"] for row in device.rows("tickets")}


AFTER = {
    "view": _view,
    "export": _export,
    "correct": _correct,
    "cancel": _cancel,
    "make-ticket": _make_ticket,
    "revoke-ticket": _revoke_ticket,
}


@pytest.mark.clause("A1", "A2", "A3")
@pytest.mark.parametrize("name", USES)
def test_attack_kill_9_at_every_exchange_of_a_right(
    steps: RightsSteps, sandbox: Sandbox, acts: Counter[tuple[str, str]], tmp_path: Path, name: str
) -> None:
    device = Device(tmp_path / "device", sandbox)
    place = {"folder": str(device.folder), "server": sandbox.url, "ca_file": str(sandbox.ca_file)}
    for at in range(0, MOST, form(5, 2, 1)):
        about = device.prepare(name, at)
        ended = steps.run("use", right=name, about=about, **place, at=at)
        if ended == SURVIVED:
            break
        assert ended == KILLED
        device.again(name, about)
        assert max(acts.values(), default=0) <= 1
    assert 2 <= at < MOST - 2


@pytest.mark.clause("A3")
def test_attack_kill_9_while_a_ticket_is_used(steps: RightsSteps, sandbox: Sandbox, tmp_path: Path) -> None:
    for at in range(MOST):
        device = Device(tmp_path / str(at), sandbox)
        with device.open() as rocket:
            ticket = rocket.rights.make_ticket("device")
        ended = steps.run("use_ticket", ticket=ticket.text, ca_file=str(sandbox.ca_file), at=at)
        used = not device.rows("devices")
        if ended == SURVIVED:
            assert used
            break
        assert ended == KILLED
        # Used or not: for a day it brings the receipt.
        assert erase_with_ticket(ticket, trust=sandbox.ca_file).receipt.claims.jti == ticket.ticket_id
        assert not device.rows("devices")
    assert 2 <= at < MOST - 1
