"""What ``SealedLog`` has of a partition in memory, beside what is buffered."""

from __future__ import annotations

import msgspec

from rocketvpn_sdk.vault.reading import Stored


class Tail(msgspec.Struct, frozen=True):
    """A partition's last block, as this process wrote it: re-sealed with what comes next until it is full."""

    sequence: int
    previous: bytes
    link: bytes
    key_id: bytes
    records: list[Stored]


class PseudonymKey(msgspec.Struct, frozen=True):
    """A key made from an epoch's; it holds while that epoch lasts and nothing but records was written."""

    epoch: int
    stamp: int
    key_id: bytes
    key: bytes


class EpochBuffer(msgspec.Struct, frozen=True):
    """Where a partition's next record is buffered, for as long as its epoch lasts."""

    begins: float
    ends: float
    records: list[tuple[float, Stored]]
