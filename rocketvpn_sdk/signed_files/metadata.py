"""What is kept of the signed metadata, as one value in one file: so it is replaced whole or not at all.

Two sets, beside the roots: the last one that was verified to its end (``good``), which is read offline, and the newest
of each file that was ever verified (``seen``), by which the next refresh knows an older one (TUF §5.4.3, §5.5.5).
``good`` also holds the delegated roles that look-ups needed. Their versions are in the snapshot, which ``seen`` has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

LARGEST = 32 << 20
"""Bytes of the file; what is longer was not written here."""

TOP_LEVEL = frozenset({"timestamp.json", "snapshot.json", "targets.json"})
MOST_DELEGATED = 1 << 20
"""Bytes of the delegated roles of one look-up, and of those that are kept. A receipt must hold its evidence."""

_ROOT = re.compile(r"[1-9][0-9]{0,8}\.root\.json")
_ROOTS = "root_history"
"""Where python-tuf's ``Updater`` keeps the roots that it verified."""


class KeptMetadata(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed metadata, by file name: a role's name and ``.json``. Role names come from outside and may be any text."""

    format: Literal[1] = 1
    roots: dict[str, bytes] = {}
    """The chain from the embedded root to the newest (``2.root.json``); kept as soon as each is verified (§5.3.8)."""
    good: dict[str, bytes] = {}
    seen: dict[str, bytes] = {}


def from_bytes(content: bytes) -> KeptMetadata:
    """Return what ``content`` holds; nothing where it is not what ``to_bytes`` wrote.

    Anyone who damages the file could as well remove it, so nothing is gained by it: then everything is fetched and
    verified again, from the embedded root.
    """
    try:
        kept = msgspec.json.decode(content, type=KeptMetadata)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return KeptMetadata()
    roles = kept.seen.keys() <= TOP_LEVEL and all(name.endswith(".json") for name in kept.good)
    return kept if roles and well_named(kept.roots) else KeptMetadata()


def well_named(roots: Mapping[str, object]) -> bool:
    """Whether every name of ``roots`` is one that may become the name of a file in a folder."""
    return all(map(_ROOT.fullmatch, roots))


def to_bytes(kept: KeptMetadata) -> bytes:
    """Return ``kept`` as the content of a file."""
    return msgspec.json.encode(kept)


class MetadataStore:
    """The metadata that python-tuf reads and writes during one refresh or look-up; in memory, by file name.

    No name becomes the name of a file: a delegated role may choose any, and on a disk that ignores case ``Timestamp``
    would replace ``timestamp``.
    """

    def __init__(self, held: Mapping[str, bytes]) -> None:
        self.held = held
        """What may be used once it was verified again."""
        self.used: dict[str, bytes] = {}
        """What python-tuf took from ``held``, or verified and saved."""

    def load(self, name: str) -> bytes:
        """Return the file ``name``, unverified.

        Raises:
            FileNotFoundError: it is not held, or there is no room for it.
        """
        content = self.held.get(name)
        if content is None or len(content) > self.room(name):
            raise FileNotFoundError
        self.used[name] = content
        return content

    def save(self, name: str, content: bytes) -> None:
        """Keep ``content``, which was verified."""
        self.used[name] = content

    def room(self, name: str) -> int:
        """Return how many bytes the file ``name`` may have beside those that were used."""
        if name in TOP_LEVEL:
            return LARGEST
        return MOST_DELEGATED - sum(len(content) for other, content in delegated(self.used) if other != name)


def delegated(files: Mapping[str, bytes]) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of the delegated roles among ``files``."""
    return ((name, content) for name, content in files.items() if name not in TOP_LEVEL)


def with_delegated(files: Mapping[str, bytes], *more: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return ``files``, and the delegated roles of ``more`` that fit into ``MOST_DELEGATED``, the first ones first."""
    chosen = {name: content for name, content in files.items() if name in TOP_LEVEL}
    left = MOST_DELEGATED
    for name, content in (pair for source in more for pair in delegated(source)):
        if name not in chosen and len(content) <= left:
            chosen[name] = content
            left -= len(content)
    return chosen


def lay_out(work: Path, roots: Mapping[str, bytes]) -> None:
    """Write the roots into the folder ``work``, where python-tuf's ``Updater`` looks for them."""
    (work / _ROOTS).mkdir(mode=0o700)
    for name, content in roots.items():
        (work / _ROOTS / name).write_bytes(content)


def collect(work: Path) -> dict[str, bytes]:
    """Return the roots that ``Updater`` left in ``work``: all of them verified."""
    return {path.name: path.read_bytes() for path in (work / _ROOTS).iterdir() if _ROOT.fullmatch(path.name)}
