"""Do the tests notice mistakes? ``make mutants`` puts some into copies of the package, one at a time, and looks.

    python tests/support/mutants.py --count 200 --seed 7        a sample, drawn by statements
    python tests/support/mutants.py --path vault --count 20     of a part of the package
    python tests/support/mutants.py --only vault/head.py:31:compared     one of them again
    python tests/support/mutants.py --rows                      the mistakes in tests/data/mutants/rows.toml
    python tests/support/mutants.py --equivalent                those that no test can notice: are they still none?

A mistake is noticed where a test that runs its line fails, or hangs. Nearest and quickest tests come first, within a
number and a time. Mistakes that change nothing are in tests/data/mutants/equivalent.toml, each with its reason; they
are not drawn. Exit code 1: too few were noticed, or a list is no longer true.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.mutant_map import PACKAGE, ROOT, Map, sources
from support.mutating import Mutant, compiles, find

LISTS = ROOT / "tests" / "data" / "mutants"
LEFT_OUT = ("sandbox/", "testing/", "cli/demo/", "_pyinstaller/", "_version.py", "__main__.py")
"""Not the SDK that people use: the server that stands in for the operator's, and what shows it."""
_NOT_COPIED = (".git", ".venv", ".mutants", "*_cache", ".hypothesis", "__pycache__", "_build", "build", "dist")
_HANGS = 60
"""Seconds for which one test may run."""


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


class Result(NamedTuple):
    """What came of a mutant: ``noticed`` names the test, or how else; nothing if it survived."""

    mutant: Mutant
    noticed: str
    tried: int
    of: int

    @property
    def word(self) -> str:
        return "noticed" if self.noticed else "survived" if self.of else "uncovered"


