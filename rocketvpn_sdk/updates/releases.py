"""Which release is offered to this device: values and pure rules."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, TypeVar

import msgspec

from rocketvpn_sdk.errors import ReleaseRefused, UpdateRefused
from rocketvpn_sdk.wire import Channel, ListedRelease, Manifest, Platform, ReleaseList

T = TypeVar("T")
_PARTS = re.compile(r"\d+|[A-Za-z]+")
PLACES = 100
"""How many places there are in a roll-out: the shares are in percent."""
_NUMBERS = 4
"""How many numbers a version has at most; those that are missing are 0."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """A release for this platform and channel, as the operator signed it."""

    version: str
    channel: str
    platform: Platform
    published: date
    name: str
    """What the file is called once it is downloaded."""
    length: int
    """Bytes of the file."""
    sha256: str
    vault_format: int
    """The newest format of the user's data that it reads."""
    notes: str
    """The address of a page that says what is new; empty if there is none. The SDK does not open it."""


class UpdateCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator offers this device."""

    installed: str
    channel: str
    release: Release | None
    """What to download; ``None``: nothing newer is offered."""
    required: bool
    """The installed version is withdrawn, or older than the operator still supports: take ``release``, or go back."""
    withdrawn: bool
    """The installed version is withdrawn."""
    staged: bool
    """There is a newer release, and this device's turn has not come."""
    roll_backs: tuple[Release, ...]
    """Older versions that the user may go back to, the newest first."""
    trusted_until: datetime
    """Until when the app may go by this without another check: then the operator's signatures expire."""


class InstalledApp(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules look at of this device; none of it is sent."""

    version: str
    channel: str
    platform: Platform
    vault_format: int
    """The format of the user's data on this device."""


def parse_list(content: bytes) -> ReleaseList:
    """Return the signed list of releases.

    Raises:
        UpdateRefused: it was signed, and is not such a list.
    """
    return _parsed(content, ReleaseList, "the signed list of releases is not one that this version can read")


def parse_manifest(content: bytes) -> Manifest:
    """Return the list of the files of a release.

    Raises:
        UpdateRefused: it is not such a list.
    """
    return _parsed(content, Manifest, "the signed list of files is not one that this version can read")


def place(number: int, name: str) -> int:
    """Return this device's place among a hundred, from 0, for what ``name`` names: other devices come first each time.

    Args:
        number: this device's random number.
        name: a version, or the id of a survey or an offer.
    """
    shift = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return (number + shift) % PLACES


def order(version: str) -> tuple[Any, ...]:
    """Return what versions are sorted by: ``1.4`` < ``1.4.1`` < ``1.10.0-beta2`` < ``1.10.0-beta10`` < ``1.10.0``."""
    numbers, _, before = version.partition("-")
    filled = [int(number) for number in numbers.split(".")]
    filled += [0] * (_NUMBERS - len(filled))
    suffix = tuple((0, int(part), "") if part.isdecimal() else (1, 0, part) for part in _PARTS.findall(before))
    return (*filled, not before, suffix)


def offers(listed: ReleaseList, app: InstalledApp, number: int, trusted_until: datetime) -> UpdateCheck:
    """Return what ``listed`` offers to this device.

    A release that is withdrawn, is for other platforms, or cannot read the user's data is never offered. A newer one
    is offered when this device's turn has come; at once if the installed version must not be used any more.

    Args:
        listed: the signed list.
        app: what is installed.
        number: this device's random number.
        trusted_until: when the signatures expire.
    """
    channel = listed.channels.get(app.channel, Channel())
    usable = sorted(_usable(channel, app), key=lambda release: order(release.version), reverse=True)
    newer = [release for release in usable if order(release.version) > order(app.version)]
    due = [release for release in newer if place(number, release.version) < release.rollout]
    withdrawn = any(release.withdrawn and order(release.version) == order(app.version) for release in channel.releases)
    required = withdrawn or order(app.version) < order(channel.minimum)
    if required and not any(order(release.version) >= order(channel.minimum) for release in due):
        due = [release for release in newer if release.rollout]
    back = [release for release in usable if _is_way_back(release, channel, app)]
    return UpdateCheck(
        installed=app.version,
        channel=app.channel,
        release=_release(due[0], app) if due else None,
        required=required,
        withdrawn=withdrawn,
        staged=bool(newer) and newer[:1] != due[:1],
        roll_backs=tuple(_release(release, app) for release in back),
        trusted_until=trusted_until,
    )


def require_offered(release: Release, listed: ReleaseList, app: InstalledApp) -> ListedRelease:
    """Return the entry of the signed list that ``release`` is.

    Raises:
        ReleaseRefused: it is not in the list, or may not be downloaded to this device.
    """
    channel = listed.channels.get(app.channel, Channel())
    found = next((entry for entry in channel.releases if entry.version == release.version), None)
    if found is None or app.platform not in found.files or _release(found, app) != release:
        raise ReleaseRefused(version=release.version, cause="unknown")
    if found.withdrawn:
        raise ReleaseRefused(version=release.version, cause="withdrawn")
    if found.vault_format < app.vault_format:
        raise ReleaseRefused(version=release.version, cause="format")
    if order(found.version) < order(app.version) and not _is_way_back(found, channel, app):
        raise ReleaseRefused(version=release.version, cause="older")
    return found


def _usable(channel: Channel, app: InstalledApp) -> Iterable[ListedRelease]:
    for release in channel.releases:
        if not release.withdrawn and app.platform in release.files and release.vault_format >= app.vault_format:
            yield release


def _is_way_back(release: ListedRelease, channel: Channel, app: InstalledApp) -> bool:
    return release.roll_back and order(channel.minimum) <= order(release.version) < order(app.version)


def _release(entry: ListedRelease, app: InstalledApp) -> Release:
    files = entry.files[app.platform]
    return Release(
        version=entry.version,
        channel=app.channel,
        platform=app.platform,
        published=entry.published,
        name=files.name,
        length=files.package.length,
        sha256=files.package.sha256,
        vault_format=entry.vault_format,
        notes=entry.notes,
    )


def _parsed(content: bytes, kind: type[T], problem: str) -> T:
    try:
        return msgspec.json.decode(content, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        pass
    raise UpdateRefused(reason="tampered", problem=problem)
