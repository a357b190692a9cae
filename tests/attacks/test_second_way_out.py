"""Somebody looks for a way out past the guard: there is none while every public call is made, and none in the text.

The walk runs in a process of its own with an audit hook (PEP 578) that hears of every socket, however it was opened.
"""

from __future__ import annotations

import ast
import itertools
import json
import os
import subprocess
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.crash import TESTS

pytestmark = pytest.mark.clause("U7", "S1", "A1")

ROOT = TESTS.parent
PACKAGE = ROOT / "rocketvpn_sdk"
LOOKED_UP, OPENED, PASSED, RECORDED = "socket.getaddrinfo", "socket.connect", "passed", "recorded"


def walked(place: Path, how: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "support.watched_walk", str(place / "user"), str(place / "server"), how]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(TESTS), str(ROOT)))}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def test_attack_every_public_call_watched_at_the_socket(tmp_path: Path) -> None:
    """Each socket belongs to one try of one call that the guard passed and the ledger has; nothing else opens any."""
    said = walked(tmp_path, "passing")
    seen = [(event, operation) for event, operation in said["seen"]]
    assert {event for event, _ in seen} == {LOOKED_UP, OPENED, PASSED, RECORDED}
    recorded: Counter[str] = Counter()
    for (before, whose), (event, operation) in itertools.pairwise(seen):
        recorded[operation] += event == RECORDED
        if event == RECORDED:
            assert (before, whose) == (PASSED, operation), "recorded before the guard had passed it"
        elif event == LOOKED_UP:
            assert (before, whose) == (PASSED, operation), "a name was looked up before the guard had passed the try"
            assert recorded[operation], "a name was looked up before the call was in the ledger"
        elif event == OPENED:
            assert (before, whose) == (LOOKED_UP, operation)
    count = Counter(event for event, _ in seen)
    assert count[OPENED] == len(said["arrived"]) > 30
    assert count[PASSED] == count[RECORDED] + count[OPENED]  # once for the call, once for each try
    assert {"call", "rights.delete", "policy.check", "consent.grant", "device.bind"} <= set(said["walked"])


def test_attack_every_public_call_with_a_guard_that_refuses_everything(tmp_path: Path) -> None:
    """No socket is opened, no name is looked up, and nothing is written down as if it had left."""
    said = walked(tmp_path, "refusing")
    assert said["seen"] == []
    assert said["arrived"] == []
    assert {"call", "rights.delete", "policy.check", "consent.grant", "device.bind"} <= set(said["walked"])


# ---------------------------------------------------------------- in the text

NETWORK = {
    "aiohttp", "anyio", "asyncio", "curl_cffi", "dns", "ftplib", "grpc", "http", "httpcore", "httplib2", "httpx",
    "imaplib", "logging.handlers", "multiprocessing", "niquests", "paramiko", "poplib", "pycurl", "requests",
    "selectors", "smtplib", "socket", "_socket", "socketserver", "ssl", "_ssl", "telnetlib", "trio", "twisted",
    "urllib.request", "urllib3", "websocket", "websockets", "xmlrpc",
}  # fmt: skip
OTHER_WAYS = {"cffi", "ctypes", "os.system", "pty", "subprocess", "webbrowser"}
"""Other code could be made to connect."""
DYNAMIC = {"import_module", "__import__", "exec", "eval"}

