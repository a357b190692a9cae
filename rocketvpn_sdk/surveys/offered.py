"""Surveys as they are shown, in one language. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Literal

import msgspec

from rocketvpn_sdk.policy.wording import text_in
from rocketvpn_sdk.wire import ListedSurvey, Question, SurveyList


class SurveyAnswerOption(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers to choose from."""

    id: str
    label: str


class SurveyQuestion(msgspec.Struct, frozen=True, kw_only=True):
    """What a survey asks."""

    id: str
    kind: Literal["one", "several", "rating", "text"]
    """Answered by the id of one option, by a list of ids, by a number from 1 to 5, or by a text."""
    text: str
    options: tuple[SurveyAnswerOption, ...]
    required: bool


class Survey(msgspec.Struct, frozen=True, kw_only=True):
    """A survey that this user may answer."""

    id: str
    title: str
    why: str
    """What the operator wants to know it for."""
    closes: date
    """The last day, in UTC."""
    questions: tuple[SurveyQuestion, ...]


def shown(listed: ListedSurvey, language: str) -> Survey:
    """Return a survey in ``language``; in English, or in what there is, where it lacks that."""
    return Survey(
        id=listed.id,
        title=text_in(listed.title, language),
        why=text_in(listed.why, language),
        closes=listed.closes,
        questions=tuple(_question(question, language) for question in listed.questions),
    )


def usable(listed: SurveyList) -> Iterator[ListedSurvey]:
    """Yield the surveys that can be answered: an operator's slip in one of them does not take the others along."""
    seen: set[str] = set()
    for survey in listed.surveys:
        questions = [question.id for question in survey.questions]
        if survey.id not in seen and len(set(questions)) == len(questions) and all(map(_answerable, survey.questions)):
            yield survey
        seen.add(survey.id)


def _answerable(question: Question) -> bool:
    choices = [choice.id for choice in question.choices]
    return len(set(choices)) == len(choices) and bool(choices) is (question.kind in ("one", "several"))


def _question(question: Question, language: str) -> SurveyQuestion:
    options = (SurveyAnswerOption(id=each.id, label=text_in(each.label, language)) for each in question.choices)
    return SurveyQuestion(
        id=question.id,
        kind=question.kind,
        text=text_in(question.text, language),
        options=tuple(options),
        required=question.required,
    )
