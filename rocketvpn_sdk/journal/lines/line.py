"""A log line on its way: its text and where that stands in the code, and what is left of its arguments.

The app's thread makes it. Of its values it keeps no more than what will be stored, but for texts that are to be hashed,
public texts, and the only argument of an exception: those are settled by the thread that seals, within a second. That
thread also asks the module's code whether the text is a constant of it, and puts all together.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from types import CodeType
from typing import Any

import msgspec

from rocketvpn_sdk.journal.lines import modules
from rocketvpn_sdk.journal.lines.dynamic import Pieces, pieces_of, private_text
from rocketvpn_sdk.journal.lines.kinds import OBJECT, Part, masked
from rocketvpn_sdk.journal.lines.later import Hash, Later
from rocketvpn_sdk.journal.lines.template import Template
from rocketvpn_sdk.journal.lines.values import PrivateValue
from rocketvpn_sdk.journal.minimise import cut
from rocketvpn_sdk.journal.scrub import REMOVED, Scrubber
from rocketvpn_sdk.policy.types import LONGEST_TEXT

_MOST_PLACES_IN_CODE = 4096
_MOST_TEXTS = 1024
_MOST_ARGUMENTS = 64
_LONGEST_KEY = 64

_PLAIN = frozenset({str, int, float, bool, type(None)})

Parts = tuple[Part, ...] | dict[str, Part] | None
Code = tuple[CodeType, Mapping[str, Any]]
"""The code of a call, and the namespace of its module."""


class Settled(PrivateValue):
    """A text that was settled while the vault was locked; what is known by now is taken out of it."""

    said: str
    texts: Texts

    def text(self, key: bytes | None) -> str:
        """Return it."""
        del key
        return self.texts.without_known(self.said)


class Line(PrivateValue, gc=False):
    """A log line."""

    template: str
    parts: Parts
    code: Code | None
    texts: Texts
    style: str = "%"
    fields: tuple[tuple[str, Part], ...] = ()
    """Further values with their names, as structlog has them."""
    later: bool = False
    """Whether a part is settled later."""

    def text(self, key: bytes | None) -> str:
        """Return the line."""
        return self.texts.settled(self, key)

    @property
    def needs_key(self) -> bool:
        """Whether a hash is in it."""
        parts = self.parts.values() if isinstance(self.parts, dict) else self.parts or ()
        return self.later and any(type(part) is Hash for part in (*parts, *(part for _, part in self.fields)))

    def __str__(self) -> str:
        return self.text(None)


class _CodeTexts(msgspec.Struct):
    """What is known of a code object."""

    code: CodeType
    """Held, so that no other gets its ``id``."""
    written: modules.Written
    templates: dict[str, Template]
    pieces: Pieces


class Texts:
    """Which texts are constants of which code, for one journal.

    Args:
        scrubber: for texts that are no constants, and for what the device knows of itself.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber
        self.words: frozenset[str] = frozenset()
        """The vocabulary that every version of the policy in force declares."""
        self._by_code: dict[int, _CodeTexts] = {}
        self._clean: dict[str, int] = {}
        """Constants in which nothing known stands, with ``Known.changes`` of then."""

    def settled(self, line: Line, key: bytes | None) -> str:
        """Return the text of ``line``."""
        parts = line.parts
        if line.later:
            parts = self._settle_parts(parts, key)
        known = self._known(line.code)
        template = self._template(line, known)
        if template is None:
            # Half an address is no pattern's, so a long text loses its last word before it is looked at.
            made = Template(cut(line.template, LONGEST_TEXT), line.style if parts is not None else "")
            said = made.filled(parts if parts is not None else ())
            text = self._dynamic(said, known.pieces if known else None)
        else:
            text = template.filled(parts) if parts is not None else line.template
            if self._clean.get(line.template) != self._scrubber.known.changes:
                text = self._checked(line.template, text)
        return text + self._fields(line, key) if line.fields else text

    def without_known(self, text: str) -> str:
        """Return ``text`` without what the device knows of itself."""
        found = sorted(self._scrubber.known.find(text))
        parts: list[str] = []
        done = 0
        for start, end in found:
            if start >= done:
                parts += text[done:start], REMOVED
            done = max(done, end)
        return "".join((*parts, text[done:])) if found else text

    def of_module(self, text: str, namespace: Mapping[str, Any]) -> str:
        """Return ``text`` if it is a constant of the module with ``namespace``; else what is kept of it."""
        if modules.is_text(text) and text in modules.written_in(namespace).strings:
            return self.without_known(text)
        return self._dynamic(text, None)

    def _dynamic(self, text: str, pieces: Pieces) -> str:
        return self.without_known(private_text(text, pieces, self.words, self._scrubber.scrub))

    def _checked(self, template: str, text: str) -> str:
        changes = self._scrubber.known.changes
        if self._scrubber.known.find(template):
            return self.without_known(text)
        if len(self._clean) >= _MOST_TEXTS:
            self._clean.clear()
        self._clean[template] = changes
        return text

    def _known(self, code: Code | None) -> _CodeTexts | None:
        if code is None:
            return None
        own, namespace = code
        found = self._by_code.get(id(own))
        if found is None:
            if len(self._by_code) >= _MOST_PLACES_IN_CODE:
                self._by_code.clear()
            written = modules.written_in(namespace)
            found = self._by_code[id(own)] = _CodeTexts(own, written, {}, pieces_of(own, written))
        return found

    def _template(self, line: Line, known: _CodeTexts | None) -> Template | None:
        """Return the template of a constant; ``None``: the text is none, as far as anybody can tell."""
        if known is None:
            return None
        name = line.template if line.style == "%" else f"{line.style}\0{line.template}"
        template = known.templates.get(name)
        if template is None and modules.is_text(line.template) and line.template in known.written.strings:
            template = Template(line.template, line.style)
            if len(known.templates) < _MOST_TEXTS:
                known.templates[name] = template
        return template

    def _settle_parts(self, parts: Parts, key: bytes | None) -> Parts:
        if parts is None:
            return None
        if isinstance(parts, dict):
            return {name: self._settle(part, key) for name, part in parts.items()}
        return tuple([self._settle(part, key) for part in parts])

    def _settle(self, part: Part, key: bytes | None) -> Part:
        if not isinstance(part, Later):
            return part
        return part.settled(self.without_known, key)

    def _fields(self, line: Line, key: bytes | None) -> str:
        names = modules.written_in(line.code[1]).names if line.code else frozenset()
        said = [(name if name in names else OBJECT, self._settle(part, key)) for name, part in line.fields]
        return "".join(f" {name}={value}" for name, value in said)


def parts_of(text: str, arguments: Any, words: Container[str]) -> tuple[Parts, bool]:
    """Return what is left of a call's ``arguments``, and whether a part of it is settled later.

    Args:
        text: the line; of a dict of arguments only those stay whose names are in it.
        arguments: a tuple, or a dict of names; anything else is masked whole.
        words: the policy's vocabulary.
    """
    if type(arguments) is tuple:
        later = False
        parts: list[Part] = []
        for value in arguments[:_MOST_ARGUMENTS]:
            part = masked(value, words)
            if type(part) not in _PLAIN:
                later = True
            parts.append(part)
        return tuple(parts), later
    if type(arguments) is dict:
        named = {
            name: masked(value, words)
            for name, value in list(arguments.items())
            if type(name) is str and len(name) <= _LONGEST_KEY and name in text
        }
        return named, any(isinstance(part, Later) for part in named.values())
    return {}, False


def minimised_once(value: Any, kept: Any) -> Any:
    """Return what has to be minimised again of ``kept``, which was made of ``value``: the text of a line is settled."""
    texts = getattr(value, "texts", None) if isinstance(value, PrivateValue) else None
    return Settled(kept, texts) if texts is not None and kept is not None else kept
