"""Three pictures as numbers: what is kept how long, what left in which week, where each category lives. Pure.

Widths and places are percentages of the picture's width, so that its texts keep their size on a narrow screen; heights
are in ``em``.
"""

from __future__ import annotations

import math
from datetime import date, timedelta

import msgspec

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Duration
from rocketvpn_sdk.rights.report import words
from rocketvpn_sdk.rights.report.describing import UNKNOWN
from rocketvpn_sdk.rights.report.model import HeldValue, Place, ReportContent

_LONGEST = 3650.0
"""Days at the end of the scale; only what lasts as long as the device is bound goes beyond."""
_SCALE = 60.0
"""Where that end is."""
_ENDLESS = 66.0
_SHORTEST = 1.5
_TICKS = ((1.0, "P1D"), (30.0, "P30D"), (365.0, "P1Y"), (3650.0, "P10Y"))
_FEWEST_WEEKS = 8
_TALLEST = 2.4
_BAND = 5.0


class Bar(msgspec.Struct, frozen=True):
    """How long one place keeps a field."""

    place: Place
    y: float
    width: float
    endless: bool
    text: str


class Row(msgspec.Struct, frozen=True):
    """One field of the time line."""

    name: str
    y: float
    bars: tuple[Bar, ...]


class Tick(msgspec.Struct, frozen=True):
    """A mark of the scale."""

    x: float
    text: str


class Timeline(msgspec.Struct, frozen=True):
    """What is kept how long."""

    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    height: float


class Column(msgspec.Struct, frozen=True):
    """One week."""

    x: float
    width: float
    y: float
    height: float
    times: int
    begins: date


class Band(msgspec.Struct, frozen=True):
    """One purpose, week by week."""

    name: str
    purpose: str
    times: int
    y: float
    base: float
    columns: tuple[Column, ...]


class Weeks(msgspec.Struct, frozen=True):
    """What left, by purpose and week."""

    bands: tuple[Band, ...]
    first: date
    last: date
    height: float


class Home(msgspec.Struct, frozen=True):
    """Where one category lives: how many of its fields are held at each place."""

    name: str
    category: str
    y: float
    here: int
    there: int


class Homes(msgspec.Struct, frozen=True):
    """Where each category lives."""

    rows: tuple[Home, ...]
    height: float


def timeline(report: ReportContent) -> Timeline:
    """Draw how long each held field is kept, the shortest first."""
    kept: dict[str, dict[Place, str]] = {}
    for held in (*report.here, *report.shown_there):
        if held.kept != UNKNOWN:
            kept.setdefault(held.field, {})[held.place] = held.kept
    rows: list[Row] = []
    y = 2.0
    for field, places in sorted(kept.items(), key=lambda item: (max(map(_seconds, item[1].values())), item[0])):
        bars = tuple(_bar(place, text, y + 1.0 + 1.2 * number) for number, (place, text) in enumerate(places.items()))
        rows.append(Row(words.name(field), y + 0.8, bars))
        y += 1.6 + 1.2 * len(bars)
    ticks = tuple(Tick(round(_at(days), 2), words.lasting(text)) for days, text in _TICKS)
    return Timeline(tuple(rows), ticks, round(y, 2))


def _bar(place: Place, kept: str, y: float) -> Bar:
    seconds = _seconds(kept)
    endless = math.isinf(seconds)
    width = _ENDLESS if endless else max(_at(seconds / DAY), _SHORTEST)
    return Bar(place, round(y, 2), round(width, 2), endless, words.lasting_shortly(kept))


def _seconds(kept: str) -> float:
    return Duration(kept).seconds


def _at(days: float) -> float:
    """Return where on the scale, which is logarithmic: a day and ten years have to be on one line."""
    return min(math.log10(1 + days) / math.log10(1 + _LONGEST), 1.0) * _SCALE


def weeks(report: ReportContent) -> Weeks | None:
    """Draw how often something left, week by week; ``None``: nothing did."""
    if not report.sent_weeks:
        return None
    last = max(week.begins for week in report.sent_weeks)
    first = min(min(week.begins for week in report.sent_weeks), last - timedelta(weeks=_FEWEST_WEEKS - 1))
    slot = 100 / ((last - first).days // 7 + 1)
    highest = max(week.times for week in report.sent_weeks)
    bands = []
    for number, purpose in enumerate(sorted({week.purpose for week in report.sent_weeks})):
        mine = [week for week in report.sent_weeks if week.purpose == purpose]
        base = number * _BAND + _BAND - 0.6
        columns = []
        for week in mine:
            height = max(week.times / highest * _TALLEST, 0.15)
            x = (week.begins - first).days // 7 * slot + slot * 0.15
            columns.append(
                Column(
                    round(x, 2),
                    round(slot * 0.7, 2),
                    round(base - height, 2),
                    round(height, 2),
                    week.times,
                    week.begins,
                )
            )
        total = sum(week.times for week in mine)
        bands.append(Band(words.name(purpose), purpose, total, base - _BAND + 1.4, base, tuple(columns)))
    return Weeks(tuple(bands), first, last, len(bands) * _BAND + 1.6)


def homes(report: ReportContent) -> Homes:
    """Draw which categories are held here, at the server, or at both."""
    rows: list[Home] = []
    for category in report.categories:
        here, there = (_kinds(values, category.id) for values in (report.here, report.shown_there))
        if here or there:
            rows.append(Home(words.name(category.id), category.sentence, 2.4 + 3.6 * len(rows), here, there))
    return Homes(tuple(rows), 2.0 + 3.6 * len(rows))


def _kinds(values: tuple[HeldValue, ...], category: str) -> int:
    return len({value.field for value in values if value.category == category})