class Copy:
    """A copy of the project in which one mutant at a time is tried."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "project"
        shutil.copytree(ROOT, self.folder, symlinks=True, ignore=shutil.ignore_patterns(*_NOT_COPIED))
        self._written = 0
        environment = {**os.environ, "PYTHONPATH": f"{self.folder}{os.pathsep}{self.folder / 'tests'}"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # hundreds of times the same files
        self._server = subprocess.Popen(
            [sys.executable, "-m", "support.forked_runs"],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def write(self, file: str, source: str) -> None:
        """Replace a file of the package; each time it looks newer, so that no compiled form of before is taken."""
        path = self.folder / PACKAGE / file
        path.write_text(source, "utf-8")
        self._written += 1
        at = path.stat().st_mtime + 2 * self._written
        os.utime(path, (at, at))

    def fails(self, tests: list[str], seconds: float, *, first: bool = True) -> list[str]:
        """Run tests, up to the ``first`` that fails where only that counts; return which, or how else it ended."""
        while True:
            code, said = self._run(tests, seconds, ["-x"] if first else [])
            # An address or a date in a variation's name: it has another one now.
            gone = {test for test in tests if f"ERROR: not found: {self.folder}/{test}\n" in said}
            if code != 4 or not gone:
                break
            tests = [test for test in tests if test not in gone]
        if code in (0, 5):  # 5: there was none left to run
            return []
        named = [line.split(" ", 1)[1] for line in said.splitlines() if line.startswith(("FAILED ", "ERROR "))]
        return [each.partition(" - ")[0] for each in named] or [f"pytest ended with {code}"]

    def _run(self, tests: list[str], seconds: float, more: list[str]) -> tuple[int, str]:
        with tempfile.TemporaryDirectory(dir=self.folder.parent) as temporary:
            always = ["-q", "--tb=no", "-n", "0", f"--timeout={_HANGS}", "-p", "no:cacheprovider"]
            always += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what was imported before
            asked = json.dumps([seconds, temporary, [*more, *always, *tests]])
            server = self._server
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(asked + "\n")
            server.stdin.flush()
            code, said = json.loads(server.stdout.readline())
            return (1, "FAILED they hang") if code == -1 else (code, said)

    def close(self) -> None:
        """End the process that runs the tests."""
        self._server.communicate()


class Trial:
    """Tries mutants, several at a time, each in a copy of its own.

    Args:
        known: which tests there are.
        workers: how many at a time.
        most_tests: how many tests are asked at most about one mutant.
        most_seconds: how long those may take, by what they took before.
    """

    def __init__(self, known: Map, workers: int, most_tests: int, most_seconds: float) -> None:
        self._known, self._workers = known, workers
        self._tests, self._seconds = most_tests, most_seconds
        self._sources = sources()
        self._never: set[str] = set()
        """Tests that failed without any mistake."""

    def run(self, mutants: Iterable[Mutant], tests: dict[str, list[str]] | None = None) -> Iterator[Result]:
        """Try each of them; at last, once more those noticed by a test that fails without any mistake, without it."""
        with tempfile.TemporaryDirectory(prefix="mutants-") as folder, ThreadPoolExecutor(self._workers) as pool:
            copies = [Copy(Path(folder) / str(number)) for number in range(self._workers)]
            free: SimpleQueue[Copy] = SimpleQueue()
            for each in copies:
                free.put(each)
            todo = list(mutants)
            while todo:
                noticed: dict[str, list[Mutant]] = defaultdict(list)
                for result in pool.map(lambda each: self._one(free, each, (tests or {}).get(each.name)), todo):
                    if "::" in result.noticed:
                        noticed[result.noticed].append(result.mutant)
                    yield result
                copy = free.get()
                wrong = set(copy.fails(sorted(noticed), 1800, first=False)) if noticed else set()
                free.put(copy)
                if wrong:
                    say(f"AGAIN      what these noticed, which fail by themselves: {', '.join(sorted(wrong))}")
                self._never |= wrong
                todo = [mutant for test in wrong for mutant in noticed.get(test, ())]
            for each in copies:
                each.close()

    def _one(self, free: SimpleQueue[Copy], mutant: Mutant, given: list[str] | None) -> Result:
        tests = [test for test in given or self._known.tests(mutant) if test not in self._never]
        chosen, seconds = list[str](), 0.0
        for test in tests[: self._tests]:
            seconds += self._known.seconds.get(test, 1.0)
            if chosen and seconds > self._seconds:
                break
            chosen.append(test)
        if not chosen:
            return Result(mutant, "", 0, 0)
        copy, source = free.get(), self._sources[mutant.file]
        try:
            copy.write(mutant.file, mutant.applied(source))
            failed = copy.fails([*chosen, *(f"--deselect={test}" for test in self._never)], 60 + 5 * seconds)
            return Result(mutant, failed[0] if failed else "", len(chosen), len(tests))
        finally:
            copy.write(mutant.file, source)
            free.put(copy)


# ------------------------------------------------------------ which


def everything(path: str) -> dict[str, list[Mutant]]:
    """Return the mutants of each file of the SDK whose name begins with ``path``."""
    return {
        file: find(file, source)
        for file, source in sources().items()
        if file.startswith(path) and (path or not file.startswith(LEFT_OUT))
    }


def sample(mutants: dict[str, list[Mutant]], count: int, seed: int, left_out: set[Mutant]) -> list[Mutant]:
    """Draw ``count``, each of another statement: whoever writes a line may make a mistake in it."""
    texts = sources()
    statements: dict[tuple[str, int], list[Mutant]] = defaultdict(list)
    for file, found in mutants.items():
        for mutant in found:
            statements[file, mutant.statement].append(mutant)
    chance = random.Random(seed)
    order = sorted(statements)
    chance.shuffle(order)
    drawn: list[Mutant] = []
    for statement in order:
        mutant = chance.choice(statements[statement])
        if mutant not in left_out and compiles(mutant.applied(texts[mutant.file])):
            drawn.append(mutant)
        if len(drawn) == count:
            break
    return drawn


def equivalent(mutants: dict[str, list[Mutant]]) -> tuple[set[Mutant], list[str]]:
    """Return those that change nothing, by the list, and which of the list's entries the code no longer has."""
    listed = tomllib.loads((LISTS / "equivalent.toml").read_text("utf-8")).get("mutant", [])
    found: set[Mutant] = set()
    gone: list[str] = []
    for entry in listed:
        alike = [m for m in mutants.get(entry["file"], ()) if (m.was, m.now) == (entry["was"], entry["now"])]
        found.update(alike)
        if not alike and (not mutants or entry["file"] in mutants):
            gone.append(f"{entry['file']}: {entry['now']}")
        if not entry["why"].strip():
            gone.append(f"{entry['file']}: {entry['now']} (without a reason)")
    return found, gone


