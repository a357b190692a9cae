"""The sentences people read, looked up in gettext catalogues.

Sentences live as plain class attributes and table entries (never docstrings, which ``python -OO`` removes); the
English text is the catalogue's key, so a missing catalogue still gives a whole sentence.
"""

from __future__ import annotations

import gettext
from functools import cache
from pathlib import Path

DOMAIN = "rocketvpn_sdk"


@cache
def _catalogue() -> gettext.NullTranslations:
    return gettext.translation(DOMAIN, Path(__file__).with_name("locale"), fallback=True)


def translate(sentence: str) -> str:
    """Return ``sentence`` in the language of the user's locale, or as it stands where no catalogue has it."""
    return _catalogue().gettext(sentence) if sentence else ""
