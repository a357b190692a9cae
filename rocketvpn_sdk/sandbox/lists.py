"""Signed lists as an operator publishes them: surveys (U5), offers (U6) and notices (X2), each as one file."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from rocketvpn_sdk import wire

ListName = Literal["surveys", "offers", "notices"]
SignedList = wire.SurveyList | wire.OfferList | wire.NoticeList

_KINDS: dict[ListName, tuple[str, type[SignedList]]] = {
    "surveys": (wire.SURVEYS_TARGET, wire.SurveyList),
    "offers": (wire.OFFERS_TARGET, wire.OfferList),
    "notices": (wire.NOTICES_TARGET, wire.NoticeList),
}
_PLACE = re.compile(r" - at `\$\.?(.*)`$")


def parse(name: ListName, content: bytes, *, toml: bool) -> SignedList:
    """Return the list that an operator wrote, as TOML or as JSON.

    Raises:
        ValueError: it is none; it says where.
    """
    kind = _KINDS[name][1]
    try:
        read = msgspec.toml.decode(content, type=kind) if toml else msgspec.json.decode(content, type=kind)
    except msgspec.ValidationError as error:
        found = _PLACE.search(str(error))
        problem = _PLACE.sub("", str(error))
        raise ValueError(f"{problem}{f' ({found[1]})' if found and found[1] else ''}") from None
    return _checked(read)


def target(value: SignedList) -> tuple[str, bytes]:
    """Return where ``value`` is published, and its content.

    Raises:
        ValueError: a device could not read it.
    """
    path, kind = next(each for each in _KINDS.values() if isinstance(value, each[1]))
    content = msgspec.json.encode(_checked(value))
    msgspec.json.decode(content, type=kind)
    return path, content


def _checked(value: SignedList) -> SignedList:
    entries = value.surveys if isinstance(value, wire.SurveyList) else _entries(value)
    ids = [entry.id for entry in entries]
    if len(set(ids)) != len(ids):
        raise ValueError("two entries have the same id")
    for survey in value.surveys if isinstance(value, wire.SurveyList) else ():
        _check_questions(survey)
    return value


def _entries(value: wire.OfferList | wire.NoticeList) -> tuple[wire.ListedOffer | wire.ListedNotice, ...]:
    return value.offers if isinstance(value, wire.OfferList) else value.notices


def _check_questions(survey: wire.ListedSurvey) -> None:
    questions = [question.id for question in survey.questions]
    if len(set(questions)) != len(questions):
        raise ValueError(f"two questions of the survey {survey.id!r} have the same id")
    for question in survey.questions:
        choices = [choice.id for choice in question.choices]
        if bool(choices) is not (question.kind in ("one", "several")) or len(set(choices)) != len(choices):
            raise ValueError(f"the choices of {question.id!r} do not go with its kind, or one is there twice")
