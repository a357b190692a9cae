"""Whether installed files are those that the operator signed: compared with the signed list, one by one."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path

import msgspec

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import NotGenuine, UpdateRefused
from rocketvpn_sdk.files.tree import sha256_of, walk
from rocketvpn_sdk.wire import Manifest, ManifestFile

_MOST_NAMED = 1000
"""Files that one error names; it counts all of them."""


class Certified(msgspec.Struct, frozen=True, kw_only=True):
    """What was certified: every file is what the operator signed."""

    version: str
    files: int
    withdrawn: bool
    """The operator has withdrawn this version: it is genuine, and should not be used any more."""


class Differences:
    """What differs, by name."""

    def __init__(self) -> None:
        self.altered: list[str] = []
        self.missing: list[str] = []
        self.extra: list[str] = []

    def require_none(self, version: str) -> None:
        """Raise ``NotGenuine`` if there is any."""
        count = len(self.altered) + len(self.missing) + len(self.extra)
        if count:
            raise NotGenuine(
                version=version,
                count=count,
                altered=_named(self.altered),
                missing=_named(self.missing),
                extra=_named(self.extra),
            )


def certify_folder(folder: Path, manifest: Manifest) -> int:
    """Compare everything in ``folder`` with ``manifest``; return how many files it has.

    No link is followed: one that was signed has to lead where it was signed to, and any other is extra or altered. On
    a file system that takes ``A`` and ``a`` for one name, so does this.

    Raises:
        NotGenuine: files are altered, missing or extra; they are named.
        UpdateRefused: two names of the manifest are one name on this file system.
        OSError: a folder cannot be read.
    """
    same = _folded if _ignores_case(folder) else _as_it_is
    signed = {same(entry.path): entry for entry in manifest.files}
    if len(signed) != len(manifest.files):
        raise UpdateRefused(reason="tampered", problem="the signed list of files has a name twice")
    ignored = frozenset(same(path) for path in manifest.ignored)
    differences, seen = Differences(), set[str]()
    for path, found in walk(folder, lambda name: same(name) in ignored):
        entry = signed.get(same(path))
        if entry is None or same(path) in seen:
            differences.extra.append(path)
            continue
        seen.add(same(path))
        if not _is_as_signed(folder / path, found, entry):
            differences.altered.append(path)
    differences.missing += [entry.path for name, entry in signed.items() if name not in seen]
    differences.require_none(manifest.version)
    return len(manifest.files)


def _named(paths: list[str]) -> tuple[str, ...]:
    return tuple(sorted(paths)[:_MOST_NAMED])


def _is_as_signed(path: Path, found: os.stat_result, entry: ManifestFile) -> bool:
    """An answer for the list of what differs; ``require_none`` raises."""
    try:
        if platforms.is_link(found):
            return entry.link is not None and path.readlink().as_posix() == entry.link
        if entry.link is not None or not stat.S_ISREG(found.st_mode) or found.st_size != entry.length:
            return False
        return sha256_of(path) == entry.sha256
    except OSError:  # what cannot be read cannot be certified
        return False


def _ignores_case(folder: Path) -> bool:
    """Whether the file system takes names that differ in case for one: tried with names that are there."""
    names = {path.name for path in folder.iterdir()}
    other = next((name.swapcase() for name in sorted(names) if name.swapcase() != name), None)
    # Two entries are two names, also if they are hard links of one file.
    return other is not None and other not in names and os.path.lexists(folder / other)


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def _as_it_is(name: str) -> str:
    return name
