"""The project around the code: what must be there, and what must not be written down."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator
from graphlib import TopologicalSorter
from importlib import metadata, resources
from pathlib import Path

import grimp
import pytest
from packaging.utils import canonicalize_name
from support.oldest import oldest

import rocketvpn_sdk._version as version

ROOT = Path(__file__).parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TOP_LEVEL = {"rocketvpn_sdk", "examples", "tests", "docs", ".ci"}
FILES = {
    "pyproject.toml",
    "Makefile",
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "LICENSE",
    ".gitignore",
    ".pre-commit-config.yaml",
    ".github/PULL_REQUEST_TEMPLATE.md",
    ".github/workflows/release.yml",
    ".github/workflows/tests.yml",
    ".ci/run",
    "docs/index.md",
    "docs/threat-model.md",
    "docs/dependencies.md",
    "docs/decisions/index.md",
    "docs/releasing.md",
    "rocketvpn_sdk/py.typed",
    "rocketvpn_sdk/policy/rocketvpn.toml",
}


def tracked() -> list[Path]:
    """Return the files that git tracks or would track; without git, the files that are there."""
    try:
        command = ["git", "-C", str(ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git work tree")
    return [ROOT / name for name in names if name and (ROOT / name).is_file()]


def texts() -> list[tuple[str, str]]:
    return [
        (path.relative_to(ROOT).as_posix(), path.read_text("utf-8", "replace"))
        for path in tracked()
        if path.stat().st_size < 1 << 20
    ]


def test_the_public_files_are_there():
    missing = sorted(name for name in FILES if not (ROOT / name).is_file())
    assert not missing


def test_the_top_level_stays_tidy():
    found = {path.relative_to(ROOT).parts[0] for path in tracked()}
    allowed = TOP_LEVEL | {name.partition("/")[0] for name in FILES}
    assert found <= allowed


def test_no_file_names_a_package_registry():
    # Where packages come from is the business of the machine that installs them.
    names = ("pypi org", "python" + "hosted org", "npmjs com", "npmjs org", "deb debian org", "crates io", "golang org")
    hosts = [".".join(name.split()) for name in names]
    found = [f"{name}: {host}" for name, text in texts() for host in hosts if host in text]
    assert not found


def test_no_file_names_a_folder_of_the_machine_it_was_written_on():
    # Tests of scrubbing hold invented home folders, so only folders that no invented user has are looked for.
    patterns = [re.compile(r"(?<![\w.$}/~*])/" + folder + r"/[\w.-]") for folder in ("work", "workspace", "builds")]
    own = [str(place) for place in (ROOT, Path.cwd()) if len(place.parts) > 2]
    found = [
        f"{name}: {match}"
        for name, text in texts()
        for match in [hit[0] for pattern in patterns for hit in pattern.finditer(text)]
        + [place for place in own if f"{place}/" in text]
    ]
    assert not found


CLOCKS = ("time.time()", "time.monotonic()", "time.perf_counter()", "time.process_time()")


def reads_a_clock(tree: ast.AST, times: set[str]) -> bool:
    """Return whether a call of the machine's clock, or a name in ``times``, is part of ``tree``."""
    return any(ast.unparse(each) in times.union(CLOCKS) for each in ast.walk(tree))


def times_asserted(text: str) -> list[str]:
    """Return the asserts in a test's ``text`` that compare what a clock of the machine's told, and its sleeps."""
    nodes = list(ast.walk(ast.parse(text)))
    times: set[str] = set()
    for node in nodes:  # by depth, and there in the order of the text
        told = isinstance(node, ast.Assign) and (ast.unparse(node.value) in CLOCKS or isinstance(node.value, ast.BinOp))
        if told and reads_a_clock(node.value, times):
            times |= {ast.unparse(target) for target in node.targets}
    compared = [
        each
        for node in nodes
        if isinstance(node, ast.Assert)
        for each in ast.walk(node.test)
        if isinstance(each, ast.Compare) and reads_a_clock(each, times)
    ]
    calls = [ast.unparse(node) for node in nodes if isinstance(node, ast.Call) and node.args]
    sleeps = [call for call in calls if re.match(r"(time\.sleep|(threading\.)?Event\(\)\.wait)\(", call)]
    return [ast.unparse(each) for each in compared] + sleeps


def test_no_test_asserts_a_time_nor_sleeps():
    # A busy machine is no error: tests count work, inject a clock, or wait for what has to happen.
    tests = [path for path in (ROOT / "tests").rglob("*.py") if "bench" not in path.parts]
    found = [f"{path.name}: {each}" for path in tests for each in times_asserted(path.read_text("utf-8"))]
    assert not found


