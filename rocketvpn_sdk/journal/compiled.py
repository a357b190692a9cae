"""An event class, prepared: for each field the function that minimises it, and the lane its records go to."""

from __future__ import annotations

import math
from typing import Any

from rocketvpn_sdk.consent import Permit
from rocketvpn_sdk.journal.minimise import Minimiser, minimiser
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.policy import EventShape, Policy

TIME_FIELD = "recorded_at"
"""The field of the policy that says how exactly a record's time is kept."""


class CompiledEvent:
    """What ``Journal`` needs to keep an event: made once for each class, when the vault opens."""

    def __init__(self, policy: Policy, shape: EventShape, scrubber: Scrubber) -> None:
        self.name = shape.name
        self.purpose = shape.purpose
        self._fields = tuple(field for field, _ in shape.fields)
        declared = [policy.fields[field] for field in (TIME_FIELD, *self._fields)]
        # A record has one life: that of its shortest-lived field.
        self.retention = min(field.retention.device for field in declared if field.retention.device is not None)
        self._steps: tuple[tuple[str, Minimiser], ...] = tuple(
            (field.id, minimiser(field, scrubber)) for field in declared[1:]
        )
        self._coarsen = minimiser(declared[0], scrubber)
        self._coarse = 0.0
        self._coarse_from = math.inf
        self.needs_key = any(field.transform.name == "pseudonym" for field in declared)
        self.slow = any(field.transform.name == "scrub" for field in declared)
        """Whether it has free text, which takes long to minimise."""
        self.allowed = False
        self.checked_from = math.inf
        """When ``allowed`` was asked last, in seconds since the epoch."""
        self.changes = -1
        """What ``Permit.changes`` said then."""

    def ask(self, permit: Permit) -> bool:
        """Whether every field of the event may be kept on this device now."""
        return all(permit.field(field, self.purpose).allowed for field in (TIME_FIELD, *self._fields))

    def minimise(self, values: tuple[Any, ...], key: bytes | None) -> dict[str, Any]:
        """Return what is kept of ``values``; a pseudonym without its ``key`` is not kept at all."""
        return {field: minimise(value, key) for (field, minimise), value in zip(self._steps, values, strict=True)}

    def coarsen(self, now: float) -> float:
        """Return the time that is kept for a record made at ``now``."""
        if not self._coarse_from <= now < self._coarse_from + 1.0:  # within a second it stays what it is
            self._coarse_from = now // 1.0
            self._coarse = float(self._coarsen(self._coarse_from, None))
        return self._coarse
