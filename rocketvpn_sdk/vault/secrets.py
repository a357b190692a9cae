"""Where root keys live: the interface, and the OS keyring behind it."""

from __future__ import annotations

import base64
import binascii
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from rocketvpn_sdk import platforms
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.cancelling import cancelled, join
from rocketvpn_sdk.errors import (
    RocketVPNError,
    SecretCorrupt,
    SecretStoreError,
    SecretStoreLocked,
    SecretStoreUnavailable,
)
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.vault.secret_service import keeper_on_the_bus, removed_from_all

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

T = TypeVar("T")

SERVICE = "rocketvpn-sdk"
_MOST_COPIES = 8
"""How often an entry is deleted before it counts as one that cannot be: it may be there more than once."""
_NOT_REMOVED = "it did not remove the old key"


class SecretStore(OneHolder, ABC):
    """Keeps small secrets by name. Every implementation passes ``rocketvpn_sdk.testing.SecretStoreContract``.

    Raises (every method):
        SecretStoreUnavailable: there is no store, or it does not answer.
        SecretStoreLocked: it is locked, or the user dismissed its prompt.
        SecretCorrupt: what it holds was not written by this class.
    """

    label: str = "secret store"
    """What people call it, in errors."""

    @abstractmethod
    def get(self, name: str) -> bytes | None:
        """Return the secret, or ``None`` where there is none. Never changes anything."""

    @abstractmethod
    def set(self, name: str, secret: bytes) -> None:
        """Store the secret; when it returns, ``get`` returns it."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Remove the secret; one that is not there is fine."""

    def beside(self, folder: Path) -> SecretStore:
        """Return the store to use for the vault in ``folder``: itself, unless it keeps a file of its own there."""
        del folder
        return self

    def discard(self) -> None:
        """Remove the file that this store keeps for itself, if it keeps one: the vault it belonged to is lost."""
        return

    def keeper(self) -> str:
        """Return the program that is known to keep what was deleted from this store; empty: none is known of."""
        return ""

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


class CheckedSecrets(SecretStore):
    """An app's own store, with what it raises and returns made ours."""

    def __init__(self, store: SecretStore) -> None:
        self.store = store
        with suppress(Exception):  # the app's own code may raise anything; a name is only for errors
            self.label = str.__str__(store.label)

    def get(self, name: str) -> bytes | None:
        """See ``SecretStore.get``."""
        secret = self._call(lambda: self.store.get(name))
        if secret is not None and type(secret) is not bytes:
            raise SecretCorrupt(store=self.label)
        return secret

    def set(self, name: str, secret: bytes) -> None:
        """See ``SecretStore.set``."""
        self._call(lambda: self.store.set(name, secret))

    def delete(self, name: str) -> None:
        """See ``SecretStore.delete``: until none is left, which a fresh look confirms.

        Raises:
            SecretStoreUnavailable: one is left.
        """
        for _ in range(_MOST_COPIES):
            self._call(lambda: self.store.delete(name))
            if self.get(name) is None:
                return
        raise SecretStoreUnavailable(store=self.label, problem=_NOT_REMOVED)

    def beside(self, folder: Path) -> SecretStore:
        """See ``SecretStore.beside``."""
        beside = self._call(lambda: self.store.beside(folder))
        if not issubclass(type(beside), SecretStore):
            raise SecretStoreUnavailable(store=self.label, problem="it has no place beside the vault")
        return CheckedSecrets(beside)

    def discard(self) -> None:
        """See ``SecretStore.discard``."""
        self._call(self.store.discard)

    def keeper(self) -> str:
        """See ``SecretStore.keeper``; nothing is known of a store that cannot say."""
        with suppress(SecretStoreError):
            return str(self._call(self.store.keeper))
        return ""

    def _call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except RocketVPNError:
            raise
        except Exception as error:  # noqa: BLE001 - the app's own code may raise anything
            problem = type(error).__name__
        raise SecretStoreUnavailable(store=self.label, problem=problem)  # what it raised may hold the secret

    def __repr__(self) -> str:
        return repr(self.store)


