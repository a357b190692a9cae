"""What this device knows about itself and its user, so that it can be taken out of texts wherever it stands (C2).

It is in memory alone: the order number, the device's number, tokens, codes and e-mail addresses as the vault and the
calls have them; the names of the user, the home folder and the machine and the addresses of its interfaces as the
system has them; and what the app hands over. Nothing here is ever written down.
"""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Container, Iterable, Iterator

from rocketvpn_sdk import platforms
from rocketvpn_sdk.journal.layers import layers
from rocketvpn_sdk.masking import HIDDEN, OneHolder, SecretStruct

DOCUMENTS = ("binding", "credentials", "pending_binding")
"""The vault's documents that say who this device is."""


_SHORTEST = 3
"""Of a name, in characters: shorter ones stand inside every other word."""
_SHORTEST_VALUE = 6
_LONGEST = 4096
_MOST_HANDED = 512
_MOST_RECENT = 48
"""Values of calls that are remembered: codes, tokens, addresses. Old ones are worth nothing by then."""
# Every dash of Unicode as that of ASCII; and the one letter that would become two in lower case.
_LIKE = dict.fromkeys((*range(0x2010, 0x2016), 0x2043, 0x2212, 0xFE58, 0xFE63, 0xFF0D), "-") | {0x0130: "I"}
_WORD = re.compile(r"[a-z0-9]+")
_COLONS_OF_A_MAC = 5
_COMMON_WORDS = """
    account active admin administrator alpha android app apple apps arch beta bot box build builder centos cli
    client computer connect connected connection core daemon data debian debug default demo deploy desktop dev
    device docker error errors fedora file git guest home host info ios iphone kali key kube laptop linux local
    localdomain localhost log logs mac macbook macos main manager mark master max mini mint name net network new
    node none null office operator order owner pass path phone pop-os private prod public raspberrypi remote rocket
    rocketvpn root route router runner server service session staging start state status student sys system test
    tester tunnel ubuntu unknown update user username users vagrant version virtual vpn warning web will win windows
    wireguard work worker workstation
"""
_COMMON = frozenset(_COMMON_WORDS.split())
"""Names of users and machines that are also ordinary words of logs. A text would lose its sense without them, and they
say nothing about anybody. In a path such as ``/home/max`` they are taken out all the same."""

_Found = tuple[int, int]


class Identifiers(SecretStruct, frozen=True):
    """What in those documents is taken out of texts."""

    order_number: str = ""
    device_id: str = ""
    refresh_token: str = ""


class _Needles(OneHolder):
    """What is looked for now."""

    __slots__ = ("as_of", "cores", "needles", "whole")

    def __init__(self, needles: Iterable[str], whole: frozenset[str], as_of: int) -> None:
        self.as_of = as_of
        """``Known.changes`` from before they were made."""
        self.needles = tuple(needles)
        self.whole = whole
        """Those that count as whole words only."""
        # Several needles have a part in common: most texts have none of those few parts, which is quick to see.
        cores: list[str] = []
        for core in sorted(
            (max(reversed(_WORD.findall(needle) or [needle]), key=len) for needle in self.needles), key=len
        ):
            if not any(shorter in core for shorter in cores):
                cores.append(core)
        self.cores = tuple(cores)


