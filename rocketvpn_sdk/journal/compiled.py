"""An event class, prepared: for each field the function that minimises it, and the partition its records go to."""

from __future__ import annotations

import math
from typing import Any

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.journal.lines.line import Line
from rocketvpn_sdk.journal.lines.values import PrivateValue
from rocketvpn_sdk.journal.minimise import minimiser
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import ON_DEVICE, Duration, EventShape, Field, Policy
from rocketvpn_sdk.policy.minimise import Minimiser, combined, longest_text

TIME_FIELD = "recorded_at"
"""The field of the policy that says how exactly a record's time is kept."""
NAME_FIELD = "event_name"
"""The field of the policy that says how long an event's name is kept, where it has one."""
_BOUNDED = frozenset({int, Line})
"""Types of values that are never long."""
_LINE = "message"
"""The field of a log line's text."""
_NO_TIME = Duration("PT0S")


class CompiledEvent:
    """What ``Journal`` needs to keep an event: made once for each class, when the vault opens.

    Args:
        policies: the versions in force; where they differ, the strictest of what they say holds (X2).
        shape: the event.
        scrubber: what scrubs free text.
    """

    def __init__(self, policies: tuple[Policy, ...], shape: EventShape, scrubber: Scrubber) -> None:
        self.name = shape.name
        self.purpose = shape.purpose
        self._scrubber = scrubber
        self.fields = tuple(field for field, _ in shape.fields)
        self._line = self.fields.index(_LINE) if _LINE in self.fields else None
        self.allowed = False
        self.checked_from = math.inf
        """When ``allowed`` was asked last, in seconds since the epoch."""
        self.changes = -1
        """What ``Permit.changes`` said then."""
        self.prepared = 0
        """How often it was prepared: once more with every other set of versions."""
        self.buffered_by = policies
        """The versions by which what the log has not sealed yet was minimised."""
        self._prepare(policies)

    def _prepare(self, policies: tuple[Policy, ...]) -> None:
        self.policies = policies
        declared = [
            [policy.fields[field] for policy in policies if field in policy.fields]
            for field in (TIME_FIELD, *self.fields)
        ]
        named = [policy.fields[NAME_FIELD] for policy in policies if NAME_FIELD in policy.fields]
        times = [field.retention.device for versions in (named, *declared) for field in versions]
        # A record has one life: that of its shortest-lived field.
        self.retention = min((time for time in times if time is not None), default=_NO_TIME)
        self._coarsen, *minimisers = (_strictest(versions, self._scrubber) for versions in declared)
        self._steps: tuple[Minimiser, ...] = tuple(minimisers)
        self._coarse = 0.0
        self._coarse_from = math.inf
        transforms = {field.transform.name for versions in declared for field in versions}
        self.needs_key = "pseudonym" in transforms
        self.slow = self.needs_key or "scrub" in transforms
        """Whether it takes long to minimise: free text does, and a key that must be fetched."""
        self._longest = max((longest_text(field) for versions in declared for field in versions), default=0)
        self.prepared += 1

    def ask(self, held: PermitSnapshot) -> bool:
        """Whether every field of the event may be kept on this device, by what holds now."""
        if held.policies != self.policies:
            self._prepare(held.policies)
        return all(held.together(field, self.purpose, ON_DEVICE).allowed for field in (TIME_FIELD, *self.fields))

    def bounded(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return ``values`` without what no minimiser would look at: what waits in memory has to stay small."""
        longest = self._longest
        for value in values:  # the usual ones first: this is on the app's own time
            kind = type(value)
            if (len(value) > longest) if kind is str else (value is not None and kind not in _BOUNDED):
                return tuple([self._bounded(value) for value in values])
        return values

    def _bounded(self, value: Any) -> Any:
        kind = type(value)  # not ``isinstance``, which asks the value itself
        if issubclass(kind, str):
            text = str.__str__(value)  # a subclass may do anything
            return text if len(text) <= self._longest else text[: self._longest + 1]  # it stays too long
        return value if issubclass(kind, int | float | PrivateValue) else None

    def holds_hash(self, values: tuple[Any, ...]) -> bool:
        """Whether a value is to be hashed with the partition's key."""
        if self._line is None:
            return False
        line = values[self._line]
        if type(line) is Line and not line.later:  # most are
            return False
        return isinstance(line, PrivateValue) and line.needs_key

    def minimise(self, values: tuple[Any, ...], key: bytes | None) -> dict[str, Any]:
        """Return what is kept of ``values``; a pseudonym without its ``key`` is not kept at all."""
        return dict(
            zip(self.fields, [step(value, key) for step, value in zip(self._steps, values, strict=True)], strict=True)
        )

    def coarsen(self, now: float) -> float:
        """Return the time that is kept for a record made at ``now``."""
        if not self._coarse_from <= now < self._coarse_from + 1.0:  # within a second it stays what it is
            self._coarse_from = now // 1.0
            kept = self._coarsen(self._coarse_from, None)
            self._coarse = self._coarse_from // DAY * DAY if kept is None else float(kept)
        return self._coarse


def _strictest(versions: list[Field], scrubber: Scrubber) -> Minimiser:
    """Return what keeps of a value what every one of ``versions`` of a field would."""
    different = {(field.type, field.transform): field for field in versions}
    return combined([(field.transform, minimiser(field, scrubber)) for field in different.values()])
