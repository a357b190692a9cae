"""Odd machines: whatever is wrong with folders, files, limits and clocks, nothing but errors of ours comes out.

Every public call is made in each of the surroundings that ``support.surroundings`` knows, in processes of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from support import surroundings
from support.app_events import SessionConnected
from support.disks import mounted
from support.forms import form
from support.surroundings import FOREIGN, GROUPS, PASSPHRASE
from support.world import World

from rocketvpn_sdk import PassphraseSecrets, RocketVPN
from rocketvpn_sdk.sandbox import Sandbox

TESTS = Path(__file__).parents[1]
PROGRAM = TESTS / "support" / "surroundings.py"
WHOLE = {"sound", "descriptors", "limits", "modes", "process", "clocks"}
"""Groups after which everything that was stored has to be there, and open."""
SHY = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all")
"""Lets root be stopped by modes, as everybody else is."""


@pytest.fixture(scope="module")
def settings(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A vault that is bound, has records and signed files, and from now on no server."""
    folder = tmp_path_factory.mktemp("odd") / "template"
    world = World(sandbox, folder)
    with RocketVPN.open(world.config(secrets=PassphraseSecrets(PASSPHRASE))) as rocket:
        rocket.device.bind(sandbox.order(email="kim@example.org"))
        rocket.consent.declare_age(adult=True)
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
        rocket.policy.check()
    with socket.create_server(("localhost", 0)) as listening:
        port = listening.getsockname()[1]
    trust = {"trust": str(sandbox.ca_file), "trusted_root": str(sandbox.trusted_root)}
    return {"template": str(folder), "server": f"https://localhost:{port}", **trust}


@pytest.fixture(scope="module")
def usual(settings: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return drive("sound", settings, tmp_path_factory.mktemp("usual"))


def drive(group: str, settings: dict[str, Any], work: Path, *, flags: str = "", **environment: str) -> dict[str, Any]:
    prefix = SHY if group == "modes" and not os.geteuid() else ()
    if prefix and shutil.which(prefix[0]) is None:
        pytest.skip("needs setpriv, or an ordinary user")
    given = json.dumps({**settings, "work": str(work)})
    done = subprocess.run(
        [*prefix, sys.executable, *flags.split(), str(PROGRAM), group, given],
        env=os.environ | {"PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"} | environment,
        capture_output=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def foreign(found: dict[str, Any]) -> list[str]:
    return [
        f"{name}: {call}: {came}"
        for name, seen in found.items()
        for call, all_came in (*seen["came"].items(), ("a thread", [f"{FOREIGN} {said}" for said in seen["threads"]]))
        for came in all_came
        if came.startswith(FOREIGN)
    ] + [f"{name}: opening again: {seen['left']}" for name, seen in found.items() if seen["left"].startswith(FOREIGN)]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("group", [group for group in GROUPS if group != "full"])
def test_attack_odd_machine_gets_nothing_but_errors_of_ours(
    group: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    found = drive(group, settings, tmp_path)
    assert list(found) == list(GROUPS[group])
    assert foreign(found) == []
    if group in WHOLE:
        assert Counter(seen["left"] for seen in found.values()) == {"unlocked": len(found)}
    assert sum(len(came) for seen in found.values() for came in seen["came"].values()) > 100 * len(found)


@pytest.mark.component("tmpfs")
def test_attack_full_disk_gets_nothing_but_errors_of_ours(settings: dict[str, Any], tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=4m,mode=0700") as disk:
        found = drive("full", settings, disk)
    assert foreign(found) == []
    assert [seen["left"] for seen in found.values()] == ["unlocked"]
    came = [said for seen in found.values() for all_came in seen["came"].values() for said in all_came]
    assert any("no room left" in said for said in came)


@pytest.mark.parametrize(
    "encoding",
    [
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "xx_YY.ISO-8859-1", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LANGUAGE": "xx", "LC_ALL": "C.UTF-8"},
    ][: form(1, 4, 4)],
)
def test_neither_an_encoding_nor_the_lack_of_docstrings_changes_anything(
    usual: dict[str, Any], settings: dict[str, Any], tmp_path: Path, encoding: dict[str, str]
) -> None:
    """In a folder whose name ASCII cannot say, on a Python that has no docstrings and no assertions."""
    work = tmp_path / "Übung \u20ac 文"
    work.mkdir()
    found = drive("sound", settings, work, flags="-OO", **encoding)
    assert foreign(found) == []
    assert _kinds(found) == _kinds(usual)


def test_a_name_that_the_locale_cannot_say_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    code = (
        "from pathlib import Path; from rocketvpn_sdk import Config, errors\n"
        "for name in ('data_dir', 'trust', 'receipts', 'policy', 'trusted_root'):\n"
        "    try: Config('https://localhost:9', 'org.example.vpn', **{name: Path('/tmp/\\xdc')})\n"
        "    except errors.ConfigurationError as error: print(name in str(error), 'cannot be in a path' in str(error))"
    )
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": str(TESTS.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | locale, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True True\n" * 5


def _kinds(found: dict[str, Any]) -> dict[str, list[str]]:
    (seen,) = found.values()
    return {name: [came.partition(":")[0] for came in all_came] for name, all_came in seen["came"].items()}


def test_nothing_public_is_forgotten(tmp_path: Path) -> None:
    """The calls of ``RocketVPN`` are found by looking; the functions beside it are in a list, which is held to that."""
    (tmp_path / "template").mkdir()
    listed = surroundings.outside(surroundings.Machine({"template": tmp_path / "template"}, tmp_path / "machine"))
    assert surroundings.public_functions() <= set(listed)
