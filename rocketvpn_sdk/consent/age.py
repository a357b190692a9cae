"""Whether the user is of age, as a yes or no, and what it takes to change the answer (M1). Pure."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import AgeSettled
from rocketvpn_sdk.text import translate

PERSON = "person"
"""The name of the document."""
ASKED_AGAIN_AFTER = 365 * DAY
_NO_WAY_BACK = "Someone who said they are under 18 cannot simply take that back."


class Person(msgspec.Struct, frozen=True):
    """The answer to one question; never a birth date."""

    adult: bool
    at: float = 0.0
    """When it was last asked, in seconds since the epoch; 0: before that was written down."""


def answered(before: Person | None, adult: bool, *, begins: float, ends: float) -> Person:
    """Return what is known once the user has answered.

    Args:
        before: what was known.
        adult: the answer.
        begins: the clock by which something begins, the smallest of those there are.
        ends: the one by which things end, which never goes back: an answer cannot be dated back to be over sooner.

    Raises:
        AgeSettled: from under age to of age it takes a guardian's word, or a year since the last answer.
    """
    if adult and before is not None and not before.adult:
        asked_again = before.at + ASKED_AGAIN_AFTER if before.at else None
        if asked_again is None or begins < asked_again:
            raise AgeSettled(rule="M1", reason=translate(_NO_WAY_BACK), retry_at=asked_again)
    if before is not None and adult is before.adult is True:
        return before
    return Person(adult, ends)
