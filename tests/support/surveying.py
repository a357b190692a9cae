"""A survey, and a user who agreed to answer it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.wire import Audience, Choice, ListedSurvey, Question, SurveyList
from support.reporting import AT_ONCE
from support.world import World

CONSENTS: Sequence[tuple[str, str | None]] = (("surveys", None), ("surveys", "relay"), ("rights", "relay"))
"""What has to be agreed to before a survey is answered: that it is, who passes answers on, and their erasure."""
TODAY = datetime.now(UTC).date()
SURVEY = ListedSurvey(
    id="speed-2026",
    title={"en": "How fast is it?", "de": "Wie schnell ist es?"},
    why={"en": "To know where we need more servers."},
    opens=TODAY - timedelta(1),
    closes=TODAY + timedelta(30),
    questions=(
        Question(
            id="speed",
            kind="one",
            text={"en": "How fast is your connection?", "de": "Wie schnell ist deine Verbindung?"},
            choices=(Choice(id="fast", label={"en": "Fast"}), Choice(id="slow", label={"en": "Slow"})),
            required=True,
        ),
        Question(
            id="used-for",
            kind="several",
            text={"en": "What do you use it for?"},
            choices=tuple(Choice(id=each, label={"en": each}) for each in ("work", "films", "games")),
        ),
        Question(id="stars", kind="rating", text={"en": "How do you like it?"}),
        Question(id="words", kind="text", text={"en": "What should be better?"}),
    ),
)
ANSWERS = {"speed": "slow", "used-for": ["work", "games"], "stars": 2, "words": "Ask kim@example.org about 192.0.2.7"}


def survey(**changes: Any) -> ListedSurvey:
    """Return the survey with other values."""
    return msgspec.structs.replace(SURVEY, **changes)


def listed(*surveys: ListedSurvey) -> SurveyList:
    """Return a list of surveys, ready to be signed."""
    return SurveyList(surveys=surveys or (SURVEY,))


def for_versions(oldest: str, below: str | None = None) -> Audience:
    """Return who has one of these versions of the app."""
    return Audience(from_version=oldest, below_version=below)


def surveyed(world: World, **changes: Any) -> RocketVPN:
    """Open a vault whose answers go at once."""
    return RocketVPN.open(world.config(**({"limits": AT_ONCE, "app_version": "1.4.2"} | changes)))
