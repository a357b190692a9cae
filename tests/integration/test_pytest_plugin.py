"""The pytest plug-in, in a run of its own: pytest finds it by the entry point that pyproject.toml declares."""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path

import pytest

from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.policy.stubs import stubs

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "app-tests.md").read_text("utf-8")
APP = next(code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "def test_" in code)
"""The tests that the page shows, over the types that the command writes."""
MORE = """
def test_a_code_is_typed_in(rocketvpn, rocketvpn_sandbox):
    rocketvpn.device.bind(rocketvpn_sandbox.order())
    assert not rocketvpn.rights.view(with_code=True).withheld

def test_each_test_has_a_server_of_its_own(rocketvpn, rocketvpn_sandbox):
    assert rocketvpn_sandbox.requests == []
    assert rocketvpn.status().bound is False
"""
OWN_POLICY = """
import msgspec
import pytest

from rocketvpn_sdk.policy import Policy, bundled_policy

@pytest.fixture
def rocketvpn_policy():
    return Policy(msgspec.structs.replace(bundled_policy().document, title={"en": "Our policy"}))

def test_the_policy_is_the_app_s(rocketvpn, rocketvpn_sandbox):
    rocketvpn.device.bind(rocketvpn_sandbox.order())
    assert rocketvpn.policy.current.document.title == {"en": "Our policy"}
"""


@pytest.fixture
def installed(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A place where the package is installed with its entry points, and nothing but that is said to pytest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    points = project["entry-points"]["pytest11"]
    site = pytester.mkdir("site") / "rocketvpn_sdk-0.dist-info"
    site.mkdir()
    (site / "METADATA").write_text("Metadata-Version: 2.1\nName: rocketvpn-sdk\nVersion: 0\n")
    (site / "entry_points.txt").write_text("".join(["[pytest11]\n", *(f"{k} = {v}\n" for k, v in points.items())]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(site.parent), str(ROOT)]))
    return pytester


def test_an_app_s_tests_run_with_it(installed: pytest.Pytester) -> None:
    installed.makepyfile(APP + MORE, app_policy=stubs(bundled_policy()))
    installed.runpytest_subprocess("-W", "error", "-p", "no:xdist").assert_outcomes(passed=5)


def test_an_app_brings_its_own_policy(installed: pytest.Pytester) -> None:
    installed.makepyfile(OWN_POLICY)
    installed.runpytest_subprocess("-W", "error").assert_outcomes(passed=1)


def test_without_the_extra_it_says_what_to_install(installed: pytest.Pytester) -> None:
    installed.makeconftest("import sys\nsys.modules['starlette'] = None\n")
    installed.makepyfile("def test_it(rocketvpn_sandbox): ...")
    result = installed.runpytest_subprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*pip install 'rocketvpn-sdk?sandbox?'*"])


def test_a_run_that_does_not_use_it_loads_nothing_for_it(installed: pytest.Pytester) -> None:
    installed.makepyfile(
        """
        import sys

        def test_it(request):
            assert request.config.pluginmanager.has_plugin("rocketvpn")
            heavy = {"msgspec", "cryptography", "httpx", "starlette", "sqlite3", "keyring"}
            assert heavy & set(sys.modules) == set()
        """
    )
    plain = [f"no:{name}" for name in ("xdist", "schemathesis", "hypothesispytest", "anyio", "respx", "cov")]
    arguments = [part for name in plain for part in ("-p", name)]
    installed.runpytest_subprocess(*arguments).assert_outcomes(passed=1)
