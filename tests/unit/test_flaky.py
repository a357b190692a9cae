"""Which failed tests the gate runs once more, and what it makes of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import flaky
from support.failures import Failure

TESTS = Path(__file__).parents[1]
FAILS_ONCE = """
import pathlib, pytest

def once(name):
    seen = pathlib.Path(name)
    assert seen.exists() or seen.touch(), "the first time"

{mark}
def test_it(): once("a")
def test_other(): {other}
def test_fine(): pass
"""


def failure(test: str, *, final: bool = False) -> Failure:
    return Failure(test=test, how="assert 1 == 2", final=final)


def test_one_that_passes_alone_does_not_fail_the_run() -> None:
    asked: list[str] = []
    assert flaky.judge([failure("a"), failure("b")], lambda test: bool(asked.append(test)) or True) == []
    assert asked == ["a", "b"]


def test_one_that_fails_again_does() -> None:
    assert flaky.judge([failure("a"), failure("b")], lambda test: test == "a") == ["b failed again"]


@pytest.mark.parametrize(
    "failures", [[failure("a"), failure("b", final=True)], [failure(each) for each in "abc"], []], ids=len
)
def test_nothing_is_run_again_where_it_would_not_help(failures: list[Failure]) -> None:
    assert flaky.judge(failures, lambda test: pytest.fail(f"{test} was run")) != []


def test_what_failed_twice_over_is_one_test() -> None:
    assert flaky.judge([failure("a")] * 3, lambda test: True) == []


@pytest.mark.parametrize(
    ("folder", "mark", "other", "code", "said"),
    [
        ("unit", "", "pass", 0, "FLAKY: unit/test_sample.py::test_it"),
        ("unit", "", "assert False", 1, "FAILED: unit/test_sample.py::test_other failed again"),
        ("unit", '@pytest.mark.clause("A3")', "pass", 1, "test_it is never run again"),
        ("tests/attacks", "", "pass", 1, "test_it is never run again"),
        ("unit", "", "import os; os._exit(3)", 1, "test_other is never run again"),
        ("unit", "", 'pytest.exit("enough")', 1, "it failed, and not by a test"),
    ],
)
def test_a_real_run_is_judged(tmp_path: Path, folder: str, mark: str, other: str, code: int, said: str) -> None:
    place = tmp_path / folder
    place.mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = clause\n")
    (place / "test_sample.py").write_text(FAILS_ONCE.format(mark=mark, other=other))

    def python(*arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {
            **os.environ,
            "PYTHONPATH": str(TESTS),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_PLUGINS": "xdist.plugin",
        }
        command = [sys.executable, *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    failures = tmp_path / "failures.json"
    run = python("-m", "pytest", "-n", "1", "-p", "support.failures", f"--failures-to={failures}", folder)
    assert run.returncode in (1, 2)
    if run.returncode == 1:
        assert {each["test"].rpartition("::")[2] for each in json.loads(failures.read_text())} >= {"test_it"}
    judged = python(TESTS / "support" / "flaky.py", failures)
    assert judged.returncode == code, judged.stdout + judged.stderr
    assert said in judged.stdout
    assert "the first time" in judged.stdout or code
