"""Releases of the software: the signed list of them, and the signed list of the files of one (policy clause U4)."""

from __future__ import annotations

import datetime
import hashlib
from typing import Annotated, Literal, Self

import msgspec

from rocketvpn_sdk.wire.base import Wire

RELEASES_TARGET = "releases/releases.json"
"""The signed file that lists every release, for every platform and channel."""

Platform = Literal["linux", "macos", "windows", "other"]
"""The values of the policy's field ``platform``."""
FilePart = Literal["package", "manifest"]
Version = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,9}){0,3}(-[0-9A-Za-z]{1,20})?\Z", max_length=64)]
"""``1.4.2``, or ``1.5.0-beta2``, which comes before ``1.5.0``."""
Sha256 = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}\Z")]
FileName = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}\Z")]
ChannelName = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,19}\Z")]
Length = Annotated[int, msgspec.Meta(ge=1, le=10**9)]
Percent = Annotated[int, msgspec.Meta(ge=0, le=100)]
Origin = Annotated[str, msgspec.Meta(pattern=r"^https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?\Z")]
Posix = Annotated[str, msgspec.Meta(pattern=r"^[^/\\\x00-\x1f:]{1,255}(/[^/\\\x00-\x1f:]{1,255})*\Z", max_length=1000)]
"""A path from the installed folder on, with ``/`` between its parts."""


class SignedFile(Wire, frozen=True, kw_only=True):
    """A file that every device may fetch, as the operator signed it."""

    length: Length
    sha256: Sha256

    @classmethod
    def of(cls, content: bytes) -> Self:
        """Return what has to be signed of ``content``."""
        return cls(length=len(content), sha256=hashlib.sha256(content).hexdigest())


class PlatformFiles(Wire, frozen=True, kw_only=True):
    """What a release has for one platform."""

    name: FileName
    """What the package is called once it is downloaded."""
    package: SignedFile
    manifest: SignedFile | None = None
    """The list of the files that it installs; ``None``: what is installed cannot be certified."""


class ListedRelease(Wire, frozen=True, kw_only=True):
    """One version of the software."""

    version: Version
    published: datetime.date
    vault_format: Annotated[int, msgspec.Meta(ge=1)]
    """The newest format of the vault that it reads."""
    files: dict[Platform, PlatformFiles]
    rollout: Percent = 100
    """How many devices of a hundred take it by themselves."""
    withdrawn: bool = False
    roll_back: bool = False
    """Whether users of a newer version may go back to it."""
    notes: str = ""
    """The address of a page that says what is new; nothing fetches it."""


class Channel(Wire, frozen=True, kw_only=True):
    """The releases of one channel, and what its users need at least."""

    releases: tuple[ListedRelease, ...] = ()
    minimum: Version = "0"


class ReleaseList(Wire, frozen=True, kw_only=True):
    """Every release: the content of ``RELEASES_TARGET``."""

    format: Literal[1] = 1
    channels: dict[ChannelName, Channel] = {}
    mirrors: tuple[Origin, ...] = ()
    """Further servers that have the same files under the same paths; the policy names them as the operator's."""


class ManifestFile(Wire, frozen=True, kw_only=True):
    """A file that a release installs, or a link."""

    path: Posix
    length: Annotated[int, msgspec.Meta(ge=0)] = 0
    sha256: Sha256 | None = None
    link: str | None = None
    """Where a symbolic link leads, as it is written; then it has no ``sha256``."""


class Manifest(Wire, frozen=True, kw_only=True):
    """The files that one release installs on one platform."""

    format: Literal[1] = 1
    version: Version
    platform: Platform
    files: tuple[ManifestFile, ...]
    ignored: tuple[Posix, ...] = ()
    """Files and folders that the installed app may change: what is in them is not looked at."""
