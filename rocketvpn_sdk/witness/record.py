"""What the witness noted, at rest: sealed, declared as ``witness_record``, and gone when its time is over.

A stream of the vault rather than a document: so it ends by its days, a deletion takes it, also what another process had
noted before and not written yet, and its chain is checked whenever it is read (decision 12).
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import date
from typing import TYPE_CHECKING, Any, ClassVar

import msgspec

from rocketvpn_sdk.clock import DAY, utc
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.vault import SealedLog, Vault

if TYPE_CHECKING:
    from rocketvpn_sdk.witness.hook import Notes

STREAM = "witness"
"""The vault's stream that it is kept in."""
FIELD = "witness_record"
"""What the policy calls it."""
PURPOSE = "rights"

CAVEATS: tuple[str, ...] = (
    "It sees connections that Python code of this app opens, and nothing that other code does: libraries in other"
    " languages (a browser window, a tunnel), other programs, processes that this one starts.",
    "So it sees nothing that gRPC (grpc) or uvloop connects, and on Windows nothing that asyncio connects: neither goes"
    " through Python's own sockets.",
    "It sees nothing from before it was switched on, nothing to this device itself (so nothing behind a proxy that runs"
    " here), and nothing of what is sent.",
    "Where the app connected to an address rather than to a name, it knows the address alone.",
    "It is a witness and no wall: it stops nothing, and code that means to hide from it can.",
)


class WitnessedConnection(MaskedRepr, frozen=True, kw_only=True):
    """Connections that one part of the app began to one place."""

    __masked__: ClassVar[tuple[str, ...]] = ("host",)

    host: str
    """A name, or an address where the app used one."""
    port: int
    module: str
    """The Python module nearest to the connection that belongs neither to Python itself nor to a network library."""
    times: int
    first: date
    """In UTC, as ``last``; of what is still kept."""
    last: date


class Witnessed(msgspec.Struct, frozen=True, kw_only=True):
    """What the witness saw, as far as it is still kept."""

    connections: tuple[WitnessedConnection, ...]
    """By host, port and module."""
    missed: int
    """How many connections were not noted since there was no more room."""
    watching: bool
    """Whether it is switched on in this process."""
    caveats: tuple[str, ...] = CAVEATS


class Note(msgspec.Struct, frozen=True):
    """Connections of one day, not written yet."""

    host: str
    port: int
    module: str
    day: float
    """Its beginning in UTC, in seconds since the epoch."""
    ran: float
    """When the first of them was, on the monotonic clock: what was deleted since then takes it; not kept."""
    times: int


class WitnessRecord:
    """Writes and reads what was noted. Thread-safe.

    Args:
        vault: where it is kept.
        permit: whether, and for how long, it may be kept.
        notes: what this process notes; ``None`` where the witness is off.
    """

    def __init__(self, vault: Vault, permit: Permit, notes: Notes | None = None) -> None:
        self._vault = vault
        self._stream = SealedLog(vault, STREAM)
        self._permit = permit
        self._notes = notes
        self._lock = threading.Lock()

    def save(self) -> None:
        """Seal what was noted since the last time.

        Raises:
            VaultError: it could not be written; the next time writes it.
        """
        if self._notes is None:
            return
        self._vault.stamp()  # locked or closed, it says so
        with self._lock:
            kept = self._retention()
            if kept is None:
                self._notes.take()  # the policy in force does not declare it
            elif self._notes.any():
                self._append(self._notes, kept)
            self._stream.commit()

    def _append(self, notes: Notes, kept: Duration) -> None:
        for note in notes.take():
            facts = (note.host, note.port, note.module, note.times)
            self._stream.append(PURPOSE, kept, facts, at=note.day, moment=note.ran)

    def read(self) -> Witnessed:
        """Return what was seen, on this device and by any process of this vault; writes what was only noted first.

        Raises:
            VaultDamaged: it is not what was written.
            VaultLocked, VaultClosed: it cannot be read now.
        """
        self.save()
        connections, missed = _summed(self._stream.read())
        watching = self._notes is not None and self._notes.watched
        return Witnessed(connections=connections, missed=missed, watching=watching)

    def forget(self) -> None:
        """Forget what is not written yet; anyone who destroys what is written calls this too."""
        if self._notes is not None:
            self._notes.take()
        self._stream.discard()
        self._stream.forget_ended()

    def close(self) -> None:
        """Write what is left and stop noting; the hook itself stays, and does nothing.

        Raises:
            VaultError: it could not be written.
        """
        if self._notes is not None:
            self._notes.stop()
            self.save()

    @property
    def unsealed(self) -> int:
        """How many notes are in memory alone."""
        return self._stream.buffered + (self._notes.waiting if self._notes is not None else 0)

    def _retention(self) -> Duration | None:
        """Return the shortest time for which every policy in force lets it be kept; ``None``: one does not."""
        if not self._permit.field(FIELD, PURPOSE).allowed:
            return None
        fields = [policy.fields[FIELD] for policy in self._permit.policies if FIELD in policy.fields]
        kept = [field.retention.device for field in fields if field.retention.device is not None]
        return min(kept, key=lambda duration: duration.seconds, default=None)


def _summed(records: Iterable[tuple[float, Any]]) -> tuple[tuple[WitnessedConnection, ...], int]:
    found: dict[tuple[str, int, str], WitnessedConnection] = {}
    missed = 0
    for at, (host, port, module, times) in records:
        if not host:
            missed += times
            continue
        day, before = utc(at).date(), found.get((host, port, module))
        found[host, port, module] = WitnessedConnection(
            host=host,
            port=port,
            module=module,
            times=times + (before.times if before else 0),
            first=min(day, before.first) if before else day,
            last=max(day, before.last) if before else day,
        )
    return tuple(found[key] for key in sorted(found)), missed


def day_of(now: float) -> float:
    """Return the beginning of the day, in UTC, that ``now`` falls into; all in seconds since the epoch."""
    return now // DAY * DAY
