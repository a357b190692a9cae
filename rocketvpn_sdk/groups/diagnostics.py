"""``rocket.diagnostics``: see what would be reported, and report it."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from rocketvpn_sdk import platforms
from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.reports import ERASE, FIELD, RELAYED, REPORTS, SEND, SentReports, report_item
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.diagnostics.collect import collect, shared
from rocketvpn_sdk.diagnostics.otlp import decode, encode
from rocketvpn_sdk.diagnostics.report import Report, ReportQueued
from rocketvpn_sdk.errors import OperationUndeclared, ValueRefused
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.journal.entry import Entry
from rocketvpn_sdk.policy import Operation
from rocketvpn_sdk.policy.wording import text_in

if TYPE_CHECKING:
    from rocketvpn_sdk.transport import Api

_uniform = secrets.SystemRandom().uniform
_REPORTED = "its records were reported already; prepare another one"
_NONE = "it is no report that was prepared here"


@checks_arguments
class Diagnostics:
    """``rocket.diagnostics``. Thread-safe.

    Args:
        context: the vault, the queue and the limits.
        journal: what was recorded.
        connect: returns the calls; the network is loaded with the first use.
        app_version: of the app; ``None``: it did not say.
    """

    def __init__(
        self,
        context: Context,
        journal: Journal,
        connect: Callable[[], Api],
        app_version: str | None,
    ) -> None:
        self._context = context
        self._journal = journal
        self._connect = connect
        self._app_version = app_version

    def prepare(self, language: str = "en") -> Report | None:
        """Return the report that would be sent now, exactly as it would be sent; ``None``: there is nothing to report.

        It has the records of the purpose ``improvement`` that no report had yet, at most 200, oldest first. Nothing is
        sent, and the network is not used.

        Args:
            language: BCP 47, for the policy's words around it; English where the policy lacks it.

        Raises:
            EgressBlocked: the policy or a missing consent does not let it go.
            OperationUndeclared: the policy has no reports.
            VaultError: what was recorded cannot be read.
        """
        operation = self._operation()
        sent = self._sent()
        collected = collect(self._entries(sent), sent, operation)
        if not collected.records:
            return None
        handle = sent.handle(self._context.vault.now())
        common = shared(handle, platform=platforms.kind(), app_version=self._app_version)
        api = self._connect()
        api.oblivious.require_allowed(RELAYED[SEND])
        body = encode(api.oblivious.judged(SEND, [common, *collected.records]))
        policy = self._context.permit.policy
        relay = policy.operations[RELAYED[SEND]].recipient
        return Report(
            body=body,
            records=len(collected.records),
            left_out=tuple(sorted(collected.left_out)),
            operator=text_in(policy.recipients[operation.recipient].sentence, language),
            relay=text_in(policy.recipients[relay].sentence, language),
            server=api.server,
            handle=handle,
            since=sent.until,
            until=collected.until,
            taken=collected.taken,
        )

    def send(self, report: Report) -> ReportQueued:
        """Send ``report``, and nothing else: it waits for a random time, and then goes with the next delivery.

        That is with ``rocket.sync()``, or by the background worker. Until then ``rocket.queue`` has it, and withdrawing
        the consent to ``improvement`` erases it. What was sent, the withdrawal asks the operator to erase.

        Args:
            report: from ``prepare``.

        Raises:
            EgressBlocked: the policy or a missing consent does not let it go, or would not let the request go with
                which it can be erased; nothing was sent.
            ValueRefused: its records were reported already, or it was not prepared here.
            VaultError: nothing was written, and nothing will be sent.
        """
        calls = self._connect().oblivious
        calls.require_allowed(SEND, RELAYED[SEND], ERASE, RELAYED[ERASE])
        _require_prepared(report)
        vault, queue, now = self._context.vault, self._context.queue, self._context.clock.time()
        due_at = now + _uniform(0.0, self._context.limits.report_delay)
        item = report_item(report.body.decode(), due_at, now)
        with vault.write() as transaction:
            sent = transaction.get(REPORTS, SentReports) or SentReports()
            if sent.until != report.since:
                raise ValueRefused(name="report", problem=_REPORTED)
            transaction.put(REPORTS, sent.with_report(report.handle, report.until, report.taken))
            queue.add(transaction, item)
        return ReportQueued(request_id=item.id, not_before=utc(due_at))

    # ---------------------------------------------------------------- inside

    def _operation(self) -> Operation:
        operation = self._context.permit.policy.operations.get(SEND)
        if operation is None:
            raise OperationUndeclared(operation=SEND, problem="the policy does not declare it")
        return operation

    def _sent(self) -> SentReports:
        vault = self._context.vault
        held = vault.get(REPORTS, SentReports) or SentReports()
        return held.fresh(vault.now(), self._context.permit.policy)

    def _entries(self, sent: SentReports) -> Iterator[Entry]:
        return self._journal.read(since=utc(sent.until) if sent.until else None)


def _require_prepared(report: Report) -> None:
    """Check that the body of ``report`` is one that ``prepare`` makes, and can be erased by the report's handle."""
    try:
        shared = decode(report.body)[0]
    except ValueError:
        shared = {}
    if shared.get(FIELD) != report.handle.value:
        raise ValueRefused(name="report", problem=_NONE)
