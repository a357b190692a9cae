"""A record under two versions of the policy: what is kept is something that each of them would keep."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from rocketvpn_sdk.journal.compiled import CompiledEvent
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.policy import EventShape, Policy, Transform, bundled_policy
from rocketvpn_sdk.policy.document import FieldType

KEY = b"k" * 32


def with_field(name: str, kind: FieldType, transform: str) -> Policy:
    document = bundled_policy().document
    fields = tuple(
        replace(each, type=kind, transform=Transform(transform)) if each.id == name else each for each in document.field
    )
    return Policy(replace(document, field=fields))


def kept(policies: tuple[Policy, ...], name: str, value: Any) -> Any:
    event = CompiledEvent(policies, EventShape("an.event", "service", ((name, (str,)),)), Scrubber())
    return event.minimise((value,), KEY)[name]


def integer(low: int, high: int) -> FieldType:
    return FieldType(kind="integer", min=low, max=high)


WIDE = FieldType(kind="text", max=99)
SHORT = FieldType(kind="text", max=9)
ROWS = [
    # Two types, two transforms, a value, and what is kept of it while both versions hold.
    ((FieldType(kind="enum", values=("de-fra",)), "keep"), (WIDE, "scrub"), "de-fra", "de-fra"),
    ((FieldType(kind="enum", values=("de-fra",)), "keep"), (WIDE, "scrub"), "I live at Foo St 12", None),
    ((integer(0, 9), "keep"), (integer(5, 60), "keep"), 7, 7),
    ((integer(0, 9), "keep"), (integer(5, 60), "keep"), 20, None),
    ((integer(0, 9), "keep"), (integer(5, 60), "keep"), 3, None),
    ((integer(0, 99), "bucket(10, 60)"), (integer(0, 99), "bucket(60)"), 70, 60),
    ((integer(0, 99), "bucket(10, 60)"), (integer(0, 99), "bucket(60)"), 20, 0),
    ((integer(0, 99), "bucket(10)"), (integer(0, 99), "bucket(20)"), 30, None),  # they cannot be compared
    ((integer(5, 99), "keep"), (integer(0, 99), "bucket(10)"), 7, None),  # 0 is none that the first keeps
    ((SHORT, "scrub"), (WIDE, "scrub"), "a word", "a word"),
    ((SHORT, "pseudonym"), (WIDE, "pseudonym"), "a longer text", None),
    ((SHORT, "drop"), (WIDE, "scrub"), "a word", None),
    ((FieldType(kind="text", max=9, most=2), "keep"), (SHORT, "keep"), "a word", None),
]


@pytest.mark.clause("C2", "X2")
@pytest.mark.parametrize(("one", "other", "value", "left"), ROWS)
def test_what_both_keep_is_kept(one: Any, other: Any, value: Any, left: Any) -> None:
    policies = with_field("region", *one), with_field("region", *other)
    assert kept(policies, "region", value) == left
    assert kept(policies[::-1], "region", value) == left


@pytest.mark.clause("C2", "X2")
def test_one_version_twice_is_one_version() -> None:
    policy = bundled_policy()
    for name, value in (
        ("region", "de-fra"),
        ("duration", 77),
        ("remote_host", "a.example"),
        ("message", "see a@b.example"),
    ):
        assert kept((policy, policy), name, value) == kept((policy,), name, value) is not None
