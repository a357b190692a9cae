"""Plain log files: where an entry begins and ends, how bad it was, when it was written."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.journal.plain_log import encoding_of, entries_in


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("2024-01-02 03:04:05,6 [WARN] x", "WARNING"), ("<err> x", "ERROR"), ("time=1 level=error x", "ERROR"),
        ("FATAL: x", "CRITICAL"), ("[Notice] x", "INFO"), ("Trace x", "DEBUG"), ("nothing said", "INFO"),
        ("terrors and informants", "INFO"), (f"{'x' * 200} ERROR", "INFO"),
    ],
)  # fmt: skip
def test_how_bad_a_line_is_stands_at_its_beginning(line: str, level: str) -> None:
    assert [entry.level for entry in entries_in([line])] == [level]


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("2024-01-02 03:04:05 x", datetime(2024, 1, 2, 3, 4, tzinfo=UTC)),
        ("[2024/01/02T03:04] x", datetime(2024, 1, 2, 3, 4, tzinfo=UTC)),
        ("2024-13-02 03:04:05 x", None),
        ("Jan 2 03:04:05 x", None),
    ],
)
def test_when_it_was_written(line: str, written: datetime | None) -> None:
    assert [entry.written for entry in entries_in([line])] == [written]


def test_what_is_indented_belongs_to_the_line_above() -> None:
    lines = ["ERROR broke\n", "Traceback (most recent call last):\n", "  File x\n", "\n", "next\r\n", "\tmore"]
    assert [entry.message for entry in entries_in(lines)] == [
        "ERROR broke\nTraceback (most recent call last):\n  File x",
        "next\n\tmore",
    ]


@given(st.lists(st.text(max_size=60), max_size=20))
def test_no_word_is_lost(lines: list[str]) -> None:
    lines = [" ".join(line.split()) for line in lines]
    words = " ".join(lines).replace("\ufeff", "").replace("\0", "").split()
    kept = " ".join(entry.message for entry in entries_in(lines)).replace("\ufeff", "").replace("\0", "").split()
    assert kept == words


def test_an_entry_is_bounded_however_much_belongs_to_it() -> None:
    (entry,) = entries_in(["x" * 50_000, *[" y" * 5_000] * 50])
    assert len(entry.message) <= 8000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_mark_says_how_a_file_is_encoded(encoding: str) -> None:
    content = "Überall ERROR".encode(encoding)
    assert content.decode(encoding_of(content)).lstrip("\ufeff") == "Überall ERROR"
