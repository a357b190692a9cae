"""A shorter time of one field reaches what is stored, at once and down to the keys: held against a model (R1, X2).

The model knows what was recorded when and how long each field may be kept; it shares nothing with the journal. A record
lives as long as the shortest-lived field that it holds, at most; a key dies with its epoch, so up to a day less.
"""

from __future__ import annotations

import tempfile
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from support.forms import form

from rocketvpn_sdk import Config, Event, RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Duration, Policy, bundled_policy
from rocketvpn_sdk.policy.values import Transform
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault.verify import verify

pytestmark = [pytest.mark.clause("R1"), pytest.mark.clause("X2")]

NOON = 1_800_000_000.0 // DAY * DAY + DAY / 2
BUNDLED = bundled_policy()
PURPOSES = {"probe.region": "service", "probe.mixed": "service", "probe.odd": "service", "probe.failed": "improvement"}


class Region(Event, name="probe.region", purpose="service"):
    region: str


class Mixed(Event, name="probe.mixed", purpose="service"):
    region: str
    traffic: int | None = None
    local_address: str | None = None


class Odd(Event, name="probe.odd", purpose="service"):
    platform_version: str
    traffic: int


class Failed(Event, name="probe.failed", purpose="improvement"):
    failure: str
    region: str


EVENTS: list[Event] = [
    Region(region="de-fra"),
    Mixed(region="de-fra"),
    Mixed(region="de-fra", traffic=5_000_000),
    Mixed(region="de-fra", traffic=5_000_000, local_address="203.0.113.77"),
    Odd(platform_version="14.5", traffic=1),
    Failed(failure="dns", region="at-vie"),
]
AS_KEPT: list[dict[str, Any]] = [
    {"region": "de-fra"},
    {"region": "de-fra", "traffic": None, "local_address": None},
    {"region": "de-fra", "traffic": 1_048_576, "local_address": None},
    {"region": "de-fra", "traffic": 1_048_576, "local_address": "203.0.113.0"},
    {"platform_version": "14.5", "traffic": 0},
    {"failure": "dns", "region": "at-vie"},
]
FIELDS = ("recorded_at", "event_name", "region", "traffic", "local_address", "platform_version", "failure")
GONE = ("no time", "no place", "another purpose", "dropped", "undeclared")


class Recorded(NamedTuple):
    at: float
    event: int


class Narrowing(NamedTuple):
    """On which day a version comes, what it keeps for how many days (0: in one of five ways not at all), and how."""

    day: int
    days: dict[str, int]
    gone: str
    waits: bool
    reopened: bool


def version(number: int, days: dict[str, int], gone: str, waits: bool) -> Policy:
    """Return a version that keeps fields for so many days; one that waits also takes something."""
    document = BUNDLED.document
    fields = [_field(field, days.get(field.id), gone) for field in document.field]
    if waits:
        fields = [
            msgspec.structs.replace(field, transform=Transform("keep")) if field and field.id == "duration" else field
            for field in fields
        ]
    left = tuple(field for field in fields if field is not None)
    known = {field.id: field.purposes for field in left}
    events = tuple(
        event for event in document.event if all(event.purpose in known.get(field, ()) for field in event.fields)
    )
    operations = tuple(
        msgspec.structs.replace(
            part, fields=tuple(field for field in part.fields if part.purpose in known.get(field, ()))
        )
        for part in document.operation
    )
    return Policy(
        msgspec.structs.replace(
            document, version=number, field=left, event=events, operation=operations, effective=date(2026, 12, 1)
        )
    )


def _field(field: Any, days: int | None, gone: str) -> Any:
    if days is None:
        return field
    if days:
        return msgspec.structs.replace(
            field, retention=msgspec.structs.replace(field.retention, device=Duration(f"P{days}D"))
        )
    if gone == "undeclared" and field.id not in ("recorded_at", "event_name"):
        return None
    if gone == "another purpose":
        return msgspec.structs.replace(field, purposes=("software",))
    if gone == "dropped":
        return msgspec.structs.replace(field, transform=Transform("drop"))
    device = Duration("PT0S") if gone == "no time" else None
    return msgspec.structs.replace(field, retention=msgspec.structs.replace(field.retention, device=device))


class Model:
    """What may be there."""

    def __init__(self) -> None:
        self.recorded: list[Recorded] = []
        self.days = {field: self._declared(field) for field in FIELDS}

    def _declared(self, field: str) -> int:
        kept = BUNDLED.fields[field].retention.device
        return round(kept.seconds / DAY) if kept else 0

    def narrow(self, days: dict[str, int]) -> None:
        for field, most in days.items():
            self.days[field] = min(self.days[field], most)

    def life(self, event: int) -> int:
        """Return for how many days a record of that event may be kept, by what it holds now."""
        held = [field for field, value in AS_KEPT[event].items() if value is not None and self.days[field]]
        own = min(self._declared(field) for field in AS_KEPT[event])  # the time that its key was made for
        return min(own, self.days["recorded_at"], self.days["event_name"], *(self.days[field] for field in held))

    def shown(self, event: int) -> dict[str, Any]:
        return {field: value for field, value in AS_KEPT[event].items() if self.days[field]}

    def check(self, found: list[tuple[float, str, dict[str, Any]]], now: float, *, strict: bool = True) -> None:
        """Check that all that must be there is, and nothing else; not ``strict``: a day later is early enough."""
        left = list(found)
        for record in self.recorded:
            entry = (record.at, EVENTS[record.event].__event__[0], self.shown(record.event))
            ends = record.at + self.life(record.event) * DAY
            if now < ends - DAY and self.life(record.event):
                assert entry in left, f"{entry} is gone after {(now - record.at) / DAY} days"
            if entry in left and now < (ends if strict else ends + DAY):
                left.remove(entry)
        assert left == [], f"{left} outlived its time"


