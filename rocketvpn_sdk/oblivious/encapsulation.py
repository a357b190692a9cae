"""Seals a binary request for a gateway, and the response for who asked (RFC 9458, section 4; HPKE, RFC 9180)."""

from __future__ import annotations

import hmac
import secrets
from typing import ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from pyhpke import AEADId, CipherSuite, ContextInterface, KDFId, KEMId, KEMKey, KEMKeyPair, PyHPKEError

from rocketvpn_sdk.masking import OneHolder, SecretStruct
from rocketvpn_sdk.oblivious.key_configuration import (
    AES_128_GCM,
    KEY_BYTES,
    SUITES,
    X25519,
    KeyConfiguration,
)
from rocketvpn_sdk.oblivious.reading import NotOblivious, Reader

_REQUEST_LABEL = b"message/bhttp request"
_RESPONSE_LABEL = b"message/bhttp response"
_HEADER_BYTES = 7
_NONCE_BYTES = 12
_HASH = "sha256"


class SealedRequest(OneHolder):
    """A sealed request, and what opens its response: that is only here, so that nobody else can answer.

    Args:
        content: what goes to the relay.
        context: the sender's HPKE context.
        encapsulated_key: the KEM's output, which ``content`` begins with.
        suite: of KDF and AEAD.
    """

    def __init__(
        self, content: bytes, context: ContextInterface, encapsulated_key: bytes, suite: tuple[int, int]
    ) -> None:
        self.content = content
        self._context = context
        self._encapsulated_key = encapsulated_key
        self._aead = suite[1]

    def open_response(self, content: bytes) -> bytes:
        """Return the binary response that the gateway sealed.

        Raises:
            NotOblivious: it was altered, belongs to another request, or is none.
        """
        size = max(_key_bytes(self._aead), _NONCE_BYTES)
        reader = Reader(content)
        nonce = reader.take(size)
        secret = self._context.export(_RESPONSE_LABEL, size)
        cipher, iv = _response_cipher(secret, self._encapsulated_key, nonce, self._aead)
        try:
            return cipher.decrypt(iv, reader.rest(), b"")
        except InvalidTag:
            raise NotOblivious("the response cannot be opened") from None


class OpenedRequest(SecretStruct, frozen=True, kw_only=True):
    """What a gateway finds in a sealed request, and what seals the response to it."""

    __masked__: ClassVar[tuple[str, ...]] = ("content", "context")

    content: bytes
    """The binary request."""
    context: ContextInterface
    encapsulated_key: bytes
    """Differs with every request; a second one with the same was replayed."""
    aead: int

    def seal_response(self, content: bytes, nonce: bytes | None = None) -> bytes:
        """Return the binary response ``content`` sealed for who asked; ``nonce``: tests alone pass their own."""
        size = max(_key_bytes(self.aead), _NONCE_BYTES)
        nonce = nonce or secrets.token_bytes(size)
        secret = self.context.export(_RESPONSE_LABEL, size)
        cipher, iv = _response_cipher(secret, self.encapsulated_key, nonce, self.aead)
        return nonce + cipher.encrypt(iv, content, b"")


class GatewayKey(OneHolder):
    """The secret key of a gateway.

    Args:
        key_id: which of its keys it is.
        private_key: 32 bytes.
    """

    def __init__(self, key_id: int, private_key: bytes) -> None:
        self._secret = X25519PrivateKey.from_private_bytes(private_key)
        public = self._secret.public_key().public_bytes_raw()
        self.configuration = KeyConfiguration(key_id=key_id, public_key=public)
        """What clients seal with."""

    def open_request(self, content: bytes) -> OpenedRequest:
        """Open a sealed request (section 4.3).

        Raises:
            NotOblivious: it is none, was altered, or was sealed for another key.
        """
        reader = Reader(content)
        header = reader.take(_HEADER_BYTES)
        key_id, kem, suite = header[0], int.from_bytes(header[1:3], "big"), _suite_of(header)
        if (key_id, kem) != (self.configuration.key_id, X25519) or suite not in SUITES:
            raise NotOblivious("it was sealed for another key")
        encapsulated_key = reader.take(KEY_BYTES)
        key = KEMKey.from_pyca_cryptography_key(self._secret)
        try:
            context = _hpke(suite).create_recipient_context(encapsulated_key, key, info=_info(header))
            opened = context.open(reader.rest())
        except (PyHPKEError, ValueError):
            raise NotOblivious("the request cannot be opened") from None
        return OpenedRequest(content=opened, context=context, encapsulated_key=encapsulated_key, aead=suite[1])


def seal_request(
    content: bytes, configuration: KeyConfiguration, *, ephemeral: X25519PrivateKey | None = None
) -> SealedRequest:
    """Seal the binary request ``content`` for the gateway of ``configuration`` (section 4.3).

    Args:
        content: from ``encode_request``.
        configuration: the gateway's.
        ephemeral: the key that is used once; tests alone pass their own.

    Raises:
        NotOblivious: the gateway's key is none.
    """
    suite = configuration.suite
    header = bytes([configuration.key_id]) + b"".join(part.to_bytes(2, "big") for part in (X25519, *suite))
    once = None
    if ephemeral is not None:
        build = KEMKey.from_pyca_cryptography_key
        once = KEMKeyPair(build(ephemeral), build(ephemeral.public_key()))
    try:
        key = KEMKey.from_pyca_cryptography_key(X25519PublicKey.from_public_bytes(configuration.public_key))
        encapsulated_key, context = _hpke(suite).create_sender_context(key, info=_info(header), eks=once)
        sealed = context.seal(content)
    except (PyHPKEError, ValueError):
        raise NotOblivious("nothing can be sealed for this key") from None
    return SealedRequest(header + encapsulated_key + sealed, context, encapsulated_key, suite)


# ---------------------------------------------------------------- inside


def _hpke(suite: tuple[int, int]) -> CipherSuite:
    return CipherSuite.new(KEMId.DHKEM_X25519_HKDF_SHA256, KDFId(suite[0]), AEADId(suite[1]))


def _info(header: bytes) -> bytes:
    return _REQUEST_LABEL + b"\0" + header


def _suite_of(header: bytes) -> tuple[int, int]:
    return int.from_bytes(header[3:5], "big"), int.from_bytes(header[5:7], "big")


def _key_bytes(aead: int) -> int:
    return 16 if aead == AES_128_GCM else 32


def _response_cipher(
    secret: bytes, encapsulated_key: bytes, nonce: bytes, aead: int
) -> tuple[AESGCM | ChaCha20Poly1305, bytes]:
    """Return what seals the response, and its nonce (section 4.4); HKDF of RFC 5869, whose parts fit in one block."""
    key_material = hmac.digest(encapsulated_key + nonce, secret, _HASH)
    key = hmac.digest(key_material, b"key\x01", _HASH)[: _key_bytes(aead)]
    iv = hmac.digest(key_material, b"nonce\x01", _HASH)[:_NONCE_BYTES]
    return (AESGCM(key) if aead == AES_128_GCM else ChaCha20Poly1305(key)), iv
