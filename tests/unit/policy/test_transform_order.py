"""The order of transforms, held against what the transforms do."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rocketvpn_sdk.journal.minimise import minimiser
from rocketvpn_sdk.policy import Transform, bundled_policy
from rocketvpn_sdk.policy.document import FieldType
from rocketvpn_sdk.policy.transform_order import DROP, at_least_as_strong, strongest, takes_no_more

KEY = b"k" * 32
SAMPLES = {
    "integer": (
        range(-20, 200),
        [
            "keep",
            "drop",
            "bucket(10)",
            "bucket(10, 60)",
            "bucket(20)",
            "bucket(60)",
            "bucket(0, 10)",
            "bucket(0)",
            "bucket(-5, 0)",
            "bucket(-5)",
        ],
    ),
    "time": (
        [float(second) for second in range(0, 180_000, 37)],
        ["keep", "drop", "coarsen_time(minute)", "coarsen_time(hour)", "coarsen_time(day)"],
    ),
    "version": (
        ["1.2.3", "1.2.4", "1.3", "2.3", "2", "1.2"],
        ["keep", "drop", "version(major)", "version(major.minor)"],
    ),
    "ip_address": (
        ["192.0.2.1", "192.0.2.2", "198.51.100.1", "2001:db8::1", "2001:db8::2"],
        ["keep", "drop", "truncate_ip"],
    ),
    "text": (["one line", "mail a@b.example", "mail c@d.example"], ["keep", "drop", "scrub"]),
}


def left_of(kind: str, transform: Transform, values: list[object]) -> list[object]:
    field = bundled_policy().fields["attempt"]
    bounds = {"min": -100, "max": 10_000} if kind == "integer" else {}
    minimise = minimiser(replace(field, type=FieldType(kind=kind, **bounds), transform=transform))
    return [minimise(value, KEY) for value in values]


@pytest.mark.clause("C2")
@pytest.mark.parametrize("kind", SAMPLES)
def test_the_stronger_leaves_nothing_that_the_weaker_does_not(kind: str):
    """One is as strong as another exactly if what it leaves can be computed from what the other leaves."""
    values, names = SAMPLES[kind]
    for one, other in product(map(Transform, names), repeat=2):
        left = dict[object, set[object]]()
        pairs = zip(left_of(kind, other, list(values)), left_of(kind, one, list(values)), strict=True)
        for weaker, stronger in pairs:
            left.setdefault(weaker, set()).add(stronger)
        follows = all(len(results) == 1 for results in left.values())
        said = at_least_as_strong(one, other)
        # Bounds from 0 down are for no field; there, some that could be compared are not.
        assert said is follows or (follows and ("-" in f"{one}{other}" or str(one) == "bucket(0)")), (one, other)


ALL = [
    "keep", "drop", "truncate_ip", "coarsen_time(minute)", "coarsen_time(hour)", "coarsen_time(day)", "bucket(10)",
    "bucket(10, 60)", "bucket(10, 60, 300)", "bucket(30)", "version(major)", "version(major.minor)", "pseudonym",
    "scrub",
]  # fmt: skip
transforms = st.sampled_from([Transform(text) for text in ALL]) | st.lists(
    st.integers(-5, 5), unique=True, min_size=1
).map(lambda bounds: Transform(f"bucket({', '.join(map(str, sorted(bounds)))})"))


@pytest.mark.parametrize(
    ("one", "other"),
    [("pseudonym", "scrub"), ("truncate_ip", "pseudonym"), ("bucket(30)", "bucket(10, 60)"), ("scrub", "truncate_ip"),
     ("version(major)", "scrub"), ("coarsen_time(day)", "bucket(10)")],
)  # fmt: skip
def test_what_cannot_be_compared_is_dropped(one: str, other: str):
    first, second = Transform(one), Transform(other)
    assert not at_least_as_strong(first, second)
    assert not at_least_as_strong(second, first)
    assert strongest(first, second) == strongest(second, first) == DROP


@given(transforms, transforms, transforms)
def test_it_is_a_partial_order(one: Transform, two: Transform, three: Transform):
    assert at_least_as_strong(one, one)
    if at_least_as_strong(one, two) and at_least_as_strong(two, one):
        assert (one.name, set(one.arguments) - {"0"}) == (two.name, set(two.arguments) - {"0"})
    if at_least_as_strong(one, two) and at_least_as_strong(two, three):
        assert at_least_as_strong(one, three)


@given(transforms, transforms)
def test_the_strongest_of_two_is_as_strong_as_either(one: Transform, other: Transform):
    found = strongest(one, other)
    assert at_least_as_strong(found, one)
    assert at_least_as_strong(found, other)
    assert at_least_as_strong(found, strongest(other, one))
    assert found in (one, other, DROP)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "enum", "values": ("a",)}, {"kind": "enum", "values": ("b", "a")}),
        ({"kind": "integer", "min": 1, "max": 9}, {"kind": "integer", "min": 0, "max": 9}),
        ({"kind": "integer", "min": 0, "max": 8}, {"kind": "integer", "min": 0, "max": 9}),
        ({"kind": "text", "max": 9}, {"kind": "text"}),
        ({"kind": "text", "max": 9}, {"kind": "text", "max": 10}),
        ({"kind": "text", "min": 1}, {"kind": "text"}),
        ({"kind": "text", "pattern": "[ab]"}, {"kind": "text"}),
        ({"kind": "text", "max": 9, "most": 2}, {"kind": "text", "max": 9, "most": 3}),
        ({"kind": "enum", "values": ("a", "b")}, {"kind": "text", "max": 1}),
        ({"kind": "enum", "values": ("a", "b")}, {"kind": "secret", "pattern": "[a-z]"}),
    ],
)  # fmt: skip
def test_a_type_that_takes_less(one: dict[str, object], other: dict[str, object]):
    narrow, wide = FieldType(**one), FieldType(**other)
    assert takes_no_more(narrow, wide)
    assert takes_no_more(narrow, narrow)
    assert not takes_no_more(wide, narrow)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"kind": "text"}, {"kind": "email"}),
        ({"kind": "enum", "values": ("a", "b")}, {"kind": "enum", "values": ("b", "c")}),
        ({"kind": "text", "pattern": "[ab]"}, {"kind": "text", "pattern": "[a]"}),
        ({"kind": "integer", "min": 0, "max": 5}, {"kind": "integer", "min": 1, "max": 9}),
        ({"kind": "boolean"}, {"kind": "boolean", "most": 1}),
        ({"kind": "enum", "values": ("a", "bc")}, {"kind": "text", "max": 1}),
        ({"kind": "enum", "values": ("192.0.2.1",)}, {"kind": "ip_address"}),
        ({"kind": "text", "max": 9000}, {"kind": "text"}),  # sent it is less, and kept it is more
        ({"kind": "enum", "values": ("a" * 5000,)}, {"kind": "text"}),
    ],
)  # fmt: skip
def test_types_that_cannot_be_compared(one: dict[str, object], other: dict[str, object]):
    assert not takes_no_more(FieldType(**one), FieldType(**other))
    assert not takes_no_more(FieldType(**other), FieldType(**one))


def test_what_the_older_form_of_the_protocol_takes():
    """Any number, yes or no, or text of up to 4096 characters, or a list of such."""
    for kind in (
        {"kind": "boolean"}, {"kind": "integer", "min": 0, "max": 5}, {"kind": "time"}, {"kind": "text", "max": 4096},
        {"kind": "secret", "max": 9}, {"kind": "enum", "values": ("a" * 4096,)}, {"kind": "version", "most": 9},
    ):  # fmt: skip
        assert takes_no_more(FieldType(**kind), None)
        assert not takes_no_more(None, FieldType(**kind))
    assert takes_no_more(None, None)
    for kind in (
        {"kind": "text", "max": 4097},
        {"kind": "text"},
        {"kind": "secret"},
        {"kind": "enum", "values": ("a" * 4097,)},
    ):
        assert not takes_no_more(FieldType(**kind), None)
