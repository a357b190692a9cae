"""A secret store for machines without a keyring: one file, sealed under a passphrase."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.errors import (
    ConfigurationError,
    MadeWithoutPassphrase,
    MadeWithPassphrase,
    RocketVPNError,
    SecretCorrupt,
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
)
from rocketvpn_sdk.files import NotAFile, absolute, path_problem, read_own, why, write_private
from rocketvpn_sdk.vault.folder import FILES, is_there
from rocketvpn_sdk.vault.secrets import CheckedSecrets, SecretStore

FILE = "root.key"
UNFINISHED = ".root.key.new"
"""One name, so that a write that was killed leaves one file, and the next write or deletion takes it away."""
_NONCE_BYTES = 12
_KNOWN = b"rocketvpn/passphrase/v1"
_LARGEST = 1 << 20
_NO_TEXT = "has half of a character in it (a lone surrogate), which is no text"


class Argon2Parameters(msgspec.Struct, frozen=True):
    """RFC 9106 §4, the second recommended choice: 64 MiB, 3 passes, 4 lanes."""

    salt: Annotated[bytes, msgspec.Meta(min_length=16, max_length=64)]
    # The bounds keep a tampered file from asking for all the memory there is, or for almost none.
    memory_kib: Annotated[int, msgspec.Meta(ge=19 * 1024, le=1024 * 1024)] = 64 * 1024
    iterations: Annotated[int, msgspec.Meta(ge=2, le=16)] = 3
    lanes: Annotated[int, msgspec.Meta(ge=1, le=16)] = 4

    def derive(self, passphrase: str) -> bytes:
        """Return the 32-byte key for ``passphrase``.

        Raises:
            SecretStoreLocked: it is not a text.
            SecretStoreUnavailable: there is too little memory, or the installed cryptography has no Argon2id.
        """
        store = PassphraseSecrets.label
        try:
            kdf = Argon2id(
                salt=self.salt, length=32, iterations=self.iterations, lanes=self.lanes, memory_cost=self.memory_kib
            )
            return kdf.derive(passphrase.encode())
        except UnicodeEncodeError:
            raise SecretStoreLocked(store=store, problem=f"the passphrase {_NO_TEXT}") from None
        except MemoryError:
            problem = f"too little memory is free (it takes {self.memory_kib >> 10} MiB)"
            raise SecretStoreUnavailable(store=store, problem=problem, cause="memory") from None
        except UnsupportedAlgorithm:
            problem = "the installed cryptography has no Argon2id"
            raise SecretStoreUnavailable(store=store, problem=problem, cause="library") from None


class _KeyFile(msgspec.Struct, frozen=True):
    format: int
    argon2id: Argon2Parameters
    check: bytes
    """A known text sealed under the passphrase's key: tells a wrong passphrase from a damaged file."""
    entries: dict[str, bytes]


