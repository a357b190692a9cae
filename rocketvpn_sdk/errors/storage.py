"""What rests on the device, and the secret store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rocketvpn_sdk.errors.base import LONGER_FILES, MORE_FILES, RocketVPNError

_RESET = "Call RocketVPN.reset(config), then bind again."


class VaultError(RocketVPNError):
    """The base of what can be wrong with what rests on this device."""

    code = "vault-error"
    MESSAGE = "Your encrypted data cannot be used: {problem}."


class VaultLocked(VaultError):
    """The vault is open, not unlocked."""

    code = "vault-locked"
    MESSAGE = "Your encrypted data is locked."
    REMEDY = "Unlock it first."
    HINT = "Call unlock(), which may ask the user."


class VaultClosed(VaultError):
    """This object was closed, or the vault was deleted or reset, here or by another process."""

    code = "vault-closed"
    MESSAGE = "Your encrypted data is closed: {problem}."
    REMEDY = "Open it again."
    HINT = "Call reopen(), or RocketVPN.open(config)."


class VaultBusy(VaultError):
    """Another process held the vault's lock for too long (``seconds``), or changed it at every try.

    ``cause`` is ``changing`` for the latter.
    """

    code = "vault-busy"
    MESSAGE = "Another process is using your encrypted data and did not finish in {seconds:g} seconds."
    MESSAGES: ClassVar[Mapping[str, str]] = {"changing": "Another process keeps changing your encrypted data."}
    REMEDY = "Try again; nothing was changed."


class VaultFull(VaultError):
    """The disk is full."""

    code = "vault-full"
    MESSAGE = "There is no room left on the disk that holds {folder}."
    REMEDY = "Free some room and try again; what was stored before is whole."


class VaultReadOnly(VaultError):
    """The folder cannot be used as it is; ``problem`` says why, and ``cause`` names what helps.

    ``cause`` is empty where this user may not write to it; else ``files`` (too many are open), ``links`` (in a circle),
    ``name`` (too long), ``kind`` (something else is in the place of a folder or file), ``missing``, ``limit`` (of the
    size of files), ``disk`` (it reported an error) or ``moved`` (renamed while it was open).
    """

    code = "vault-read-only"
    MESSAGE = "{folder} cannot be used: {problem}."
    REMEDY = "Make it writable for this user, or choose another folder."
    HINT = "Config(data_dir=...) is the folder."
    REMEDIES: ClassVar[Mapping[str, str]] = {
        "files": "Close other programs, and try again; nothing is lost.",
        "links": "Remove the link that leads back to itself, or choose another folder.",
        "name": "Choose a folder with a shorter path.",
        "kind": "Move away what is in its place, or choose another folder.",
        "missing": "Make it again, or choose another folder.",
        "limit": "Allow this user longer files, and try again; what was stored before is whole.",
        "disk": "Check the disk; what was stored before is whole.",
        "moved": "Give it its old name back, or close it and open it where it is now; nothing is lost.",
    }
    HINTS: ClassVar[Mapping[str, str]] = {"files": MORE_FILES, "limit": LONGER_FILES}


class VaultUnsafe(VaultError):
    """The folder is a link, belongs to someone else, or is open to others."""

    code = "vault-unsafe"
    MESSAGE = "{path} is not safe for private data: {problem}."
    REMEDY = "Correct that, or choose another folder; nothing was written."
    HINT = "Config(data_dir=...) is the folder."


class VaultDamaged(VaultError):
    """A stored byte is not what was written; ``part`` names the piece. Nothing was moved or wiped."""

    code = "vault-damaged"
    MESSAGE = "Your encrypted data is damaged or was tampered with."
    REMEDY = "Put its folder back from a backup, or start again without it."
    HINT = f"What is damaged: {{part}}. {_RESET}"


class VaultOutdated(VaultError):
    """The folder is an older copy than the secret store knows of."""

    code = "vault-outdated"
    MESSAGE = "This folder is an older copy of your encrypted data; its keys were destroyed since."
    REMEDY = "Start again without it, and enter your order number again."
    HINT = _RESET


class VaultTooNew(VaultError):
    """The vault was made by a newer version of the SDK: ``format``."""

    code = "vault-too-new"
    MESSAGE = "Your encrypted data was written by a newer version of this app."
    REMEDY = "Update the app; nothing was changed."
    HINT = "It is of format {format}."


class SecretStoreError(VaultError):
    """The base of what can be wrong with where the root key lives; ``store`` names it."""

    code = "secret-store-error"
    MESSAGE = "The {store} cannot be used: {problem}."


class SecretStoreUnavailable(SecretStoreError):
    """There is no (trustworthy) secret store, or it does not answer."""

    code = "secret-store-unavailable"
    MESSAGE = "The {store} does not answer: {problem}."
    REMEDY = "Start the keyring of this computer, and try again."
    HINT = "On a computer without one, pass Config(secrets=PassphraseSecrets(...))."
    REMEDIES: ClassVar[Mapping[str, str]] = {
        "files": "Close other programs, and try again; nothing was changed.",
        "full": "Free some room and try again; what was stored before is whole.",
        "kind": "Move away what is in its place, and try again; nothing was changed.",
        "memory": "Close other programs, and try again; nothing was changed.",
        "library": "Tell the makers of this app; nothing was changed.",
        "file": "Let this user read and write it, and try again; nothing was changed.",
    }
    HINTS: ClassVar[Mapping[str, str]] = {
        "files": MORE_FILES,
        "library": "Install cryptography with OpenSSL 3.2 or newer, or use the keyring.",
    }


class SecretStoreLocked(SecretStoreError):
    """The store is locked, its prompt was dismissed, or the passphrase is wrong."""

    code = "secret-store-locked"
    MESSAGE = "The {store} is locked: {problem}."
    REMEDY = "Unlock it and try again; nothing was changed."


class SecretMissing(SecretStoreError):
    """The store answers, and has no key for this vault."""

    code = "secret-missing"
    MESSAGE = "The {store} has no key for your encrypted data."
    REMEDY = "Put the entry back, without which nothing here can be read, or start again without the data."
    HINT = _RESET


class MadeWithPassphrase(SecretStoreError):
    """Another store was asked for the key, and the folder shows that a passphrase opens it."""

    code = "made-with-passphrase"
    MESSAGE = "Your encrypted data is locked with a passphrase, and the {store} was asked for its key."
    REMEDY = "Open it with that passphrase. Nothing was changed."
    HINT = "Pass Config(secrets=PassphraseSecrets(...))."
    REMEDIES: ClassVar[Mapping[str, str]] = {
        "reset": "Reset it with a passphrase; any one will do. Nothing was removed.",
    }


class MadeWithoutPassphrase(SecretStoreError):
    """A passphrase was given, and the folder has no file that one opens."""

    code = "made-without-passphrase"
    MESSAGE = "Your encrypted data is not locked with a passphrase: {file} is not there."
    REMEDY = "Open it without a passphrase. If it was locked with one, put that file back. Nothing was changed."
    HINT = "Leave out Config(secrets=PassphraseSecrets(...))."
    REMEDIES: ClassVar[Mapping[str, str]] = {
        "reset": "Reset it without a passphrase, so that its key goes too. If that is gone for good, remove the folder"
        " of that file by hand. Nothing was removed.",
    }


class SecretCorrupt(SecretStoreError):
    """The store has an entry for this vault that is no key of its."""

    code = "secret-corrupt"
    MESSAGE = "The {store} holds something else in the place of the key for your encrypted data."
    REMEDY = "Put the entry back, or start again without the data."
    HINT = _RESET
