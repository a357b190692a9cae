"""Finds personal values in what was kept, in ways of its own: no pattern and no rule of the SDK is used here."""

from __future__ import annotations

import ipaddress
import re
import string
from collections.abc import Iterable
from urllib.parse import unquote

_EDGES = string.punctuation.replace(":", "") + "“”‘’…"
_HARMLESS_ADDRESSES = ("::", "::1", "127.0.0.1")


def found_in(text: str, planted: Iterable[str]) -> list[str]:
    """Return the personal values in ``text``: those that were ``planted``, and whatever looks like one."""
    plain = unquote(text).casefold()
    letters = re.sub(r"[\W_]", "", plain)
    found = [value for value in planted if value.casefold() in plain]
    found += [value for value in planted if len(value) > 7 and re.sub(r"[\W_]", "", value.casefold()) in letters]
    for word in re.split(r"[\s,;|<>\"'=()\[\]{}]+", unquote(text)):
        found += [word for looks in (_address, _mail, _card, _number, _home, _secret) if looks(word.strip(_EDGES))]
    return found


def _address(word: str) -> bool:
    for part in (word, word.rpartition(":")[0], word.partition("/")[0], word.partition("%")[0]):
        try:
            ipaddress.ip_address(part)
        except ValueError:
            continue
        return part not in _HARMLESS_ADDRESSES
    return False


def _mail(word: str) -> bool:
    name, at, host = word.partition("@")
    return bool(name and at and "." in host)


def _card(word: str) -> bool:
    parts = re.split("[:-]", word)
    return len(parts) == 6 and all(len(part) == 2 and set(part) <= set(string.hexdigits) for part in parts)


def _number(word: str) -> bool:
    return not word.startswith("0x") and sum(character.isdigit() for character in word) >= 9


def _home(word: str) -> bool:
    return bool(re.search(r"(?i)[/\\](home|users)[/\\]\w", word))


def _secret(word: str) -> bool:
    kinds = (string.ascii_lowercase, string.ascii_uppercase, string.digits)
    return len(word) >= 20 and "." not in word and all(set(word) & set(kind) for kind in kinds)
