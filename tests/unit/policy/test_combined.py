"""Two versions in force at once, case by case; test_change_properties.py has the rules for all."""

from __future__ import annotations

import msgspec
import pytest
from support.policies import TEXT as SHIPPED
from support.policies import edited, without_reports

from rocketvpn_sdk.policy import (
    ON_DEVICE,
    ConsentChoice,
    Decision,
    Policy,
    State,
    Transform,
    bundled_policy,
    compare,
    decide,
    decide_all,
    longest_kept,
    parse_policy,
    protection,
    purpose_allowed_all,
)

NOW = 1_800_000_000.0
DAY = 86_400.0
OLD = bundled_policy()
STATE = State(adult=True, consents={"improvement": ConsentChoice("granted")})

TEXT = without_reports(SHIPPED)


def new(*edits: tuple[str, str, str, str]) -> Policy:
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    return parse_policy(text)


def ask(other: Policy, field: str, purpose: str = "service", recipient: str = ON_DEVICE) -> Decision:
    one = decide_all((OLD, other), STATE, field, purpose, recipient, NOW)
    back = decide_all((other, OLD), STATE, field, purpose, recipient, NOW)
    assert (one.allowed, one.transform, one.keep_until) == (back.allowed, back.transform, back.keep_until)
    return one


@pytest.mark.clause("X2")
@pytest.mark.parametrize(
    ("kept", "until"),
    [("P13D", NOW + 13 * DAY), ("P15D", NOW + 14 * DAY), ("PT0S", NOW)],
)
def test_the_shorter_time_holds(kept: str, until: float):
    other = new(("field", "message", '"P14D"', f'"{kept}"'))
    decision = ask(other, "message")
    assert (decision.keep_until, decision.rule) == (until, "U1")
    assert decision.sentence == "To give you the VPN service you ordered."


def test_while_bound_is_the_longest_time():
    other = new(("field", "age_flag", '"bound"', '"P1D"'))
    assert ask(other, "age_flag", "rights").keep_until == NOW + DAY
    assert ask(OLD, "age_flag", "rights").keep_until is None


@pytest.mark.clause("X2", "C2")
@pytest.mark.parametrize("transform", ["coarsen_time(hour)", "drop"])
def test_the_stronger_of_two_transforms_holds(transform: str):
    other = new(("field", "recorded_at", '"coarsen_time(minute)"', f'"{transform}"'))
    for recipient in (ON_DEVICE, "operator"):
        decision = ask(other, "recorded_at", recipient=recipient)
        assert (decision.allowed, decision.transform) == (True, Transform(transform))


@pytest.mark.clause("X2", "C2")
def test_where_two_transforms_cannot_be_compared_nothing_is_kept_and_nothing_sent():
    other = new(("field", "duration", "(10, 60,", "(20, 90,"))
    here = ask(other, "duration")
    assert (here.allowed, here.transform, here.keep_until) == (True, Transform("drop"), NOW + 30 * DAY)
    there = ask(other, "duration", recipient="operator")
    assert (there.allowed, there.rule, there.transform, there.keep_until) == (False, "X2", Transform("drop"), 0.0)
    assert there.sentence == (
        "Two versions of the policy minimise this in ways that do not go together; it waits for the newer one."
    )


@pytest.mark.clause("X2")
def test_with_a_third_the_answer_is_that_of_all_three():
    finer = new(("field", "duration", "(10, 60,", "(20, 90,"))
    kept = new(("field", "duration", '"bucket(10, 60, 300, 1800, 7200, 28800)"', '"keep"'))
    for policies in ((OLD, kept, finer), (kept, OLD, finer), (finer, kept, OLD)):
        assert decide_all(policies, STATE, "duration", "service", ON_DEVICE, NOW).transform == Transform("drop")
        assert not decide_all(policies, STATE, "duration", "service", "operator", NOW).allowed


@pytest.mark.clause("U3", "X2")
def test_a_consent_that_one_of_them_asks_for_is_needed():
    other = new(("purpose", "improvement", '"consent"', '"necessary"'))
    nobody = State(adult=True)
    for policies in ((OLD, other), (other, OLD)):
        decision = decide_all(policies, nobody, "level", "improvement", "operator", NOW)
        assert (decision.allowed, decision.rule) == (False, "U3")
        assert not purpose_allowed_all(policies, nobody, "improvement", "operator", NOW).allowed
        assert purpose_allowed_all(policies, STATE, "improvement", "operator", NOW).allowed
    assert purpose_allowed_all((other,), nobody, "improvement", "operator", NOW).allowed


@pytest.mark.clause("U7", "X2")
def test_what_only_one_of_them_declares_waits():
    other = parse_policy(TEXT.replace('"failure"', '"fault"'))
    for field in ("failure", "fault"):
        decision = ask(other, field)
        assert (decision.allowed, decision.rule) == (False, "U7")
    assert ask(other, "level").allowed


