"""The sentences that people read, looked up in gettext catalogues.

Sentences live as plain class attributes and table entries (never docstrings, which ``python -OO`` removes); the
English text is the catalogue's key, so a missing catalogue still gives a whole sentence. docs/embedding.md says how a
language is added.
"""

from __future__ import annotations

import gettext
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

DOMAIN = "rocketvpn_sdk"
ENGLISH = "en"
"""What the sentences are in where no catalogue has them."""

_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_spoken: ContextVar[str | None] = ContextVar("rocketvpn_sdk_language", default=None)


@lru_cache(maxsize=16)
def _catalogue(language: str | None) -> gettext.NullTranslations:
    languages = None if language is None else _names(language)
    return gettext.translation(DOMAIN, _folder(), languages, fallback=True)


def _spoken_catalogue() -> gettext.NullTranslations:
    try:
        return _catalogue(_spoken.get())
    except (OSError, ImportError):  # no more files can be opened, which may be what there is to say
        return gettext.NullTranslations()


def _folder() -> str:
    from importlib import resources  # here: it loads much, and only a process that has something to say needs it

    return str(resources.files("rocketvpn_sdk").joinpath("locale"))


def _names(language: str) -> list[str]:
    """Return the folders a language may lie in, the nearest first; what is no BCP 47 tag names no folder."""
    if not _TAG.fullmatch(language):
        return []
    return list(dict.fromkeys((language.replace("-", "_"), language.partition("-")[0])))


def translate(sentence: str) -> str:
    """Return ``sentence`` in the language being spoken, or as it stands where no catalogue has it."""
    return _spoken_catalogue().gettext(sentence) if sentence else ""


def translate_number(one: str, many: str, number: int, **more: object) -> str:
    """Return the sentence that fits ``number``, which is ``{number}`` in it; ``more`` are its other parts."""
    return _spoken_catalogue().ngettext(one, many, number).format(number=f"{number:,}", **more)


def marked(sentence: str) -> str:
    """Return ``sentence`` as it is: marks one for the catalogue that is translated only when it is used."""
    return sentence


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Let ``translate`` answer in ``language`` (BCP 47) instead of that of the user's locale."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def has_catalogue(language: str) -> bool:
    """Whether there is a catalogue for ``language``; English needs none."""
    names = _names(language)
    return bool(names) and (names[-1] == ENGLISH or gettext.find(DOMAIN, _folder(), names) is not None)
