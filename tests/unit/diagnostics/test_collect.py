"""What a report is made of: each record once, coarse, and nothing that the call does not carry."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.reports import WEEK, ErasureHandle, SentReports
from rocketvpn_sdk.diagnostics.collect import HOUR, MOST_RECORDS, collect
from rocketvpn_sdk.journal.entry import Entry
from rocketvpn_sdk.policy import bundled_policy

SEND = bundled_policy().operations["diagnostics.send"]
NOW = 1_800_000_000.0


def entries(minutes: Sequence[int], purpose: str = "improvement") -> list[Entry]:
    return [Entry(utc(NOW + 60 * minute), "app.crashed", purpose, {"attempt": at}) for at, minute in enumerate(minutes)]


@pytest.mark.clause("U3")
@given(st.lists(st.integers(0, 6), max_size=12).map(sorted), st.data())
def test_reports_made_one_after_the_other_have_each_record_once(minutes: list[int], data: st.DataObject) -> None:
    """Times are to the minute, so that more of a minute may come after it was reported."""
    whole, sent, reported = entries(minutes), SentReports(), list[int]()
    for cut in [*sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=4))), len(whole)]:
        there = [entry for entry in whole[:cut] if entry.at.timestamp() >= sent.until]
        found = collect(there, sent, SEND)
        reported += [record["attempt"] for record in found.records]
        if found.records:
            sent = sent.with_report(sent.handle(NOW), found.until, found.taken)
    assert reported == list(range(len(whole)))


def test_times_are_cut_to_the_hour_and_the_rest_stays_out() -> None:
    entry = Entry(
        utc(NOW + 65 * 60),
        "app.crashed",
        "improvement",
        {"failure": "dns", "message": "a line", "region": None, "local_address": "10.0.0.0"},
    )
    other = Entry(utc(NOW), "log.message", "service", {"message": "not for this"})
    found = collect([other, entry], SentReports(), SEND)
    (record,) = found.records
    assert record == {
        "recorded_at": int(NOW + 65 * 60) // HOUR * HOUR,
        "event_name": "app.crashed",
        "failure": "dns",
    }
    assert found.left_out == {"message", "local_address"}


def test_a_report_is_bounded_and_the_next_one_goes_on() -> None:
    whole = entries([0] * (MOST_RECORDS + 5))
    first = collect(whole, SentReports(), SEND)
    sent = SentReports().with_report(ErasureHandle("h", NOW), first.until, first.taken)
    second = collect(whole, sent, SEND)
    assert [len(first.records), len(second.records)] == [MOST_RECORDS, 5]


def test_a_handle_lives_for_a_week_by_a_clock_that_goes_either_way() -> None:
    made = SentReports().handle(NOW)
    sent = SentReports().with_report(made, 0.0, 0)
    assert sent.handle(NOW + WEEK - 1) == made
    for other in (NOW + WEEK, NOW - 1):
        assert sent.handle(other).value != made.value
    assert sent.with_report(made, 1.0, 1).handles == (made,)
    assert made.value not in repr(sent)
    assert sent.fresh(NOW + 91 * 86400, bundled_policy()).handles == ()
