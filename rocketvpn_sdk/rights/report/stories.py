"""What was decided and when, from the consent records; what was sent; what waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent import ConsentReceipt, ConsentStatus, PurposeStatus
from rocketvpn_sdk.consent.ledger import ConsentState, key_of
from rocketvpn_sdk.consent.record import EVENTS, STATUS
from rocketvpn_sdk.rights.report.describing import Describer
from rocketvpn_sdk.rights.report.model import ConsentStep, ConsentStory, SentSummary, SentWeek, Waiting
from rocketvpn_sdk.transport.tally import SentTally
from rocketvpn_sdk.vault import QueueItem

_STATES: dict[str, ConsentState] = {name: state for state, name in STATUS.items()}
_BY = {"dpv:DataSubject": "user", "dpv:GuardianOfDataSubject": "guardian"}
_ENDED_BY_ITSELF = {"expired": "time", "unset": "policy"}


def consents(say: Describer, status: ConsentStatus, receipts: Iterable[ConsentReceipt]) -> tuple[ConsentStory, ...]:
    """Return everything optional, with what was decided about it."""
    steps: dict[str, list[ConsentStep]] = {}
    for receipt in receipts:
        steps.setdefault(key_of(receipt.purpose, receipt.recipient), []).extend(_steps(receipt))
    return tuple(_story(say, part, steps.get(key_of(part.purpose, part.recipient), [])) for part in status.purposes)


def _story(say: Describer, part: PurposeStatus, steps: list[ConsentStep]) -> ConsentStory:
    return ConsentStory(
        purpose=part.purpose,
        recipient=part.recipient,
        sentence=say.purpose(part.purpose),
        state=part.state,
        effective=part.effective,
        server=part.server,
        history=tuple(sorted(steps, key=lambda step: step.at)),
    )


def _steps(receipt: ConsentReceipt) -> Iterator[ConsentStep]:
    """Yield the events of a consent record (ISO/IEC TS 27560, section 8.5 of the guide)."""
    record: dict[str, Any] = receipt.document["dpv:hasRecordOfActivity"]
    notice = record["dpv:hasNotice"]
    for event in record[EVENTS]:
        state = _STATES[event["@type"]]
        duration = event["dpv:hasDuration"]
        ends = duration["rdf:value"] if duration["@type"] == "dpv:UntilTimeDuration" else None
        yield ConsentStep(
            at=datetime.fromisoformat(event["dpv:isIndicatedAtTime"]),
            state=state,
            until=datetime.fromisoformat(ends) if ends else None,
            by=_BY.get(event["dpv:isIndicatedBy"], _ENDED_BY_ITSELF.get(state, "unknown")),
            policy_version=int(notice["dct:isPartOf"]["schema:version"]),
            language=notice["dct:language"],
            record_id=receipt.record_id,
        )


def sent(say: Describer, tally: SentTally) -> tuple[SentSummary, ...]:
    """Return what left, by operation."""
    return tuple(
        SentSummary(
            operation=operation,
            sentence=say.operation(operation),
            purpose=calls.purpose,
            recipient=calls.recipient,
            fields=tuple(sorted(calls.fields)),
            times=calls.times,
            not_delivered=calls.not_delivered,
            last=utc(calls.last),
        )
        for operation, calls in sorted(tally.operations.items())
    )


def weeks(tally: SentTally) -> tuple[SentWeek, ...]:
    """Return what left, by week and purpose."""
    return tuple(
        SentWeek(begins=begins, purpose=purpose, times=times)
        for (begins, purpose), times in sorted(tally.weeks.items())
    )


def waiting(say: Describer, items: Iterable[QueueItem]) -> tuple[Waiting, ...]:
    """Return the requests that wait."""
    return tuple(
        Waiting(
            operation=item.operation,
            sentence=say.operation(item.operation),
            since=utc(item.created_at),
            state=item.state,
            problem=item.problem,
            content=msgspec.to_builtins(item.body),  # a copy: the body itself is what the server is told
        )
        for item in items
    )
