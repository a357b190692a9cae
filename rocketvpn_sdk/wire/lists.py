"""Signed lists that every device fetches whole, and chooses from by itself: surveys (U5), offers (U6), notices (X2)."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import msgspec

from rocketvpn_sdk.wire.base import Wire
from rocketvpn_sdk.wire.releases import Origin, Percent, Platform, Version

SURVEYS_TARGET = "surveys/surveys.json"
OFFERS_TARGET = "offers/offers.json"
NOTICES_TARGET = "notices/notices.json"
"""The signed files: the same for every device."""

ListedId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}\Z")]
PartId = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}\Z")]
Language = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,3}\Z")]
Texts = Annotated[
    dict[Language, Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]], msgspec.Meta(min_length=1)
]
"""A text by language (BCP 47)."""


class Audience(Wire, frozen=True, kw_only=True):
    """Which devices something is for. Each device decides for itself, and tells nobody."""

    platforms: tuple[Platform, ...] = ()
    """Empty: all."""
    from_version: Version | None = None
    """The oldest version of the app."""
    below_version: Version | None = None
    """The version of the app from which on it is for nobody any more."""
    share: Percent = 100
    """How many devices of a hundred are picked, at random."""


class Choice(Wire, frozen=True, kw_only=True):
    """One of the answers to choose from."""

    id: PartId
    label: Texts


class Question(Wire, frozen=True, kw_only=True):
    """What a survey asks."""

    id: PartId
    kind: Literal["one", "several", "rating", "text"]
    """One or several of ``choices``, a number from 1 to 5, or the user's own words."""
    text: Texts
    choices: Annotated[tuple[Choice, ...], msgspec.Meta(max_length=20)] = ()
    required: bool = False


class ListedSurvey(Wire, frozen=True, kw_only=True):
    """A survey."""

    id: ListedId
    title: Texts
    why: Texts
    """What the operator wants to know it for."""
    opens: datetime.date
    closes: datetime.date
    """The last day, in UTC."""
    questions: Annotated[tuple[Question, ...], msgspec.Meta(min_length=1, max_length=20)]
    audience: Audience = Audience()


class SurveyList(Wire, frozen=True, kw_only=True):
    """Every survey: the content of ``SURVEYS_TARGET``."""

    format: Literal[1] = 1
    surveys: tuple[ListedSurvey, ...] = ()


class ListedOffer(Wire, frozen=True, kw_only=True):
    """Something from another service of the operator's group."""

    id: ListedId
    title: Texts
    text: Texts
    opens: datetime.date
    closes: datetime.date
    """The last day, in UTC."""
    server: Origin | None = None
    """The origin of the company whose offer can be taken; ``None``: there is nothing to take, it is to be read."""
    audience: Audience = Audience()


class OfferList(Wire, frozen=True, kw_only=True):
    """Every offer: the content of ``OFFERS_TARGET``."""

    format: Literal[1] = 1
    offers: tuple[ListedOffer, ...] = ()


class ListedNotice(Wire, frozen=True, kw_only=True):
    """What the operator has to tell everybody."""

    id: ListedId
    kind: Literal["breach", "policy"]
    """A breach of security, or a change of the privacy policy."""
    published: datetime.date
    title: Texts
    what: Texts
    """What happened, and to which information."""
    do: Texts
    """What the user can do."""


class NoticeList(Wire, frozen=True, kw_only=True):
    """Every notice that still matters: the content of ``NOTICES_TARGET``."""

    format: Literal[1] = 1
    notices: Annotated[tuple[ListedNotice, ...], msgspec.Meta(max_length=100)] = ()


class SurveyAnswer(Wire, frozen=True, kw_only=True):
    """One answer; several choices for one question are several of these."""

    question: PartId
    choice: PartId | None = None
    rating: Annotated[int, msgspec.Meta(ge=1, le=5)] | None = None
    text: Annotated[str, msgspec.Meta(max_length=1000)] | None = None


class SurveyResponse(Wire, frozen=True, kw_only=True):
    """What a device says to a survey."""

    erasure_handle: Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{32}\Z")]
    """A random number of this response alone, with which it can be erased."""
    answers: Annotated[tuple[SurveyAnswer, ...], msgspec.Meta(min_length=1, max_length=400)]


class OfferTaken(Wire, frozen=True, kw_only=True):
    """What a company says to whoever takes its offer."""

    link: Annotated[str, msgspec.Meta(pattern=r"^https://[!-~]{1,2000}\Z")]
    """Where to go on, in a browser. Nothing opens it by itself."""
