"""Scrubbing, on labelled lines in the shapes of many programs: what it finds, and what it takes in vain (C2)."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.labelled import Labelled, Score, labelled, score

from rocketvpn_sdk.journal.known import Known
from rocketvpn_sdk.journal.scrub import Scrubber

pytestmark = pytest.mark.clause("C2")

DATA = Path(__file__).parents[2] / "data" / "log-lines"
# At their first run, before anything was changed for them, 94.7 %, 89.9 %, 91.4 %, 90.7 %, 96.1 %, 91.8 % and 98.5 % of
# what is promised was found in these sets, and 96.2 %, 92.6 %, 92.7 %, 100 %, 92.9 %, 93.1 % and 96.3 % of what was
# taken out was rightly so. (Mended for the fifth alone, the rows found 96.6 % in the sixth, 93.3 % rightly; the seventh
# was written after both.) The sets were made to be hard. That is the figure to expect of lines that nobody here has
# seen; the floors only hold what was mended since.
SETS = {
    "clients.txt": 1.0,
    "clients_second.txt": 1.0,
    "clients_third.txt": 1.0,
    "clients_fourth.txt": 1.0,
    "clients_fifth.txt": 0.99,
    "clients_sixth.txt": 0.985,
    "clients_seventh.txt": 0.98,
}
"""Each set with the share of what is promised that is found in it."""
FURTHER, PRECISION, KEPT = 0.99, 0.98, 0.97


def told(line: Labelled) -> str:
    """Scrub as on a device that knows the names of its user, itself, and the profiles that the app handed over."""
    return Scrubber(known=Known(names=line.known)).scrub(line.text)


@pytest.mark.parametrize("name", SETS)
def test_what_is_personal_goes_and_what_is_useful_stays(name: str) -> None:
    found: Score = score(list(labelled(DATA / name)), told)
    assert found.promised >= SETS[name], found.missed
    assert found.further >= FURTHER, found.missed
    assert found.precision >= PRECISION, found.in_vain
    assert found.kept >= KEPT


def test_what_the_device_knows_of_itself_is_what_makes_names_go() -> None:
    lines = [line for name in SETS for line in labelled(DATA / name)]
    untold = score(lines, lambda line: Scrubber().scrub(line.text))
    assert untold.further < score(lines, told).further - 0.15


def test_a_line_is_scrubbed_the_same_whatever_came_before() -> None:
    lines = [line.text for name in SETS for line in labelled(DATA / name)]
    scrubber = Scrubber()
    first = [scrubber.scrub(line) for line in lines]
    assert [scrubber.scrub(line) for line in reversed(lines)] == first[::-1]
    assert [Scrubber().scrub(line) for line in lines] == first


def test_scrubbing_twice_takes_no_more() -> None:
    scrubber = Scrubber()
    for name in SETS:
        for line in labelled(DATA / name):
            once = scrubber.scrub(line.text)
            assert scrubber.scrub(once) == once
