from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.errors import EventUndeclared
from rocketvpn_sdk.policy import EventShape, bundled_policy, check_events

POLICY = bundled_policy()
TYPES = {
    "text": {str},
    "secret": {str},
    "email": {str},
    "enum": {str},
    "integer": {int},
    "boolean": {bool},
    "time": {float, int},
    "version": {str},
    "ip_address": {str},
}


def shape(name: str = "app.started", purpose: str = "service", **fields: type | tuple[type, ...]) -> EventShape:
    return EventShape(
        name, purpose, tuple((field, kind if isinstance(kind, tuple) else (kind,)) for field, kind in fields.items())
    )


def refused(*shapes: EventShape) -> str:
    with pytest.raises(EventUndeclared) as caught:
        check_events(POLICY, shapes)
    assert caught.value.params["event"] == shapes[-1].name
    return caught.value.params["problem"]


def test_declared_events_pass():
    check_events(
        POLICY,
        [
            shape("app.started", platform=str, platform_version=str),
            shape("app.tried", "improvement", attempt=int, region=str),
            shape("app.moved", local_address=str, recorded_at=(float, int)),
            shape("app.empty"),
        ],
    )
    check_events(POLICY, [])


@pytest.mark.clause("C2", "U7")
def test_a_field_that_the_policy_does_not_declare():
    assert refused(shape(mood=str)) == "it has the field 'mood', which the policy does not declare"


@pytest.mark.clause("U7")
def test_a_purpose_that_the_policy_does_not_declare():
    assert refused(shape(purpose="advertising", region=str)) == (
        "it names the purpose 'advertising', which the policy does not declare"
    )


@pytest.mark.clause("U3")
def test_a_field_used_for_another_purpose():
    assert refused(shape(purpose="improvement", message=str)) == (
        "it uses the field 'message' for 'improvement', which is none of its purposes"
    )


@pytest.mark.clause("C3")
def test_a_field_that_is_not_kept_on_the_device():
    assert "does not keep on the device" in refused(shape(contact_email=str))


@pytest.mark.parametrize(
    ("field", "kind", "wanted"),
    [
        ("attempt", str, "int"),
        ("attempt", float, "int"),
        ("attempt", bool, "int"),
        ("attempt", (int, str), "int"),
        ("region", int, "str"),
        ("region", bytes, "str"),
        ("region", (), "str"),
        ("recorded_at", str, "float or int"),
        ("platform_version", float, "str"),
        ("local_address", int, "str"),
    ],
)
def test_an_annotation_that_does_not_fit(field: str, kind: type, wanted: str):
    assert refused(shape(**{field: kind})) == f"its field {field!r} must be annotated as {wanted}"


def test_two_events_of_one_name():
    assert refused(shape(region=str), shape("app.stopped"), shape(protocol=str)) == "two event classes have this name"


def test_an_event_of_the_policy_may_be_declared_with_fewer_fields():
    check_events(POLICY, [shape("session.connected", region=str)])


@pytest.mark.clause("U7")
@pytest.mark.parametrize(
    "redefined",
    [shape("session.connected", "security", region=str), shape("session.connected", region=str, platform=str)],
)
def test_an_event_of_the_policy_cannot_be_redefined(redefined: EventShape):
    assert refused(redefined) == "the policy declares this event with another purpose or fields"


@given(
    field=st.sampled_from([*POLICY.fields, "mood", "", "Region"]),
    purpose=st.sampled_from([*POLICY.purposes, "fun"]),
    types=st.sets(st.sampled_from([str, int, float, bool, bytes, list])),
)
def test_an_event_passes_exactly_if_all_of_it_is_declared(field: str, purpose: str, types: set[type]):
    facts = POLICY.fields.get(field)
    fits = (
        facts is not None
        and purpose in facts.purposes
        and facts.retention.device is not None
        and bool(types)
        and types <= TYPES[facts.type.kind]
    )
    event = shape("app.any", purpose, **{field: tuple(types)})
    if fits:
        check_events(POLICY, [event])
    else:
        refused(event)
