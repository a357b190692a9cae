"""Keeps what the device knows of itself up to date, while what waits is minimised."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from rocketvpn_sdk import platforms
from rocketvpn_sdk.journal.known import DOCUMENTS, Identifiers, Known
from rocketvpn_sdk.vault import Vault

_LOOK_AROUND = 60.0
"""Seconds after which the addresses of the interfaces are read again."""


class OwnValues:
    """Renews ``known``.

    Args:
        known: what is taken out of texts.
        vault: it says what this device is bound by.
        clock: returns the time, in seconds.
    """

    def __init__(self, known: Known, vault: Vault, clock: Callable[[], float]) -> None:
        self._known = known
        self._vault = vault
        self._clock = clock
        self._stamp = -1
        self._looked_at = -math.inf

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Know what holds now, and inside also what held before: a line that waits may have been written under that."""
        if not 0 <= self._clock() - self._looked_at < _LOOK_AROUND:
            self._looked_at = self._clock()
            self._known.here(platforms.interface_addresses())
        binding = self._binding()
        if binding is None:
            yield
            return
        self._known.now(binding, and_before=True)
        yield
        self._known.now(binding)

    def _binding(self) -> list[str] | None:
        """Return what the vault says this device is bound by; ``None``: it says what it said before."""
        if not self._vault.unlocked:
            return None
        stamp = self._vault.stamp()
        if stamp == self._stamp:
            return None
        found = [self._vault.get(name, Identifiers) or Identifiers() for name in DOCUMENTS]
        self._stamp = stamp
        return [value for each in found for value in msgspec.structs.astuple(each)]
