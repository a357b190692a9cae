"""Numbers and codes as people enter them: typed, pasted from an e-mail, or copied from paper.

Touches: nothing. Start with ``order_number``.

Only the form is changed. No letter is taken for a digit, and no digit for another: anyone who typed the letter O for
the digit 0 has entered another number.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Literal

from rocketvpn_sdk import wire

_LONGEST = 1000
_MOST_DIGITS = 64
_DASHES = "_\u02d7\u2043\u2212\u30fc"
"""Besides those that Unicode calls dashes."""
BLANK = "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
"""Letters and marks that show nothing (Unicode: Default_Ignorable_Code_Point)."""
_AROUND = " -.,;:!?*#()[]<>\"'`´‘’‚‛“”„‟«»‹›"
"""What stands around a number in a sentence, and belongs to none."""
_BETWEEN = "(?<=[0-9])[.·‧∙•'’]+(?=[0-9])"
"""What some people write between the digits of a code."""
_BEFORE = (r"\D*[:.#=№]", r"\D*\s")
"""What may stand before a number in the same line: words without a digit, up to a sign or a space."""
_LABEL = r"\D*[:=]"

Problem = Literal["", "malformed", "wrong"]


class Challenge(wire.CodeChallenge, frozen=True, kw_only=True):
    """What an authenticator is asked: the server's challenge, and how it went with the last answer."""

    attempt: int = 1
    """Which answer this asks for, from 1 on."""
    problem: Problem = ""
    """``malformed``: no code looks like that, so the server was not asked; ``wrong``: the server did not accept it."""


Authenticator = Callable[[Challenge], str | None]
"""Asks the user for the code that a challenge names; ``None``: the user cancelled."""


def plain(text: str) -> str:
    """Return ``text`` without what cannot be seen, with one kind of space, and with ASCII's digits and signs."""
    return "".join(map(_plain, text)) if len(text) <= _LONGEST else text


def order_number(text: str, pattern: str) -> str:
    """Return an order number in the form that ``pattern`` describes; what already fits it is left as it is.

    Spaces and dashes of every kind stand for a hyphen, or for nothing where the pattern has none. Where that does not
    fit, slashes do too, and words before it are left out ("Order no. RV-2026-0001"). If nothing fits, the number in
    capitals is returned. Words without a digit are left as they are, so that no sentence becomes a number.
    """
    if re.fullmatch(pattern, text) or not re.search(r"\d", text):
        return text
    seen = _dashed(plain(text))
    forms = list(_forms(seen))
    return next((form for form in (*forms, *_guesses(seen)) if re.fullmatch(pattern, form)), forms[1])


def _forms(text: str) -> Iterator[str]:
    """Yield what ``text`` can be: with its parts joined by hyphens and by nothing, as it stands, in capitals, small."""
    parts = [part for part in re.split(r"[\s-]+", text) if part]
    for glue in ("-", ""):
        joined = glue.join(parts).strip(_AROUND)
        yield from (joined, _upper(joined), _lower(joined))


def _guesses(text: str) -> Iterator[str]:
    """Yield what ``text`` can be without the words before it, and with its slashes as hyphens."""
    if len(text) > _LONGEST:
        return
    rests = [text, *(text[found.end() :] for label in _BEFORE if (found := re.match(label, text)))]
    for rest in rests:
        yield from _forms(rest)
        yield from _forms(rest.replace("/", "-"))


def code(text: str) -> str:
    """Return a code without spaces; one that has only digits, without what stands between and before them, in ASCII's.

    Dashes, dots and apostrophes may stand between them, and words and a colon before them.
    """
    seen = "".join(plain(text).split())
    label = re.match(_LABEL, seen) if len(seen) <= _LONGEST else None
    for part in (seen, seen[label.end() :]) if label else (seen,):
        digits = re.sub(_BETWEEN, "", _dashed(part).strip(_AROUND).replace("-", ""))
        if digits.isascii() and digits.isdecimal():
            return digits
    return seen.strip(_AROUND.replace("-", ""))


def may_be_code(text: str, digits: int | None) -> bool:
    """Whether ``text`` can be a code of so many digits; ``None``: the server did not say how codes look."""
    if digits is not None and 0 < digits <= _MOST_DIGITS:
        return len(text) == digits and text.isascii() and text.isdecimal()
    return 0 < len(text) <= _MOST_DIGITS and text.isascii() and text.isprintable()


def _plain(letter: str) -> str:
    if letter.isspace() or unicodedata.category(letter) == "Zs":
        return " "
    if unicodedata.category(letter) in ("Cc", "Cf") or re.match(BLANK, letter):
        return ""
    digit = unicodedata.decimal(letter, None)
    if digit is not None:
        return str(digit)
    return chr(ord(letter) - 0xFEE0) if "\uff01" <= letter <= "\uff5e" else letter  # the full-width forms of ASCII


def _dashed(text: str) -> str:
    return "".join("-" if letter in _DASHES or unicodedata.category(letter) == "Pd" else letter for letter in text)


def _upper(text: str) -> str:
    return "".join(letter.upper() if letter.isascii() else letter for letter in text)


def _lower(text: str) -> str:
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)
