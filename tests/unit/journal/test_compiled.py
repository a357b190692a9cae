"""An event class, prepared: how long its records live, what waits in memory of a value, which time is kept."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from support.app_events import Crashed, NetworkChanged, SessionConnected
from support.policies import TEXT as SHIPPED
from support.policies import edited, without_reports

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import EventUndeclared
from rocketvpn_sdk.journal import Event
from rocketvpn_sdk.journal.compiled import CompiledEvent
from rocketvpn_sdk.journal.event import LogMessage, shape_of
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.permit import PermitSnapshot
from rocketvpn_sdk.policy import ConsentChoice, Policy, State, bundled_policy, parse_policy

NOW = 1_800_000_000.0
MINUTES = ("field", "recorded_at", "coarsen_time(minute)", "coarsen_time(day)")

TEXT = without_reports(SHIPPED)


def policy(*edits: tuple[str, str, str, str]) -> Policy:
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    return parse_policy(text)


def compiled(kind: type[Event], *policies: Policy) -> CompiledEvent:
    return CompiledEvent(policies or (bundled_policy(),), shape_of(kind), Scrubber())


# ---------------------------------------------------------------- the life of a record


@pytest.mark.clause("R1")
@pytest.mark.parametrize(
    ("kind", "policies", "kept"),
    [
        (SessionConnected, (policy(),), "P30D"),
        (LogMessage, (policy(),), "P14D"),
        (NetworkChanged, (policy(),), "P7D"),
        (SessionConnected, (policy(("field", "recorded_at", 'device = "P30D"', 'device = "P3D"')),), "P3D"),
        (SessionConnected, (policy(("field", "event_name", 'device = "P30D"', 'device = "P3D"')),), "P3D"),
        (SessionConnected, (policy(("field", "duration", 'device = "P30D"', 'device = "P3D"')),), "P3D"),
        (SessionConnected, (policy(), policy(("field", "region", 'device = "P30D"', 'device = "P3D"'))), "P3D"),
        (SessionConnected, (policy(("field", "region", 'device = "P30D"', 'device = "P3D"')), policy()), "P3D"),
    ],
)
def test_a_record_lives_as_long_as_what_lives_shortest_in_it(
    kind: type[Event], policies: tuple[Policy, ...], kept: str
) -> None:
    assert compiled(kind, *policies).retention.text == kept


@pytest.mark.parametrize(
    ("kind", "key", "slow"),
    [
        (SessionConnected, False, False),
        (NetworkChanged, True, True),
        (LogMessage, False, True),
        (Crashed, False, False),
    ],
)
def test_what_needs_a_key_or_takes_long_is_known(kind: type[Event], key: bool, slow: bool) -> None:
    event = compiled(kind)
    assert (event.needs_key, event.slow) == (key, slow)


# ---------------------------------------------------------------- what may be kept


def without_service(name: str) -> Policy:
    """Return a version in which one field is not used for the service."""
    document = bundled_policy().document
    fields = (replace(field, purposes=("security",)) if field.id == name else field for field in document.field)
    return Policy(replace(document, field=tuple(fields)))


AGREED = State(adult=True, consents={"improvement": ConsentChoice("granted")})


@pytest.mark.clause("U3")
@pytest.mark.parametrize(
    ("kind", "state", "policies", "allowed"),
    [
        (SessionConnected, State(), (policy(),), True),
        (Crashed, State(), (policy(),), False),
        (Crashed, AGREED, (policy(),), True),
        # One field that may not be kept is enough; so is one version.
        (SessionConnected, State(), (without_service("region"),), False),
        (SessionConnected, State(), (without_service("duration"),), False),
        (SessionConnected, State(), (policy(), without_service("region")), False),
        (SessionConnected, State(), (without_service("recorded_at"),), False),
    ],
)
def test_an_event_is_kept_if_each_of_its_fields_may_be(
    kind: type[Event], state: State, policies: tuple[Policy, ...], allowed: bool
) -> None:
    event = compiled(kind)
    assert event.ask(PermitSnapshot(policies, state, NOW, frozenset())) is allowed
    assert event.policies == policies
    again = event.prepared
    assert event.ask(PermitSnapshot(policies, state, NOW, frozenset())) is allowed
    assert event.prepared == again  # the same versions are not prepared twice


# ---------------------------------------------------------------- what waits in memory


class Text(str):
    """One of an app's own types, which may do anything."""

    __slots__ = ()

    def __str__(self) -> str:
        raise AssertionError("nobody asks the app's own code")


