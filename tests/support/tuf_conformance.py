"""Run tuf-conformance, the public test suite of TUF clients, against ``TrustedFiles``.

    python tests/support/tuf_conformance.py DIR

DIR is a clone of https://github.com/theupdateframework/tuf-conformance in which ``make dev`` was run. The whole suite
runs with the bounds and rules of the package. Then those tests that a rule for names makes fail run without that rule.
tests/data/tuf-conformance.toml lists them, each under its reason. Exit code 1: the list is not exact.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
EXPECTED = ROOT / "tests" / "data" / "tuf-conformance.toml"
CLIENT = Path(__file__).with_name("tuf_client.py")
ABSENT = """\
TUF conformance was NOT tested: no suite was named. Clone https://github.com/theupdateframework/tuf-conformance,
run `make dev` in it, and then here: make soak TUF_CONFORMANCE=DIR"""


def main(arguments: Sequence[str]) -> int:
    if not any(arguments):
        _say(ABSENT)
        return 0
    suite = Path(arguments[0]).resolve()
    missing = lacking(suite)
    if missing:
        _say(f"TUF conformance cannot be tested: {missing}.")
        return 1
    expected = load_expected(EXPECTED.read_text("utf-8"))
    outcomes = _run(suite, [])
    wrong = differences(outcomes, expected)
    passed = sum(outcomes.values())
    _say(f"TUF conformance: {passed} of {len(outcomes)} pass with the rules for names.")
    listed = sorted(expected.keys() & outcomes.keys())
    if listed:
        without = _run(suite, listed, "--any-name")
        wrong += [f"fails without the rule for names, too: {name}" for name in listed if not without.get(name)]
        _say(f"TUF conformance: {sum(without.values())} of the {len(listed)} others pass without them.")
    for line in wrong:
        _say(f"TUF conformance: {line}")
    return 1 if wrong else 0


def lacking(suite: Path) -> str:
    """Return what is missing to run the suite in ``suite``; empty if nothing is."""
    if not (suite / "tuf_conformance").is_dir():
        return f"{suite} is not a clone of tuf-conformance"
    if _python(suite) is None:
        return f"run `make dev` in {suite} first"
    return "" if shutil.which("faketime") else "the suite needs the command faketime (apt-get install faketime)"


def load_expected(text: str) -> dict[str, str]:
    """Return the reason of each test that is expected to fail, by the test's name.

    Raises:
        ValueError: a rule has no reason, or a test is listed twice.
    """
    reasons: dict[str, str] = {}
    for rule in tomllib.loads(text)["rule"]:
        for test in rule["tests"]:
            if test in reasons or not rule["reason"].strip():
                raise ValueError(f"listed twice, or without a reason: {test}")
            reasons[test] = rule["reason"]
    return reasons


def differences(outcomes: Mapping[str, bool], expected: Collection[str]) -> list[str]:
    """Return what is wrong with the list ``expected``, given whether each test passed; empty if it is exact."""
    return [
        *(
            f"fails and is not listed: {name}"
            for name, passed in outcomes.items()
            if not passed and name not in expected
        ),
        *(f"is listed and passes: {name}" for name, passed in outcomes.items() if passed and name in expected),
        *(f"is listed and not in the suite: {name}" for name in expected if name not in outcomes),
        *([] if outcomes else ["no test ran"]),
    ]


def _run(suite: Path, tests: Sequence[str], *options: str) -> dict[str, bool]:
    """Run ``tests`` of the suite, or all of them; return whether each passed."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [str(_python(suite)), "-m", "pytest", "--quiet", "--tb=no", "--no-header"]
        command += ["--json-report", f"--json-report-file={report}"]
        command += ["--entrypoint", " ".join([sys.executable, str(CLIENT), *options])]
        named = [f"tuf_conformance/{name}" for name in tests] or ["tuf_conformance"]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        subprocess.run([*command, *named], cwd=suite, env=environment, stdout=sys.stderr, check=False)
        if not report.exists():
            return {}
        found = json.loads(report.read_bytes())["tests"]
    return {test["nodeid"].removeprefix("tuf_conformance/"): test["outcome"] == "passed" for test in found}


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _python(suite: Path) -> Path | None:
    """Return the interpreter that has what the suite needs: ``make dev`` makes ``env``."""
    return next((path for name in ("env", ".venv") if (path := suite / name / "bin" / "python").exists()), None)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
