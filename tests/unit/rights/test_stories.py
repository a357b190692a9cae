"""What the report tells, in the order of time, whatever order it was written down in."""

from __future__ import annotations

from datetime import date

import pytest

from rocketvpn_sdk.rights.report.stories import weeks
from rocketvpn_sdk.transport.tally import SentTally


@pytest.mark.clause("A1")
def test_weeks_are_told_in_their_order_though_a_clock_was_set_back():
    first, second = date(2026, 11, 2), date(2026, 11, 9)
    tally = SentTally({}, {(second, "service"): 3, (first, "service"): 2, (first, "rights"): 1})
    told = [(week.begins, week.purpose, week.times) for week in weeks(tally)]
    assert told == [(first, "rights", 1), (first, "service", 2), (second, "service", 3)]