@pytest.mark.parametrize("kind", [SessionConnected, LogMessage])
def test_what_waits_in_memory_is_no_longer_than_what_is_looked_at(kind: type[Event]) -> None:
    event = compiled(kind)
    longest = len(event.bounded(("x" * 99_999,))[0]) - 1
    assert longest >= 16
    exact = ("y" * longest, 1, None, 2)
    assert event.bounded(exact) is exact
    for value, left in [
        ("z" * (longest + 1), "z" * (longest + 1)),
        ("z" * (longest + 9), "z" * (longest + 1)),
        (Text("short"), "short"),
        (1.5, 1.5),
        (True, True),
        (b"bytes", None),
        (["list"], None),
        (object(), None),
    ]:
        (kept,) = event.bounded((value,))
        assert (kept, type(kept)) == (left, type(left))


# ---------------------------------------------------------------- the time that is kept


@pytest.mark.clause("C2")
def test_a_time_is_kept_to_the_minute_whatever_was_asked_before() -> None:
    event = compiled(SessionConnected)
    minute = NOW // 60 * 60
    for at in (0.0, 59.999, 60.0, 59.0, 60.5, 0.999, 1.0, 61.999, 3600.0, -0.001, -60.0):
        assert event.coarsen(minute + at) == minute + at // 60 * 60


@pytest.mark.clause("C2", "X2")
def test_of_two_versions_the_coarser_time_is_kept_and_where_they_disagree_the_day() -> None:
    assert compiled(SessionConnected, policy(), policy(MINUTES)).coarsen(NOW + 7) == NOW // DAY * DAY
    dropped = policy(("field", "recorded_at", "coarsen_time(minute)", "drop"))
    assert compiled(SessionConnected, dropped).coarsen(NOW + DAY + 7) == (NOW + DAY) // DAY * DAY


# ---------------------------------------------------------------- what an event class may declare


def test_an_annotation_is_taken_apart_into_plain_classes() -> None:
    class Odd(Event, name="odd.event", purpose="service"):
        region: str | None
        duration: int | float
        protocol: list[str]
        traffic: list[str] | None

    assert shape_of(Odd).fields == (
        ("region", (str,)),
        ("duration", (int, float)),
        ("protocol", ()),
        ("traffic", ()),
    )


def test_events_are_made_by_name_and_never_change() -> None:
    made: Any = SessionConnected
    with pytest.raises(TypeError):
        made("de-fra", "wireguard", 1)
    event = SessionConnected(region="de-fra", protocol="wireguard", duration=1)
    with pytest.raises(AttributeError):
        event.region = "se-sto"  # type: ignore[misc] # that is the point
    assert "de-fra" not in repr(event)


def test_a_class_without_name_or_purpose_or_with_an_unknown_annotation_is_named() -> None:
    class Nameless(Event, purpose="service"):
        region: str

    class Purposeless(Event, name="a.name"):
        region: str

    class Unknown(Event, name="an.event", purpose="service"):
        region: Nowhere  # type: ignore[name-defined] # noqa: F821 - that is the point

    for kind, named in ((Nameless, "Nameless"), (Purposeless, "Purposeless"), (Unknown, "an.event")):
        with pytest.raises(EventUndeclared) as refused:
            shape_of(kind)
        assert refused.value.params["event"] == named
