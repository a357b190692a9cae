"""Partitions and epochs, pure: which key a record is sealed under, and when that key dies."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import msgspec

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Duration

_EPOCHS = (30 * DAY, 7 * DAY, DAY)


class Partition(msgspec.Struct, frozen=True):
    """Records that share a stream, a purpose and a retention, and so their keys' lives."""

    stream: str
    purpose: str
    retention: str

    @property
    def seconds(self) -> float:
        """The retention in seconds; infinite while bound."""
        return _seconds(self.retention)


Keeps = Callable[[Partition], float]
"""For how many seconds a partition's records are kept now, which may be less than the partition was made for."""


def as_made(partition: Partition) -> float:
    """Return how long ``partition`` was made to keep its records, in seconds."""
    return partition.seconds


class PartitionChoice(msgspec.Struct, frozen=True):
    """A choice of partitions, those included that are not there yet; ``None`` stands for every stream or purpose."""

    stream: str | None = None
    purpose: str | None = None

    def __call__(self, partition: Partition) -> bool:
        """Whether ``partition`` is one of them."""
        return self.stream in (None, partition.stream) and self.purpose in (None, partition.purpose)


RECORDED = PartitionChoice(stream="log")
"""What the app records, for every purpose. Whoever writes something that allows more marks it.

What was recorded before that, without leave, must not be kept under it, and another process may still have it in
memory. So the transaction that allows more ends what waits there, as a deletion does: for every purpose, since a mark
can be read without the key, and what was agreed to is nobody's business.
"""


@cache
def _seconds(retention: str) -> float:
    return Duration(retention).seconds


@cache
def epoch_length(retention: float) -> float:
    """Return the longest of a month, a week and a day that is at most a seventh of ``retention``; at least a day."""
    return next((length for length in _EPOCHS if length <= retention / 7), DAY)


def epoch_of(retention: float, at: float) -> int:
    """Return the start of the epoch that ``at`` falls into, in seconds since the Unix epoch."""
    length = epoch_length(retention)
    return int(at // length * length)


def epoch_dead(retention: float, epoch: int, now: float) -> bool:
    """Whether the epoch's key must be gone at ``now``: it dies at its start plus the retention, so *at most* then."""
    return not math.isinf(retention) and now >= epoch + retention
