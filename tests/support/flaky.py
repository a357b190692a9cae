"""Run each failed test once more, alone: ``python tests/support/flaky.py FILE`` (``--failures-to`` wrote the file).

A test that passes now is reported as flaky, with how it failed before, and does not fail the run. Attacks, and tests
that prove a clause of the policy, are never run again. Neither is anything where three tests or more failed.

Exit codes: 0, all that failed before passed now; 1, the run has failed.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

if __package__ in (None, ""):  # run as a script
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.failures import Failure

MOST = 2


def judge(failures: list[Failure], passes_alone: Callable[[str], bool]) -> list[str]:
    """Return the reasons why the run has failed; none if every failure was a flaky test.

    Args:
        failures: what failed; a test can be there twice, for itself and for what came after it.
        passes_alone: runs a test and returns whether it passed.
    """
    tests = {failure["test"]: failure for failure in failures}
    final = [f"{test} is never run again" for test, failure in tests.items() if failure["final"]]
    if final:
        return final
    if len(tests) > MOST:
        return [f"{len(tests)} tests failed; at most {MOST} may be flaky"]
    if not tests:
        return ["it failed, and not by a test"]
    return [f"{test} failed again" for test in tests if not passes_alone(test)]


def _passes_alone(test: str) -> bool:
    return subprocess.run([sys.executable, "-m", "pytest", "-n", "0", "--quiet", test], check=False).returncode == 0


def main(path: Path) -> int:
    """Judge the failures in the file at ``path``, and say what came of it."""
    failures: list[Failure] = json.loads(path.read_text("utf-8")) if path.exists() else []
    reasons = judge(failures, _passes_alone)
    said = [f"FAILED: {reason}" for reason in reasons]
    if not reasons:
        said = [f"FLAKY: {failure['test']}\n{failure['how']}" for failure in failures]
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