class PassphraseSecrets(SecretStore):
    """Root keys in ``root.key`` beside the vault, under a key that Argon2id (RFC 9106) derives from a passphrase.

    Args:
        passphrase: the passphrase, or a function that asks for it (called once, at the first use).
        path: where the file is; by default ``root.key`` in the vault's folder. Two vaults must not share one.
    """

    label = "passphrase store"

    @checked
    def __init__(self, passphrase: str | Callable[[], str], *, path: Path | None = None) -> None:
        if isinstance(passphrase, str) and not passphrase:
            raise ConfigurationError(problem="the passphrase is empty")
        if path is not None:
            path = _usable(path)
        self._passphrase = passphrase
        self._path = path
        self._key: bytes | None = None
        self._salt = b""

    def beside(self, folder: Path) -> SecretStore:
        """Return this store with its file in ``folder``, unless it was given a path."""
        return self if self._path else PassphraseSecrets(self._passphrase, path=folder / FILE)

    @property
    def path(self) -> Path | None:
        """Where the file is; ``None``: not known yet."""
        return self._path

    def get(self, name: str) -> bytes | None:
        """See ``SecretStore.get``."""
        content = self._read()
        if content is None or name not in content.entries:
            return None
        sealed = content.entries[name]
        try:
            return AESGCM(self._unlock(content)).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], name.encode())
        except (InvalidTag, ValueError):
            raise SecretCorrupt(store=self.label) from None

    def set(self, name: str, secret: bytes) -> None:
        """See ``SecretStore.set``."""
        content = self._read() or self._new()
        sealed = _seal(self._unlock(content), secret, name.encode())
        self._write(msgspec.structs.replace(content, entries={**content.entries, name: sealed}))

    def delete(self, name: str) -> None:
        """See ``SecretStore.delete``; the file goes with its last entry. Needs no passphrase."""
        self._remove(self._unfinished)  # a write that was killed: it may hold a root that must be gone
        content = self._read()
        if content is None or name not in content.entries:
            return
        entries = {other: sealed for other, sealed in content.entries.items() if other != name}
        if entries:
            self._write(msgspec.structs.replace(content, entries=entries))
        else:
            self._remove(self._file)

    def discard(self) -> None:
        """See ``SecretStore.discard``."""
        self._remove(self._unfinished, self._file)

    def _remove(self, *files: Path) -> None:
        with self._translated("it cannot be removed"):  # Windows: another process is reading it
            for file in files:
                file.unlink(missing_ok=True)

    @property
    def _unfinished(self) -> Path:
        return self._file.with_name(UNFINISHED if self._file.name == FILE else f".{self._file.name}.new")

    @property
    def _file(self) -> Path:
        if self._path is None:
            raise ConfigurationError(problem="PassphraseSecrets has no file yet; pass it to Config, or give it a path")
        return self._path

    def _new(self) -> _KeyFile:
        parameters = _new_parameters()
        self._key, self._salt = parameters.derive(self._ask()), parameters.salt
        return _KeyFile(1, parameters, _seal(self._key, _KNOWN, b"check"), {})

    def _read(self) -> _KeyFile | None:
        with self._translated("it cannot be read"):
            try:
                text = read_own(self._file, _LARGEST)
            except FileNotFoundError:
                return None
        return _decoded(text)

    def _unlock(self, content: _KeyFile) -> bytes:
        if self._key is None or self._salt != content.argon2id.salt:
            key = content.argon2id.derive(self._ask())
            try:
                AESGCM(key).decrypt(content.check[:_NONCE_BYTES], content.check[_NONCE_BYTES:], b"check")
            except (InvalidTag, ValueError):
                raise SecretStoreLocked(store=self.label, problem="the passphrase is not the right one") from None
            self._key, self._salt = key, content.argon2id.salt
        return self._key

    def _ask(self) -> str:
        if isinstance(self._passphrase, str):
            return self._passphrase
        try:
            given: object = self._passphrase()
        except RocketVPNError:
            raise
        except Exception as error:  # noqa: BLE001 - the app's own code; its error may hold the passphrase
            problem = f"asking for the passphrase failed ({type(error).__name__})"
        else:
            if isinstance(given, str) and given:
                return given
            nothing = given is None or isinstance(given, str)
            problem = "no passphrase was given" if nothing else "what was given as the passphrase is not a text"
        raise SecretStoreLocked(store=self.label, problem=problem)

    def _write(self, content: _KeyFile) -> None:
        """Replace the file as a whole: a crash leaves the old one or the new one. The vault's lock is held."""
        with self._translated("it cannot be written"):
            write_private(self._file, msgspec.json.encode(content), unfinished=self._unfinished)

    @contextmanager
    def _translated(self, otherwise: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            cause, problem = why(error)
            place = error.path if isinstance(error, NotAFile) else error.filename or self._file
            said = f"{place}: {problem if cause else otherwise}"
            known = cause if cause in SecretStoreUnavailable.REMEDIES else "file"
            raise SecretStoreUnavailable(store=self.label, problem=said, cause=known) from None


def _usable(path: Path) -> Path:
    problem = path_problem(path)
    if problem:
        raise ConfigurationError(problem=f"the path of PassphraseSecrets cannot be used ({problem})")
    try:
        return absolute(path)
    except ValueError as error:
        raise ConfigurationError(problem=f"the path of PassphraseSecrets cannot be used ({error})") from None


def is_beside(folder: Path, secrets: SecretStore) -> bool:
    """Return whether ``secrets`` keeps the file ``root.key`` in the vault's ``folder``."""
    own = secrets.store if isinstance(secrets, CheckedSecrets) else secrets
    return isinstance(own, PassphraseSecrets) and own.path == folder / FILE


def file_names(folder: Path, secrets: SecretStore) -> tuple[str, ...]:
    """Return the names of the files that a vault in ``folder`` may have, the one that ``secrets`` keeps there too."""
    return (*FILES, FILE, UNFINISHED) if is_beside(folder, CheckedSecrets(secrets).beside(folder)) else FILES


def wrong_kind(
    folder: Path, secrets: SecretStore, vault_id: bytes | None, *, cause: str = ""
) -> SecretStoreError | None:
    """Return the error that says so if ``folder`` shows that another kind of store than ``secrets`` has its key.

    Args:
        folder: the vault's.
        secrets: the store that was asked.
        vault_id: the vault's; a file of another one, which was left there, shows nothing. ``None``: it cannot be read.
        cause: what was tried; one of the keys of the errors' ``remedies``.
    """
    file = folder / FILE
    if not is_beside(folder, secrets):
        return MadeWithPassphrase(store=secrets.label, cause=cause) if _has_entry(file, vault_id) else None
    if is_there(file) or vault_id is None:
        return None
    return MadeWithoutPassphrase(store=secrets.label, file=str(file), cause=cause)


def _has_entry(file: Path, vault_id: bytes | None) -> bool:
    """Return whether a passphrase store's ``file`` has a key of the vault, or, if that is ``None``, of any."""
    try:
        entries = _decoded(read_own(file, _LARGEST)).entries
    except (OSError, SecretCorrupt):
        return False
    return any(vault_id is None or name.startswith(f"{vault_id.hex()}/") for name in entries)


def _decoded(text: bytes) -> _KeyFile:
    try:
        content = msgspec.json.decode(text, type=_KeyFile)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise SecretCorrupt(store=PassphraseSecrets.label) from None
    if content.format != 1:
        raise SecretCorrupt(store=PassphraseSecrets.label)
    return content


def _new_parameters() -> Argon2Parameters:
    return Argon2Parameters(os.urandom(16))


def _seal(key: bytes, secret: bytes, data: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, secret, data)
