"""How long a stored record is kept under the policy versions in force, whatever its partition says. Pure (R1, X2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rocketvpn_sdk.journal.compiled import NAME_FIELD, TIME_FIELD
from rocketvpn_sdk.policy import Duration, Policy, longest_kept
from rocketvpn_sdk.vault.partitions import Partition, epoch_dead, epoch_length, epoch_of
from rocketvpn_sdk.vault.reading import Stored

_NOT_AT_ALL = Duration("PT0S")


class Lifetimes:
    """Retention of the records of ``stream``; a record is kept as long as its shortest-lived field.

    A version that narrows does so at once, also for what is stored already: a field that one of the versions does not
    keep for the record's purpose is gone from the record, and a shorter time than the partition's counts.

    Args:
        policies: the versions in force.
        stream: whose records they are.
    """

    def __init__(self, policies: Sequence[Policy], stream: str) -> None:
        self.policies = tuple(policies)
        self._stream = stream
        self._fields: dict[tuple[str, str], Duration] = {}
        self._partitions: dict[Partition, tuple[float, frozenset[str]]] = {}
        self._shapes: dict[tuple[Any, ...], tuple[frozenset[str], float, Partition]] = {}

    def partition(self, partition: Partition) -> float:
        """Return for how many seconds the keys of ``partition`` live at most: no longer than it was made for.

        A version that narrows does so at once, also for what is stored already. One that no longer has the purpose, or
        keeps nothing for it, leaves it no time at all.
        """
        return self._of(partition)[0] if partition.stream == self._stream else partition.seconds

    def fits(self, partition: Partition, records: list[Stored]) -> bool:
        """Whether all of ``records`` live as long as the partition's keys: the usual case, and so answered quickly."""
        held = set().union(*[record[2][2] for record in records])
        return held <= self._of(partition)[1]

    def sift(self, partition: Partition, epoch: int, records: list[Stored], now: float) -> list[Stored]:
        """Return what still lives of ``records``, which were sealed in that ``epoch`` of that partition."""
        if self.fits(partition, records):
            return records
        return [record for record, _, _ in self.living(partition, epoch, records, now)]

    def living(
        self, partition: Partition, epoch: int, records: list[Stored], now: float
    ) -> list[tuple[Stored, Partition, int]]:
        """Return the same, each with the partition and the epoch it would have under these versions."""
        found: list[tuple[Stored, Partition, int]] = []
        ends = epoch + epoch_length(partition.seconds)
        for at, place, (purpose, name, fields) in records:
            shape = (partition, purpose, tuple(fields), tuple([value is None for value in fields.values()]))
            known = self._shapes.get(shape)
            if known is None:
                known = self._shapes[shape] = self._shape(partition, purpose, fields)
            gone, life, own = known
            # Told by a clock that was set back or forward, or cut to the day: then it is as old as its epoch.
            begins = epoch if own is partition else epoch_of(life, at if epoch <= at < ends else epoch)
            if life and not epoch_dead(life, begins, now):
                held = {field: value for field, value in fields.items() if field not in gone} if gone else fields
                found.append(((at, place, (purpose, name, held)), own, begins))
        return found

    def _shape(
        self, partition: Partition, purpose: str, fields: Mapping[str, Any]
    ) -> tuple[frozenset[str], float, Partition]:
        """Return which of a record's fields are not kept, how long it lives in seconds, and in which partition."""
        gone = frozenset(field for field in fields if not self._field(field, purpose).seconds)
        life = self._life(purpose, {field: value for field, value in fields.items() if field not in gone})
        if life.seconds >= partition.seconds:
            return gone, partition.seconds, partition
        return gone, life.seconds, Partition(partition.stream, purpose, life.text)

    def _of(self, partition: Partition) -> tuple[float, frozenset[str]]:
        known = self._partitions.get(partition)
        if known is None:
            always = self._life(partition.purpose, {}).seconds
            seconds = min(partition.seconds, longest_kept(self.policies, partition.purpose), always)
            declared = {field for policy in self.policies for field in policy.fields}
            lasting = (
                field for field in declared if self._field(field, partition.purpose).seconds >= max(seconds, 1.0)
            )
            known = self._partitions[partition] = (seconds, frozenset(lasting))
        return known

    def _life(self, purpose: str, held: Mapping[str, Any]) -> Duration:
        """Return the shortest time of what a record holds: when it was and what it is called, and what is not empty."""
        names = [field for field, value in held.items() if value is not None]
        if any(NAME_FIELD in policy.fields for policy in self.policies):
            names.append(NAME_FIELD)
        return min(self._field(field, purpose) for field in (TIME_FIELD, *names))

    def _field(self, field: str, purpose: str) -> Duration:
        """Return how long ``field`` is kept on this device for ``purpose``; no time: not at all."""
        known = self._fields.get((field, purpose))
        if known is None:
            times = [_time(policy, field, purpose) for policy in self.policies]
            known = self._fields[field, purpose] = min(times)
        return known


def _time(policy: Policy, field: str, purpose: str) -> Duration:
    declared = policy.fields.get(field)
    if declared is None or purpose not in declared.purposes or purpose not in policy.purposes:
        return _NOT_AT_ALL
    return _NOT_AT_ALL if declared.transform.name == "drop" else declared.retention.device or _NOT_AT_ALL
