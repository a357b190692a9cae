"""Answers to surveys, which went without a name: which surveys they are about, and how they come to be erased (U5)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from rocketvpn_sdk.consent.reports import ANSWER, FIELD, erasure_item, nameless_item
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.transaction import Transaction

SURVEYS = "surveys"
"""The name of the document that holds ``SurveyRecord``."""
SURVEY = "survey_id"


class Answered(MaskedRepr, frozen=True):
    """A survey that was answered here."""

    __masked__: ClassVar[tuple[str, ...]] = ("*",)

    survey: str
    handle: str
    """With which the answers can be erased; empty once the policy lets nobody keep it any longer."""
    at: float
    """In seconds since the epoch."""


class SurveyRecord(MaskedRepr, frozen=True, kw_only=True):
    """What this device remembers of surveys."""

    __masked__: ClassVar[tuple[str, ...]] = ("*",)

    number: int
    """From 0 to 99, at random: it decides for which surveys this device is picked."""
    answered: tuple[Answered, ...] = ()
    declined: tuple[str, ...] = ()

    def answer_to(self, survey: str) -> Answered | None:
        """Return what is remembered of an answered survey; ``None``: it was not answered."""
        return next((each for each in self.answered if each.survey == survey), None)

    def is_settled(self, survey: str) -> bool:
        """Whether a survey was answered or declined."""
        return survey in self.declined or self.answer_to(survey) is not None

    def with_answer(self, survey: str, handle: str, at: float) -> SurveyRecord:
        """Return it with an answered survey."""
        return msgspec.structs.replace(self, answered=(*self.answered, Answered(survey, handle, at)))

    def without(self, survey: str) -> SurveyRecord:
        """Return it without an answered survey, which may be answered again."""
        return msgspec.structs.replace(self, answered=tuple(each for each in self.answered if each.survey != survey))

    def with_declined(self, survey: str) -> SurveyRecord:
        """Return it with a survey that the user does not want to answer."""
        return msgspec.structs.replace(self, declined=(*self.declined, survey))

    def fresh(self, now: float, policy: Policy) -> SurveyRecord:
        """Return it without the handles that the policy lets nobody keep any longer."""
        field = policy.fields.get(FIELD)
        kept = field.retention.device if field else None
        seconds = kept.seconds if kept else 0.0
        old = [each for each in self.answered if each.handle and now - each.at >= seconds]
        if not old:
            return self
        answered = tuple(msgspec.structs.replace(each, handle="") if each in old else each for each in self.answered)
        return msgspec.structs.replace(self, answered=answered)


def response_item(survey: str, body: str, due_at: float, created_at: float) -> QueueItem:
    """Return answers that wait for the server: ``body`` is what goes, byte for byte."""
    return nameless_item(ANSWER, {SURVEY: survey, "body": body}, created_at, due_at)


def erase_response(transaction: Transaction, queue: Queue, answered: Answered, created_at: float) -> None:
    """Drop the answers to one survey if they wait, and queue the request to erase them."""
    queue.drop(transaction, lambda item: item.operation == ANSWER and item.body[SURVEY] == answered.survey)
    if answered.handle:
        queue.add(transaction, erasure_item(answered.handle, created_at))


def end_responses(
    transaction: Transaction, queue: Queue, purpose: str, policies: tuple[Policy, ...], created_at: float
) -> None:
    """Erase every answer and forget every survey, if answers are given for ``purpose``: the consent to it ended."""
    known = (policy.operations.get(ANSWER) for policy in policies)
    if not any(operation is not None and operation.purpose == purpose for operation in known):
        return
    record = transaction.get(SURVEYS, SurveyRecord)
    for answered in record.answered if record is not None else ():
        erase_response(transaction, queue, answered, created_at)
    queue.drop(transaction, lambda item: item.operation == ANSWER)
    transaction.drop(SURVEYS)


def forget_old_responses(transaction: Transaction, queue: Queue, now: float, policy: Policy) -> bool:
    """Forget the handles that are past their time, and answers that never got away; return whether there were any."""
    record = transaction.get(SURVEYS, SurveyRecord)
    if record is None or (fresh := record.fresh(now, policy)) == record:
        return False
    transaction.put(SURVEYS, fresh)
    lapsed = {each.survey for each in fresh.answered if not each.handle}
    queue.drop(transaction, lambda item: item.operation == ANSWER and item.body[SURVEY] in lapsed)
    return True
