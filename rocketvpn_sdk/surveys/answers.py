"""Answers: held against the questions of their survey, and written as they go. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.wire import ListedSurvey, Question, SurveyResponse

Answer = str | int | Sequence[str]
Part = Mapping[str, Any]

QUESTION, CHOICE, RATING, TEXT = "question", "choice", "rating", "text"
LONGEST_TEXT = 1000
_RATINGS = range(1, 6)


def parts_of(survey: ListedSurvey, answers: Mapping[str, Answer]) -> list[Part]:
    """Return the answers as records, in the order of the questions.

    Raises:
        ValueRefused: one of them does not fit its question, a required one is missing, or there is none.
    """
    questions = {question.id for question in survey.questions}
    if not answers.keys() <= questions:
        raise ValueRefused(name="answers", problem="they answer a question that the survey does not have")
    parts = [part for question in survey.questions for part in _parts(question, answers.get(question.id))]
    if not parts:
        raise ValueRefused(name="answers", problem="no question is answered")
    return parts


def encode(parts: Sequence[Part]) -> bytes:
    """Return a response as it goes, indented for people: what is shown is what is sent.

    Args:
        parts: what all answers share, and then each answer.
    """
    shared, *answers = parts
    return msgspec.json.format(msgspec.json.encode({**shared, "answers": answers}), indent=1)


def decode(body: bytes) -> list[Part]:
    """Return the parts of a response that ``encode`` wrote.

    Raises:
        ValueError: it is another text.
    """
    response = msgspec.json.decode(body, type=SurveyResponse)
    shared: Part = {"erasure_handle": response.erasure_handle}
    parts = [shared, *(msgspec.to_builtins(answer) for answer in response.answers)]
    if encode(parts) != body:
        raise ValueError("it is not as it would be written here")
    return parts


# ---------------------------------------------------------------- inside


def _parts(question: Question, answer: Answer | None) -> Iterator[Part]:
    if answer is None or (not isinstance(answer, int) and len(answer) == 0):
        if question.required:
            raise _refused(question, "needs an answer")
        return
    if question.kind == "rating":
        if not isinstance(answer, int) or answer not in _RATINGS:
            raise _refused(question, "takes a whole number from 1 to 5")
        yield {QUESTION: question.id, RATING: answer}
    elif question.kind == "text":
        if not isinstance(answer, str) or len(answer) > LONGEST_TEXT:
            raise _refused(question, f"takes a text of at most {LONGEST_TEXT} letters")
        yield {QUESTION: question.id, TEXT: answer}
    else:
        yield from ({QUESTION: question.id, CHOICE: choice} for choice in _choices(question, answer))


def _choices(question: Question, answer: Answer) -> Sequence[str]:
    chosen = [answer] if isinstance(answer, str) else answer
    known = {choice.id for choice in question.choices}
    if isinstance(chosen, int) or not known.issuperset(chosen) or len(set(chosen)) != len(chosen):
        raise _refused(question, f"takes of these: {', '.join(sorted(known))}")
    if question.kind == "one" and len(chosen) != 1:
        raise _refused(question, "takes one answer")
    return chosen


def _refused(question: Question, problem: str) -> ValueRefused:
    return ValueRefused(name="answers", problem=f"the question {question.id!r} {problem}")
