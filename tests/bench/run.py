"""``make bench``: every measurement, its peer and their ratio.

``ARGS="--only B1a --quick"`` picks some with small sizes; ``--write`` renews docs/benchmarks.md.
"""

from __future__ import annotations

import argparse
import platform
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # for `bench` and `support`

from bench import calling, deleting, downloads, idle, journal, starting, storm, viewing  # noqa: E402 - the path is set above
from bench.measure import Row  # noqa: E402 - the path is set above

NOTES = HERE / "notes.md"
"""What people say about the figures; the page ends with it."""
PAGE = HERE.parent.parent / "docs" / "benchmarks.md"
PEERS = ("httpx", "sqlcipher3", "glean-sdk", "sentry-relay", "cryptography", "msgspec")


def benches(quick: bool) -> dict[str, Callable[[], Iterator[Row]]]:
    """Return the measurements by name."""
    size, rounds = (5_000, 1) if quick else (50_000, 5)
    sizes = (1_000, 10_000) if quick else (10_000, 100_000, 1_000_000)
    return {
        "B1a": lambda: journal.logging_calls(size, rounds),
        "B1b": lambda: journal.logging_lines(size, rounds),
        "B2": lambda: journal.recording_events(size, rounds),
        "B4": lambda: deleting.deleting(sizes, 1 if quick else 3),
        "B5": lambda: journal.reading(size * 2, rounds),
        "B6": lambda: calling.calling(50 if quick else 300),
        "B7": lambda: starting.starting(3 if quick else 9),
        "B9": lambda: viewing.viewing(size * 2, size // 5),
        "B10": lambda: calling.deciding(200_000),
        "B11": lambda: idle.idle(10 if quick else 180),
        "B12": lambda: downloads.downloading(20 if quick else 200, rounds),
        "SANDBOX": lambda: starting.sandbox(3 if quick else 9),
        "STORM": lambda: storm.storm(2_000 if quick else 100_000, draw=not quick),
    }


def machine() -> list[str]:
    """Return what was measured on."""
    cpu = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.machine(),
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in PEERS)
    return [
        f"- {datetime.now(UTC):%Y-%m-%d}, {cpu}, {platform.system()} {platform.release()}",
        f"- Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}",
    ]


def line(row: Row) -> str:
    """Return ``row`` as a line of a Markdown table."""
    theirs = "" if row.theirs is None else f"{row.theirs:.3g} {row.unit}"
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}×"
    met = "" if row.met is None else ("yes" if row.met else "**no**")
    cells = (row.bench, row.what, f"{row.ours:.3g} {row.unit}", row.peer, theirs, ratio, row.goal, met)
    return "| " + " | ".join(cells) + " |"


HEADER = ["| | what | ours | against | theirs | ratio | goal | met |", "|---|---|---|---|---|---|---|---|"]


def written(start: str) -> dict[str, list[str]]:
    """Return the lines of the page that begin with ``start`` and a bench's name, by that name."""
    found: dict[str, list[str]] = {}
    for text in PAGE.read_text("utf-8").splitlines() if PAGE.exists() else []:
        name = re.match(rf"{re.escape(start)}([A-Z]+\d*[a-z]?)\b", text)
        if name:
            found.setdefault(name[1], []).append(text)
    return found


def by_number(name: str) -> tuple[int, str]:
    """Return what sorts the names of benches: those with a number by it, and then the others."""
    number = re.fullmatch(r"B(\d+)[a-z]?", name)
    return (int(number[1]) if number else 1000, name)


def write(rows: list[Row]) -> None:
    """Write the page: ``rows`` anew, and of what was not measured now, what it said before."""
    table, notes = written("| "), written("- ")
    for name in {row.bench for row in rows}:
        table[name] = [line(row) for row in rows if row.bench == name]
        notes[name] = [f"- {row.bench}: {row.note}" for row in rows if row.bench == name and row.note]
    order = sorted(table, key=by_number)
    text = "Written by `make bench ARGS=--write`; a ratio is ours divided by theirs."
    lines = ["# Benchmarks", "", text, "", *machine()]
    lines += ["", *HEADER, *(row for name in order for row in table[name])]
    lines += ["", *(note for name in order for note in notes.get(name, ()))]
    PAGE.write_text("\n".join([*lines, "", NOTES.read_text("utf-8")]), "utf-8")
    print(f"\nWritten to {PAGE.relative_to(HERE.parent.parent)}")


def main() -> int:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", default=[], help="names, e.g. B1a B4")
    parser.add_argument("--quick", action="store_true", help="small sizes: to see that it runs")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md; what is not measured stays")
    chosen = parser.parse_args()
    rows: list[Row] = []
    print("\n".join(HEADER))
    for name, bench in benches(chosen.quick).items():
        if not chosen.only or name in chosen.only:
            for row in bench():
                rows.append(row)
                print(line(row), flush=True)
    if chosen.write:
        write(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
