"""Counting the journal block by block comes to what reading it entry by entry would."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.journal.entry import Entry, tally
from rocketvpn_sdk.journal.inventory import FieldCount, take_inventory

fields = st.dictionaries(st.sampled_from("abc"), st.none() | st.integers() | st.just(""), max_size=3)
records = st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["one.a", "one.b"]), fields), max_size=30)


def blocks_of(made: list, size: int) -> list[list]:
    by_time = sorted(made, key=lambda record: record[0])
    stored = [(float(at), place, ["service", name, values]) for place, (at, name, values) in enumerate(by_time)]
    return [stored[start : start + size] for start in range(0, len(stored), size)]


@given(made=records, size=st.integers(1, 7), samples=st.integers(0, 9))
def test_it_counts_what_reading_would(made: list, size: int, samples: int):
    blocks = blocks_of(made, size)
    entries = [Entry(utc(at), name, purpose, values) for block in blocks for at, _, (purpose, name, values) in block]
    found, counted = take_inventory(iter(blocks), samples), tally(entries)
    assert (found.records, found.oldest, found.newest) == (counted.records, counted.oldest, counted.newest)
    assert found.by_event == counted.by_event
    assert list(found.samples) == entries[len(entries) - min(samples, len(entries)) :]
    for name in "abc":
        times = [entry.at.timestamp() for entry in entries if entry.fields.get(name) is not None]
        assert found.fields.get(name) == (FieldCount(len(times), times[0], times[-1]) if times else None)
    assert ("recorded_at" in found.fields) == bool(entries)


def test_an_empty_log_has_nothing():
    found = take_inventory([], 5)
    assert (found.records, found.oldest, found.fields, found.samples) == (0, None, {}, ())
