"""Minimisation with free text: ``policy.minimise``, and for the transform ``scrub`` the scrubber (C2).

``minimiser`` compiles a field once; what it returns runs for every record. It never raises, and it fails closed: a
value that the policy does not declare, of the wrong type, out of its bounds or not of its pattern, becomes ``None``.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable

from rocketvpn_sdk.journal.lines.values import PrivateValue, settled
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.policy import Field
from rocketvpn_sdk.policy.minimise import LONGEST_WORD, Minimiser, longest_kept_text, plain_text
from rocketvpn_sdk.policy.minimise import minimiser as of_policy

CUT = "…"
"""Stands where a text was cut."""

_LONGEST_NAME = 128
_MOST_NAMES = 256
_NAME = re.compile(r"[\w-]+(?:\.[\w-]+)*", re.ASCII)


def minimiser(field: Field, scrubber: Scrubber | None = None) -> Minimiser:
    """Compile the transform of ``field`` into a function of a value and an epoch key.

    Args:
        field: a field of a checked policy.
        scrubber: what scrubs free text; default: one that knows no host as the operator's own.

    Returns:
        A function that returns what may be stored of a value. ``None`` stays ``None``.
    """
    return of_policy(field, lambda text: _scrub(text, scrubber or Scrubber()))


def cut(text: str, limit: int) -> str:
    """Return at most ``limit`` characters of ``text``, without the word that the cut went through.

    Half an address is still half an address, and no pattern knows it any more.
    """
    if len(text) <= limit:
        return text
    # One character is for the mark, so that the result is never longer than ``limit``.
    head = text[: max(limit - len(CUT), 0)]
    tail = head[-LONGEST_WORD:]
    words = re.split(r"\s", tail)
    return head[: len(head) - len(words[-1])] + CUT if limit else ""


def _scrub(field: Field, scrubber: Scrubber) -> Minimiser:
    limit = longest_kept_text(field)
    scrub: Callable[[str], str] = scrubber.scrub
    matches = re.compile(field.type.pattern, re.ASCII).fullmatch if field.type.pattern else None
    if limit <= _LONGEST_NAME:
        scrub = _remembering(scrubber)  # the names of loggers come again with every line

    def minimise(value: object, key: bytes | None) -> str | None:
        if value is None:
            return None
        if type(value) is not str and isinstance(value, PrivateValue):  # nothing personal is left in its text
            said = settled(value, key)
            return None if matches else said if len(said) <= limit else cut(said, limit)
        text = value if type(value) is str and value.isascii() else plain_text(value)
        if text is None or (matches and (len(text) > limit or not matches(text))):
            return None  # half of what has a form has not that form
        return scrub(text if len(text) <= limit else cut(text, limit))

    return minimise


def _remembering(scrubber: Scrubber) -> Callable[[str], str]:
    """Return ``scrubber.scrub`` with a memory for names.

    What becomes of a name depends on the name, on the known values, and on whether it is a module of this process. Of
    any other text a part could be such a module, so that is scrubbed each time.
    """
    remembered: dict[tuple[str, int, bool], str] = {}

    def scrub(text: str) -> str:
        key = text, scrubber.known.changes, text in sys.modules
        scrubbed = remembered.get(key)
        if scrubbed is None:
            scrubbed = scrubber.scrub(text)
            if _NAME.fullmatch(text):
                if len(remembered) >= _MOST_NAMES:
                    remembered.clear()
                remembered[key] = scrubbed
        return scrubbed

    return scrub
