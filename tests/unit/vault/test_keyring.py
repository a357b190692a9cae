"""The keyring store's own part: which backend it trusts, how long it waits, and what it makes of errors."""

from __future__ import annotations

import sys
import threading
from types import SimpleNamespace
from typing import Any

import keyring.errors
import pytest
from keyring.backends.SecretService import Keyring

from rocketvpn_sdk.errors import SecretCorrupt, SecretStoreLocked, SecretStoreUnavailable
from rocketvpn_sdk.vault import KeyringSecrets, secrets


class Backend:
    """A keyring backend that behaves as told."""

    def __init__(self, **behaviour: Any) -> None:
        self.behaviour = behaviour
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, user: str) -> str | None:
        if "get" in self.behaviour:
            return self._do(self.behaviour["get"])
        return self.entries.get((service, user))

    def set_password(self, service: str, user: str, text: str) -> None:
        if "set" in self.behaviour:
            self._do(self.behaviour["set"])
        else:
            self.entries[service, user] = text

    def delete_password(self, service: str, user: str) -> None:
        self.entries.pop((service, user), None)

    def _do(self, behaviour: Any) -> Any:
        if isinstance(behaviour, BaseException):
            raise behaviour
        return behaviour() if callable(behaviour) else behaviour


def store_with(backend: Backend, monkeypatch: pytest.MonkeyPatch, *, timeout: float = 60.0) -> KeyringSecrets:
    monkeypatch.setattr(secrets, "_trusted_backend", lambda: backend)
    return KeyringSecrets(timeout=timeout)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (keyring.errors.KeyringLocked("no"), SecretStoreLocked),
        (keyring.errors.KeyringError("no"), SecretStoreUnavailable),
        (keyring.errors.InitError("no"), SecretStoreUnavailable),
        (FileNotFoundError("bus"), SecretStoreUnavailable),
        (EOFError(), SecretStoreUnavailable),
        (ConnectionResetError(), SecretStoreUnavailable),
        (KeyError("x"), SecretStoreUnavailable),
    ],
    ids=lambda value: getattr(value, "__name__", type(value).__name__),
)
def test_every_error_of_a_backend_becomes_one_of_ours(
    error: Exception, expected: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with(Backend(get=error), monkeypatch)
    with pytest.raises(expected):
        store.get("v/r")


def test_a_store_that_hangs_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    store = store_with(Backend(get=release.wait), monkeypatch, timeout=0.05)
    with pytest.raises(SecretStoreLocked, match="did not answer"):
        store.get("v/r")
    release.set()


@pytest.mark.parametrize("kept", [None, "c29tZXRoaW5nIGVsc2U="])
def test_a_store_that_says_yes_and_keeps_nothing_is_found_out(
    kept: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = store_with(Backend(set=lambda: None, get=kept), monkeypatch)
    with pytest.raises(SecretStoreUnavailable, match="did not keep"):
        store.set("v/r", b"secret")


def test_an_entry_that_is_not_ours_is_corrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    store = store_with(Backend(get="not base64!"), monkeypatch)
    with pytest.raises(SecretCorrupt):
        store.get("v/r")


def test_each_root_has_an_entry_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()
    store = store_with(backend, monkeypatch)
    store.set("vault/one", b"1")
    store.set("vault/two", b"2")
    assert {service for service, _ in backend.entries} == {"rocketvpn-sdk/vault/one", "rocketvpn-sdk/vault/two"}
    store.delete("vault/one")
    assert store.get("vault/two") == b"2"


def test_attack_environment_slips_in_a_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    """PYTHON_KEYRING_BACKEND names a backend that stores nothing: it must never be used."""
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.null.Keyring")
    monkeypatch.setattr(Keyring, "viable", False, raising=False)
    with pytest.raises(SecretStoreUnavailable):
        KeyringSecrets(timeout=60).set("v/r", b"secret")


@pytest.mark.parametrize(
    ("system", "module", "name"),
    [
        ("darwin", "keyring.backends.macOS", "Keyring"),
        ("win32", "keyring.backends.Windows", "WinVaultKeyring"),
        ("linux", "keyring.backends.SecretService", "Keyring"),
    ],
)
def test_each_system_has_its_own_keyring_and_no_other(
    monkeypatch: pytest.MonkeyPatch, system: str, module: str, name: str
) -> None:
    """Never what the `keyring` package would choose by itself: that can be a plain file."""
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**{name: module}))
    assert secrets._backend_class(system) == module
