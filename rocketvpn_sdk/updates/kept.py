"""What is kept of the signed metadata, as one value in one file: so it is replaced whole or not at all.

Two sets, beside the roots: the last one that was verified to its end (``good``), which is read offline, and the newest
of each file that was ever verified (``seen``), by which the next refresh knows an older one (TUF §5.4.3, §5.5.5).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

LARGEST = 32 << 20
"""Bytes of the file; what is longer was not written here."""

_METADATA = re.compile(r"(timestamp|snapshot|targets)\.json")
_ROOT = re.compile(r"[1-9][0-9]{0,8}\.root\.json")
_ROOTS = "root_history"
"""Where python-tuf's ``Updater`` keeps the roots that it verified."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Signed metadata, by file name."""

    format: Literal[1] = 1
    roots: dict[str, bytes] = {}
    """The chain from the embedded root to the newest (``2.root.json``); kept as soon as each is verified (§5.3.8)."""
    good: dict[str, bytes] = {}
    seen: dict[str, bytes] = {}


def from_bytes(content: bytes) -> Kept:
    """Return what ``content`` holds; nothing where it is not what ``to_bytes`` wrote.

    Whoever damages the file could as well remove it, so nothing is gained by it: then everything is fetched and
    verified again, from the embedded root.
    """
    try:
        kept = msgspec.json.decode(content, type=Kept)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return Kept()
    return kept if well_named(kept) else Kept()


def well_named(kept: Kept) -> bool:
    """Whether every name in ``kept`` is one that may become the name of a file in a folder."""
    named = all(_ROOT.fullmatch(name) for name in kept.roots)
    return named and all(_METADATA.fullmatch(name) for name in (*kept.good, *kept.seen))


def to_bytes(kept: Kept) -> bytes:
    """Return ``kept`` as the content of a file."""
    return msgspec.json.encode(kept)


def lay_out(work: Path, roots: Mapping[str, bytes], metadata: Mapping[str, bytes]) -> None:
    """Write what python-tuf's ``Updater`` expects to find into the folder ``work``."""
    (work / _ROOTS).mkdir(mode=0o700)
    for name, content in roots.items():
        (work / _ROOTS / name).write_bytes(content)
    for name, content in metadata.items():
        (work / name).write_bytes(content)


def collect(work: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the roots and the other metadata that ``Updater`` left in ``work``: all of it verified."""
    roots = {path.name: path.read_bytes() for path in (work / _ROOTS).iterdir() if _ROOT.fullmatch(path.name)}
    metadata = {path.name: path.read_bytes() for path in work.iterdir() if _METADATA.fullmatch(path.name)}
    return roots, metadata