class Known(OneHolder):
    """The values known now. Thread-safe; ``changes`` grows with every change, for caches of what was scrubbed.

    A value is looked for in any case, encoded, and with other characters between its groups. A *name* counts only as a
    whole word; so does what stands before the ``@`` of an e-mail address. Too short or too common ones are not looked
    for.
    """

    __slots__ = ("_addresses", "_handed", "_lock", "_names", "_recent", "_search", "_values", "changes")

    def __init__(self, values: Iterable[str] = (), *, names: Iterable[str] = ()) -> None:
        self._lock = threading.RLock()  # a signal handler may come while it is held
        self._names = frozenset(names)
        self._values = frozenset(values)
        self._recent: tuple[str, ...] = ()
        self._handed: tuple[str, ...] = ()
        self._addresses: tuple[str, ...] = ()
        self.changes = 0
        self._search: _Needles | None = None
        """``None``: made when a text is looked at next, since calls bring values more often than lines come."""

    @classmethod
    def of_this_machine(cls) -> Known:
        """Return the names of this user, their home folder and this machine, as the system has them."""
        return cls(names=platforms.personal_names())

    def now(self, values: Iterable[str], *, and_before: bool = False) -> None:
        """Take over the ``values`` of the binding; ``and_before``: those of before stay, too."""
        with self._lock:
            wanted = frozenset(values) | (self._values if and_before else frozenset())
            if wanted != self._values:
                self._values = wanted
                self._change()

    def seen(self, values: Iterable[str]) -> None:
        """Remember ``values`` that a call carried, as far as they could be told from words: a digit or an ``@``."""
        with self._lock:
            new = [value for value in values if _is_distinct(value) and value not in self._recent]
            if new:
                self._recent = (*self._recent, *new)[-_MOST_RECENT:]
                self._change()

    def handed(self, names: Iterable[str]) -> None:
        """Remember ``names`` that the app hands over: of people, networks, profiles, machines."""
        with self._lock:
            self._handed = self._grown(self._handed, names, _MOST_HANDED)

    def hand_over(self, after: Known) -> None:
        """Let ``after`` know the names that the app handed over."""
        with self._lock:
            names = self._handed
        after.handed(names)

    def here(self, addresses: Iterable[str]) -> None:
        """Remember the ``addresses`` of this machine's interfaces; those of a moment ago stay, too."""
        with self._lock:
            self._addresses = self._grown(self._addresses, addresses, _MOST_HANDED)

    def _grown(self, before: tuple[str, ...], values: Iterable[str], most: int) -> tuple[str, ...]:
        new = [value for value in dict.fromkeys(values) if value not in before]
        if new:
            self._change()
        return (*before, *new)[-most:]

    def forget(self) -> None:
        """Forget what this device was bound to, which is deleted. The machine's names and those handed over stay."""
        with self._lock:
            self._values, self._recent = frozenset(), ()
            self._change()

    def find(self, text: str) -> list[_Found]:
        """Return where a known value stands in ``text``, also where it is encoded, as (start, end)."""
        search = self._needles()
        found: set[_Found] = set()
        for layer, places in layers(text):
            low = layer.lower() if layer.isascii() else _lower(layer)
            for core in search.cores:
                if core in low:
                    break
            else:
                continue
            for needle in search.needles:
                for start, end in _places(low, needle, search.whole):
                    found.add((start, end) if places is None else (places[start], places[end]))
        merged: list[_Found] = []
        for start, end in sorted(found):
            if merged and start < merged[-1][1]:
                merged[-1] = merged[-1][0], max(end, merged[-1][1])
            else:
                merged.append((start, end))
        return merged

    def _change(self) -> None:
        self.changes += 1
        self._search = None

    def _needles(self) -> _Needles:
        """Return what is looked for now. Takes no lock: this very thread may hold it, below a signal handler."""
        while True:
            search = self._search
            if search is not None and search.as_of == self.changes:
                return search
            self._search = self._prepared(self.changes)

    def _prepared(self, as_of: int) -> _Needles:
        people = [value.partition("@")[0] for value in (*self._values, *self._recent, *self._handed) if "@" in value]
        names = {
            form
            for name in (*self._names, *self._handed, *self._addresses, *people)
            if _is_name(name)
            for form in _forms(name)
        }
        values = [value for value in (*self._values, *self._recent) if _SHORTEST <= len(value) <= _LONGEST]
        parts = {form for value in values if _is_distinct(value) for form in _forms(value)}
        words = {form for value in values if not _is_distinct(value) for form in _forms(value)}
        return _Needles(names | words | parts, frozenset(names | words) - parts, as_of)

    def __repr__(self) -> str:
        return f"Known({HIDDEN})"


def _is_distinct(value: str) -> bool:
    """Whether ``value`` can be no word, nor part of one."""
    return len(value) >= _SHORTEST_VALUE and any(character.isdigit() or character == "@" for character in value)


def _is_name(name: str) -> bool:
    return _SHORTEST <= len(name) <= _LONGEST and name.casefold() not in _COMMON and not name.isdigit()


def _forms(value: str) -> set[str]:
    """Return how ``value`` is written, in lower case: composed or not, escaped as Python and JSON do, regrouped."""
    forms = {unicodedata.normalize(form, value) for form in ("NFC", "NFD")}
    if not value.isascii():
        forms |= {
            value.encode("ascii", "backslashreplace").decode(),
            "".join(part if part.isascii() else f"\\u{ord(part):04x}" for part in value),
            str(value.encode("utf-8", "replace"))[2:-1],
        }
    if value.count(":") == _COLONS_OF_A_MAC:
        digits = value.replace(":", "")
        forms |= {digits, value.replace(":", "-"), ".".join(digits[at : at + 4] for at in (0, 4, 8))}
    if "-" in value and _is_distinct(value):
        forms |= {value.replace("-", other) for other in ("", " ", "_", ".", "/")}
    if value.count(" "):
        forms |= {value.replace(" ", other) for other in ("-", "_", ".", "+")}
    return {_lower(form) for form in forms}


def _lower(text: str) -> str:
    """Return ``text`` in lower case with one kind of dash, each character in its place."""
    return text.lower() if text.isascii() else text.translate(_LIKE).lower()


def _places(low: str, needle: str, whole: Container[str]) -> Iterator[_Found]:
    start = low.find(needle)
    while start >= 0:
        end = start + len(needle)
        if needle not in whole or not (low[start - 1 : start].isalnum() or low[end : end + 1].isalnum()):
            yield start, end
        start = low.find(needle, start + 1)
