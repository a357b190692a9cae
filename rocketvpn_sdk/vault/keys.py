"""The keys: one root, held by the secret store; everything below it wrapped in the vault's file.

::

    root key ─ HKDF-SHA256(salt = vault id) ─ wrapping key ─ AES key wrap (RFC 3394) ─ partition and document keys
                                            └ MAC key      ─ manifest, heads of the partitions
"""

from __future__ import annotations

import hashlib
import hmac
import os
from functools import cached_property

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from rocketvpn_sdk.errors import SecretCorrupt, VaultDamaged
from rocketvpn_sdk.masking import OneHolder

KEY_BYTES = 32
ID_BYTES = 16
_CHECK_BYTES = 8


def new_key() -> bytes:
    """Return 32 random bytes."""
    return os.urandom(KEY_BYTES)


def new_id() -> bytes:
    """Return 16 random bytes."""
    return os.urandom(ID_BYTES)


def derive(key: bytes, salt: bytes, purpose: bytes) -> bytes:
    """Return a 32-byte key derived by HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=salt, info=b"rocketvpn/vault/v1/" + purpose).derive(key)


class RootKey(OneHolder):
    """A root key with its ids. Masked in ``repr``; refuses to be pickled."""

    def __init__(self, vault_id: bytes, root_id: bytes, secret: bytes) -> None:
        self.vault_id = vault_id
        self.root_id = root_id
        self._secret = secret

    @classmethod
    def new(cls, vault_id: bytes) -> RootKey:
        """Return a fresh root key for the vault."""
        return cls(vault_id, new_id(), new_key())

    @classmethod
    def from_stored(cls, vault_id: bytes, root_id: bytes, stored: bytes, *, store: str) -> RootKey:
        """Return the key that ``stored`` holds, as the secret store gave it back.

        Raises:
            SecretCorrupt: ``stored`` is not this key: wrong length, or another vault's or root's.
        """
        secret, check = stored[:KEY_BYTES], stored[KEY_BYTES:]
        if len(stored) != KEY_BYTES + _CHECK_BYTES or not hmac.compare_digest(check, _check(vault_id, root_id, secret)):
            raise SecretCorrupt(store=store)
        return cls(vault_id, root_id, secret)

    @property
    def stored(self) -> bytes:
        """What the secret store keeps: the key, and a short hash that ties it to this vault and id."""
        return self._secret + _check(self.vault_id, self.root_id, self._secret)

    @property
    def name(self) -> str:
        """The entry's name in the secret store."""
        return secret_name(self.vault_id, self.root_id)

    @cached_property
    def _wrapping(self) -> bytes:
        return derive(self._secret, self.vault_id, b"wrapping")

    @cached_property
    def _mac(self) -> bytes:
        return derive(self._secret, self.vault_id, b"mac")

    def wrap(self, key: bytes) -> bytes:
        """Return ``key`` wrapped (RFC 3394)."""
        return aes_key_wrap(self._wrapping, key)

    def unwrap(self, wrapped: bytes, *, part: str) -> bytes:
        """Return the key in ``wrapped``.

        Raises:
            VaultDamaged: it was not wrapped by this root.
        """
        try:
            return aes_key_unwrap(self._wrapping, wrapped)
        except (InvalidUnwrap, ValueError):
            raise VaultDamaged(part=part) from None

    def bridge_to(self, successor: RootKey) -> bytes:
        """Return ``successor`` wrapped by this root, for the time in which a keyring may still lose it."""
        return aes_key_wrap(derive(self._secret, self.vault_id, b"bridge"), successor._secret)

    def cross(self, bridge: bytes, root_id: bytes) -> RootKey:
        """Return the successor that ``bridge`` holds.

        Raises:
            VaultDamaged: the bridge was not made by this root.
        """
        try:
            secret = aes_key_unwrap(derive(self._secret, self.vault_id, b"bridge"), bridge)
        except (InvalidUnwrap, ValueError):
            raise VaultDamaged(part="the bridge to the next root key") from None
        return RootKey(self.vault_id, root_id, secret)

    def mac(self, purpose: bytes, content: bytes) -> bytes:
        """Return HMAC-SHA256 of ``content`` for ``purpose``."""
        return hmac.digest(self._mac, purpose + b"\0" + content, "sha256")

    def __repr__(self) -> str:
        return "RootKey(…)"


def secret_name(vault_id: bytes, root_id: bytes) -> str:
    """Return the name of a root's entry in the secret store."""
    return f"{vault_id.hex()}/{root_id.hex()}"


def generation_name(vault_id: bytes) -> str:
    """Return the name of the (not secret) entry that counts the vault's rotations."""
    return f"{vault_id.hex()}/generation"


def _check(vault_id: bytes, root_id: bytes, secret: bytes) -> bytes:
    return hashlib.sha256(b"rocketvpn/vault/v1/root\0" + vault_id + root_id + secret).digest()[:_CHECK_BYTES]
