"""The key configuration of a gateway (RFC 9458, section 3): its public key, and how messages for it are sealed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from rocketvpn_sdk.oblivious.reading import NotOblivious, Reader

X25519 = 0x0020
"""DHKEM(X25519, HKDF-SHA256), the one that this software speaks (RFC 9180, section 7.1)."""
KEY_BYTES = 32
HKDF_SHA256 = 0x0001
AES_128_GCM, CHACHA20_POLY1305 = 0x0001, 0x0003
SUITES = ((HKDF_SHA256, AES_128_GCM), (HKDF_SHA256, CHACHA20_POLY1305))
"""The pairs of KDF and AEAD that this software speaks, the preferred one first."""


class KeyConfiguration(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a gateway."""

    key_id: int
    """From 0 to 255: which of the gateway's keys it is."""
    public_key: bytes
    suites: tuple[tuple[int, int], ...] = SUITES
    """Pairs of KDF and AEAD that the gateway takes."""

    @property
    def suite(self) -> tuple[int, int]:
        """The pair that both sides speak.

        Raises:
            NotOblivious: there is none.
        """
        for pair in SUITES:
            if pair in self.suites:
                return pair
        raise NotOblivious("no common suite")

    def encoded(self) -> bytes:
        """Return it as bytes (section 3.1)."""
        pairs = b"".join(kdf.to_bytes(2, "big") + aead.to_bytes(2, "big") for kdf, aead in self.suites)
        head = bytes([self.key_id]) + X25519.to_bytes(2, "big")
        return head + self.public_key + len(pairs).to_bytes(2, "big") + pairs


def encode_keys(configurations: Sequence[KeyConfiguration]) -> bytes:
    """Return a list of configurations, as ``application/ohttp-keys`` has it (section 3.2)."""
    return b"".join(len(one := each.encoded()).to_bytes(2, "big") + one for each in configurations)


def first_key(content: bytes) -> KeyConfiguration:
    """Return the first configuration of an ``application/ohttp-keys`` list that this software speaks.

    Raises:
        NotOblivious: it is no such list, or holds none.
    """
    reader = Reader(content)
    found = None
    while reader.left:
        one = reader.take(reader.number(2))
        found = found or decode_key(one)
    if found is None:
        raise NotOblivious("no key that this software speaks")
    return found


def decode_key(content: bytes) -> KeyConfiguration | None:
    """Return one configuration; ``None``: it is for a KEM or for suites that this software does not speak.

    Raises:
        NotOblivious: it is none.
    """
    reader = Reader(content)
    key_id = reader.number(1)
    if reader.number(2) != X25519:
        return None
    public_key = reader.take(KEY_BYTES)
    pairs = Reader(reader.take(reader.number(2)))
    suites = []
    while pairs.left:
        suites.append((pairs.number(2), pairs.number(2)))
    if reader.left:
        raise NotOblivious("something stands behind the key")
    if not set(SUITES) & set(suites):
        return None
    return KeyConfiguration(key_id=key_id, public_key=public_key, suites=tuple(suites))
