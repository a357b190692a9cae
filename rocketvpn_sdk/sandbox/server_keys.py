"""Keys of the server in its folder, each made once: the first process that starts does that."""

from __future__ import annotations

import secrets
from base64 import b64encode
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from rocketvpn_sdk.files import write_private


def tunnel_key(folder: Path) -> str:
    """Return the public half of the WireGuard key that peers are told, in base64."""
    key = X25519PrivateKey.from_private_bytes(_kept(folder / "tunnel-key"))
    return b64encode(key.public_key().public_bytes_raw()).decode()


def code_key(folder: Path) -> bytes:
    """Return the key that names budgets and makes long codes (``budgets``)."""
    return _kept(folder / "code-key")


def gateway_key(folder: Path) -> bytes:
    """Return the secret key that opens sealed messages (RFC 9458 §3)."""
    return _kept(folder / "gateway-key")


def _kept(path: Path) -> bytes:
    """Return 32 random bytes, the same at every start. An X25519 key is no more than that (RFC 7748 §5)."""
    if not path.exists():
        write_private(path, secrets.token_bytes(32))
    return path.read_bytes()
