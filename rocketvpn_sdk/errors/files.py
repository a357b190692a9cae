"""The operator's signed files, receipts, files for the user, and those that are shipped with the SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rocketvpn_sdk.errors.base import LONGER_FILES, MORE_FILES, RocketVPNError


class UpdateError(RocketVPNError):
    """The base of what can be wrong with the operator's signed files."""

    code = "update-error"


class UpdateRefused(UpdateError):
    """What came cannot be trusted, and was dropped (X1); what was trusted before stays in force.

    ``reason`` is ``rollback`` (older than what was seen), ``expired`` (older than its signer allows, or held back),
    ``signature`` (not signed by enough of the right keys), ``tampered`` (not what was signed), ``oversize``,
    ``name`` (a delegated role has a name that is not asked for), ``not-found`` (no such file is signed) or ``missing``
    (the server does not have what belongs to what was signed); ``problem`` is its sentence.
    """

    code = "update-refused"
    MESSAGE = "The operator's signed files were refused: {problem}."
    REMEDY = "What was trusted before stays in force; try again later or on another network, then ask the operator."


class UpdateBusy(UpdateError):
    """Another process or thread was fetching the signed files for too long."""

    code = "update-busy"
    MESSAGE = "Another process is fetching the operator's signed files and did not finish in {seconds:g} seconds."
    REMEDY = "Try again; nothing was changed."


class DownloadFailed(UpdateError):
    """A release could not be downloaded; ``cause`` says why, and nothing of it is left.

    ``full`` (no room), ``folder`` (the folder does not take it: ``problem``), ``changed`` (what came is not what the
    operator signed), ``length`` (the server has another length for it), ``ranges`` (the server does not go on where an
    earlier try ended) or ``missing`` (the server does not have it). ``busy``: another process is at it, and goes on.
    """

    code = "download-failed"
    MESSAGE = "The download failed."
    MESSAGES: ClassVar[Mapping[str, str]] = {
        "full": "There is not enough room in {folder} for the download.",
        "folder": "The download could not be written to {folder}: {problem}.",
        "changed": "What was downloaded is not what the operator signed, and was removed.",
        "length": "The server has a file of another length than the operator signed; the download was removed.",
        "ranges": "The server cannot go on where the download was interrupted, and what there was of it was removed.",
        "missing": "The server does not have this version any more, or not yet.",
        "busy": "Another process is downloading the same file.",
    }
    REMEDY = "Try again later; if it stays, ask the operator."
    REMEDIES: ClassVar[Mapping[str, str]] = {
        "full": "Make room on the disk, or choose another folder, and try again.",
        "folder": "Choose another folder, and try again.",
        "changed": "Try again on another network. Someone may be changing what you download.",
        "ranges": "Try again: it starts from the beginning.",
        "busy": "Wait until that is done.",
    }


class DownloadCancelled(UpdateError):
    """The app's ``progress`` said that the download shall end; nothing of it is left."""

    code = "download-cancelled"
    MESSAGE = "The download was cancelled. Nothing of it was kept."
    REMEDY = "Start it again whenever you like."


class ReleaseRefused(UpdateError):
    """A release that may not be downloaded; ``cause`` says why.

    ``unknown`` (the operator's signed list does not have it, or has it otherwise), ``withdrawn``, ``older`` (than what
    is installed, and not listed as a way back), ``format`` (it could not read this device's data), ``length`` (it is
    longer than ``Limits.max_download_bytes``) or ``no-manifest`` (the operator signed no list of its files).
    """

    code = "release-refused"
    MESSAGE = "Version {version} is not one that the operator offers for this device."
    MESSAGES: ClassVar[Mapping[str, str]] = {
        "withdrawn": "The operator has withdrawn version {version}.",
        "older": "Version {version} is older than what is installed, and the operator does not list it as a way back.",
        "format": "Version {version} could not read your data on this device.",
        "length": "Version {version} is larger than this app downloads.",
        "no-manifest": "The operator signed no list of the files of version {version}, so they cannot be checked.",
    }
    REMEDY = "Look for updates again."


class NotGenuine(UpdateError):
    """Installed files are not those that the operator signed.

    ``altered``, ``missing`` and ``extra`` name them, relative to the folder; ``count`` is how many there are.
    """

    code = "not-genuine"
    MESSAGE = "What is installed is not what the operator signed for version {version}. Files that differ: {count}."
    REMEDY = "Install it again, from a download that was verified."


class ExportFailed(RocketVPNError):
    """A file for the user could not be written to ``folder``; ``problem`` says why. Nothing is left of it."""

    code = "export-failed"
    MESSAGE = "The file could not be written to {folder}: {problem}."
    REMEDY = "Choose another place, or make room, and try again."
    REMEDIES: ClassVar[Mapping[str, str]] = {
        "files": "Close other programs, and try again.",
        "name": "Choose a shorter name, and try again.",
        "kind": "Choose another place, and try again.",
        "missing": "Make the folder first, or choose another place, and try again.",
        "limit": "Allow this user longer files, and try again.",
    }
    HINTS: ClassVar[Mapping[str, str]] = {"files": MORE_FILES, "limit": LONGER_FILES}


class ReceiptInvalid(RocketVPNError):
    """A receipt whose signature, issuer or content does not hold; ``problem`` says which.

    Where it came for a panic ticket, ``token`` is what came: it is erased, and the receipt is not sent for ever.
    """

    code = "receipt-invalid"
    MESSAGE = "The receipt proves nothing: {problem}."
    REMEDY = "Ask for it again; if it stays, ask the operator."


class InstallationIncomplete(RocketVPNError):
    """A file of the SDK's own is missing where it is installed, or in the frozen app; ``part`` is its path.

    ``cause`` is ``files`` where the file may be there, and this process or machine has too many open to read it.
    """

    code = "installation-incomplete"
    MESSAGE = "This program is incomplete: its file {part} is missing."
    MESSAGES: ClassVar = {"files": "Too many files are open, so this program cannot read its own file {part}."}
    REMEDIES: ClassVar = {"files": "Close other programs, and try again."}
    HINTS: ClassVar = {"files": MORE_FILES}
    REMEDY = "Install it again. If that does not help, tell the makers of this app."
    HINT = "docs/freezing.md says what a frozen app has to hold."
