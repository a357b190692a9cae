"""Deletion: gone here at once, offline too; the server is told as soon as it can be, until it has confirmed.

The steps, and what a process leaves that dies in between:

1. ``_destroy_here``: one durable transaction destroys the keys of what is in scope and queues the request. Then the
   root key is replaced, and what is in memory goes. Before the commit nothing is deleted; after it, the next opening
   replaces the root.
2. ``_follow``: the request goes to the server, which gives it an id (``QueueItem.reference``). It stays in the queue to
   the end. Without that id it is sent again, by the same idempotency key; with it, the server is asked how far it is.
3. ``_conclude``: the server says that it is done. Its receipt is fetched, checked and kept; all that can be repeated.
4. ``_remove_vault``, unless it was the log alone: the vault is marked as ended, and its keys, secrets and files go. The
   next opening goes on with that.

``delete`` and ``Rights.resume`` take a deletion through 2 to 4 while the user is there (``follow``); the queue does so
without the user (``_carry``): ``RocketVPN.sync`` and the background worker deliver it.
"""

from __future__ import annotations

import logging
import secrets
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.cancelling import check
from rocketvpn_sdk.changes import RECEIPT_UNSAVED, RECEIPT_WAITING
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.reports import erase_reports
from rocketvpn_sdk.context import DELETION, Context
from rocketvpn_sdk.errors import (
    AuthenticationError,
    CallbackFailed,
    CallCancelled,
    ExportFailed,
    NotBound,
    ReceiptInvalid,
    RocketVPNError,
    VaultBusy,
    VaultError,
)
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.identity import CREDENTIALS
from rocketvpn_sdk.policy_versions import policy_documents
from rocketvpn_sdk.progress import Progress, Steps
from rocketvpn_sdk.rights.local import LocalData
from rocketvpn_sdk.rights.outcome import Here, Outcome, Receipt, Server, ServerState
from rocketvpn_sdk.rights.plan import DeletionPlan
from rocketvpn_sdk.rights.receipt_files import keep_receipt
from rocketvpn_sdk.rights.receipts import check_receipt, fetch_keys
from rocketvpn_sdk.signed_files import TrustedFiles
from rocketvpn_sdk.signed_files.folder import beside, remove
from rocketvpn_sdk.transport import Api, deadline
from rocketvpn_sdk.transport.delivery import Handlers, QueueDelivery, problem_code
from rocketvpn_sdk.vault import QueueItem
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.vault import CLOCK
from rocketvpn_sdk.witness import STREAM

logger = logging.getLogger(__name__)

