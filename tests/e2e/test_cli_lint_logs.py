"""``lint-logs``: log calls whose text is made of values, their rewrites, and the list for compiled apps."""

from __future__ import annotations

import ast
import importlib
import logging
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from support.command_line import CommandLine

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.testing import MemorySecrets

CALLS = {
    'log.info(f"user {user!r} took {ms:.1f} ms (100%)")': "log.info('user %r took %.1f ms (100%%)', user, ms)",
    'self._logger.warning("lost " + ip + " again")': "self._logger.warning('lost %s again', ip)",
    'logging.error("bad %s" % user)': "logging.error('bad %s', user)",
    'log.error("%s of %d" % (user, ms), exc_info=True)': "log.error('%s of %d', user, ms, exc_info=True)",
    'log.log(10, "x {} y {}".format(user, ip))': "log.log(10, 'x %s y %s', user, ip)",
    'logging.getLogger("a").debug(f"{user}")': "logging.getLogger('a').debug('%s', user)",
    'log.info("named {user}".format(user=user))': "",
    'log.info("bad %(user)s" % {"user": user})': "",
    'log.info(f"from {ip} %s", user)': "",
    'log.exception(f"from {ip:>{ms}}")': "log.exception('from %s', ip)",
}
FINE = ('log.info("fine %s", user)', 'log.info("a" "b")', 'log.info("a" + "b")', "log.info(user)", 'print(f"{user}")',
        'math.log(f"{user}")', 'queue.error(f"{user}")', "log.info()")  # fmt: skip


@pytest.fixture
def command_line() -> CommandLine:
    return CommandLine()


@pytest.fixture
def app(tmp_path: Path) -> Path:
    package = tmp_path / "some_app"
    (package / "parts").mkdir(parents=True)
    (package / "__init__.py").write_text("", "utf-8")
    (package / "parts" / "__init__.py").write_text("", "utf-8")
    lines = "".join(f"    {call}\n" for call in (*CALLS, *FINE))
    (package / "parts" / "calls.py").write_text(f"def run(self, user, ip, ms):\n{lines}", "utf-8")
    return package


def test_each_call_is_named_with_its_rewrite(command_line: CommandLine, app: Path) -> None:
    found = command_line.json("lint-logs", str(app))
    assert found.code == codes.REFUSED
    rewrites = [each["rewrite"] for each in found.document["findings"]]
    assert rewrites == list(CALLS.values())
    assert [each["line"] for each in found.document["findings"]] == list(range(2, 2 + len(CALLS)))
    for rewrite in filter(None, rewrites):
        ast.parse(rewrite)
    shown = command_line.run("lint-logs", str(app))
    assert f"The text of {len(CALLS)} log calls in 3 files is made of values." in shown.out
    assert not (app / "_log_texts.py").exists()


@pytest.mark.parametrize("name", ["no_such_package", "json.decoder.x", "sys"])
def test_what_is_not_there(command_line: CommandLine, name: str) -> None:
    assert command_line.run("lint-logs", name).code == codes.USAGE


def test_a_file_that_is_no_python(command_line: CommandLine, app: Path) -> None:
    (app / "broken.py").write_text("def (", "utf-8")
    done = command_line.run("lint-logs", str(app))
    assert done.code == codes.REFUSED
    assert "cannot be read as Python" in done.err


def test_the_sdk_itself_has_no_such_call(command_line: CommandLine) -> None:
    assert command_line.run("lint-logs", "rocketvpn_sdk").code == codes.DONE


# ---------------------------------------------------------------- compiled


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An importable module that says it is compiled, as Nuitka's do, and has no code to look at."""
    package = tmp_path / "compiled_app"
    package.mkdir()
    (package / "__init__.py").write_text("", "utf-8")
    (package / "core.py").write_text(
        "import enum\n__compiled__ = True\nclass State(enum.Enum):\n    UP = 1\n"
        "def said(log, name):\n    log.info('tunnel for %s is %s', name, State.UP)\n",
        "utf-8",
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("compiled_app.core")
    for name in [name for name in sys.modules if name.startswith("compiled_app")]:
        del sys.modules[name]


def logged(module: Any, folder: Path) -> str:
    secrets = MemorySecrets()
    with RocketVPN.open(
        Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=folder, secrets=secrets)
    ) as rocket:
        log = logging.Logger("app", logging.DEBUG)  # noqa: LOG001 - pytest looks into those of the tree
        log.addHandler(rocket.journal.handler())
        module.said(log, "Lena Fischer")
        (entry,) = rocket.journal.read()
        return str(entry.fields["message"])


def test_a_compiled_module_is_known_by_its_list(command_line: CommandLine, compiled: Any, tmp_path: Path) -> None:
    done = command_line.run("lint-logs", str(tmp_path / "compiled_app"), "--write")
    assert done.code == codes.DONE
    written = (tmp_path / "compiled_app" / "_log_texts.py").read_text("utf-8")
    assert "tunnel for %s is %s" in written
    assert "State.UP" in written
    assert logged(compiled, tmp_path / "vault") == "tunnel for [text] is State.UP"


def test_without_a_list_it_is_scrubbed(compiled: Any, tmp_path: Path) -> None:
    assert re.fullmatch(r"tunnel for \[text\] is \[member\]", logged(compiled, tmp_path / "vault"))
