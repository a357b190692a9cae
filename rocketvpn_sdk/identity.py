"""Who this device is: its number, made for one app, one OS user and one order, and its key.

Touches: disk. Start with ``device_id``.

On disk it reads the machine's own number. That never leaves: it is the key of an HMAC whose output says nothing about
it (policy clause C1).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
from datetime import date
from pathlib import Path
from typing import ClassVar

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.files import disk_error, out_of_files
from rocketvpn_sdk.masking import HIDDEN, MaskedRepr, OneHolder, SecretStruct

CREDENTIALS = "credentials"
"""The name of the document that holds ``Credentials``."""
BINDING = "binding"
"""The name of the document that holds ``Binding``."""
PENDING = "pending_binding"
"""The name of the document that holds ``Pending``."""

_LABEL = b"rocketvpn/device/v1"
_MACHINE_ID = re.compile(r"[0-9a-f]{32,128}")
_COORDINATE = 32
_ES256 = ec.ECDSA(hashes.SHA256())


def read_machine_id() -> str | None:
    """Return the machine's own number as lower-case hex, or ``None`` where it has none that can be used."""
    shortage = out_of_files()
    if shortage is not None:  # or a device would seem to have no number, and get another name
        raise disk_error(shortage, Path("this machine's number"))
    import machineid  # here: it brings subprocess and platform, which only the first binding needs

    try:
        found = machineid.id()
    except (machineid.MachineIdNotFound, OSError, ValueError):  # ValueError: a file that is not text
        return None
    return usable_machine_id(found)


def usable_machine_id(found: str | None) -> str | None:
    """Return ``found`` as lower-case hex without dashes, or ``None`` if it identifies no machine.

    ``uninitialized`` (systemd's first boot), empty and non-hex values are none; so is one digit repeated, which
    firmware reports where nobody set a number.
    """
    digits = (found or "").strip().lower().strip("{}").replace("-", "")
    return digits if _MACHINE_ID.fullmatch(digits) and len(set(digits)) > 1 else None


def device_id(machine_id: str | None, *, app_id: str, os_user: str, order_number: str) -> str:
    """Return the device's number for this app, OS user and order: 52 letters and digits of base32 (RFC 4648).

    The same after a re-install; different for every app, user and order. Random where there is no ``machine_id``.
    """
    usable = usable_machine_id(machine_id)
    key = usable.encode() if usable else secrets.token_bytes(32)
    order = hashlib.sha256(order_number.encode()).digest()
    # Every part carries its length, so that no two different sets of parts give the same bytes.
    parts = (_LABEL, app_id.encode(), os_user.encode(), order)
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return base64.b32encode(hmac.digest(key, message, "sha256")).decode().rstrip("=")


def base64url(data: bytes) -> str:
    """Return ``data`` in base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class DeviceKey(OneHolder):
    """The device's ES256 key (RFC 7518 §3.4). Its secret half leaves only through ``to_bytes``, into the vault."""

    __slots__ = ("_key", "_public_jwk", "_thumbprint")

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        point = key.public_key().public_numbers()
        self._public_jwk = {  # RFC 7638 §3.2: the required members, in this order
            "crv": "P-256",
            "kty": "EC",
            "x": base64url(point.x.to_bytes(_COORDINATE, "big")),
            "y": base64url(point.y.to_bytes(_COORDINATE, "big")),
        }
        canonical = json.dumps(self._public_jwk, separators=(",", ":"), sort_keys=True).encode()
        self._thumbprint = base64url(hashlib.sha256(canonical).digest())

    @classmethod
    def generate(cls) -> DeviceKey:
        """Make a new key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_bytes(cls, data: bytes) -> DeviceKey:
        """Read a key written by ``to_bytes``.

        Raises:
            VaultDamaged: it is no P-256 key.
        """
        try:
            key = serialization.load_der_private_key(data, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise VaultDamaged(part="the device's key") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise VaultDamaged(part="the device's key")
        return cls(key)

    def to_bytes(self) -> bytes:
        """Return the secret key as PKCS #8, DER: for the vault alone."""
        return self._key.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public_jwk(self) -> dict[str, str]:
        """The public half (RFC 7517)."""
        return dict(self._public_jwk)

    @property
    def thumbprint(self) -> str:
        """The public half's SHA-256 thumbprint (RFC 7638)."""
        return self._thumbprint

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes ``r ‖ s`` that JWS wants of ES256 (RFC 7518 §3.4)."""
        r, s = decode_dss_signature(self._key.sign(message, _ES256))
        return r.to_bytes(_COORDINATE, "big") + s.to_bytes(_COORDINATE, "big")

    def __repr__(self) -> str:
        return f"DeviceKey({HIDDEN})"


class Credentials(SecretStruct, frozen=True, kw_only=True):
    """What proves to the server that this is the device; sealed in the vault, bound to the key it holds."""

    device_id: str
    private_key: bytes
    refresh_token: str
    client_id: str


class Binding(MaskedRepr, frozen=True, kw_only=True):
    """Which order this device is bound to (policy clause C1)."""

    __masked__: ClassVar[tuple[str, ...]] = ("order_number", "device_id")

    order_number: str
    device_id: str
    bound_on: date
    """The day of binding; the policy keeps no finer time."""
    by_machine: bool = True
    """Whether the device's number was made from the machine's: false where this is a copy of a bound machine."""


class Pending(SecretStruct, frozen=True, kw_only=True):
    """A binding of which nobody knows yet whether the server has it: the key that it may have, for the next try."""

    order_number: str
    device_id: str
    private_key: bytes


def bound_elsewhere(binding: Binding, *, app_id: str, os_user: str, machine_id: str | None) -> bool:
    """Return whether ``binding`` was made on another machine: it was copied here, or the system was installed again.

    A copy of a whole machine, its number included, cannot be told from it, nor can a binding with a random number.
    """
    if usable_machine_id(machine_id) is None or not binding.by_machine:
        return False
    here = device_id(machine_id, app_id=app_id, os_user=os_user, order_number=binding.order_number)
    return here != binding.device_id