def rows() -> tuple[list[Mutant], dict[str, list[str]]]:
    """Return the mistakes that were written down, and the tests that are said to notice them."""
    texts = sources()
    found: list[Mutant] = []
    tests: dict[str, list[str]] = {}
    for entry in tomllib.loads((LISTS / "rows.toml").read_text("utf-8"))["row"]:
        text, was, now = texts.get(entry["file"], ""), entry["was"].strip("\n"), entry["now"].strip("\n")
        if text.count(was) != 1:
            say(f"RENEW      {entry['row']}: {entry['file']} has {text.count(was)} times {was.strip()!r}")
            continue
        start = len(text[: text.index(was)].encode())
        line = text[: text.index(was)].count("\n") + 1
        lines = (line, line + was.count("\n"))
        mutant = Mutant(
            entry["file"], line, entry["row"], start, start + len(was.encode()), now, *lines, was.strip(), now.strip()
        )
        found.append(mutant)
        if "tests" in entry:
            tests[mutant.name] = entry["tests"]
    return found, tests


# ------------------------------------------------------------ what came of it


def interval(noticed: int, of: int) -> tuple[float, float]:
    """Return between which shares the true one lies with 95 % (Wilson)."""
    if not of:
        return 0.0, 1.0
    z, share = 1.96, noticed / of
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


def tell(result: Result) -> str:
    mutant = result.mutant
    lines = [f"{result.word:10} {mutant.name}  ({result.tried} of {result.of} tests) {result.noticed}"]
    if not result.noticed:
        lines += [f"    - {line.strip()}" for line in mutant.was.splitlines()]
        lines += [f"    + {line.strip()}" for line in mutant.now.splitlines()]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--path", default="", help="a folder or file of the package")
    parser.add_argument("--only", action="append", default=[], metavar="FILE:LINE:KIND", help="or, with --rows, a row")
    parser.add_argument("--rows", action="store_true")
    parser.add_argument("--equivalent", action="store_true")
    parser.add_argument("--workers", type=int, default=max(1, os.cpu_count() or 1))
    parser.add_argument("--tests", type=int, default=400, help="tests asked at most about one mutant")
    parser.add_argument("--seconds", type=float, default=120.0, help="how long those may take")
    parser.add_argument("--at-least", type=float, default=0.0, help="percent that have to be noticed")
    parser.add_argument("--map", type=Path, default=ROOT / ".mutants", help="where the map of tests is kept")
    parser.add_argument("--keep-map", action="store_true", help="do not look whether it is still true")
    parser.add_argument("--list", action="store_true", help="only say which mutants there are")
    options = parser.parse_args()

    mutants = everything(options.path if not options.only else "")
    same, gone = (set[Mutant](), list[str]()) if options.rows else equivalent(everything(""))
    tests: dict[str, list[str]] | None = None
    if options.rows:
        chosen, tests = rows()
        chosen = [mutant for mutant in chosen if not options.only or mutant.kind in options.only]
    elif options.only:
        chosen = [mutant for found in mutants.values() for mutant in found if mutant.name in options.only]
    elif options.equivalent:
        chosen = sorted(same)
    else:
        chosen = sample(mutants, options.count, options.seed, same)
        say(f"seed {options.seed}, path {options.path or 'all'!r}: {len(chosen)} mutants of other statements each")
    if options.list:
        say("\n".join(f"{mutant.name}\n    - {mutant.was}\n    + {mutant.now}" for mutant in chosen))
        return 0
    options.map.mkdir(exist_ok=True)
    known = Map(options.map)
    if not options.keep_map and (tests is None or any(mutant.name not in tests for mutant in chosen)):
        known.renew(options.workers)
    results: dict[Mutant, Result] = {}
    for result in Trial(known, options.workers, options.tests, options.seconds).run(chosen, tests):
        results[result.mutant] = result
        say(tell(result))
    return judged(list(results.values()), gone, options)


def judged(results: list[Result], gone: list[str], options: argparse.Namespace) -> int:
    """Say how many were noticed, and whether that is enough."""
    noticed, of = sum(bool(result.noticed) for result in results), len(results)
    low, high = interval(noticed, of)
    words = {word: sum(result.word == word for result in results) for word in ("noticed", "survived", "uncovered")}
    share = 100 * noticed / of if of else 0.0
    say(f"{json.dumps(words)}: {share:.1f} % noticed (95 %: {100 * low:.1f} to {100 * high:.1f})")
    for entry in gone:
        say(f"equivalent.toml: the code no longer has {entry}")
    if options.equivalent:
        return 1 if gone or noticed else 0
    if options.rows:
        return 1 if noticed < of else 0
    return 1 if gone or share < options.at_least else 0


if __name__ == "__main__":
    sys.exit(main())