@pytest.mark.clause("X2")
def test_a_newly_necessary_field_waits_until_it_is_accepted():
    begin = TEXT.index('[[field]]\nid = "payment_record"')
    part = TEXT[begin : TEXT.index("[[field]]", begin + 1)].replace("payment_record", "invoice_address")
    part = part.replace('["service"]', '["service", "improvement"]')
    other = parse_policy(TEXT[:begin] + part + TEXT[begin:])
    cells = compare(OLD, other).cells
    assert cells == {("invoice_address", "service", "operator")}
    question = "invoice_address", "service", "operator"
    assert decide_all((OLD, other), STATE, *question, NOW).rule == "U7"
    accepted = decide_all((OLD, other), STATE, *question, NOW, cells)
    assert accepted == decide(other, STATE, *question, NOW)
    assert accepted.allowed
    # Saying yes to what is needed says nothing about what needs a consent.
    assert not decide_all((OLD, other), STATE, "invoice_address", "improvement", "operator", NOW, cells).allowed
    assert decide_all((OLD, OLD), STATE, *question, NOW, cells).rule == "U7"


def test_one_policy_decides_alone():
    question = "level", "improvement", "operator"
    assert decide_all([OLD], STATE, *question, NOW) == decide(OLD, STATE, *question, NOW)
    assert decide_all([OLD], State(), *question, NOW) == decide(OLD, State(), *question, NOW)


@pytest.mark.clause("U3")
@pytest.mark.parametrize("policies", [(OLD,), (OLD, OLD)], ids=["one", "two"])
def test_a_consent_ends_when_it_ends(policies: tuple[Policy, ...]):
    state = State(adult=True, consents={"improvement": ConsentChoice("granted", NOW)})
    assert purpose_allowed_all(policies, state, "improvement", "operator", NOW - 1).allowed
    assert not purpose_allowed_all(policies, state, "improvement", "operator", NOW).allowed
    assert decide_all(policies, state, "level", "improvement", "operator", NOW - 1).allowed
    assert not decide_all(policies, state, "level", "improvement", "operator", NOW).allowed


def test_without_a_policy_the_answer_is_no():
    for decision in (
        decide_all((), State(), "level", "service", ON_DEVICE, NOW),
        purpose_allowed_all([], State(), "service", "operator", NOW),
    ):
        assert (decision.allowed, decision.rule, decision.transform, decision.keep_until) == (
            False, "X1", Transform("drop"), 0.0,
        )  # fmt: skip
        assert decision.sentence == "No policy is in force."


@pytest.mark.clause("A2", "A3", "A4", "M1", "X2")
def test_a_right_that_goes_stays_until_it_may_go():
    other = new(
        ("rights", "", ', "portability"', ""),
        ("rights", "", "step_up = [", 'step_up = ["withdrawal", "deletion", '),
        ("field", "language", "correctable = true\n", ""),
        ("", "", "notice_days = 30", "notice_days = 10"),
        ("minors", "", "age = 18", "age = 16"),
    )
    for policies in ((OLD, other), (other, OLD)):
        together = protection(policies)
        assert set(together.offered) == set(OLD.document.rights.offered)
        assert set(together.step_up) == {*OLD.document.rights.step_up, "withdrawal", "deletion"}
        assert set(together.correctable) == {"contact_email", "language"}
        assert (together.notice_days, together.minor_age) == (30, 18)
    assert "portability" not in protection([other]).offered
    assert protection([other]).correctable == ("contact_email",)


def test_a_proof_is_asked_for_a_right_that_is_offered():
    other = new(("rights", "", '"access", "correction", "deletion"', '"access"'))
    assert protection([other]).step_up == ("access.account", "portability.account", "disclosures.account")


def test_no_policy_promises_nothing():
    with pytest.raises(ValueError, match=r"^no policy is in force$"):
        protection([])


# ---------------------------------------------------------------- how long a record is kept


def days(*policies: Policy, purpose: str = "service") -> float:
    return longest_kept(policies, purpose) / DAY


@pytest.mark.clause("R1", "X2")
def test_a_record_is_kept_no_longer_than_the_longest_of_its_purpose_and_of_versions_the_shortest() -> None:
    bundled = bundled_policy()
    longest = max(
        field.retention.device.seconds / DAY
        for field in bundled.fields.values()
        if field.source == "observed" and "service" in field.purposes and field.retention.device
    )
    assert days(bundled) == longest == 30
    shorter = parse_policy(TEXT.replace('retention = { device = "P30D"', 'retention = { device = "P7D"'))
    assert days(shorter) == 14  # what is left of the others
    assert days(bundled, shorter) == days(shorter, bundled) == 14


@pytest.mark.clause("U7", "X2")
def test_a_purpose_that_one_version_does_not_know_or_keeps_nothing_for_has_no_time() -> None:
    bundled = bundled_policy()
    assert days(bundled, purpose="profit") == 0
    assert days(bundled, purpose="rights") == 0  # nothing that is kept is observed for it
    without = Policy(
        msgspec.structs.replace(
            bundled.document,
            field=tuple(field for field in bundled.document.field if field.source != "observed"),
        )
    )
    assert days(without) == days(bundled, without) == 0


def test_no_policy_is_no_answer() -> None:
    with pytest.raises(ValueError, match="no policy"):
        longest_kept((), "service")
