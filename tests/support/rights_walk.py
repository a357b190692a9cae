"""Each right, as it is used; what its answer says, held against the server and the vault; and going on later."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from itertools import cycle
from typing import Any

import pytest

from rocketvpn_sdk.errors import (
    ExportFailed,
    ReceiptInvalid,
    RequestRefused,
    RocketVPNError,
    ServerError,
    TransportError,
    VaultError,
    VaultFull,
)
from rocketvpn_sdk.rights import ErasureOutcome, Outcome, erase_with_ticket
from rocketvpn_sdk.vault.verify import verify
from support.exports import Unpacked
from support.rights_faults import Person

NETWORK = (TransportError, ServerError)


class Right:
    """One right. ``go`` uses it, under a fault; ``true`` checks what came; ``again`` goes on without the fault."""

    bound = True
    destroys = False
    """Whether the device, or the order, is gone afterwards."""
    raises: tuple[type[RocketVPNError], ...] = (*NETWORK, VaultFull)
    """What may come of a network or a disk that fails; everything else is a defect."""

    def prepare(self, who: Person) -> None:
        """Bring about what the right is used on."""

    def go(self, who: Person) -> Any:
        """Use it."""
        raise NotImplementedError

    def true(self, who: Person, came: Any) -> None:
        """Check what came: an answer, or an error of ours."""

    def again(self, who: Person) -> None:
        """Go on without the fault, and check that it ends right."""
        raise NotImplementedError


# ---------------------------------------------------------------- seeing and taking along


class View(Right):
    raises = (VaultFull,)

    def go(self, who: Person) -> Any:
        return who.rocket.rights.view()

    def true(self, who: Person, came: Any) -> None:
        if isinstance(came, RocketVPNError):
            return
        values = [held.value for held in came.there if held.field == "order_number"]
        assert values == ([who.number] if came.server_answered else [])
        assert came.server_answered == (came.server_problem is None)
        assert came.disclosures_problem is None or not came.disclosures
        assert came.requests_problem is None or not came.requests

    def again(self, who: Person) -> None:
        report = who.rocket.rights.view(with_code=True)
        self.true(who, report)
        assert (report.server_problem, report.disclosures_problem, report.requests_problem) == (None, None, None)


class Export(View):
    raises = (VaultFull, ExportFailed)

    def go(self, who: Person) -> Any:
        return who.rocket.rights.export(who.folder / "mine.zip")

    def true(self, who: Person, came: Any) -> None:
        path = who.folder / "mine.zip"
        assert not list(who.folder.glob(".mine*")), "half a file"
        assert path.exists() != isinstance(came, RocketVPNError)
        if path.exists():
            parts = Unpacked(path)
            problems = [parts.json(f"{name}.json")["server_problem"] for name in ("report", "requests", "disclosures")]
            assert came.server_problem == next((problem for problem in problems if problem), None)
            assert came.server_answered == (came.server_problem is None)
            assert (who.number in parts.text("report.json")) >= (problems[0] is None)
            assert len(parts.json_lines("log.jsonl")) >= 1
            path.unlink()

    def again(self, who: Person) -> None:
        done = who.rocket.rights.export(who.folder / "mine.zip", with_code=True)
        assert done.server_answered
        self.true(who, done)


# ---------------------------------------------------------------- correcting


class Correct(Right):
    def __init__(self) -> None:
        self._languages: Iterator[str] = cycle(["de", "fr", "it", "es"])
        self._before: str | None = None
        self._wanted = ""

    def prepare(self, who: Person) -> None:
        order = who.order()
        assert order is not None
        self._before, self._wanted = order["language"], next(self._languages)

    def go(self, who: Person) -> Any:
        return who.rocket.rights.correct({"language": self._wanted})

    def true(self, who: Person, came: Any) -> None:
        order = who.order()
        assert order is not None
        if isinstance(came, RocketVPNError):
            assert order["language"] in (self._before, self._wanted)
            return
        assert came.server.state in ("confirmed", "in_progress")
        assert (came.server.problem is None) == (came.server.state == "confirmed")
        assert order["language"] == self._wanted, "it was said that the server took it"

    def again(self, who: Person) -> None:
        done = self.go(who)
        assert done.server.state == "confirmed"
        self.true(who, done)


# ---------------------------------------------------------------- deleting


class Delete(Right):
    raises = (VaultError,)

    def __init__(self, scope: Any) -> None:
        self._scope = scope
        self.destroys = scope != "logs"
        self._before = self._logged = 0

    def prepare(self, who: Person) -> None:
        who.log()
        self._logged = who.logged()
        self._before = len(who.requests())

    def go(self, who: Person) -> Outcome:
        return who.rocket.rights.delete(who.rocket.rights.plan_delete(self._scope))

    def true(self, who: Person, came: Any) -> None:
        asked = who.requests()[self._before :]
        if isinstance(came, RocketVPNError):  # "nothing was deleted"
            assert who.rocket.status().bound
            assert who.logged() == self._logged
            assert (asked, who.rocket.status().waiting) == ([], 0)
            return
        assert came.here.done
        assert len(asked) <= 1
        if came.server.state == "confirmed":
            assert [row["status"] for row in asked] == ["fulfilled"]
            assert came.server.receipt.claims.jti == asked[0]["id"]
            self._confirmed(who, came)
        else:
            assert came.server.problem is not None
            assert who.rocket.status().waiting == 1
            assert who.logged() == 0
            assert came.server.state != "waiting_for_user", "nobody was needed"

    def _confirmed(self, who: Person, came: Outcome) -> None:
        if self._scope == "logs":
            assert who.logged() == who.rocket.status().waiting == 0
            return
        assert not who.rows("devices")
        assert (who.order() is None) == (self._scope == "account")
        assert who.world.folder.exists() == bool(who.secrets.names()) == (came.server.problem is not None)

    def again(self, who: Person) -> None:
        if who.rocket.status().vault.state == "closed":
            if who.secrets.names():
                who.rocket.rights.forget_now()
        elif who.logged():
            assert self.go(who).server.state == "confirmed"
        elif who.rocket.status().waiting:
            assert [server.state for server in who.rocket.rights.resume()] == ["confirmed"]
        assert [row["status"] for row in who.requests()[self._before :]] == ["fulfilled"], "exactly once"
        if self._scope == "logs":
            assert who.logged() == who.rocket.status().waiting == 0
            return
        if who.rocket.status().vault.state != "closed":  # reopened: what was left was removed, and a new one is empty
            assert who.rocket.status().bound is False
            who.rocket.rights.delete(who.rocket.rights.plan_delete(self._scope))
        assert not who.world.folder.exists()
        assert not who.secrets.names()


class Cancel(Right):
    def prepare(self, who: Person) -> None:
        who.line.sandbox.faults.delay_deletions = True
        outcome = who.rocket.rights.delete(who.rocket.rights.plan_delete("logs"))
        assert outcome.server.state == "in_progress"
        who.notes["request"] = outcome.server.request_id

    def go(self, who: Person) -> Any:
        return who.rocket.rights.cancel(who.notes["request"])

    def true(self, who: Person, came: Any) -> None:
        status = self._row(who)["status"]
        if isinstance(came, RocketVPNError):
            assert status in ("open", "revoked")
            assert who.rocket.status().waiting == 1
        else:
            assert came.status == status == "revoked"
            assert who.rocket.status().waiting == 0

    def again(self, who: Person) -> None:
        who.rocket.sync()
        if who.rocket.status().waiting:
            assert self.go(who).status == "revoked"
        assert self._row(who)["status"] == "revoked"
        assert who.rocket.status().waiting == 0
        assert who.rocket.rights.request(who.notes["request"]).status == "revoked"

    def _row(self, who: Person) -> dict[str, Any]:
        return next(row for row in who.requests() if row["id"] == who.notes["request"])


# ---------------------------------------------------------------- without a device


class OwnerView(Right):
    bound = False

    def go(self, who: Person) -> Any:
        who.notes.pop("owner", None)
        who.notes["owner"] = who.rocket.rights.as_owner(who.number)
        return who.notes["owner"].view()

    def true(self, who: Person, came: Any) -> None:
        if not isinstance(came, RocketVPNError):
            assert who.number in [held.value for held in came]

    def again(self, who: Person) -> None:
        self.true(who, self.go(who))


class OwnerDelete(Right):
    bound, destroys = False, True

    def go(self, who: Person) -> Any:
        if "owner" not in who.notes:
            who.notes["owner"] = who.rocket.rights.as_owner(who.number)
        return who.notes["owner"].delete()

    def true(self, who: Person, came: Any) -> None:
        asked = self._asked(who)
        assert len(asked) <= 1
        if isinstance(came, RocketVPNError):
            return
        assert came.here.done is False
        assert [row["status"] for row in asked] == ["fulfilled"]
        assert who.order() is None
        assert came.server.state in ("confirmed", "in_progress")
        assert (came.server.receipt is None) == (came.server.problem is not None) == (came.server.state != "confirmed")

    def again(self, who: Person) -> None:
        if who.order() is None and "owner" not in who.notes:
            return  # the app was started anew; there is nothing left to delete, and nobody to ask about it
        done = self.go(who)
        assert done.server.state == "confirmed"
        self.true(who, done)

    def _asked(self, who: Person) -> list[dict[str, Any]]:
        owner = who.notes.get("owner")
        return who.requests(owner._owner.prover._key.thumbprint) if owner else []


# ---------------------------------------------------------------- tickets


class MakeTicket(Right):
    def prepare(self, who: Person) -> None:
        assert not who.rows("tickets")

    def go(self, who: Person) -> Any:
        return who.rocket.rights.make_ticket("account")

    def true(self, who: Person, came: Any) -> None:
        there = [row["ticket_id"] for row in who.rows("tickets")]
        if isinstance(came, RocketVPNError):
            assert len(there) <= 1
        else:
            assert there == [came.ticket_id]

    def again(self, who: Person) -> None:
        """A ticket whose making got no answer was never shown; it is listed, and can be revoked."""
        known = {row["ticket_id"] for row in who.rows("tickets")}
        made = self.go(who)
        assert {row["ticket_id"] for row in who.rows("tickets")} == known | {made.ticket_id}
        for listed in who.rocket.rights.tickets():
            who.rocket.rights.revoke_ticket(listed.ticket_id)
        assert not who.rows("tickets")


class RevokeTicket(Right):
    def prepare(self, who: Person) -> None:
        who.notes["ticket"] = who.rocket.rights.make_ticket("device").ticket_id

    def go(self, who: Person) -> Any:
        who.rocket.rights.revoke_ticket(who.notes["ticket"])

    def true(self, who: Person, came: Any) -> None:
        assert isinstance(came, RocketVPNError) or not who.rows("tickets")

    def again(self, who: Person) -> None:
        there = len(who.rows("tickets"))
        with nullcontext() if there else pytest.raises(RequestRefused, match="ticket-not-found"):
            self.go(who)
        assert who.rocket.rights.tickets() == ()


class UseTicket(Right):
    destroys = True
    raises = (*NETWORK, ReceiptInvalid)

    def prepare(self, who: Person) -> None:
        who.notes["ticket"] = who.rocket.rights.make_ticket("device")

    def go(self, who: Person) -> Any:
        sandbox = who.line.sandbox
        root = sandbox.trusted_root.read_bytes()
        return erase_with_ticket(who.notes["ticket"], trust=sandbox.ca_file, trusted_root=root)

    def true(self, who: Person, came: Any) -> None:
        assert self._used(who) == (not who.rows("devices"))
        if isinstance(came, ErasureOutcome | ReceiptInvalid):
            assert self._used(who)
        if isinstance(came, ErasureOutcome):
            assert came.receipt.claims.jti == who.notes["ticket"].ticket_id

    def again(self, who: Person) -> None:
        self.true(who, self.go(who))  # used or not: for a day it brings the receipt
        assert self._used(who)

    def _used(self, who: Person) -> bool:
        rows = who.line.sandbox.rows()["tickets"]
        (row,) = [row for row in rows if row["ticket_id"] == who.notes["ticket"].ticket_id]
        return row["receipt"] is not None


def whole(who: Person) -> None:
    """Check that the vault is what was written, and that the server acted once on each request."""
    if who.rocket.status().vault.state != "closed":
        verify(who.rocket._components.vault)
    assert max(who.line.acts.values(), default=0) <= 1, "the server acted twice on one request"


RIGHTS: dict[str, type[Right] | Any] = {
    "view": View,
    "export": Export,
    "correct": Correct,
    "delete-logs": lambda: Delete("logs"),
    "delete-device": lambda: Delete("device"),
    "delete-account": lambda: Delete("account"),
    "cancel": Cancel,
    "owner-view": OwnerView,
    "owner-delete": OwnerDelete,
    "make-ticket": MakeTicket,
    "revoke-ticket": RevokeTicket,
    "use-ticket": UseTicket,
}