_STEPS = 2
"""Of a deletion: here, and at the server."""
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
    """Carries a deletion from the keys on this device to the server's receipt; see the module for its steps.

    Args:
        context: has the vault, whose content is destroyed, and the queue, which holds the pending deletion until the
            server has confirmed it.
        local: told to forget what is in memory.
        api: the calls.
        delivery: delivers pending deletions.
        files: returns the operator's signed files, which hold the keys of receipts; ``None``: there are none, and the
            keys come over TLS.
        receipts: the folder that keeps receipts; ``None``: nobody's but the caller's or a subscriber's hands do.
    """

    def __init__(
        self,
        context: Context,
        local: LocalData,
        api: Api,
        delivery: QueueDelivery,
        files: Callable[[], TrustedFiles | None],
        receipts: Path | None,
    ) -> None:
        self._context = context
        self._vault, self._queue, self._clock = context.vault, context.queue, context.clock
        self._local = local
        self._api = api
        self._delivery = delivery
        self._files = files
        self._receipts = receipts
        self._removing = False
        """Whether the vault's removal has begun: its queue cannot be read any more."""

    def delete(self, plan: DeletionPlan, progress: Progress | None = None) -> Outcome:
        """Delete what is in the scope of ``plan``, also what came after it was made; see ``Rights.delete``."""
        steps = Steps(progress, _STEPS)
        steps.reached("here", 0)
        pending = self._new_pending(plan.scope)
        here = self._destroy_here(plan.scope, pending)
        with suppress(CallbackFailed, CallCancelled):  # what is destroyed cannot be called off
            steps.reached("server")
        if pending is None:
            problem = None if plan.scope == "logs" else self._try_to_remove_vault()
            server = Server(state="not_needed", problem=problem)
        else:
            server = self._deliver_now(pending)
        with suppress(CallbackFailed, CallCancelled):
            steps.reached("server")
        return Outcome(here=here, server=server)

    def _deliver_now(self, pending: QueueItem) -> Server:
        """Ask the server now. An error of the vault does not raise: the data on this device is destroyed already."""
        try:
            return self.follow(pending, interactive=True)
        except (VaultError, CallCancelled) as error:
            kept = self._queue.find(pending.id) or pending
            return Server(state=_STATES[kept.state], problem=error.code, request_id=kept.reference)

    def follow(self, pending: QueueItem, *, interactive: bool) -> Server:
        """Take a deletion as far as it goes now; without ``interactive`` the user is not asked.

        All of its calls together take no longer than one may, not counting the user's own time.
        """
        total = self._vault.limits.total_timeout
        with deadline.within(total), self._queue.delivery_lock(total) as ours:
            if not ours:  # another process is on it, and may be asking the user
                check()
                return Server(state=_STATES[pending.state], problem=VaultBusy.code, request_id=pending.reference)
            return self._follow(pending, interactive=interactive)

    def handlers(self) -> Handlers:
        """Return the queue handlers of deletions, by operation."""
        return {DELETION: self._carry}

    def _carry(self, pending: QueueItem) -> QueueItem | None:
        """Take a deletion further for the queue, under its delivery lock; ``None``: it is confirmed."""
        try:
            server = self._follow(pending, interactive=False, caller_takes_receipt=False)
        except NotBound as error:
            return self._delivery.postpone(msgspec.structs.replace(pending, state="refused"), error)
        return None if server.state == "confirmed" else self._queue.find(pending.id)

    def _follow(self, pending: QueueItem, *, interactive: bool, caller_takes_receipt: bool = True) -> Server:
        """Tell the server where it does not know yet, then ask it how far it is.

        ``caller_takes_receipt``: the receipt is returned to the app, so that it is not lost when the vault goes.
        """
        if self._api.session.device().credentials.device_id != pending.device_id:
            raise NotBound  # the device was bound again: the new binding must not be deleted for the old one
        if pending.reference is None:
            pending, answer = self._delivery.deliver(pending, wire.RightsRequest, interactive=interactive)
            if answer is None:
                return Server(state=_STATES[pending.state], problem=pending.problem)
            pending = msgspec.structs.replace(pending, reference=answer.value.request_id)
            self._queue.update(pending)
        told = pending
        if pending.state == "waiting_for_user":  # the server has it already; the user was needed after that
            told = msgspec.structs.replace(pending, state="accepted")
        try:
            return self._conclude(
                told, pending.reference or "", interactive=interactive, caller_takes_receipt=caller_takes_receipt
            )
        except AuthenticationError as error:
            with suppress(VaultError):  # then it is asked about again sooner than it need be
                self._delivery.ask_for_user(told, error)
            return Server(state="waiting_for_user", problem=error.code, request_id=pending.reference)
        except CallCancelled:  # nothing went wrong: it waits as before
            raise
        except RocketVPNError as error:
            with suppress(VaultError):
                self._delivery.postpone(told, error)
            if isinstance(error, ReceiptInvalid):
                raise
            return Server(state="in_progress", problem=problem_code(error), request_id=pending.reference)

    def forget_now(self) -> None:
        """Drop every pending deletion without waiting for the server, and what is left of the vault.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
        """
        if self._removing:
            self._remove_vault()
            return
        pending_deletions = self._context.deletions()
        if any(pending.body["scope"] != "logs" for pending in pending_deletions):
            self._removing = True
            self._remove_vault()  # the pending deletions go with it
            return
        for pending in pending_deletions:
            self._queue.remove(pending)

    def _new_pending(self, scope: wire.Scope) -> QueueItem | None:
        """Return the request to the server; nothing to tell it where this device is not bound."""
        credentials = self._context.credentials()
        if credentials is None:
            return None
        return QueueItem(
            id=secrets.token_hex(8),
            operation=DELETION,
            body={"exercise": "deletion", "scope": scope},
            created_at=self._clock.time(),
            begun_at=self._vault.age().earliest(self._clock.time()),
            idempotency_key=str(uuid.uuid4()),
            device_id=credentials.device_id,
            subject=f"device/{credentials.device_id}",
        )

    def _destroy_here(self, scope: wire.Scope, pending: QueueItem | None) -> Here:
        """Destroy everything in scope and queue the pending deletion, in one transaction; then rotate the root."""
        with self._vault.shredding(partial(self._forget, scope)) as transaction:
            if scope == "logs":
                destroyed = transaction.shred((PartitionChoice(stream="log"), PartitionChoice(stream=STREAM)))
                erase_reports(transaction, self._queue, self._clock.time())  # they are made of the log
            else:
                destroyed = transaction.shred(PartitionChoice())
                # Until the server has confirmed it there stays what signs the request and which policy holds: no more.
                signing = (CREDENTIALS,) if pending else ()
                transaction.drop_all_documents(keep=(CLOCK, *policy_documents(transaction), *signing))
            if pending is not None:
                self._queue.add(transaction, pending)
        logger.info("deletion of %s: %d keys destroyed here", scope, destroyed)
        vault = self._vault.status()
        return Here(
            done=True,
            at=utc(self._clock.time()),
            keys_destroyed=destroyed,
            rotation_owed=vault.rotation_owed_since is not None,
            keeps_deleted=vault.keeps_deleted,
        )

    def _forget(self, scope: wire.Scope) -> None:
        """Drop from memory what was destroyed."""
        self._local.journal.shredded()
        if scope != "logs":
            self._local.journal.own_values.forget()
        self._api.sent.forget()
        self._local.witness.forget()

    def _conclude(
        self, pending: QueueItem, request_id: str, *, interactive: bool, caller_takes_receipt: bool
    ) -> Server:
        """Ask the server how far it is; once it is done, keep its receipt and end the deletion here."""
        path = {"request_id": request_id}
        status = self._api.call("rights.status", answer=wire.RightsRequest, path=path, interactive=interactive).value
        logger.info("deletion of %s: the server says %s", pending.body["scope"], status.status)
        if status.status in ("denied", "revoked", "expired"):
            problem = status.reason or status.status
            refused = self._delivery.postpone(msgspec.structs.replace(pending, state="refused", problem=problem))
            return Server(state="refused", problem=refused.problem, request_id=request_id)
        if status.status != "fulfilled":
            self._delivery.postpone(pending)
            return Server(state="in_progress", request_id=request_id, waits_until=status.waits_until)
        scope: wire.Scope = pending.body["scope"]
        taken = caller_takes_receipt or self._receipts or self._context.events.heard(DeletionConfirmed)
        if scope != "logs" and not taken:
            return self._wait_for_taker(pending, request_id, RECEIPT_WAITING)
        receipt = self._receipt(pending, request_id, interactive=interactive)
        logger.info("deletion of %s: the receipt holds", scope)
        try:  # first: once the vault is gone nothing here can ask for it again
            if self._receipts is not None:
                keep_receipt(receipt, self._receipts)
        except ExportFailed:
            return self._wait_for_taker(pending, request_id, RECEIPT_UNSAVED)
        kept = None
        if scope == "logs":
            self._queue.remove(pending)
        else:
            kept = self._try_to_remove_vault()
        self._context.events.emit(DeletionConfirmed(scope=scope, receipt=receipt))
        return Server(state="confirmed", problem=kept, request_id=request_id, receipt=receipt)

    def _wait_for_taker(self, pending: QueueItem, request_id: str, problem: str) -> Server:
        """Leave a deletion that the server has carried out as it is: ending it here would throw the receipt away."""
        self._delivery.postpone(msgspec.structs.replace(pending, problem=problem))
        return Server(state="in_progress", problem=problem, request_id=request_id)

    def _remove_vault(self) -> None:
        """Remove the operator's signed files, then the vault: its keys, its secrets and its files."""
        with suppress(RocketVPNError):  # the operator's signed files are nothing personal, and must hold nothing up
            remove(beside(self._vault.folder))
        self._vault.destroy()

    def _try_to_remove_vault(self) -> str | None:
        """Remove folder and secrets; return the code of what kept something from being removed, if anything did.

        What the user had here is gone all the same. ``forget_now`` or the next opening goes on.
        """
        self._removing = True
        try:
            self._remove_vault()
        except VaultError as error:
            return error.code
        return None

    def _receipt(self, pending: QueueItem, request_id: str, *, interactive: bool) -> Receipt:
        path = {"request_id": request_id}
        token = self._api.call("rights.receipt", answer=str, path=path, interactive=interactive).value
        keys = fetch_keys(self._api, self._files())
        behind = self._api.session.server_clock.now() - self._clock.time()
        return check_receipt(
            token,
            keys.text,
            issuer=self._api.server,
            request_id=request_id,
            device_id=pending.device_id or "",
            scope=pending.body["scope"],
            requested_at=(pending.begun_at or pending.created_at) + min(behind, 0.0),
            now=max(self._clock.time() + behind, self._vault.fresh()),
            evidence=keys.evidence,
        )
