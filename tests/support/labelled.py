"""Log lines in which what is personal is marked ``⟦kind:text⟧``, and how much of it a scrubber takes out.

A file has parts, `## title`; a line `# known: a, b` in a part lists what the device of that part knows of itself.
Marks of the kind ``maybe`` count nowhere. ``⇥`` and ``⏎`` stand for a tab and a line break.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_MARK = re.compile(r"⟦([a-z]+):([^⟧]*)⟧")
_PLACEHOLDER = re.compile(
    r"\[(?:card|email|host|ip|key|mac|name|order|path|phone|removed|secret|ssid|token|url|user|uuid)\]"
)
PROMISED = frozenset(
    ("ip", "mac", "email", "host", "url", "userpath", "token", "key", "secret", "uuid", "order", "phone", "card")
)
"""Kinds that scrubbing finds by itself; of the others it finds what it is told, and what stands behind a name."""


class Labelled(NamedTuple):
    """A line without its marks."""

    text: str
    spans: tuple[tuple[str, int, int], ...]
    known: tuple[str, ...]


class Score(NamedTuple):
    """What was found, missed and taken out in vain."""

    promised: float
    further: float
    precision: float
    kept: float
    """Share of the characters outside the marks that are still there."""
    missed: list[str]
    in_vain: list[str]


def labelled(path: Path) -> Iterator[Labelled]:
    known: tuple[str, ...] = ()
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("# known:"):
            known = tuple(name.strip() for name in line.removeprefix("# known:").split(",") if name.strip())
        elif line and not line.startswith(("# ", "## ")):
            line = line.replace("⇥", "\t").replace("⏎", "\n")
            text, spans = "", []
            done = 0
            for mark in _MARK.finditer(line):
                text += line[done : mark.start()]
                spans.append((mark[1], len(text), len(text) + len(mark[2])))
                text += mark[2]
                done = mark.end()
            yield Labelled(text + line[done:], tuple(spans), known)


def taken_out(text: str, scrubbed: str) -> list[tuple[int, int]]:
    """Return the places of ``text`` for which placeholders stand in ``scrubbed``."""
    if scrubbed == text:
        return []
    pieces = _PLACEHOLDER.split(scrubbed)
    match = re.fullmatch("(.*?)".join(map(re.escape, pieces)), text, re.DOTALL)
    if match:
        return [match.span(group) for group in range(1, len(pieces)) if match.end(group) > match.start(group)]
    codes = difflib.SequenceMatcher(None, text, "\0".join(pieces), autojunk=False).get_opcodes()
    return [(start, end) for code, start, end, _, _ in codes if code in ("replace", "delete")]


def score(lines: list[Labelled], scrub: Callable[[Labelled], str]) -> Score:
    wanted = {True: 0, False: 0}
    found = {True: 0, False: 0}
    right = wrong = free = kept = 0
    missed: list[str] = []
    in_vain: list[str] = []
    for line in lines:
        # Marks of full width come back in plain width: what is neither letter nor digit was not taken out.
        places = [place for place in taken_out(line.text, scrub(line)) if re.search(r"\w", line.text[slice(*place)])]
        gone = {at for start, end in places for at in range(start, end)}
        marked: set[int] = set()
        unsure: set[int] = set()
        for kind, start, end in line.spans:
            (unsure if kind == "maybe" else marked).update(range(start, end))
            if kind == "maybe":
                continue
            wanted[kind in PROMISED] += 1
            if any(line.text[at].isalnum() for at in range(start, end) if at not in gone):
                missed.append(f"{kind}: {line.text[start:end]!r} in {line.text!r}")
            else:
                found[kind in PROMISED] += 1
        for start, end in places:
            here = set(range(start, end))
            right += bool(here & marked)
            if not here & marked and not here & unsure:
                wrong += 1
                in_vain.append(f"{line.text[start:end]!r} in {line.text!r}")
        outside = [at for at in range(len(line.text)) if at not in marked and at not in unsure]
        free += len(outside)
        kept += sum(at not in gone for at in outside)
    return Score(
        found[True] / wanted[True], found[False] / wanted[False], right / (right + wrong), kept / free, missed, in_vain
    )
