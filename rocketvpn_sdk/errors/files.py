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
    ``name`` (a delegated role has a name that is not asked for) or ``not-found``; ``problem`` is its sentence.
    """

    code = "update-refused"
    MESSAGE = "The operator's signed files were refused: {problem}."
    REMEDY = "What was trusted before stays in force; try again later or on another network, then ask the operator."


class UpdateBusy(UpdateError):
    """Another process or thread was fetching the signed files for too long."""

    code = "update-busy"
    MESSAGE = "Another process is fetching the operator's signed files and did not finish in {seconds:g} seconds."
    REMEDY = "Try again; nothing was changed."


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
