"""The ZIP of an export, written piece by piece, and the manifest that says what is in it."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO

import msgspec

from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.visible import escaped_json

FORMAT = 1
MANIFEST = "manifest.json"
JSON = "application/json"
JSON_LINES = "application/jsonl"
JSON_LD = "application/ld+json"
CSV = "text/csv; charset=utf-8"
HTML = "text/html; charset=utf-8"
TEXT = "text/plain; charset=utf-8"

_CHUNK = 64 << 10
_MODE = 0o600
_EARLIEST, _LATEST = (1980, 1, 1, 0, 0, 0), (2107, 12, 31, 23, 59, 58)
"""What a date of MS-DOS can say, in years from 1980 with seven bits; the manifest has the true one."""

Write = Callable[[bytes], None]


class ArchiveMember(msgspec.Struct, frozen=True, kw_only=True):
    """A file of an export."""

    name: str
    media_type: str
    size: int
    """Bytes, unpacked."""
    sha256: str
    """Of its bytes, unpacked; 64 hexadecimal digits."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What is in an export, but for the manifest itself."""

    format: int
    software: str
    made_at: datetime
    policy_id: str
    policy_version: int
    members: tuple[ArchiveMember, ...]


class Archive:
    """A ZIP in the making.

    Args:
        file: where it goes; can be sought.
        made_at: the date of every member, as near as a ZIP can say it.
    """

    def __init__(self, file: BinaryIO, made_at: datetime) -> None:
        self._date = made_at.astimezone(UTC)
        self._members: list[ArchiveMember] = []
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED)

    def add(self, name: str, media_type: str, content: bytes) -> None:
        """Add a member that is there already."""
        with self.member(name, media_type) as write:
            write(content)

    @contextmanager
    def member(self, name: str, media_type: str) -> Iterator[Write]:
        """Add a member piece by piece: the block calls what it is given with each."""
        digest, size = hashlib.sha256(), 0
        with self._open(name) as entry:

            def write(piece: bytes) -> None:
                nonlocal size
                entry.write(piece)
                digest.update(piece)
                size += len(piece)

            yield write
        self._members.append(ArchiveMember(name=name, media_type=media_type, size=size, sha256=digest.hexdigest()))

    def close(self, *, policy_id: str, policy_version: int) -> Manifest:
        """Write the manifest and the ZIP's own table; return the manifest."""
        manifest = Manifest(
            format=FORMAT,
            software=f"rocketvpn-sdk {__version__}",
            made_at=self._date,
            policy_id=policy_id,
            policy_version=policy_version,
            members=tuple(self._members),
        )
        with self._open(MANIFEST) as entry:
            entry.write(pretty(manifest))
        self._zip.close()
        return manifest

    def abandon(self) -> None:
        """Let go of the file; what is in it is of no use."""
        self._zip.fp = None  # a ZIP that is closed writes its table, to a disk that may be full

    def _open(self, name: str) -> Any:
        date = min(max(self._date.timetuple()[:6], _EARLIEST), _LATEST)
        entry = zipfile.ZipInfo(name, date_time=date)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = _MODE << 16
        return self._zip.open(entry, "w", force_zip64=True)  # a log's length is not known before it was read


class Spool:
    """Bytes kept packed in memory until it is their turn: a log is read once and written in two forms."""

    def __init__(self) -> None:
        self._packer = zlib.compressobj()
        self._packed = io.BytesIO()

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self._packed.write(self._packer.compress(piece))

    def pieces(self) -> Iterator[bytes]:
        """Yield everything again, in pieces; nothing can be added after that."""
        self._packed.write(self._packer.flush())
        self._packed.seek(0)
        unpacker = zlib.decompressobj()
        while packed := self._packed.read(_CHUNK):
            yield from self._unpack(unpacker, packed)

    @staticmethod
    def _unpack(unpacker: Any, packed: bytes) -> Iterator[bytes]:
        while packed:
            yield unpacker.decompress(packed, _CHUNK)
            packed = unpacker.unconsumed_tail


def pretty(value: object) -> bytes:
    """Return ``value`` as JSON that people can read."""
    return escaped_json(msgspec.json.format(msgspec.json.encode(value), indent=2)) + b"\n"
