"""Reports that went without a name: by which random numbers the server finds them, and how they come to be erased."""

from __future__ import annotations

import secrets
import uuid
from typing import ClassVar

import msgspec

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.transaction import Transaction

REPORTS = "reports"
"""The name of the document that holds ``SentReports``."""
SEND, ANSWER, ERASE = "diagnostics.send", "surveys.answer", "diagnostics.erase"
RELAYED = {SEND: "diagnostics.relay", ANSWER: "surveys.relay", ERASE: "diagnostics.relay_erasure"}
"""Calls that go sealed, and the call to the relay that each of them goes through."""
FIELD = "erasure_handle"
WEEK = 7 * 86400.0


class ErasureHandle(MaskedRepr, frozen=True):
    """A random number that goes with the reports of a week."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    value: str
    since: float
    """When it was made, in seconds since the epoch."""


class SentReports(MaskedRepr, frozen=True, kw_only=True):
    """What this device remembers of its reports."""

    __masked__: ClassVar[tuple[str, ...]] = ("handles",)

    handles: tuple[ErasureHandle, ...] = ()
    """Of reports that the server may still hold, oldest first."""
    until: float = 0.0
    """The time of the newest record that was reported, in seconds since the epoch."""
    taken: int = 0
    """How many records of that very time were reported: times are coarse."""

    def handle(self, now: float) -> ErasureHandle:
        """Return this week's handle; a new one if there is none, which is not written down yet."""
        for handle in reversed(self.handles):
            if 0 <= now - handle.since < WEEK:
                return handle
        return ErasureHandle(secrets.token_hex(16), now)

    def with_report(self, handle: ErasureHandle, until: float, taken: int) -> SentReports:
        """Return what to remember once records up to ``until`` were reported under ``handle``."""
        handles = self.handles if handle in self.handles else (*self.handles, handle)
        return SentReports(handles=handles, until=until, taken=taken)

    def fresh(self, now: float, policy: Policy) -> SentReports:
        """Return it without the handles that the policy lets nobody keep any longer."""
        field = policy.fields.get(FIELD)
        kept = field.retention.device if field else None
        seconds = kept.seconds if kept else 0.0
        return msgspec.structs.replace(self, handles=tuple(one for one in self.handles if now - one.since < seconds))


def report_item(body: str, due_at: float, created_at: float) -> QueueItem:
    """Return a report that waits for the server: ``body`` is what goes, byte for byte."""
    return nameless_item(SEND, {"body": body}, created_at, due_at)


def erasure_item(handle: str, created_at: float) -> QueueItem:
    """Return the request to erase what was sent under ``handle``."""
    return nameless_item(ERASE, {FIELD: handle}, created_at)


def end_reports(
    transaction: Transaction, queue: Queue, purpose: str, policies: tuple[Policy, ...], created_at: float
) -> None:
    """Erase every report, if reports are sent for ``purpose``: the consent to it ended."""
    known = (policy.operations.get(SEND) for policy in policies)
    if any(operation is not None and operation.purpose == purpose for operation in known):
        erase_reports(transaction, queue, created_at)


def erase_reports(transaction: Transaction, queue: Queue, created_at: float) -> None:
    """Drop the reports that wait, and queue the requests to erase those that were sent.

    What they were made of is destroyed in the same transaction, so that the next report begins from nothing.
    """
    queue.drop(transaction, lambda item: item.operation == SEND)
    sent = transaction.get(REPORTS, SentReports)
    if sent is None:
        return
    for handle in sent.handles:
        queue.add(transaction, erasure_item(handle.value, created_at))
    transaction.drop(REPORTS)


def drop_relayed(
    transaction: Transaction, queue: Queue, purpose: str, recipient: str, policies: tuple[Policy, ...]
) -> None:
    """Drop what waits for ``recipient`` to pass it on, but for erasures: the consent that names it ended.

    So does what could not be erased any more, since ``recipient`` would not pass that request on.
    """
    ended = {
        sealed
        for sealed in (SEND, ANSWER)
        for way in (policy.operations.get(name) for policy in policies for name in (RELAYED[sealed], RELAYED[ERASE]))
        if way is not None and (way.purpose, way.recipient) == (purpose, recipient)
    }
    queue.drop(transaction, lambda item: item.operation in ended)


def forget_old(transaction: Transaction, now: float, policy: Policy) -> bool:
    """Forget the handles that are past their time; return whether there were any. The caller owes the rotation."""
    sent = transaction.get(REPORTS, SentReports)
    if sent is None or (fresh := sent.fresh(now, policy)) == sent:
        return False
    transaction.put(REPORTS, fresh)
    return True


def nameless_item(operation: str, body: dict[str, object], created_at: float, due_at: float = 0.0) -> QueueItem:
    """Return an item in nobody's name; one subject each, since none of them has to wait for another."""
    item = secrets.token_hex(8)
    return QueueItem(
        id=item,
        operation=operation,
        body=body,
        created_at=created_at,
        idempotency_key=str(uuid.uuid4()),
        subject=f"reports/{item}",
        due_at=due_at,
        not_before=due_at,
    )
