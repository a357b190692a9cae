"""What surrounds a change: workflows, forms, hooks and the release say what the Makefile and the package have."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.release import Unfit, checksums, notes_of, require_same, version_in

import rocketvpn_sdk._version as version
from rocketvpn_sdk.cli.app import _COMMANDS

ROOT = Path(__file__).parents[2]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE" / "config.yml"})
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CHECKS = " ".join(re.findall(r"^lint: (.*)$", MAKEFILE, re.MULTILINE)).split()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
ALLOWED = {("tests", "contents", "read"), ("release", "contents", "read")}
ALLOWED |= {("release", "id-token", "write"), ("release", "contents", "write")}


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def jobs() -> Iterator[tuple[Path, dict[str, Any]]]:
    for path in WORKFLOWS:
        for job in read(path)["jobs"].values():
            yield path, job


def steps() -> list[dict[str, Any]]:
    return [step for _, job in jobs() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit_and_names_its_version(path: Path) -> None:
    used = re.findall(r"^\s*(?:- )?uses: (.*)$", path.read_text("utf-8"), re.MULTILINE)
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each)] == []


def test_what_is_cloned_beside_actions_is_pinned_too() -> None:
    for step in steps():
        if "git clone" in step.get("run", ""):
            assert re.search(r"checkout --quiet [0-9a-f]{40}\b", step["run"])


def test_no_workflow_may_do_more_than_it_needs() -> None:
    assert all(read(path)["permissions"] == {} for path in WORKFLOWS)
    given = {(path.stem, *pair) for path, job in jobs() for pair in job["permissions"].items()}
    assert given == ALLOWED
    writers = [set(job["permissions"]) for _, job in jobs() if "write" in job["permissions"].values()]
    assert writers == [{"id-token"}, {"contents"}]


def test_no_checkout_leaves_its_token_behind() -> None:
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_the_tests_run_on_every_python_that_is_promised() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    promised = re.findall(r"Python :: (3\.\d+)", "\n".join(project["classifiers"]))
    tests = read(GITHUB / "workflows" / "tests.yml")["jobs"]
    assert tests["linux"]["strategy"]["matrix"]["python"] == promised
    assert tests["elsewhere"]["strategy"]["matrix"]["python"] == [promised[0], promised[-1]]


def test_what_is_published_was_built_twice_and_waits_for_an_approval() -> None:
    release = read(GITHUB / "workflows" / "release.yml")["jobs"]
    assert any("make release" in step.get("run", "") for step in release["build"]["steps"])
    assert release["publish"]["needs"] == "build"
    assert release["publish"]["environment"] == "release"
    assert "with" not in release["publish"]["steps"][-1]  # no password, and no other index


@pytest.mark.parametrize("path", FORMS, ids=lambda path: path.name)
def test_every_form_can_be_filled_in(path: Path) -> None:
    form = read(path)
    assert form["name"]
    assert form["description"]
    asked = [part for part in form["body"] if part["type"] != "markdown"]
    assert len({part["id"] for part in asked}) == len(asked)
    assert all(part["type"] in {"textarea", "input"} and part["attributes"]["label"] for part in asked)
    assert any(part["validations"]["required"] for part in asked)


def test_nobody_is_led_past_the_forms() -> None:
    assert FORMS
    assert read(GITHUB / "ISSUE_TEMPLATE" / "config.yml") == {"blank_issues_enabled": False}
    assert "SECURITY.md" in (GITHUB / "ISSUE_TEMPLATE" / "fault.yml").read_text("utf-8")


def test_the_hooks_are_the_checks_of_the_makefile_and_fetch_nothing() -> None:
    (local,) = read(ROOT / ".pre-commit-config.yaml")["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == [f"make {check}" for check in CHECKS]
    assert {(hook["language"], hook["pass_filenames"]) for hook in local["hooks"]} == {("system", False)}


def test_the_gate_makes_every_check() -> None:
    gate = (ROOT / ".ci" / "run").read_text("utf-8")
    assert [check for check in CHECKS if f"made own {check}" not in gate] == []


def pages() -> list[Path]:
    found = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *GITHUB.rglob("*.md"), *GITHUB.rglob("*.yml")]
    return [path for path in found if "_build" not in path.parts]


def test_every_command_that_a_page_names_exists() -> None:
    missing = []
    for path in pages():
        text = path.read_text("utf-8")
        made = re.findall(r"(?:`|run: )make ([a-z]+)", text)
        made += re.findall(r"^make ([a-z]+)", "".join(re.findall(r"```console.*?```", text, re.DOTALL)), re.MULTILINE)
        missing += [f"{path.name}: make {target}" for target in made if target not in TARGETS]
        typed = re.findall(r"`rocketvpn ([a-z][a-z-]*)", text)
        missing += [f"{path.name}: rocketvpn {word}" for word in typed if word not in _COMMANDS]
        files = re.findall(r"(?<![\w/.])((?:tests|examples|\.ci|\.github)/[\w./-]*\w)", text)
        missing += [f"{path.name}: {file}" for file in files if not (ROOT / file).exists()]
    assert missing == []


def test_the_release_takes_its_notes_from_the_changelog_s_dated_section() -> None:
    changelog = "# Changelog\n\n## [0.2.0] - 2026-02-01\n\n### Added\n\n- More.\n\n## [0.1.0] - 2026-01-31\n\n- All.\n"
    assert notes_of(changelog, "0.2.0") == "### Added\n\n- More.\n"
    assert notes_of(changelog, "0.1.0") == "- All.\n"
    for undated in ("## [Unreleased] (0.1.0)\n", "## [0.1.0]\n", "## [0.1.00] - 2026-01-31\n"):
        with pytest.raises(Unfit):
            notes_of(undated, "0.1.0")


def test_the_release_finds_the_version_where_the_package_has_it() -> None:
    assert version_in((ROOT / "rocketvpn_sdk" / "_version.py").read_text("utf-8")) == version.__version__
    with pytest.raises(Unfit):
        version_in("")


def test_two_builds_that_differ_in_a_byte_are_refused(tmp_path: Path) -> None:
    for name, content in (("first", b"same"), ("second", b"sane")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.whl").write_bytes(content)
    first, second = checksums(tmp_path / "first"), checksums(tmp_path / "second")
    require_same(first, dict(first))
    with pytest.raises(Unfit, match=r"a\.whl"):
        require_same(first, second)
    with pytest.raises(Unfit, match=r"a\.whl"):
        require_same(first, {})
