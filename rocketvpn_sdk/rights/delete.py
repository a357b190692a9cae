"""Deletion: gone here at once, offline too; the server is told as soon as it can be, until it has confirmed."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.consent import policy_documents
from rocketvpn_sdk.errors import (
    AuthenticationError,
    ExportFailed,
    NotBound,
    ReceiptInvalid,
    RocketVPNError,
    VaultBusy,
    VaultError,
)
from rocketvpn_sdk.events import EventBus, Notification
from rocketvpn_sdk.identity import CREDENTIALS, Credentials
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.rights.kept import keep_receipt
from rocketvpn_sdk.rights.outcome import Here, Outcome, Receipt, Server, ServerState
from rocketvpn_sdk.rights.plan import DeletionPlan
from rocketvpn_sdk.rights.receipts import check_receipt, fetch_keys
from rocketvpn_sdk.transport import Api, deadline
from rocketvpn_sdk.transport.courier import Courier, Handlers, UserNeeded, problem_code
from rocketvpn_sdk.updates import TrustedFiles
from rocketvpn_sdk.updates.place import beside, remove
from rocketvpn_sdk.vault import Queue, QueueItem, Vault
from rocketvpn_sdk.vault.lanes import Lanes
from rocketvpn_sdk.vault.vault import CLOCK
from rocketvpn_sdk.witness import STREAM, WitnessRecord

OPERATION = "rights.request"
RECEIPT_WAITING = "receipt-waiting"
"""The server has deleted and signed it, and nobody was there to take the receipt: ``resume`` brings it."""
RECEIPT_UNSAVED = "receipt-unsaved"
"""The same, and the folder of ``Config(receipts=…)`` did not take it."""
_STATES: dict[str, ServerState] = {
    "waiting": "waiting_for_connection",
    "waiting_for_user": "waiting_for_user",
    "refused": "refused",
    "accepted": "in_progress",
}


class DeletionConfirmed(Notification, frozen=True, kw_only=True):
    """The server confirmed a deletion; for ``device`` and ``account`` the vault is gone now too.

    With ``Config(receipts=…)`` the receipt is in that folder already; else it is nowhere but here.
    """

    scope: wire.Scope
    receipt: Receipt


class Deletion:
    """Carries a deletion through its states: ``gone_here`` → ``waiting_for_user`` → ``confirmed``.

    Args:
        vault: what is destroyed.
        journal: told to forget what it buffered.
        api: the calls.
        queue: where the erasure ticket rests until the server has confirmed.
        courier: delivers it.
        clock: the time.
        events: where ``DeletionConfirmed`` goes.
        witness: told to forget what it noted.
        files: returns the operator's signed files, which hold the keys of receipts; ``None``: there are none, and the
            keys come over TLS.
        receipts: the folder that keeps receipts; ``None``: nobody's but the caller's or a subscriber's hands do.
    """

    def __init__(
        self,
        *,
        vault: Vault,
        journal: Journal,
        api: Api,
        queue: Queue,
        courier: Courier,
        clock: Clock,
        events: EventBus,
        witness: WitnessRecord,
        files: Callable[[], TrustedFiles] | None = None,
        receipts: Path | None = None,
    ) -> None:
        self._vault = vault
        self._journal = journal
        self._api = api
        self._queue = queue
        self._courier = courier
        self._clock = clock
        self._events = events
        self._witness = witness
        self._files = files
        self._receipts = receipts
        self._ending = False

    def delete(self, plan: DeletionPlan) -> Outcome:
        """Do what ``plan`` says; see ``Rights.delete``."""
        ticket = self._ticket(plan.scope)
        here = self._destroy_here(plan.scope, ticket)
        if ticket is None:
            problem = None if plan.scope == "logs" else self._end_here()
            return Outcome(here=here, server=Server(state="not_needed", problem=problem))
        return Outcome(here=here, server=self._told(ticket))

    def _told(self, ticket: QueueItem) -> Server:
        """Tell the server; what is destroyed here is, and no error of the vault's may make it look otherwise."""
        try:
            return self.follow(ticket, interactive=True)
        except VaultError as error:
            kept = self._queue.find(ticket.id) or ticket
            return Server(state=_STATES[kept.state], problem=error.code, request_id=kept.reference)

    def tickets(self) -> tuple[QueueItem, ...]:
        """Return the deletions that the server has not confirmed yet."""
        return tuple(item for item in self._queue.items() if item.operation == OPERATION)

    def follow(self, ticket: QueueItem, *, interactive: bool) -> Server:
        """Take a deletion as far as it goes now; without ``interactive`` the user is not asked.

        All of its calls together take no longer than one may, not counting the user's own time.
        """
        total = self._vault.limits.total_timeout
        with deadline.within(total), self._queue.turn(total) as ours:
            if not ours:  # another process is on it, and may be asking the user
                return Server(state=_STATES[ticket.state], problem=VaultBusy.code, request_id=ticket.reference)
            return self._follow(ticket, interactive=interactive)

    def handlers(self) -> Handlers:
        """Return what takes a ticket further when the courier comes to it."""
        return {OPERATION: self._carry}

    def _carry(self, ticket: QueueItem) -> QueueItem | None:
        try:
            server = self._follow(ticket, interactive=False, awaited=False)
        except NotBound as error:
            return self._courier.postpone(msgspec.structs.replace(ticket, state="refused"), error)
        return None if server.state == "confirmed" else self._queue.find(ticket.id)

    def _follow(self, ticket: QueueItem, *, interactive: bool, awaited: bool = True) -> Server:
        if self._api.session.device().credentials.device_id != ticket.device_id:
            raise NotBound  # whoever is bound now must not be deleted for whoever was
        if ticket.reference is None:
            ticket, answer = self._courier.deliver(ticket, wire.RightsRequest, interactive=interactive)
            if answer is None:
                return Server(state=_STATES[ticket.state], problem=ticket.problem)
            ticket = msgspec.structs.replace(ticket, reference=answer.value.request_id)
            self._queue.update(ticket)
        taken = ticket
        if ticket.state == "waiting_for_user":  # the server took it; what lacked came after that
            taken = msgspec.structs.replace(ticket, state="accepted")
        try:
            return self._conclude(taken, ticket.reference or "", interactive=interactive, awaited=awaited)
        except AuthenticationError as error:
            with suppress(VaultError):  # then it is asked about again sooner than it need be
                self._courier.ask_for_user(taken, error)
            return Server(state="waiting_for_user", problem=error.code, request_id=ticket.reference)
        except RocketVPNError as error:
            with suppress(VaultError):
                self._courier.postpone(taken, error)
            if isinstance(error, ReceiptInvalid):
                raise
            return Server(state="in_progress", problem=problem_code(error), request_id=ticket.reference)

    def forget_now(self) -> None:
        """Drop every erasure ticket without waiting for the server, and with it what is left of the vault.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
        """
        if self._ending:
            self._destroy()
            return
        tickets = self.tickets()
        if any(ticket.body["scope"] != "logs" for ticket in tickets):
            self._ending = True
            self._destroy()  # the tickets go with it
            return
        for ticket in tickets:
            self._queue.remove(ticket)

    def _ticket(self, scope: wire.Scope) -> QueueItem | None:
        """Return the request to the server; nothing to tell it where this device is not bound."""
        credentials = self._vault.get(CREDENTIALS, Credentials)
        if credentials is None:
            return None
        return QueueItem(
            id=secrets.token_hex(8),
            operation=OPERATION,
            body={"exercise": "deletion", "scope": scope},
            created_at=self._clock.time(),
            idempotency_key=str(uuid.uuid4()),
            device_id=credentials.device_id,
            subject=f"device/{credentials.device_id}",
        )

    def _destroy_here(self, scope: wire.Scope, ticket: QueueItem | None) -> Here:
        """Destroy everything in scope in one transaction with writing the ticket; then rotate the root."""
        with self._vault.shredding() as change:
            if scope == "logs":
                destroyed = change.shred((Lanes(stream="log"), Lanes(stream=STREAM)))
            else:
                destroyed = change.shred(Lanes())
                # Until the server has confirmed it there stays what signs the request and which policy holds: no more.
                signing = (CREDENTIALS,) if ticket else ()
                change.drop_all_documents(keep=(CLOCK, *policy_documents(change), *signing))
            if ticket is not None:
                self._queue.add(change, ticket)
        self._journal.shredded()
        self._api.sent.forget()
        self._witness.forget()
        owed = self._vault.status().rotation_owed_since is not None
        return Here(done=True, at=utc(self._clock.time()), keys_destroyed=destroyed, rotation_owed=owed)

    def _conclude(self, ticket: QueueItem, request_id: str, *, interactive: bool, awaited: bool) -> Server:
        path = {"request_id": request_id}
        status = self._api.call("rights.status", answer=wire.RightsRequest, path=path, interactive=interactive).value
        if status.status in ("denied", "revoked", "expired"):
            problem = status.reason or status.status
            refused = self._courier.postpone(msgspec.structs.replace(ticket, state="refused", problem=problem))
            return Server(state="refused", problem=refused.problem, request_id=request_id)
        if status.status != "fulfilled":
            self._courier.postpone(ticket)
            return Server(state="in_progress", request_id=request_id)
        scope: wire.Scope = ticket.body["scope"]
        if scope != "logs" and not (awaited or self._receipts or self._events.heard(DeletionConfirmed)):
            return self._leave(ticket, request_id, RECEIPT_WAITING)
        receipt = self._receipt(ticket, request_id, interactive=interactive)
        try:  # first: once the vault is gone nothing here can ask for it again
            if self._receipts is not None:
                keep_receipt(receipt, self._receipts)
        except ExportFailed:
            return self._leave(ticket, request_id, RECEIPT_UNSAVED)
        kept = None
        if scope == "logs":
            self._queue.remove(ticket)
        else:
            kept = self._end_here()
        self._events.emit(DeletionConfirmed(scope=scope, receipt=receipt))
        return Server(state="confirmed", problem=kept, request_id=request_id, receipt=receipt)

    def _leave(self, ticket: QueueItem, request_id: str, problem: str) -> Server:
        """Leave a deletion that the server has carried out as it is: ending it here would throw the receipt away."""
        self._courier.postpone(msgspec.structs.replace(ticket, problem=problem))
        self._events.emit(UserNeeded(operation=OPERATION, code=problem))
        return Server(state="in_progress", problem=problem, request_id=request_id)

    def _destroy(self) -> None:
        with suppress(RocketVPNError):  # the operator's signed files are nothing personal, and must hold nothing up
            remove(beside(self._vault.folder))
        self._vault.destroy()

    def _end_here(self) -> str | None:
        """Remove folder and secrets; return the code of what kept something from being removed, if anything did.

        What the user had here is gone all the same. ``forget_now`` or the next opening goes on.
        """
        self._ending = True
        try:
            self._destroy()
        except VaultError as error:
            return error.code
        return None

    def _receipt(self, ticket: QueueItem, request_id: str, *, interactive: bool) -> Receipt:
        path = {"request_id": request_id}
        token = self._api.call("rights.receipt", answer=str, path=path, interactive=interactive).value
        keys = fetch_keys(self._api, self._files() if self._files else None)
        behind = self._api.server_time() - self._clock.time()
        return check_receipt(
            token,
            keys.text,
            issuer=self._api.server,
            request_id=request_id,
            device_id=ticket.device_id or "",
            scope=ticket.body["scope"],
            requested_at=ticket.created_at + behind,
            now=self._clock.time() + behind,
            evidence=keys.evidence,
        )
