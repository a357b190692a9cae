"""Writes down which tests failed (``--failures-to FILE``), so that ``flaky.py`` can run them once more."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TypedDict

import pytest

FINAL_FOLDER = "tests/attacks/"
FINAL_MARK = "clause"


class Failure(TypedDict):
    test: str
    how: str
    final: bool
    """Whether it may not be run again: an attack that succeeds once in a hundred times succeeds."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--failures-to", type=Path, metavar="FILE", help="write the failed tests to FILE, as JSON")


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, exitstatus: pytest.ExitCode, config: pytest.Config
) -> None:
    path = config.getoption("--failures-to")
    if path is None or exitstatus != pytest.ExitCode.TESTS_FAILED:  # a run that was cut short says nothing of the rest
        return
    failed = [*terminalreporter.stats.get("failed", ()), *terminalreporter.stats.get("error", ())]
    path.write_text(json.dumps([_failure(report) for report in failed]), "utf-8")


def _failure(report: pytest.TestReport | pytest.CollectReport) -> Failure:
    never_again = report.nodeid.startswith(FINAL_FOLDER) or FINAL_MARK in report.keywords
    in_a_test = report.when in ("setup", "call", "teardown")  # not while collecting, nor by a crash of the interpreter
    return Failure(test=report.nodeid, how=report.longreprtext, final=never_again or not in_a_test)