narrowings = st.lists(
    st.builds(
        Narrowing,
        day=st.integers(0, 20),
        days=st.dictionaries(
            st.sampled_from(FIELDS), st.sampled_from([0, 1, 2, 3, 5, 7, 10, 14, 20]), min_size=1, max_size=3
        ),
        gone=st.sampled_from(GONE),
        waits=st.booleans(),
        reopened=st.booleans(),
    ),
    min_size=1,
    max_size=2,
)
examples = form(4, 15, 400)


def run(folder: Path, recordings: dict[int, list[int]], planned: list[Narrowing]) -> None:
    clock, model = FakeClock(NOON), Model()
    config = Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=folder / "vault",
        secrets=MemorySecrets(),
        events=[Region, Mixed, Odd, Failed],
        clock=clock,
    )
    rocket = RocketVPN.open(config)
    rocket.consent.declare_age(True)
    rocket.consent.grant(rocket.consent.notice("improvement"))
    number, merged = BUNDLED.version, dict[str, int]()
    narrowed = False
    for day in range(40):
        for event in () if narrowed else recordings.get(day, ()):
            rocket.journal.record(EVENTS[event])
            model.recorded.append(Recorded(clock.time(), event))
        rocket.journal.flush()
        for narrowing in planned:
            if narrowing.day != day:
                continue
            narrowed, number = True, number + 1
            merged = {
                field: min(merged.get(field, 99), narrowing.days.get(field, 99)) for field in {*merged, *narrowing.days}
            }
            model.narrow(narrowing.days)
            policy = version(number, merged, narrowing.gone, narrowing.waits)
            if narrowing.reopened:
                rocket.close()
                # (Without its event classes: an app whose policy does not keep their fields would not open with them.)
                rocket = RocketVPN.open(msgspec.structs.replace(config, policy=policy, events=[]))
            else:
                rocket._components.versions.offer(policy)
                model.check(read(rocket), clock.time())  # at once, before anything was purged
                rocket.journal.narrowed()
            assert number in {each.version for each in (rocket.policy.current, rocket.policy.pending) if each}
            model.check(opened(rocket), clock.time(), strict=False)
        agree(rocket, model, clock.time())
        clock.advance(DAY)
        model.check(read(rocket), clock.time())
        rocket.sync()
        model.check(opened(rocket), clock.time())
    verify(rocket._components.vault)
    rocket.close()


def read(rocket: RocketVPN) -> list[tuple[float, str, dict[str, Any]]]:
    return [(entry.at.timestamp(), entry.event, entry.fields) for entry in rocket.journal.read()]


def opened(rocket: RocketVPN) -> list[tuple[float, str, dict[str, Any]]]:
    """Return what the keys that are left open, whatever any policy says about it."""
    blocks = rocket.journal._log.read_blocks()
    return [(at, name, fields) for block in blocks for at, _, (_, name, fields) in block]


def agree(rocket: RocketVPN, model: Model, now: float) -> None:
    """Check that whatever counts, counts the same."""
    found = read(rocket)
    model.check(found, now)
    stats, inventory = rocket.journal.stats(), rocket.journal.inventory(samples=3)
    assert stats.records == inventory.records == len(found)
    for field in FIELDS[2:]:
        held = sum(1 for _, _, fields in found if fields.get(field) is not None)
        assert (inventory.fields[field].count if field in inventory.fields else 0) == held
    if found:
        assert stats.next_purge is not None
        assert stats.next_purge.timestamp() > now


@settings(max_examples=examples, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # days take long to shrink
@given(
    recordings=st.dictionaries(st.integers(0, 12), st.lists(st.integers(0, len(EVENTS) - 1), max_size=4), max_size=6),
    planned=narrowings,
)
def test_nothing_outlives_the_shortest_time_of_what_it_holds(
    recordings: dict[int, list[int]], planned: list[Narrowing]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), recordings, planned)


@pytest.mark.parametrize("gone", GONE)
def test_a_field_that_is_not_kept_any_more_disappears_from_what_is_stored(tmp_path: Path, gone: str) -> None:
    everything = {day: list(range(len(EVENTS))) for day in range(3)}
    run(
        tmp_path, everything, [Narrowing(2, {"traffic": 0, "region": 5}, gone, waits=False, reopened=gone == "no time")]
    )