ALLOWED: dict[str, tuple[set[str], str]] = {
    "aio/": ({"asyncio"}, "awaits the calls on the app's own loop, and opens nothing on it"),
    "transport/": ({"httpx", "ssl"}, "the one way out"),
    "transport/socket_backend.py": ({"httpcore", "selectors", "socket"}, "opens the connections of the one way out"),
    "transport/greetings.py": ({"selectors", "socket"}, "says the first words on those connections"),
    "transport/racing.py": ({"selectors"}, "waits for the first of those connections"),
    "transport/leftovers.py": ({"httpcore"}, "looks at what came behind an answer on those connections"),
    "transport/pins.py": ({"_ssl"}, "reads the certificates of those connections"),
    "transport/proven.py": ({"_ssl"}, "checks those connections by what nobody can replace"),
    "transport/resolver.py": ({"socket"}, "looks up the names for those connections"),
    "transport/pools.py": ({"httpcore"}, "makes the pools of those connections"),
    "transport/pool_transport.py": ({"httpcore"}, "sends requests through those pools"),
    "transport/failures.py": ({"socket"}, "the class of a failed look-up, to say whose fault it is"),
    "sandbox/passing.py": ({"http", "ssl"}, "the relay and the gateway of the sandbox, no part of an app"),
    "sandbox/relayed.py": ({"subprocess"}, "starts those two"),
    "sandbox/": ({"anyio", "asyncio", "socket", "ssl"}, "the reference server: it listens, and is no part of an app"),
    "platforms/users.py": ({"selectors"}, "waits for a process of another user, at the end of a pipe"),
    "platforms/__init__.py": ({"socket"}, "names of options, for a socket that it is given"),
    "platforms/running.py": ({"ctypes"}, "asks macOS for the name of the machine's run"),
    "witness/hook.py": ({"socket"}, "names of address families, to tell which sockets stay on this device"),
    "journal/lines/modules.py": ({"import_module"}, "loads the list of log texts of the app's own package"),
    "cli/app.py": ({"import_module"}, "loads the command that was asked for, by names written there"),
    "cli/commands/sandbox.py": ({"import_module"}, "loads the optional server, by names written there"),
    "cli/commands/policy.py": ({"import_module"}, "loads the app's own event classes, which the user names"),
    "cli/demo/exported.py": ({"subprocess"}, "has a receipt checked by another process of this command line"),
}
"""By the beginning of a path: what it may use, and why."""


def used(tree: ast.AST) -> Iterator[str]:
    """Yield what a module imports, and every call that could bring in more."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield node.module or ""
            yield from (f"{node.module}.{name.name}" for name in node.names)
        elif isinstance(node, ast.Call):
            function = node.func
            yield from DYNAMIC & {function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")}
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield f"os.{node.attr}"


def forbidden(text: str) -> set[str]:
    """Return the ways out that a module's text has."""
    parts = {".".join(name.split(".")[:length]) for name in used(ast.parse(text)) for length in (1, 2)}
    return parts & (NETWORK | OTHER_WAYS | DYNAMIC)


def test_no_module_but_those_that_are_named_can_reach_the_network() -> None:
    found = {path.relative_to(PACKAGE).as_posix(): forbidden(path.read_text("utf-8")) for path in PACKAGE.rglob("*.py")}
    over = {
        name: ways - allowed
        for name, ways in found.items()
        if ways - (allowed := set().union(*(part for prefix, (part, _) in ALLOWED.items() if _is(name, prefix))))
    }
    assert over == {}
    unused = {
        prefix: allowed - set().union(*(ways for name, ways in found.items() if _is(name, prefix)))
        for prefix, (allowed, _) in ALLOWED.items()
    }
    assert not any(unused.values()), f"allowed and not used: {unused}"


def _is(name: str, prefix: str) -> bool:
    return name.startswith(prefix) if prefix.endswith("/") else name == prefix


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("import socket", {"socket"}),
        ("def f():\n    from urllib.request import urlopen", {"urllib.request"}),
        ("from urllib import request", {"urllib.request"}),
        ("import http.client as fine", {"http"}),
        ("import asyncio.streams", {"asyncio"}),
        ("import importlib\nimportlib.import_module(name)", {"import_module"}),
        ("__import__('soc' + 'ket')", {"__import__"}),
        ("import os\nos.system('curl')", {"os.system"}),
        ("from urllib.parse import quote\nimport logging", set()),
    ],
)
def test_the_search_finds_what_is_there(text: str, ways: set[str]) -> None:
    assert forbidden(text) == ways


def test_the_linters_contract_names_every_component_that_must_not_reach_the_network() -> None:
    """``lint-imports`` says the same of the graph of imports; a new component has to be put on its list."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (contract,) = [each for each in contracts if each["name"] == "The network is reached through transport alone"]
    components = {
        f"rocketvpn_sdk.{path.stem}"
        for path in PACKAGE.iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.stem != "__init__"
    }
    apart = {f"rocketvpn_sdk.{name}" for name in ("transport", "sandbox", "_version", "_pyinstaller")}
    assert set(contract["source_modules"]) == components - apart
    assert {"httpx", "httpcore", "ssl", "urllib3", "requests"} <= set(contract["forbidden_modules"])
