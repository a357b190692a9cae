"""An app's own secret store: what it returns is held to what a store has to return."""

from __future__ import annotations

from typing import Any

import pytest

from rocketvpn_sdk.errors import SecretCorrupt
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.vault.secrets import CheckedSecrets


class Bytes(bytes):
    """Bytes, and more than that: it may do anything."""


@pytest.mark.parametrize("given", ["text", bytearray(b"x"), memoryview(b"x"), Bytes(b"x"), 7, True, [b"x"]])
def test_what_is_no_bytes_is_no_secret(given: Any) -> None:
    class Odd(MemorySecrets):
        def get(self, name: str) -> Any:
            return given

    with pytest.raises(SecretCorrupt):
        CheckedSecrets(Odd()).get("vault/root")


def test_what_is_there_is_returned_and_what_is_not_is_none() -> None:
    store = CheckedSecrets(MemorySecrets())
    store.set("vault/root", b"secret")
    assert (store.get("vault/root"), store.get("vault/other")) == (b"secret", None)
