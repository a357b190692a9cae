"""Sealing, pure: bytes in, bytes out. docs/vault-format.md is the format's description.

A block is ``nonce ‖ AES-256-GCM(key, nonce, padded, associated data)``; *padded* is ``u32 length ‖ payload ‖ zeros``.
"""

from __future__ import annotations

import hashlib
import os
import struct
import sys
import threading
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rocketvpn_sdk.errors import VaultDamaged

if sys.version_info >= (3, 14):  # pragma: no cover - one branch per interpreter
    from compression import zstd
else:
    from backports import zstd

SEAL_FORMAT = 1
"""Of blocks and documents, which are never sealed again because the file around them changes its format."""
NONCE_BYTES = 12
SMALLEST_BLOCK = 256
DOCUMENT_STEP = 1024
GENESIS = bytes(32)
"""The link before a partition's first block."""

_LENGTH = struct.Struct(">I")
_BLOCK = struct.Struct(">4sH16s16sQ32s")
_DOCUMENT = struct.Struct(">4sH16s16s16sQ")
_ZSTD_LEVEL = 3
_LARGEST_PAYLOAD = 64 << 20
_local = threading.local()


def padme(length: int) -> int:
    """Return the padded size for ``length`` bytes (Padmé: at most 12 % more, and few distinct sizes)."""
    if length <= SMALLEST_BLOCK:
        return SMALLEST_BLOCK
    exponent = length.bit_length() - 1
    low_bits = exponent - exponent.bit_length()
    mask = (1 << low_bits) - 1
    return (length + mask) & ~mask


def block_data(vault_id: bytes, key_id: bytes, sequence: int, previous: bytes) -> bytes:
    """Return a block's associated data: it opens in its own place in its own chain, and nowhere else."""
    return _BLOCK.pack(b"RVBL", SEAL_FORMAT, vault_id, key_id, sequence, previous)


def document_data(vault_id: bytes, key_id: bytes, slot: bytes, version: int) -> bytes:
    """Return a document's associated data."""
    return _DOCUMENT.pack(b"RVDO", SEAL_FORMAT, vault_id, key_id, slot, version)


def seal_block(key: bytes, data: bytes, records: list[Any]) -> bytes:
    """Seal ``records`` (JSON values) under ``key``, compressed and padded; ``data`` is the associated data."""
    payload = _compressor().compress(msgspec.json.encode(records), zstd.ZstdCompressor.FLUSH_FRAME)
    return _seal(key, data, payload, padme(len(payload) + _LENGTH.size))


def open_block(key: bytes, data: bytes, sealed: bytes, *, part: str) -> list[Any]:
    """Open what ``seal_block`` sealed; ``part`` is what an error calls it.

    Raises:
        VaultDamaged: the block is not the one that was sealed for this place.
    """
    payload = _open(key, data, sealed, part)
    try:
        decompressor = zstd.ZstdDecompressor()
        plain = decompressor.decompress(payload, max_length=_LARGEST_PAYLOAD)
        return msgspec.json.decode(plain, type=list[Any])
    except (zstd.ZstdError, EOFError, msgspec.DecodeError, msgspec.ValidationError):
        raise VaultDamaged(part=part) from None


def seal_document(key: bytes, data: bytes, payload: bytes) -> bytes:
    """Seal ``payload`` under ``key``, padded to a multiple of 1 KiB."""
    size = -(-(len(payload) + _LENGTH.size) // DOCUMENT_STEP) * DOCUMENT_STEP
    return _seal(key, data, payload, size)


def open_document(key: bytes, data: bytes, sealed: bytes, *, part: str) -> bytes:
    """Open what ``seal_document`` sealed.

    Raises:
        VaultDamaged: it is not what was sealed for this place.
    """
    return _open(key, data, sealed, part)


def digest(data: bytes, sealed: bytes) -> bytes:
    """Return what the chain keeps of a block when its ciphertext is gone."""
    return hashlib.sha256(data + sealed).digest()


def link(previous: bytes, block_digest: bytes) -> bytes:
    """Return the chain's link after a block: ``SHA-256(previous ‖ digest)``."""
    return hashlib.sha256(previous + block_digest).digest()


def _compressor() -> zstd.ZstdCompressor:
    """Return this thread's compressor: making one costs as much as compressing a block."""
    if not hasattr(_local, "compressor"):
        _local.compressor = zstd.ZstdCompressor(_ZSTD_LEVEL)
    compressor: zstd.ZstdCompressor = _local.compressor
    return compressor


def _seal(key: bytes, data: bytes, payload: bytes, size: int) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    padded = (_LENGTH.pack(len(payload)) + payload).ljust(size, b"\0")
    return nonce + AESGCM(key).encrypt(nonce, padded, data)


def _open(key: bytes, data: bytes, sealed: bytes, part: str) -> bytes:
    try:
        padded = AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], data)
        (length,) = _LENGTH.unpack_from(padded)
    except (InvalidTag, ValueError, struct.error):
        raise VaultDamaged(part=part) from None
    return padded[_LENGTH.size : _LENGTH.size + length]
