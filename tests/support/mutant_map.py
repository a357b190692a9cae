"""Which tests run which line of the package, and how long each takes: measured once, kept in ``.mutants``.

Also the pytest plugin that writes down what passed. The map is made anew when the package changes; when only tests
changed, theirs alone run again. What runs in processes that a test starts is not seen: a line that only those run
counts as run by nobody.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Collection, Iterable
from pathlib import Path

import coverage
import pytest

from support.mutating import Mutant

ROOT = Path(__file__).parents[2]
PACKAGE = "rocketvpn_sdk"
_NEAR = ("tests/unit/", "tests/contract/", "tests/integration/")
"""These come first; the others are asked where none of these notices."""
_WITH_PROCESSES = ("tests/e2e/", "tests/attacks/test_tls")
_AT_ONCE = 20
"""Variations of a nearest test that are asked before any other test's second one."""
_TO = "MUTANTS_WRITE_TO"
_TOOL = "tests/unit/test_mutants.py"


# ------------------------------------------------------------ the plugin: ``-p support.mutant_map``

_times: dict[str, float] = defaultdict(float)
_passed: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what a test takes with its fixtures."""
    _times[report.nodeid] += report.duration
    if report.when == "call" and report.passed:
        _passed.add(report.nodeid)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write down what passed."""
    if _TO in os.environ and not hasattr(session.config, "workerinput"):
        Path(os.environ[_TO]).write_text(json.dumps({test: _times[test] for test in _passed}), "utf-8")


# ------------------------------------------------------------ the map


def sources() -> dict[str, str]:
    """Return the package's files, by their names in it."""
    files = sorted((ROOT / PACKAGE).rglob("*.py"))
    return {str(path.relative_to(ROOT / PACKAGE)): path.read_text("utf-8") for path in files}


