"""When a newer version binds, and which changes of what holds end what was recorded before: pure rules."""

from __future__ import annotations

from datetime import UTC, date, datetime

import msgspec
import pytest
from support.policies import TEXT, edited, first_version

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Policy, compare, parse_policy
from rocketvpn_sdk.policy_versions.state import PolicyState, Shown, allows_more, effective, newly_asked, parts_of

BEFORE = first_version()
EFFECTIVE = datetime(2030, 1, 1, tzinfo=UTC).timestamp()


def version(number: int, *edits: tuple[str, str, str, str]) -> Policy:
    """Return a version that takes effect in 2030."""
    text = TEXT
    for edit in edits:
        text = edited(*edit, text=text)
    return Policy(msgspec.structs.replace(parse_policy(text).document, version=number, effective=date(2030, 1, 1)))


SAME = version(2)
REGION = ("field", "region", "P30D", "P90D")
MODEL = ("field", "level", 'device = "P30D"', 'device = "P60D"')
NECESSARY = ("purpose", "surveys", 'necessity = "consent"', 'necessity = "necessary"')
ASKED = ("purpose", "software", 'necessity = "necessary"', 'necessity = "consent"')


def pending(after: Policy, *shown: Shown) -> PolicyState:
    return PolicyState(BEFORE, after, compare(BEFORE, after), shown)


def note(at: float, what: frozenset[str]) -> Shown:
    return Shown(2, "s", "en", at, what)


def test_a_date_begins_at_midnight_in_greenwich() -> None:
    assert effective(SAME) == EFFECTIVE


@pytest.mark.clause("X2")
def test_without_a_pending_version_nothing_binds_and_nothing_has_to_be_shown() -> None:
    alone = PolicyState(BEFORE)
    assert (alone.policies, alone.newest, alone.waiting, alone.binds_at()) == ((BEFORE,), BEFORE, frozenset(), None)
    assert parts_of(None, BEFORE) == frozenset()
    assert alone.shown_since() == 0.0


@pytest.mark.clause("X2")
def test_what_takes_nothing_binds_at_once() -> None:
    state = pending(SAME)
    assert (state.policies, state.newest, state.binds_at()) == ((BEFORE, SAME), SAME, 0.0)


@pytest.mark.clause("X2")
def test_a_reduction_binds_after_the_notice_of_what_was_shown_last_and_never_before_its_date() -> None:
    after = version(2, REGION, MODEL)
    one, *others = sorted(parts_of(compare(BEFORE, after), after))
    assert others
    assert pending(after).binds_at() is None
    assert pending(after, note(1.0, frozenset({one}))).binds_at() is None  # not all of it
    notice = BEFORE.document.notice_days * DAY
    late = EFFECTIVE - notice + 5
    for first, second in ((late, late - 9), (late - 9, late)):
        state = pending(after, note(first, frozenset({one})), note(second, frozenset(others)))
        assert state.shown_since() == late
        assert state.binds_at() == EFFECTIVE + 5
        again = msgspec.structs.replace(state, shown=(*state.shown, note(late + 99, frozenset({one, *others}))))
        assert again.binds_at() == EFFECTIVE + 5  # shown once more, it keeps its date
    assert pending(after, note(9.0, frozenset({one, *others}))).binds_at() == EFFECTIVE


@pytest.mark.clause("X2")
def test_the_longer_notice_of_both_versions_counts() -> None:
    shorter = version(2, ("", "", "notice_days = 30", "notice_days = 7"))
    state = pending(shorter, note(EFFECTIVE, parts_of(compare(BEFORE, shorter), shorter)))
    assert state.change is not None
    assert state.change.reduces_rights
    assert state.binds_at() == EFFECTIVE + 30 * DAY


@pytest.mark.clause("X2")
def test_what_is_newly_necessary_waits_until_it_was_accepted() -> None:
    change = msgspec.structs.replace(compare(BEFORE, SAME), cells=frozenset({("a", "b", "c"), ("d", "e", "f")}))
    state = PolicyState(BEFORE, SAME, change, accepted=frozenset({("a", "b", "c"), ("g", "h", "i")}))
    assert state.waiting == {("d", "e", "f")}
    accepted = msgspec.structs.replace(state, accepted=change.cells)
    assert (accepted.waiting, accepted.binds_at()) == (frozenset(), 0.0)


# ---------------------------------------------------------------- what allows more, what is newly asked


WIDER = version(2, REGION)
NARROWER = version(2, ("field", "region", "P30D", "P7D"))
NEEDS = msgspec.structs.replace(compare(BEFORE, WIDER), widened=(), newly_necessary=compare(BEFORE, WIDER).widened)
CELL = frozenset({("a", "b", "c")})


@pytest.mark.clause("X2", "U3")
@pytest.mark.parametrize(
    ("before", "after", "more"),
    [
        (PolicyState(BEFORE), pending(WIDER), False),  # one more version in force
        (pending(WIDER), PolicyState(WIDER), True),  # it binds
        (pending(NARROWER), PolicyState(NARROWER), False),
        (PolicyState(BEFORE, SAME, NEEDS), PolicyState(SAME), True),
        (pending(NARROWER), pending(version(3)), True),  # another one in its place, which may give back
        (pending(NARROWER), PolicyState(version(3)), True),
        (pending(NARROWER), pending(NARROWER), False),
        (pending(NARROWER), msgspec.structs.replace(pending(NARROWER), accepted=CELL), True),
        (msgspec.structs.replace(pending(NARROWER), accepted=CELL), pending(NARROWER), False),
    ],
)
def test_what_allows_more_is_known(before: PolicyState, after: PolicyState, more: bool) -> None:
    assert allows_more(before, after) is more


@pytest.mark.clause("U3", "X3")
def test_a_purpose_is_newly_asked_if_it_needed_no_consent_before() -> None:
    asks = version(2, ASKED)
    assert newly_asked(PolicyState(BEFORE), pending(asks)) == {"software"}
    assert newly_asked(pending(asks), PolicyState(asks)) == frozenset()
    assert newly_asked(PolicyState(asks), PolicyState(BEFORE)) == frozenset()
    assert newly_asked(PolicyState(BEFORE), pending(version(2, NECESSARY))) == frozenset()
    asks_new = edited("purpose", "polls", ASKED[2], ASKED[3], text=TEXT.replace('"software"', '"polls"'))
    assert newly_asked(PolicyState(BEFORE), PolicyState(parse_policy(asks_new))) == frozenset()  # nobody knew it
