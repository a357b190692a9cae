"""The page's pictures are figures, too: what is longer, more often or later is drawn so, and nothing is left out."""

from __future__ import annotations

from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from rocketvpn_sdk.rights.report import charts
from rocketvpn_sdk.rights.report.model import SentWeek

MONDAY = date(2027, 1, 4)


def drawn(*sent: tuple[int, str, int]) -> Any:
    weeks = tuple(SentWeek(begins=MONDAY + timedelta(weeks=week), purpose=what, times=n) for week, what, n in sent)
    report: Any = SimpleNamespace(sent_weeks=weeks)
    return charts.weeks(report)


@pytest.mark.clause("A1")
def test_each_week_stands_in_its_own_place_as_high_as_it_was_often() -> None:
    made = drawn((0, "service", 1), (1, "service", 4), (30, "service", 8), (30, "surveys", 2))
    by_purpose = {band.purpose: band for band in made.bands}
    service = by_purpose["service"].columns
    slot = 100 / 31
    for column, week, times in zip(service, (0, 1, 30), (1, 4, 8), strict=True):
        assert column.x // slot == week
        assert column.x + column.width <= slot * (week + 1) + 0.02
        assert (column.times, column.begins) == (times, MONDAY + timedelta(weeks=week))
        assert column.y + column.height == pytest.approx(by_purpose["service"].base, abs=0.02)
    assert service[2].height == pytest.approx(2 * service[1].height, rel=0.02)
    assert service[1].height == pytest.approx(4 * service[0].height, rel=0.05)
    (asked,) = by_purpose["surveys"].columns
    assert asked.x == service[2].x
    assert asked.height == pytest.approx(service[2].height / 4, rel=0.02)
    assert [band.times for band in made.bands] == [13, 2]
    assert (made.first, made.last) == (MONDAY, MONDAY + timedelta(weeks=30))


def test_bands_do_not_lie_on_each_other() -> None:
    made = drawn((0, "a", 9), (0, "b", 9), (0, "c", 1))
    tops = [band.columns[0].y for band in made.bands]
    assert all(above.base < top for above, top in zip(made.bands, tops[1:], strict=False))
    assert made.bands[-1].base < made.height


def test_nothing_sent_is_no_picture() -> None:
    assert drawn() is None


@pytest.mark.clause("A1")
def test_what_is_kept_longer_has_the_longer_bar_and_what_has_no_end_the_longest() -> None:
    kept = {"a": "PT1H", "b": "P1D", "c": "P30D", "d": "P3Y", "e": "bound"}
    here = tuple(SimpleNamespace(field=name, place="device", kept=text) for name, text in kept.items())
    report: Any = SimpleNamespace(
        here=here[::-1], shown_there=(SimpleNamespace(field="c", place="server", kept="P90D"),)
    )
    made = charts.timeline(report)
    bars = [row.bars for row in made.rows]
    assert [[bar.place for bar in each] for each in bars] == [["device"]] * 2 + [["device", "server"]] + [
        ["device"]
    ] * 2
    widths = [each[0].width for each in bars]
    assert widths == sorted(widths)
    assert len(set(widths)) == len(widths)
    assert bars[2][1].width > bars[2][0].width
    assert [each[0].endless for each in bars] == [False] * 4 + [True]
    heights = [bar.y for each in bars for bar in each]
    assert heights == sorted(set(heights))
    assert heights[-1] < made.height


@pytest.mark.clause("A1")
def test_each_category_says_how_many_kinds_are_held_where() -> None:
    def held(field: str, category: str) -> Any:
        return SimpleNamespace(field=field, category=category)

    categories = [SimpleNamespace(id=name, sentence=name) for name in ("account", "network", "nothing")]
    report: Any = SimpleNamespace(
        categories=categories,
        here=(held("a", "account"), held("a", "account"), held("b", "account")),
        shown_there=(held("a", "account"), held("c", "network")),
    )
    made = charts.homes(report)
    assert [(row.category, row.here, row.there) for row in made.rows] == [("account", 2, 1), ("network", 0, 1)]
    assert made.rows[0].y < made.rows[1].y < made.height