class Map:
    """What is known of the tests.

    Args:
        folder: where it is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._data, self._notes = folder / "coverage", folder / "map.json"
        self._lines: dict[str, dict[int, list[str]]] = {}
        self._imported: dict[str, set[int]] = {}
        """By file the lines that run outside every test: while the package, or a file of tests, is imported."""
        self._sources = sources()
        kept = json.loads(self._notes.read_text("utf-8")) if self._notes.exists() else {}
        self._package: str = kept.get("package", "")
        self._files: dict[str, str] = kept.get("files", {})
        self.seconds: dict[str, float] = kept.get("seconds", {})

    def renew(self, workers: int) -> None:
        """Run the tests that are new here; all of them where the package changed."""
        package = _digest(self._sources.values())
        files = {
            str(path.relative_to(ROOT)): _digest([path.read_text("utf-8")])
            for path in sorted((ROOT / "tests").rglob("test_*.py"))
        }
        files.pop(_TOOL, None)
        if package != self._package:
            self._data.unlink(missing_ok=True)
            self._package, self._files, self.seconds = package, {}, {}
        changed = [file for file, digest in files.items() if self._files.get(file) != digest]
        self.seconds = {
            test: each for test, each in self.seconds.items() if (file := _file(test)) in files and file not in changed
        }
        if changed:
            sys.stdout.write(f"Which tests run which lines: measuring {len(changed)} files of tests ...\n")
            self.seconds |= self._measure(changed, workers)
        self._files = files
        self._notes.write_text(
            json.dumps({"package": package, "files": files, "seconds": self.seconds}, indent=0), "utf-8"
        )

    def _measure(self, files: list[str], workers: int) -> dict[str, float]:
        written = self._notes.with_suffix(".new")
        written.unlink(missing_ok=True)
        command = [sys.executable, "-m", "pytest", *files, "-q", "-n", str(workers), "-p", "support.mutant_map"]
        command += [f"--cov={PACKAGE}", "--cov-context=test", "--cov-report=", "--cov-append"]
        environment = {**os.environ, "COVERAGE_FILE": str(self._data), _TO: str(written)}
        subprocess.run(command, cwd=ROOT, env=environment, check=False, stdout=subprocess.DEVNULL)
        if not written.exists():
            raise SystemExit(f"The tests did not run: {' '.join(command)}")
        if left := [str(path) for path in self._data.parent.glob(f"{self._data.name}.*")]:  # a worker's, not taken over
            coverage.Coverage(data_file=str(self._data)).combine(left)
        found: dict[str, float] = json.loads(written.read_text("utf-8"))
        written.unlink()
        return found

    def lines(self, file: str) -> dict[int, list[str]]:
        """Return by line of a file of the package which tests run it."""
        if file not in self._lines:
            data = coverage.CoverageData(str(self._data))
            data.read()
            name = next((each for each in data.measured_files() if each.endswith(f"/{PACKAGE}/{file}")), None)
            found = data.contexts_by_lineno(name) if name else {}
            self._imported[file] = {line for line, contexts in found.items() if "" in contexts}
            self._lines[file] = {
                line: tests
                for line, contexts in found.items()
                if (tests := sorted({c.rpartition("|")[0] for c in contexts} & self.seconds.keys()))
            }
        return self._lines[file]

    def tests(self, mutant: Mutant) -> list[str]:
        """Return the tests that run it, the near and quick ones first, of each function one before its variations."""
        lines = self.lines(mutant.file)
        found = {test for line in range(mutant.line, mutant.last + 1) for test in lines.get(line, ())}
        found = found or set(lines.get(mutant.statement, ()))
        if not found:  # it runs when the module is imported: ask those who use what it defines
            found = set(self._users(mutant))
        if not found and not lines.keys() & _function_around(self._sources[mutant.file], mutant.line):
            found = {test for tests in lines.values() for test in tests}  # coverage sees nothing of it: a hook, say
        if not found:  # only processes that a test starts run it
            found = {test for test in self.seconds if test.startswith(_WITH_PROCESSES)}
        here = set(range(mutant.line, mutant.last + 1))
        if here & self._imported[mutant.file] and here & _function_around(self._sources[mutant.file], mutant.line):
            found |= self._one_of_each_file()  # what it gives while modules are imported, any of them may need
        near = {test for test in found if test.startswith(_NEAR)}
        words = {part.strip("_") for part in Path(mutant.file).with_suffix("").parts} - {"init"}
        return self._ordered(near, words) + self._ordered(found - near, words)

    def _one_of_each_file(self) -> set[str]:
        quickest: dict[str, str] = {}
        for test in sorted(self.seconds, key=lambda test: self.seconds[test]):
            quickest.setdefault(_file(test), test)
        return set(quickest.values())

    def _users(self, mutant: Mutant) -> Iterable[str]:
        names = _defined_at(self._sources[mutant.file], mutant.line)
        if not names:
            return
        words = re.compile(r"\b(" + "|".join(map(re.escape, names)) + r")\b")
        for file, source in self._sources.items():
            if words.search(source):
                lines = self.lines(file)
                for number, line in enumerate(source.splitlines(), 1):
                    if words.search(line):
                        yield from lines.get(number, ())

    def _ordered(self, tests: Collection[str], words: Collection[str]) -> list[str]:
        def near(test: str) -> int:
            named = test.partition("[")[0]
            return sum(word in named for word in words)

        nearest = max(map(near, tests), default=0)
        alike: dict[str, int] = defaultdict(int)
        turns: list[tuple[int, str]] = []
        for test in sorted(tests, key=lambda test: (-near(test), self.seconds[test])):
            function = test.partition("[")[0]
            turns.append((alike[function] // (_AT_ONCE if near(test) == nearest else 1), test))
            alike[function] += 1
        return [test for _, test in sorted(turns, key=lambda turn: turn[0])]


def _file(test: str) -> str:
    return test.partition("::")[0]


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def _defined_at(source: str, line: int) -> set[str]:
    """Return by which name others use what stands at ``line`` of a module or a class; none for what a function does."""
    names: set[str] = set()
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.stmt)]
    for node in nodes:  # from the outside in
        if not node.lineno <= line <= (node.end_lineno or 0):
            continue
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                if line >= node.body[0].lineno:
                    return set()
                names = {node.name}
            case ast.ClassDef():
                names = {node.name}
            case ast.Assign() | ast.AnnAssign() if not names:  # a class's members come with the class
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                names = {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return names


def _function_around(source: str, line: int) -> set[int]:
    """Return the lines of the innermost function's body at ``line``."""
    found: set[int] = set()
    for node in ast.walk(ast.parse(source)):  # from the outside in
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = range(node.body[0].lineno, (node.end_lineno or 0) + 1)
            found = set(body) if line in body else found
    return found
