"""B4: delete everything, at any size."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.data import events
from bench.journal import opened
from bench.measure import Row, wall
from bench.peers import SqlCipher
from rocketvpn_sdk.vault.partitions import PartitionChoice

_SAMPLE = 10_000


def deleting(sizes: tuple[int, ...], rounds: int) -> Iterator[Row]:
    """Fill, delete, measure; the keyring's own time is left out, since the root key is in memory."""
    made = events(_SAMPLE)
    ours: dict[int, float] = {}
    for size in sizes:
        figures = [_ours(made, size) for _ in range(rounds)]
        ours[size] = sorted(figures)[rounds // 2]
        peer = _theirs(made, size)
        yield Row("B4", f"delete {size:,} records", "ms", ours[size] * 1e3, "SQLCipher DELETE+VACUUM", peer * 1e3)
        yield Row("B4", f"delete {size:,} records", "ms", ours[size] * 1e3, goal="≤ 50 ms", limit=50.0)
    first, last = min(sizes), max(sizes)
    what = f"deleting {last:,} against {first:,}"
    yield Row("B4", what, "ms", ours[last] * 1e3, f"{first:,}", ours[first] * 1e3, "≤ 1.5×", 1.5)


def _ours(made: tuple, size: int) -> float:
    with tempfile.TemporaryDirectory() as name, opened(Path(name) / "vault") as rocket:
        _fill(rocket, made, size)
        return wall(lambda: _shred(rocket))


def _fill(rocket: object, made: tuple, size: int) -> None:
    log = rocket.journal._log
    partition = ("service", rocket.journal._events[type(made[0])].retention)
    for number in range(size):
        log.append(*partition, ("service", "session.connected", {"region": "de-fra", "duration": number % 977}))
        if log.buffered >= 256:
            log.commit()
    log.commit()


def _shred(rocket: object) -> None:
    """What a deletion does before it returns: drop the keys, rotate the root. Ciphertext is removed afterwards."""
    with rocket._components.vault.shredding() as transaction:
        transaction.shred(PartitionChoice())


def _theirs(made: tuple, size: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        peer = SqlCipher(Path(name))
        for start in range(0, size, _SAMPLE):
            peer.record(made[: min(_SAMPLE, size - start)], each=False)
        seconds = wall(peer.delete_everything)
        peer.close()
        return seconds
