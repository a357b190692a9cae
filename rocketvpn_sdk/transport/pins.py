"""SPKI pins: which keys a verified certificate chain must contain one of (the idea of RFC 7469, without its header).

The check runs inside the TLS handshake, in ``do_handshake`` of the classes that the SSL context itself creates: on a
mismatch the connection is closed before the first byte of a request.
"""

from __future__ import annotations

import _ssl
import base64
import hashlib
import ssl
from collections.abc import Collection, Iterable
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rocketvpn_sdk.errors import ConfigurationError

_PREFIX = "sha256/"
_DIGEST = hashlib.sha256().digest_size
FEWEST = 2
"""One pin alone locks everyone out on the day its key is lost."""


class PinnedKeyMissing(ssl.SSLCertVerificationError):
    """No certificate of the verified chain holds a pinned key.

    An ``OSError``, because ``ssl`` closes the socket for those alone before it lets go (Python 3.11).
    """

    def __init__(self, message: str) -> None:
        super().__init__(1, message)
        self.verify_code, self.verify_message = -1, message


def parse_pins(pins: Iterable[str]) -> frozenset[str]:
    """Check and return ``pins``, each ``sha256/<base64 of the SHA-256 of a key's SubjectPublicKeyInfo>``.

    Raises:
        ConfigurationError: one is malformed, or there is one alone: at least two (a spare!) or none.
    """
    if isinstance(pins, str):  # a text is an iterable of letters
        raise ConfigurationError(problem="pins must be a sequence of texts, not one text")
    parsed = frozenset(_parse(pin) for pin in pins)
    if 0 < len(parsed) < FEWEST:
        raise ConfigurationError(problem="one pin alone is a trap: give at least two different ones, or none")
    return parsed


def _parse(pin: str) -> str:
    try:
        prefix, digits = pin[: len(_PREFIX)], pin[len(_PREFIX) :]
        digest = base64.b64decode(digits, validate=True) if prefix == _PREFIX else b""
    except (TypeError, ValueError):  # not a text; not base64
        digest = b""
    if len(digest) != _DIGEST:
        raise ConfigurationError(problem=f"{pin!r} is no pin; a pin is sha256/ and the base64 of 32 bytes")
    return _PREFIX + base64.b64encode(digest).decode()


def spki_pin(certificate: bytes) -> str:
    """Return the pin of the key in ``certificate`` (DER).

    Raises:
        ValueError: the certificate or its key cannot be read.
    """
    try:
        key = x509.load_der_x509_certificate(certificate).public_key()
    except UnsupportedAlgorithm as error:
        raise ValueError(str(error)) from None
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return _PREFIX + base64.b64encode(hashlib.sha256(spki).digest()).decode()


def check_pins(connection: Any, pins: Collection[str], *, leaf_only: bool = False) -> None:
    """Check that the verified chain of ``connection`` holds a pinned key; without ``pins`` everything passes.

    Args:
        connection: OpenSSL's side of one whose handshake has just finished (``proven.inside``).
        pins: as ``parse_pins`` returned them.
        leaf_only: the operating system verified the chain and does not tell which one it built, so that only the
            server's own certificate is known to belong to it.

    Raises:
        PinnedKeyMissing: it does not.
    """
    if not pins:
        return
    for certificate in _leaf(connection) if leaf_only else _verified_chain(connection):
        try:
            if spki_pin(certificate) in pins:
                return
        except ValueError:
            continue  # a key of an unknown kind is not one of ours
    raise PinnedKeyMissing("no key of the verified chain is pinned")


def _leaf(connection: Any) -> list[bytes]:
    leaf = connection.getpeercert(True)
    return [leaf] if leaf else []


def _verified_chain(connection: Any) -> list[bytes]:
    """Return the chain that OpenSSL built and verified, never the list that the server happened to send."""
    return [certificate.public_bytes(_ssl.ENCODING_DER) for certificate in connection.get_verified_chain()]
