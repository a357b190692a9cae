"""What rests on the device, and the secret store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rocketvpn_sdk.errors.base import RocketVPNError


class VaultError(RocketVPNError):
    """The base of what can be wrong with what rests on this device."""

    code = "vault-error"
    sentence = "The vault cannot be used: {problem}."


class VaultLocked(VaultError):
    """The vault is open, not unlocked."""

    code = "vault-locked"
    sentence = "The vault is locked."
    remedy = "Call unlock() first; it may ask the user."


class VaultClosed(VaultError):
    """This object was closed, or the vault was deleted or reset, here or by another process."""

    code = "vault-closed"
    sentence = "The vault is closed: {problem}."
    remedy = "Open it again."


class VaultBusy(VaultError):
    """Another process held the vault's lock for too long."""

    code = "vault-busy"
    sentence = "Another process is using the vault and did not finish in {seconds:g} seconds."
    remedy = "Try again; nothing was changed."


class VaultFull(VaultError):
    """The disk is full."""

    code = "vault-full"
    sentence = "There is no room left on the disk that holds {folder}."
    remedy = "Free some room and try again; what was stored before is whole."


class VaultReadOnly(VaultError):
    """The folder cannot be used as it is; ``problem`` says why, and ``cause`` names what helps.

    ``cause`` is empty where this user may not write to it; else ``files`` (too many are open), ``links`` (in a circle),
    ``name`` (too long), ``kind`` (something else is in the place of a folder or file), ``missing``, ``limit`` (of the
    size of files), ``disk`` (it reported an error) or ``moved`` (renamed while it was open).
    """

    code = "vault-read-only"
    sentence = "{folder} cannot be used: {problem}."
    remedy = "Make it writable for this user, or choose another data_dir."
    remedies: ClassVar[Mapping[str, str]] = {
        "files": "Close some files, or allow more (ulimit -n), and try again; nothing is lost.",
        "links": "Remove the link that leads back to itself, or choose another folder.",
        "name": "Choose a folder with a shorter path.",
        "kind": "Move away what is in its place, or choose another folder.",
        "missing": "Make it again, or choose another folder.",
        "limit": "Allow longer files (ulimit -f, or the user's quota), and try again; what was stored before is whole.",
        "disk": "Check the disk; what was stored before is whole.",
        "moved": "Give it its old name back, or close it and open it where it is now; nothing is lost.",
    }


class VaultUnsafe(VaultError):
    """The folder is a link, belongs to someone else, or is open to others."""

    code = "vault-unsafe"
    sentence = "{path} is not safe for private data: {problem}."
    remedy = "Correct that, or choose another data_dir; nothing was written."


class VaultDamaged(VaultError):
    """A stored byte is not what was written; ``part`` names the piece. Nothing was moved or wiped."""

    code = "vault-damaged"
    sentence = "The vault is damaged or was tampered with: {part}."
    remedy = "Put the folder back from a copy, or start anew with RocketVPN.reset(config)."


class VaultOutdated(VaultError):
    """The folder is an older copy than the secret store knows of."""

    code = "vault-outdated"
    sentence = "This folder is an older copy of the vault; its keys were destroyed since."
    remedy = "Start anew with RocketVPN.reset(config), then bind again."


class VaultTooNew(VaultError):
    """The vault was made by a newer version of the SDK: ``format``."""

    code = "vault-too-new"
    sentence = "The vault was written in format {format} by a newer version of this software."
    remedy = "Update the app; nothing was changed."


class SecretStoreError(VaultError):
    """The base of what can be wrong with where the root key lives; ``store`` names it."""

    code = "secret-store-error"
    sentence = "The {store} cannot be used: {problem}."


class SecretStoreUnavailable(SecretStoreError):
    """There is no (trustworthy) secret store, or it does not answer."""

    code = "secret-store-unavailable"
    sentence = "The {store} does not answer: {problem}."
    remedy = "Start the keyring service, or pass Config(secrets=PassphraseSecrets(...)) on a machine without one."
    remedies: ClassVar[Mapping[str, str]] = {
        "files": "Close some files, or allow more (ulimit -n), and try again; nothing was changed.",
        "full": "Free some room and try again; what was stored before is whole.",
        "kind": "Move away what is in its place, and try again; nothing was changed.",
        "memory": "Close other programs, and try again; nothing was changed.",
        "library": "Install cryptography with OpenSSL 3.2 or newer, or use the keyring; nothing was changed.",
        "file": "Let this user read and write it, and try again; nothing was changed.",
    }


class SecretStoreLocked(SecretStoreError):
    """The store is locked, its prompt was dismissed, or the passphrase is wrong."""

    code = "secret-store-locked"
    sentence = "The {store} is locked: {problem}."
    remedy = "Unlock it and try again; nothing was changed."


class SecretMissing(SecretStoreError):
    """The store answers, and has no key for this vault."""

    code = "secret-missing"
    sentence = "The {store} has no key for this vault."
    remedy = "Bring the entry back (without it nothing here can be read), or start anew with RocketVPN.reset(config)."


class MadeWithPassphrase(SecretStoreError):
    """Another store was asked for the key, and the folder shows that a passphrase opens it."""

    code = "made-with-passphrase"
    sentence = "Your encrypted data is locked with a passphrase, and the {store} was asked for its key."
    remedy = "Open it with that passphrase: Config(secrets=PassphraseSecrets(...)). Nothing was changed."
    remedies: ClassVar[Mapping[str, str]] = {
        "reset": "Reset it with PassphraseSecrets(...) or --passphrase; any passphrase will do. Nothing was removed.",
    }


class MadeWithoutPassphrase(SecretStoreError):
    """A passphrase was given, and the folder has no file that one opens."""

    code = "made-without-passphrase"
    sentence = "Your encrypted data is not locked with a passphrase: {file} is not there."
    remedy = (
        "Open it without one, by leaving out Config(secrets=PassphraseSecrets(...)). If it was locked with a"
        " passphrase, put that file back. Nothing was changed."
    )
    remedies: ClassVar[Mapping[str, str]] = {
        "reset": "Reset it without PassphraseSecrets(...) or --passphrase, so that its key goes too. If that is gone"
        " for good, remove the folder of that file by hand. Nothing was removed.",
    }


class SecretCorrupt(SecretStoreError):
    """The store has an entry for this vault that is no key of its."""

    code = "secret-corrupt"
    sentence = "The {store} holds something else in the place of this vault's key."
    remedy = "Put the entry back, or start anew with RocketVPN.reset(config)."
