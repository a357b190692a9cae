"""What every secret store must do: subclass ``SecretStoreContract`` in your tests and give it your store.

::

    class TestMyStore(SecretStoreContract):
        def make_store(self, folder):
            return MyStore(folder)
"""

from __future__ import annotations

import os
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

import pytest

from rocketvpn_sdk.vault import SecretStore


class SecretStoreContract(ABC):
    """Tests of ``SecretStore``; names are random, so a real store can be used by several runs at once."""

    @abstractmethod
    def make_store(self, folder: Path) -> SecretStore:
        """Return the store to test; ``folder`` is empty and private."""

    def double(self, name: str, secret: bytes) -> bool:
        """Put a second entry by ``name`` into the store, as a merge of two keyrings does; false: there can be but one.

        Override it where the system behind your store can hold an entry twice.
        """
        del name, secret
        return False

    @pytest.fixture
    def store(self, tmp_path: Path) -> SecretStore:
        """The store under test."""
        return self.make_store(tmp_path)

    @pytest.fixture
    def name(self, store: SecretStore) -> Iterator[str]:
        """A name that nobody else uses; removed afterwards."""
        name = f"{uuid.uuid4().hex}/{uuid.uuid4().hex}"
        yield name
        store.delete(name)

    def test_what_was_never_set_is_none(self, store: SecretStore, name: str) -> None:
        """Absence is an answer, not an error."""
        assert store.get(name) is None

    def test_what_was_set_is_returned(self, store: SecretStore, name: str) -> None:
        """Every byte value survives."""
        secret = bytes(range(256))
        store.set(name, secret)
        assert store.get(name) == secret

    def test_setting_again_replaces(self, store: SecretStore, name: str) -> None:
        """The last value counts."""
        store.set(name, b"first")
        store.set(name, b"second")
        assert store.get(name) == b"second"

    def test_names_do_not_touch_each_other(self, store: SecretStore, name: str) -> None:
        """Two names, two secrets."""
        other = f"{name}-other"
        store.set(name, b"one")
        store.set(other, b"two")
        try:
            store.delete(other)
            assert store.get(name) == b"one"
            assert store.get(other) is None
        finally:
            store.delete(other)

    def test_deleting_removes(self, store: SecretStore, name: str) -> None:
        """What was deleted is gone."""
        store.set(name, b"secret")
        store.delete(name)
        assert store.get(name) is None

    def test_deleting_removes_every_copy(self, store: SecretStore, name: str) -> None:
        """An entry that is there twice is not gone when one of them is: anyone who merges keyrings, or restores one."""
        store.set(name, b"secret")
        self.double(name, b"secret")
        store.delete(name)
        assert store.get(name) is None

    def test_an_entry_that_is_there_twice_can_be_replaced(self, store: SecretStore, name: str) -> None:
        """The other one must not be what is read from then on."""
        store.set(name, b"first")
        self.double(name, b"other")
        store.set(name, b"second")
        assert store.get(name) == b"second"

    def test_who_keeps_what_was_deleted_is_a_text(self, store: SecretStore) -> None:
        """It is shown to people; empty where nobody is known to."""
        assert isinstance(store.keeper(), str)

    def test_deleting_what_is_not_there_is_fine(self, store: SecretStore, name: str) -> None:
        """Deleting twice is no error: a deletion that was interrupted is simply done again."""
        store.delete(name)
        store.delete(name)

    def test_repr_shows_no_secret(self, store: SecretStore, name: str) -> None:
        """Neither the store nor its entries can be read off a traceback."""
        secret = os.urandom(16).hex()
        store.set(name, secret.encode())
        assert secret not in repr(store)
        assert secret not in str(vars(store).get("_passphrase", ""))
