"""What holds for every test: a home of its own, real components or a reason, and clauses that exist."""

from __future__ import annotations

import gc
import os
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, settings
from support import components, failures
from support.clauses import CLAUSES
from support.failures import pytest_terminal_summary  # noqa: F401 - pytest finds its hook here
from support.forms import SMOKE, form

from rocketvpn_sdk.vault import passphrase

REQUIRE_ALL = "ROCKETVPN_REQUIRE_ALL"
SMOKE_SHARE = 5
"""Of so many cases of a test, a smoke run takes one."""

settings.register_profile("dev", deadline=None)
settings.register_profile("ci", derandomize=True, deadline=None, database=None, print_blob=True)
settings.register_profile("soak", deadline=None, max_examples=2_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int | None:
    """Share the tests among half as many processes again as there are processors: many of them wait for others."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    return max(1, (os.cpu_count() or 1) * 3 // 2)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse marks that name a clause or a component which does not exist; leave out what this run does not need."""
    left_out = set(_about_the_file(items)) if config.getoption("--database") == "postgresql" else set()
    if not _by_name(config):
        left_out |= set(_beside_the_share(items))
    config.hook.pytest_deselected(items=[item for item in items if item in left_out])
    items[:] = [item for item in items if item not in left_out]
    for item in items:
        for name, known in (("clause", CLAUSES), ("component", components.NAMES)):
            for mark in item.iter_markers(name):
                unknown = [value for value in mark.args if value not in known]
                if unknown or not mark.args or mark.kwargs:
                    said = ", ".join(map(repr, unknown)) or "no id"
                    raise pytest.UsageError(f"{item.nodeid}: {name}({said}): known are {', '.join(sorted(known))}")


def _about_the_file(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield what is about SQLite's file."""
    return (item for item in items if item.get_closest_marker("sqlite_file"))


def _beside_the_share(items: list[pytest.Item]) -> Iterator[pytest.Item]:
    """Yield what this run leaves out of a test with many cases: all but every n-th, as its mark ``one_in`` says."""
    seen: Counter[str] = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if seen[test] % _share(item.get_closest_marker("one_in")):
            yield item
        seen[test] += 1


def _by_name(config: pytest.Config) -> bool:
    """Whether somebody asks for single cases: by ``-k``, by their whole name, or for those that failed last time."""
    asked = config.option.keyword or config.getoption("lf", False) or config.getoption("ff", False)
    return bool(asked) or any("[" in argument for argument in config.args)


def _share(mark: pytest.Mark | None) -> int:
    """Return of how many cases one is run; a smoke run, which is one of many Pythons, takes few of every test."""
    if mark is None:
        return SMOKE_SHARE if SMOKE else 1
    return form(int(mark.args[0]), 1, 1)


def pytest_addoption(parser: pytest.Parser) -> None:
    failures.pytest_addoption(parser)
    parser.addoption(
        "--database",
        choices=("sqlite", "postgresql"),
        default="sqlite",
        help="what sandboxes keep their rows in: a file in their folder, or a database each of a throw-away cluster",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Look for no garbage while thousands of tests are collected: there is none, and it takes long."""
    gc.disable()
    if config.getoption("--database") == "postgresql" and not hasattr(config, "workerinput"):
        from support import postgresql  # the first process alone: those that share the tests get what it found

        stack = ExitStack()
        stack.enter_context(postgresql.for_all_tests())
        config.add_cleanup(stack.close)


def pytest_collection_finish() -> None:
    """Look for it from here on, but not among the tests themselves, which stay."""
    gc.freeze()
    gc.enable()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose component is absent; with ROCKETVPN_REQUIRE_ALL=1 that is an error."""
    for mark in item.iter_markers("component"):
        for name in mark.args:
            reason = components.missing(name)
            if reason and os.environ.get(REQUIRE_ALL) == "1":
                pytest.fail(f"the component {name!r} is required ({REQUIRE_ALL}=1): {reason}", pytrace=False)
            if reason:
                pytest.skip(f"needs {name}: {reason}")


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let calls be tried again as often as in earnest, without the pauses between."""
    monkeypatch.setattr("rocketvpn_sdk.transport.retries.Retries.pause", lambda self, seconds: None)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    """An authority of the module's own."""
    return trustme.CA()


@pytest.fixture
def trust(ca: trustme.CA, tmp_path: Path) -> Path:
    """The file of that authority's certificate."""
    path = tmp_path / "ca.pem"
    ca.cert_pem.write_to_path(path)
    return path


def _isolate(patch: pytest.MonkeyPatch, home: Path) -> None:
    """Point everything that finds the user's folders at ``home``; only the D-Bus session stays as it is."""
    places = {
        "HOME": home,
        "USERPROFILE": home,
        "XDG_CONFIG_HOME": home / ".config",
        "XDG_DATA_HOME": home / ".local" / "share",
        "XDG_STATE_HOME": home / ".local" / "state",
        "XDG_CACHE_HOME": home / ".cache",
        "XDG_RUNTIME_DIR": home / "run",
    }
    for name, place in places.items():
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        patch.setenv(name, str(place))
    for name in list(os.environ):
        if name.startswith("ROCKETVPN_") and name != REQUIRE_ALL:
            patch.delenv(name)
    for name in ("PYTHON_KEYRING_BACKEND", "LANGUAGE", "SSLKEYLOGFILE"):
        patch.delenv(name, raising=False)
    patch.setenv("LC_ALL", "C.UTF-8")


@pytest.fixture(scope="session")
def _folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the folders below are made: pytest's own are numbered, which reads all that are there each time."""
    return tmp_path_factory.mktemp("tests")


@pytest.fixture
def tmp_path(_folders: Path) -> Path:
    """Give a test an empty folder."""
    return Path(tempfile.mkdtemp(dir=_folders))


@pytest.fixture(scope="session", autouse=True)
def _for_all(_folders: Path, pytestconfig: pytest.Config):
    """Cover fixtures that live longer than one test, and open vaults quickly."""
    with pytest.MonkeyPatch.context() as patch:
        _isolate(patch, Path(tempfile.mkdtemp(dir=_folders)))
        patch.setattr(passphrase, "_new_parameters", _weak_parameters)
        if pytestconfig.getoption("--database") == "postgresql":
            from support import postgresql

            patch.setattr("rocketvpn_sdk.sandbox.Sandbox._default_url", postgresql.default_url)
        yield


def _weak_parameters() -> passphrase.Argon2Parameters:
    """Return the least that a vault accepts: a fifth of the work."""
    return passphrase.Argon2Parameters(os.urandom(16), memory_kib=19 * 1024, iterations=2)


@pytest.fixture(autouse=True)
def _home(_for_all: None, _folders: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an empty home, beside its ``tmp_path`` rather than in it."""
    home = Path(tempfile.mkdtemp(dir=_folders))
    _isolate(monkeypatch, home)
    return home
