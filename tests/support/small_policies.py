"""Small valid policies for Hypothesis, and small changes to them: a few parts, every rule that a difference can touch.

A policy is drawn as a plan: one choice for each aspect. ``build`` makes a policy of it, without what is left dangling.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from rocketvpn_sdk.policy import Policy, parse_policy

PURPOSES = ("service", "improvement", "rights")
RECIPIENTS = ("operator", "acme")
FIELDS = ("age", "mood")
OPERATIONS = ("one", "two")
FEATURES = ("look", "send")

_KEPT = [None, "PT0S", "P1D", "P30D", "bound"]
_SUBSETS = {
    names: st.lists(st.sampled_from(names), unique=True, max_size=len(names)).map(sorted)
    for names in (PURPOSES, RECIPIENTS, FIELDS)
}


def _aspects() -> dict[tuple[str, ...], st.SearchStrategy[Any]]:
    found: dict[tuple[str, ...], st.SearchStrategy[Any]] = {
        ("notice_days",): st.sampled_from([7, 30, 60]),
        ("minor_age",): st.sampled_from([13, 16, 18]),
        ("german",): st.booleans(),
        ("offered",): st.sampled_from([["access"], ["access", "deletion"], ["deletion"], []]),
        ("step_up",): st.sampled_from([[], ["deletion"], ["deletion.account"], ["access", "deletion"]]),
    }
    mostly = st.sampled_from([True, True, True, False])
    for purpose in PURPOSES:
        found["purpose", purpose, "there"] = mostly
        found["purpose", purpose, "necessity"] = st.sampled_from(["necessary", "consent"])
        found["purpose", purpose, "dpv"] = st.sampled_from(["dpv:A", "dpv:A", "dpv:B"])
    for recipient in RECIPIENTS:
        found["recipient", recipient, "there"] = mostly
        found["recipient", recipient, "kind"] = st.sampled_from(["operator", "affiliate", "third_party"])
        found["recipient", recipient, "safeguard"] = st.sampled_from(["A contract.", "A contract.", "A handshake."])
        found["recipient", recipient, "review_by"] = st.sampled_from(["", "", "2026-12-01", "2027-06-01"])
        found["recipient", recipient, "country"] = st.sampled_from(["", "DE", "FR"])
        found["recipient", recipient, "hosts"] = st.sampled_from([["a.example"], ["b.example"]])
    for field in FIELDS:
        found["field", field, "there"] = mostly
        found["field", field, "source"] = st.sampled_from(["user", "observed", "sdk"])
        found["field", field, "dpv"] = st.sampled_from(["pd:Age", f"pd:{field}"])
        found["field", field, "optional"] = st.booleans()
        found["field", field, "belongs"] = st.sampled_from(["device", "order"])
        found["field", field, "correctable"] = st.booleans()
        found["field", field, "max"] = st.sampled_from([99, 120])
        found["field", field, "transform"] = st.sampled_from(
            ["keep", "drop", "bucket(10)", "bucket(10, 60)", "bucket(20)"]
        )
        found["field", field, "purposes"] = _SUBSETS[PURPOSES]
        found["field", field, "recipients"] = _SUBSETS[RECIPIENTS]
        found["field", field, "device"] = st.sampled_from(_KEPT)
        found["field", field, "server"] = st.sampled_from(_KEPT)
    for operation in OPERATIONS:
        found["operation", operation, "there"] = st.booleans()
        found["operation", operation, "purpose"] = st.sampled_from(PURPOSES)
        found["operation", operation, "recipient"] = st.sampled_from(RECIPIENTS)
        found["operation", operation, "identity"] = st.sampled_from(["none", "key", "device", "user"])
        found["operation", operation, "fields"] = _SUBSETS[FIELDS]
    for feature in FEATURES:
        found["feature", feature, "there"] = st.booleans()
        found["feature", feature, "purposes"] = _SUBSETS[PURPOSES]
        found["feature", feature, "fields"] = _SUBSETS[FIELDS]
    found["event", "seen", "there"] = st.booleans()
    found["event", "seen", "purpose"] = st.sampled_from(PURPOSES)
    found["event", "seen", "fields"] = _SUBSETS[FIELDS]
    return found


ASPECTS = _aspects()
Plan = dict[tuple[str, ...], Any]
plans: st.SearchStrategy[Plan] = st.fixed_dictionaries(ASPECTS)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Policy, Policy]:
    """Draw a policy and what became of it: mostly a few aspects of it changed, sometimes all of them."""
    plan = draw(plans)
    changed = draw(st.lists(st.sampled_from(sorted(ASPECTS)), max_size=4) | st.just(sorted(ASPECTS)))
    return build(plan), build(plan | {aspect: draw(ASPECTS[aspect]) for aspect in changed})


policies: st.SearchStrategy[Policy] = plans.map(lambda plan: build(plan))


def build(plan: Plan) -> Policy:
    """Return the policy that ``plan`` describes."""
    return parse_policy(json.dumps(document(plan)))


def document(plan: Plan) -> dict[str, Any]:
    """Return the document that ``plan`` describes, as plain values."""
    said = {"en": "A sentence.", "de": "Ein Satz."}
    purposes = [name for name in PURPOSES if plan["purpose", name, "there"]]
    recipients = [name for name in RECIPIENTS if plan["recipient", name, "there"]]
    fields = [_field(plan, name, purposes, recipients) for name in FIELDS if plan["field", name, "there"]]
    fields = [field for field in fields if field["purposes"]]
    operations = [_operation(plan, name, fields) for name in OPERATIONS if plan["operation", name, "there"]]
    return {
        "policy_id": "small",
        "version": 1,
        "published": "2026-11-01",
        "effective": "2026-11-01",
        "contact": "https://contact.example/",
        "notice_days": plan["notice_days",],
        "title": said if plan["german",] else {"en": "A policy"},
        "category": [{"id": "all", "cap": {"device": "bound", "server": "bound"}, "sentence": said}],
        "purpose": [
            {
                "id": name,
                "clause": "U1",
                "necessity": plan["purpose", name, "necessity"],
                "dpv": plan["purpose", name, "dpv"],
                "sentence": said,
            }
            for name in purposes
        ],
        "recipient": [
            {
                "id": name,
                "kind": plan["recipient", name, "kind"],
                "hosts": plan["recipient", name, "hosts"],
                "safeguard": {"en": plan["recipient", name, "safeguard"]},
                "sentence": said,
                "country": plan["recipient", name, "country"] or "",
                **_contract(plan, name),
            }
            for name in recipients
        ],
        "field": fields,
        "operation": [
            operation
            for operation in operations
            if operation["purpose"] in purposes and operation["recipient"] in recipients
        ],
        "event": list(_events(plan, purposes, fields)),
        "feature": [part for name in FEATURES if (part := _feature(plan, name, fields))],
        "minors": {"age": plan["minor_age",], "advice": said, "guardian": said},
        "rights": {"offered": plan["offered",], "step_up": plan["step_up",]},
    }


def _contract(plan: Plan, name: str) -> dict[str, Any]:
    day = plan["recipient", name, "review_by"]
    if not day or plan["recipient", name, "kind"] == "operator":
        return {}
    return {"contract": {"sha256": "ab" * 32, "signed": "2026-10-01", "review_by": day}}


def _events(plan: Plan, purposes: list[str], fields: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    purpose = plan["event", "seen", "purpose"]
    kept = [field["id"] for field in fields if purpose in field["purposes"] and "device" in field["retention"]]
    names = [name for name in kept if name in plan["event", "seen", "fields"]]
    if plan["event", "seen", "there"] and purpose in purposes:
        yield {"id": "seen", "purpose": purpose, "fields": names, "sentence": {"en": "Seen.", "de": "Gesehen."}}


def _feature(plan: Plan, name: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    wanted = set(plan["feature", name, "purposes"])
    needed = [
        field for field in fields if field["id"] in plan["feature", name, "fields"] and wanted & set(field["purposes"])
    ]
    purposes = sorted(wanted & {purpose for field in needed for purpose in field["purposes"]})
    if not plan["feature", name, "there"] or not purposes:
        return {}
    ids = [field["id"] for field in needed]
    return {"id": name, "purposes": purposes, "fields": ids, "sentence": {"en": "It.", "de": "Es."}}


def _field(plan: Plan, name: str, purposes: list[str], recipients: list[str]) -> dict[str, Any]:
    places = {place: plan["field", name, place] for place in ("device", "server")}
    return {
        "id": name,
        "category": "all",
        "clause": "C3",
        "source": plan["field", name, "source"],
        "type": {"kind": "integer", "min": 0, "max": plan["field", name, "max"]},
        "transform": plan["field", name, "transform"],
        "purposes": [each for each in plan["field", name, "purposes"] if each in purposes],
        "recipients": [each for each in plan["field", name, "recipients"] if each in recipients],
        "retention": {place: kept for place, kept in places.items() if kept},
        "correctable": plan["field", name, "correctable"],
        "optional": plan["field", name, "optional"],
        "belongs": plan["field", name, "belongs"],
        "dpv": plan["field", name, "dpv"],
        "sentence": {"en": "A sentence.", "de": "Ein Satz."},
    }


def _operation(plan: Plan, name: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    purpose, recipient = plan["operation", name, "purpose"], plan["operation", name, "recipient"]
    return {
        "id": name,
        "method": "POST",
        "path": f"/{name}",
        "purpose": purpose,
        "recipient": recipient,
        "identity": plan["operation", name, "identity"],
        "fields": [
            field["id"]
            for field in fields
            if field["id"] in plan["operation", name, "fields"]
            and field["transform"] != "drop"
            and purpose in field["purposes"]
            and recipient in field["recipients"]
        ],
        "sentence": {"en": "A sentence.", "de": "Ein Satz."},
    }