@pytest.mark.parametrize(
    "line",
    [
        "assert time.monotonic() - began < 3",
        "took = time.perf_counter() - began; assert took < 3",
        "began = time.process_time(); took = stop() - began; assert 1 < took <= 2 and done",
        "time.sleep(0.1)",
        "threading.Event().wait(0.1)",
    ],
)
def test_an_asserted_time_is_found(line: str):
    assert times_asserted(line)
    assert not times_asserted("assert clock.time() < 5; threading.Event().wait(); assert event.wait(60)")


def test_scripts_can_be_run():
    for name in (".ci/run", "tests/support/run_keepassxc.sh", "tests/support/run_secret_service.sh"):
        path = ROOT / name
        assert path.read_text("utf-8").startswith("#!"), name
        assert path.stat().st_mode & 0o111, f"{name} is not executable"
        subprocess.run(["bash", "-n", str(path)], check=True)


def test_the_extras_are_there():
    assert {"cli", "sandbox", "dev"} <= set(PYPROJECT["project"]["optional-dependencies"])
    assert PYPROJECT["project"]["scripts"]["rocketvpn"] == "rocketvpn_sdk.cli:main"


def test_every_dependency_has_its_reason_and_every_reason_its_dependency():
    project = PYPROJECT["project"]
    wanted = names(project["dependencies"]).union(*map(names, project["optional-dependencies"].values()))
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    explained = names(re.findall(r"^\| `([\w.-]+)` \|", page, re.MULTILINE))
    assert explained == wanted


def names(requirements: Iterable[str]) -> set[str]:
    return {canonicalize_name(re.match(r"[\w.-]+", entry)[0]) for entry in requirements}


def test_the_oldest_version_of_each_dependency_is_known():
    wanted = names(PYPROJECT["project"]["dependencies"])
    if sys.version_info >= (3, 14):
        wanted -= {"backports-zstd"}
    lines = oldest([])
    assert names(lines) == wanted
    assert all(re.fullmatch(r"[\w.-]+==\d+(\.\d+)*", line) for line in lines)


@pytest.mark.parametrize(
    ("place", "extras"),
    [("", ["age"]), ("cli", ["cli", "sandbox"]), ("sandbox", ["sandbox"]), ("testing", ["sandbox", "dev"])],
)
def test_what_is_imported_is_declared(place: str, extras: list[str]):
    """A package that only comes with another one may be gone in that one's next version."""
    project = PYPROJECT["project"]
    declared = names(project["dependencies"]).union(*(names(project["optional-dependencies"][each]) for each in extras))
    distributions = metadata.packages_distributions()
    undeclared = {
        f"{path.relative_to(ROOT)}: {module}"
        for path in (ROOT / "rocketvpn_sdk" / place).rglob("*.py")
        if place or path.relative_to(ROOT / "rocketvpn_sdk").parts[0] not in ("cli", "sandbox", "testing")
        for module in imported(path)
        if (top := module.partition(".")[0]) not in {"rocketvpn_sdk", *sys.stdlib_module_names, "compression"}
        and not declared & {canonicalize_name(name) for name in distributions.get(top, [module])}
    }
    assert undeclared == set()


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def test_the_changelog_knows_this_version():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    first = re.search(r"^## (.*)$", changelog, re.MULTILINE)[1]
    assert version.__version__ in first


def test_the_supported_versions_name_this_one():
    minor = ".".join(version.__version__.split(".")[:2])
    assert f"| {minor} | yes |" in (ROOT / "SECURITY.md").read_text("utf-8")


def test_what_the_package_needs_at_run_time_is_inside_it():
    # The wheel takes the whole package folder; nothing in .gitignore may take these out again.
    assert PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == ["rocketvpn_sdk"]
    package = resources.files("rocketvpn_sdk")
    assert package.joinpath("py.typed").is_file()
    assert package.joinpath("policy", "rocketvpn.toml").is_file()
    names = {path.relative_to(ROOT).as_posix() for path in tracked()}
    assert {"rocketvpn_sdk/py.typed", "rocketvpn_sdk/policy/rocketvpn.toml"} <= names


def test_the_licence_is_the_one_that_is_named():
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert PYPROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License" in text
    assert "Version 2.0, January 2004" in text
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_make_targets_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"help", "demo", "test", "lint", "bench", "docs", "release", "soak", "clean"} <= targets


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = grimp.build_graph("rocketvpn_sdk", exclude_type_checking_imports=True)
    TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()
