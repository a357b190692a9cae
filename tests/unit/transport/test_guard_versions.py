"""One meaning, two judges: of each change, what ``compare`` says, and what may leave before, meanwhile and after."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import pytest

from rocketvpn_sdk.errors import PolicyInvalid, RocketVPNError
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import ConsentChoice, Policy, PolicyChange, State, bundled_policy, compare, parse_policy
from rocketvpn_sdk.policy.document import FieldType
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.transport.guard import Outgoing, check
from rocketvpn_sdk.transport.values import flatten, rebuilt

HOST = "api.rocketvpn.example"
ANYBODY = State()
ADULT = State(adult=True)
AGREED = State(adult=True, consents={"improvement": ConsentChoice("granted"), "surveys": ConsentChoice("granted")})
WIDE = {"kind": "text", "max": 4096}
Document = dict[str, Any]


def call(name: str, **keys: Any) -> Document:
    way = {"method": "POST", "path": f"/v1/{name}", "purpose": "service", "recipient": "operator", "identity": "device"}
    return {"id": name, **way, "sentence": {"en": "A call."}, **keys}


def made(*calls: Document, version: int = 8, **more: Document) -> Document:
    """Return the bundled document with ``calls`` more; ``more``: keys of a field, by its id."""
    document: Document = json.loads(bundled_policy().canonical_json())
    document["version"] = version
    document["operation"] += deepcopy(calls)
    for part in document["field"]:
        part |= more.get(part["id"], {})
    return document


def parsed(document: Document) -> Policy:
    return parse_policy(json.dumps(document))


class Asked:
    """A pair of versions, and a call with a body: what is said and what goes."""

    def __init__(self, old: Document, new: Document, name: str, body: Document | None, state: State = ADULT) -> None:
        self.old, self.new = parsed(old), parsed(new | {"version": 9})
        self.change: PolicyChange = compare(self.old, self.new)
        self._call = name, body, state

    def left(self, *policies: Policy, accepted: bool = False) -> Document | None:
        """Return the body that leaves with ``policies`` in force; ``None``: nothing does."""
        name, body, state = self._call
        cells = self.change.cells if accepted else frozenset()
        held = PolicyState(*policies, self.change if len(policies) > 1 else None, accepted=cells)
        outgoing = Outgoing(
            operation=name, scheme="https", host=HOST, members=flatten(name, body or {}), carries=body is not None
        )
        try:
            passed = check(Permit(lambda: held, lambda: state, lambda: 1.8e9).held(), outgoing)
        except RocketVPNError:
            return None
        left: Document = rebuilt(body or {}, passed.changed)
        return left

    @property
    def answers(self) -> tuple[bool, bool, bool]:
        """Whether it goes under the old version, while the new one is pending, and under the new one."""
        groups = (self.old,), (self.old, self.new), (self.new,)
        return tuple(self.left(*group) is not None for group in groups)  # type: ignore[return-value] # there are two groups

    @property
    def said(self) -> set[str]:
        return {each.kind for each in self.change.widened}


WAITS = (False, False, True)

# ---------------------------------------------------------------- what changes about a call


@pytest.mark.clause("X2", "U7")
def test_the_protocol_grows_by_a_member_that_no_field_declares() -> None:
    old = made(call("app.beat", fields=["region"]))
    new = made(call("app.beat", fields=["region"], protocol=["e_mail", "notes"]))
    asked = Asked(
        old, new, "app.beat", {"region": "de-fra", "e_mail": "anna@example.org", "notes": "x" * 4000}, ANYBODY
    )
    assert asked.said == {"call_carries_more"}
    assert asked.answers == WAITS


@pytest.mark.clause("U7")
@pytest.mark.parametrize("protocol", [["contact_email"], {"contact_email": WIDE}])
def test_the_protocol_with_a_fields_name_is_refused_when_it_is_read(protocol: Any) -> None:
    with pytest.raises(PolicyInvalid, match="has the name of a field"):
        parsed(made(call("app.beat", protocol=protocol)))


@pytest.mark.clause("X2")
@pytest.mark.parametrize("protocol", [["payload"], {"payload": WIDE | {"most": 20}}])
def test_a_new_call_whose_only_member_is_of_the_protocol(protocol: Any) -> None:
    asked = Asked(made(), made(call("app.spy", protocol=protocol)), "app.spy", {"payload": ["x" * 4000] * 20}, ANYBODY)
    assert asked.said == {"call_added"}
    assert asked.answers == WAITS
    assert asked.left(asked.old, asked.new, accepted=True) is None


@pytest.mark.clause("U5", "X2")
@pytest.mark.parametrize("fields", [[], ["erasure_handle"]])
def test_a_call_for_a_purpose_by_consent_becomes_one_for_a_necessary_purpose(fields: list[str]) -> None:
    old = made(call("survey.list", purpose="surveys", fields=fields, identity="none"))
    new = made(call("survey.list", purpose="rights", fields=fields, identity="none"))
    body = dict.fromkeys(fields, "abc") or None
    asked = Asked(old, new, "survey.list", body, ANYBODY)
    assert "call_purpose_changed" in asked.said
    assert asked.answers == WAITS
    agreed = Asked(old, new, "survey.list", body, AGREED)
    assert agreed.answers == (True, True, True)


@pytest.mark.clause("U3", "X2")
def test_a_call_with_an_observed_field_needs_no_consent_any_more() -> None:
    old = made(call("app.stats", fields=["region"], purpose="improvement", identity="none"))
    new = made(call("app.stats", fields=["region"], identity="none"))
    asked = Asked(old, new, "app.stats", {"region": "de-fra"})
    assert asked.said == {"call_purpose_changed"}
    assert asked.answers == WAITS


@pytest.mark.clause("C2", "X2")
def test_nothing_is_sent_of_a_field_that_is_dropped_and_its_wider_type_is_told() -> None:
    with pytest.raises(PolicyInvalid, match="leaves nothing to send"):
        parsed(made(call("app.beat", fields=["region"]), region={"transform": "drop", "type": WIDE}))
    newer = made(version=9, failure={"transform": "drop", "type": WIDE})
    newer["operation"] = [each for each in newer["operation"] if "failure" not in each.get("fields", ())]
    change = compare(parsed(made()), parsed(newer))
    assert {each.kind for each in change.widened} == {"minimised_less"}


@pytest.mark.clause("C2", "X2")
def test_a_wider_type_that_is_announced_is_not_used_before_it_binds() -> None:
    beat = call("app.beat", fields=["region"])
    asked = Asked(
        made(beat),
        made(beat, region={"type": WIDE, "transform": "scrub"}),
        "app.beat",
        {"region": "I live at Foo St 12"},
    )
    assert "minimised_less" in asked.said
    assert asked.answers == WAITS
    declared = Asked(
        made(beat), made(beat, region={"type": WIDE, "transform": "scrub"}), "app.beat", {"region": "de-fra"}
    )
    assert declared.answers == (True, True, True)


@pytest.mark.clause("X2")
def test_a_word_of_a_version_that_does_not_bind_for_another_reason() -> None:
    old = made(call("app.beat", fields=["region"]))
    new = made(call("app.beat", fields=["region"], protocol={"notes": WIDE})) | {"notice_days": 1}
    asked = Asked(old, new, "app.beat", {"region": "de-fra", "notes": "x" * 4000})
    assert asked.said == {"call_carries_more", "notice_shorter"}
    assert asked.answers == WAITS


@pytest.mark.clause("X2")
def test_a_member_stands_for_another_field() -> None:
    fields = ["region", "app_version"]
    old = made(call("app.beat", fields=fields, names={"a": "region"}))
    new = made(call("app.beat", fields=[*fields, "order_number"], names={"a": "order_number"}))
    asked = Asked(old, new, "app.beat", {"a": "ABCD-1234"})
    assert "call_carries_other" in asked.said
    assert asked.answers == WAITS


@pytest.mark.clause("S1", "X2")
def test_a_call_that_goes_to_somebody_else_waits() -> None:
    sister = {
        "id": "sister",
        "kind": "affiliate",
        "hosts": [HOST],
        "safeguard": {"en": "Rules."},
        "sentence": {"en": "S."},
    }
    old, new = made(call("app.beat", identity="none")), made(call("app.beat", identity="none", recipient="sister"))
    for document in (old, new):
        document["recipient"].append(sister)
    asked = Asked(old, new, "app.beat", None)
    assert asked.said == {"call_recipient_changed"}
    assert asked.answers == (True, False, True)  # each to its own


@pytest.mark.clause("X2")
def test_a_call_that_had_no_body_gets_one() -> None:
    old = made(call("app.beat", method="GET", protocol={"ref": WIDE}, path="/v1/beat/{ref}"))
    new = made(call("app.beat", protocol={"ref": WIDE}))
    asked = Asked(old, new, "app.beat", {"ref": "anything at all"})
    assert asked.said == {"call_carries_more"}
    assert asked.answers == WAITS


# ---------------------------------------------------------------- lists, forms and digits


@pytest.mark.clause("U7")
@pytest.mark.parametrize(
    "body",
    [
        {"attempt": list(b"visited sites: ..." * 300)},
        {"device_name": ["x" * 60] * 200},
        {"attempt": []},
        {"attempt": [5]},
        {"attempt": [None] * 9},
        {"app_version": "\u0661.\u0662"},
        {"app_version": ["1.2"]},
    ],
)
def test_a_scalar_field_takes_one_value_in_its_form(body: Document) -> None:
    document = made(call("app.beat", fields=["attempt", "region", "device_name", "app_version"]))
    assert Asked(document, document, "app.beat", body).answers == (False, False, False)


@pytest.mark.clause("U7")
def test_a_list_is_declared_with_its_bounds() -> None:
    kind = FieldType(kind="integer", min=0, max=9, most=2)
    document = made(
        call("app.beat", fields=["failure"]), failure={"type": {"kind": "enum", "values": ["a"], "most": 2}}
    )
    document["event"] = []
    document["operation"][-1]["protocol"] = {"n": {"kind": kind.kind, "min": 0, "max": 9, "most": 2}}
    for body, goes in (
        ({"failure": ["a", "a"]}, True),
        ({"failure": []}, True),
        ({"failure": ["a"] * 3}, False),
        ({"failure": "a"}, False),
        ({"failure": ["b"]}, False),
        ({"n": [1, 2]}, True),
        ({"n": [1, 2, 3]}, False),
        ({"n": 1}, False),
    ):
        assert Asked(document, document, "app.beat", body).answers == (goes,) * 3, body


# ---------------------------------------------------------------- what is sent is minimised

MINIMISED = [
    ({"recorded_at": 1_800_000_059.25}, {"recorded_at": 1_800_000_000}),
    ({"recorded_at": "2026-11-01T10:31:45.5+02:00"}, {"recorded_at": "2026-11-01T08:31:00Z"}),
    ({"recorded_at": "2026-11-01"}, {"recorded_at": "2026-11-01"}),
    ({"duration": 1234}, {"duration": 300}),
    ({"duration": 300}, {"duration": 300}),
    ({"app_version": "4.5.6-beta"}, {"app_version": "4.5"}),
    ({"app_version": "4.5"}, {"app_version": "4.5"}),
    ({"duration": None}, {"duration": None}),
]


@pytest.mark.clause("C2")
@pytest.mark.parametrize(("given", "left"), MINIMISED)
def test_what_is_sent_is_minimised_like_what_is_kept(given: Document, left: Document) -> None:
    document = made(call("app.beat", fields=["recorded_at", "duration", "app_version"]))
    asked = Asked(document, document, "app.beat", given)
    assert asked.left(asked.old) == left
    assert asked.left(asked.old, asked.new) == left


@pytest.mark.clause("C2", "X2")
def test_an_operation_says_so_if_it_needs_the_exact_value_and_that_is_told() -> None:
    beat = call("app.beat", fields=["duration"])
    asked = Asked(made(beat), made(beat | {"exact": ["duration"]}), "app.beat", {"duration": 1234})
    assert asked.said == {"sent_exactly"}
    assert asked.left(asked.new) == {"duration": 1234}
    assert asked.left(asked.old, asked.new) == asked.left(asked.old) == {"duration": 300}


@pytest.mark.clause("C2")
@pytest.mark.parametrize(
    ("given", "left"),
    [
        ("0001-01-01T00:00:30Z", {"bound_on": "0001-01-01T00:00:00Z"}),
        ("0001-01-01T00:00+14:00", None),
        ("9999-12-31T23:59-14:00", None),
    ],
    ids=["the first year", "before it in UTC", "after the last one in UTC"],
)
def test_a_time_at_the_end_of_the_calendar_is_cut_or_not_sent(given: str, left: Document | None) -> None:
    beat = made(call("app.beat", fields=["bound_on"]))
    asked = Asked(beat, beat, "app.beat", {"bound_on": given})
    assert asked.left(asked.new) == left


@pytest.mark.clause("U7")
def test_digits_of_a_pattern_are_those_of_no_other_script() -> None:
    beat = made(call("app.beat", protocol={"tries": {"kind": "text", "pattern": r"\d+"}}))
    for text, goes in (("12", True), ("\u0661\u0662", False)):
        asked = Asked(beat, beat, "app.beat", {"tries": text})
        assert (asked.left(asked.new) is not None) is goes


@pytest.mark.clause("C2", "X2")
def test_two_versions_minimise_what_is_sent_as_both_want_it_or_not_at_all() -> None:
    beat = call("app.beat", fields=["duration"])
    coarser = Asked(made(beat), made(beat, duration={"transform": "bucket(300)"}), "app.beat", {"duration": 70})
    assert [coarser.left(*group) for group in ((coarser.old,), (coarser.old, coarser.new))] == [
        {"duration": 60},
        {"duration": 0},
    ]
    other = Asked(made(beat), made(beat, duration={"transform": "bucket(20)"}), "app.beat", {"duration": 70})
    assert other.answers == (True, False, True)


# ---------------------------------------------------------------- what follows the newest version at once


def rights(document: Document, name: str) -> Document:
    part: Document = next(part for part in document["operation"] if part["id"] == name)
    return part


@pytest.mark.clause("A3", "X2")
def test_a_call_for_a_right_follows_the_newest_version_at_once() -> None:
    new = made()
    rights(new, "tickets.list").update(path="/v2/tickets", method="POST")
    asked = Asked(made(), new | {"notice_days": 1}, "tickets.list", None)
    assert asked.said == {"notice_shorter"}
    assert asked.answers == (True, True, True)


@pytest.mark.clause("A3", "U4", "X2")
@pytest.mark.parametrize("name", ["rights.list", "tuf.metadata", "authorize.challenge"])
@pytest.mark.parametrize(
    "keys",
    [
        {"protocol": {"notes": WIDE}},
        {"protocol": ["request_id", "file"]},
        {"identity": "user"},
        {"recipient": "sister"},
    ],
)
def test_but_not_with_more_than_the_version_that_binds_has(name: str, keys: Document) -> None:
    new = made()
    sister = {
        "id": "sister",
        "kind": "affiliate",
        "hosts": [HOST],
        "safeguard": {"en": "Rules."},
        "sentence": {"en": "S."},
    }
    new["recipient"].append(sister)
    rights(new, name).update({"path": "/x", "method": "POST", "fields": [], "names": {}, **keys})
    asked = Asked(made(), new, name, {next(iter(keys["protocol"])): "x"} if "protocol" in keys else None)
    assert asked.said - {"recipient_added"}
    assert not asked.left(asked.old, asked.new)


@pytest.mark.clause("X2")
def test_a_newly_necessary_field_and_call_go_once_they_are_accepted() -> None:
    new = made(call("app.pin", fields=["pin"], identity="none"))
    pin = {
        "id": "pin", "category": "account", "clause": "C3", "source": "user", "type": {"kind": "text", "max": 8},
        "transform": "keep", "purposes": ["service"], "recipients": ["operator"], "retention": {"server": "P1D"},
        "dpv": "pd:Pin", "sentence": {"en": "A PIN."},
    }  # fmt: skip
    new["field"].append(pin)
    asked = Asked(made(), new, "app.pin", {"pin": "1234"})
    assert not asked.said
    assert {each.kind for each in asked.change.newly_necessary} == {"newly_necessary", "call_necessary"}
    assert asked.answers == WAITS
    assert asked.left(asked.old, asked.new, accepted=True) == {"pin": "1234"}