class KeyringSecrets(SecretStore):
    """The operating system's own store: Secret Service, macOS Keychain, Windows Credential Locker.

    The backend is made here from an allow-list, since ``PYTHON_KEYRING_BACKEND`` and ``keyringrc.cfg`` can slip in one
    that stores nothing or stores plain text. Every call runs in a worker with a deadline, since a locked store waits
    for its prompt.

    Args:
        timeout: seconds that one call may take, the user's time at the prompt included.
    """

    label = "system keyring"

    @checked
    def __init__(self, *, timeout: float = 60.0) -> None:
        self._timeout = timeout
        self._backend: KeyringBackend | None = None

    def get(self, name: str) -> bytes | None:
        """See ``SecretStore.get``."""
        text = self._run(lambda backend: backend.get_password(_service(name), _user(name)))
        if text is None:
            return None
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            raise SecretCorrupt(store=self.label) from None

    def set(self, name: str, secret: bytes) -> None:
        """See ``SecretStore.set``; reads the entry back, since some stores say yes and keep nothing."""
        text = base64.b64encode(secret).decode()

        def keep(backend: KeyringBackend) -> bool:
            place = _service(name), _user(name)
            found = backend.get_password(*place)
            if found == text:
                return True
            if found is not None and _is_secret_service(backend):
                _removed(backend, *place)  # not written over: KeePassXC asks its user about that
            backend.set_password(*place, text)
            if found is not None and backend.get_password(*place) != text:
                # It is there twice, as after a merge of two keyrings, and the other one is found first.
                _removed(backend, *place)
                backend.set_password(*place, text)
            return backend.get_password(*place) == text

        if not self._run(keep):
            raise SecretStoreUnavailable(store=self.label, problem="it did not keep what it was given")

    def delete(self, name: str) -> None:
        """See ``SecretStore.delete``: every entry by that name, however often it is there and whatever it is called."""
        if not self._run(lambda backend: _removed(backend, _service(name), _user(name))):
            raise SecretStoreUnavailable(store=self.label, problem=_NOT_REMOVED)

    def keeper(self) -> str:
        """See ``SecretStore.keeper``: who answers for the Secret Service can be asked of the session's bus.

        The Keychain gets entries that are not synchronised, the Credential Locker entries of this machine alone.
        """
        return self._run(lambda backend: keeper_on_the_bus() if _is_secret_service(backend) else "")

    def _run(self, call: Callable[[KeyringBackend], T]) -> T:
        def work() -> T:
            if self._backend is None:
                self._backend = _trusted_backend()
            return call(self._backend)

        try:
            return _within(self._timeout, work, store=self.label)
        except SecretStoreError:
            raise
        except Exception as error:  # noqa: BLE001 - a dead bus leaks FileNotFoundError, EOFError, jeepney's own, …
            raise _translate(error, self.label) from None


def _service(name: str) -> str:
    return f"{SERVICE}/{name}"


def _user(name: str) -> str:
    return name.rpartition("/")[2]


def _removed(backend: KeyringBackend, service: str, user: str) -> bool:
    """Remove every entry of ``user`` for ``service``; return whether a fresh look finds none."""
    for _ in range(_MOST_COPIES):
        if backend.get_password(service, user) is None:
            break
        backend.delete_password(service, user)
    if _is_secret_service(backend):
        return removed_from_all(service, user, _MOST_COPIES)
    return backend.get_password(service, user) is None


def _is_secret_service(backend: KeyringBackend) -> bool:
    return type(backend).__module__ == "keyring.backends.SecretService"


def _trusted_backend() -> KeyringBackend:
    """Return the platform's store, if it is one of those trusted.

    Raises:
        SecretStoreUnavailable: it is not there.
    """
    backend = _backend_class(platforms.system())
    if not backend.viable:
        raise SecretStoreUnavailable(store=KeyringSecrets.label, problem="there is no keyring service in this session")
    made = backend()
    if hasattr(made, "persist"):  # Windows: its default, "enterprise", copies entries to the user's other machines
        made.persist = "local machine"
    return made


def _backend_class(system: str) -> type[KeyringBackend]:
    if system == "darwin":
        from keyring.backends.macOS import Keyring as Keychain

        return Keychain
    if system == "win32":
        from keyring.backends.Windows import WinVaultKeyring

        return WinVaultKeyring
    from keyring.backends.SecretService import Keyring

    return Keyring


def _within(seconds: float, work: Callable[[], T], *, store: str) -> T:
    """Run ``work`` on a daemon thread and wait for at most ``seconds``: one that hangs must not hang the app's exit."""
    result: list[T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            result.append(work())
        except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
            raised.append(error)

    worker = threading.Thread(target=run, name="rocketvpn-keyring", daemon=True)
    worker.start()
    join(worker, seconds)
    if raised:
        raise raised[0]
    if not result:
        ended = "the call was cancelled" if cancelled() else f"it did not answer within {seconds:g} seconds"
        raise SecretStoreLocked(store=store, problem=ended)
    return result[0]


def _translate(error: Exception, store: str) -> SecretStoreError:
    from keyring.errors import InitError, KeyringLocked

    if isinstance(error, KeyringLocked) or type(error).__name__ == "LockedException":  # secretstorage's, if it is there
        return SecretStoreLocked(
            store=store, problem="it must be unlocked, and its prompt was dismissed or cannot be shown"
        )
    if isinstance(error, InitError):
        return SecretStoreUnavailable(
            store=store, problem="it has no default keyring yet, and nobody could be asked whether to make one"
        )
    return SecretStoreUnavailable(store=store, problem=type(error).__name__)
