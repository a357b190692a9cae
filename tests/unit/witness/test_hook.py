"""What the witness's hook notes, and that it never gets in the way. No test here sends anything anywhere: a datagram
socket that is connected has told nobody, and an audit event can be raised without a connection."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.crash import TESTS

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.witness import CAVEATS, hook
from rocketvpn_sdk.witness.hook import LIBRARIES, Notes, watch

AWAY = "192.0.2.7"
"""An address for documentation (RFC 5737): nobody has it."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def notes(clock: FakeClock) -> Iterator[Notes]:
    notes = Notes(clock)
    watch(notes)
    yield notes
    notes.stop()


def seen(notes: Notes) -> list[tuple[str, int, str, int]]:
    return [(note.host, note.port, note.module, note.times) for note in notes.take()]


def connect(address: Any, family: int = socket.AF_INET) -> None:
    """Connect a datagram socket, which sends nothing; the machine may have no way to the address."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect(address)


def raise_event(address: Any, event: str = "socket.connect", family: int = socket.AF_INET) -> None:
    sys.audit(event, SimpleNamespace(family=family), address)


def as_module(name: str, code: str, **given: Any) -> dict[str, Any]:
    """Run ``code`` as if it stood in the module ``name``; return what it made."""
    space = {"__name__": name, **given}
    exec(compile(code, f"<{name}>", "exec"), space)
    return space


_as_socket = "import sys\ndef begin(address): sys.audit('socket.connect', sock, address)"
begin = as_module("socket", _as_socket, sock=SimpleNamespace(family=socket.AF_INET))["begin"]
"""Begin a connection, as the standard library does."""


@pytest.mark.clause("A1")
def test_a_connection_is_noted_with_the_module_that_began_it(notes: Notes) -> None:
    connect((AWAY, 443))
    connect((AWAY, 443))
    connect(("2001:db8::7", 53, 0, 0), socket.AF_INET6)
    assert seen(notes) == [(AWAY, 443, __name__, 2), ("2001:db8::7", 53, __name__, 1)]


@pytest.mark.parametrize("event", ["socket.sendto", "socket.sendmsg"])
def test_datagrams_are_noted_too(notes: Notes, event: str) -> None:
    raise_event((AWAY, 51820), event)
    assert seen(notes) == [(AWAY, 51820, __name__, 1)]


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.8.8.8",
        "localhost",
        "LOCALHOST.",
        "a.localhost",
        "::1",
        "::ffff:127.0.0.1",
        "0.0.0.0",
        "::",
        "",
    ],
)
def test_what_stays_on_this_device_is_left_out(notes: Notes, host: str) -> None:
    raise_event((host, 443))
    assert seen(notes) == []


@pytest.mark.parametrize("host", ["tracker.example", "localhost.tracker.example", "10.0.0.1", "::ffff:192.0.2.7"])
def test_what_leaves_is_not_left_out(notes: Notes, host: str) -> None:
    raise_event((host, 443))
    assert [each[0] for each in seen(notes)] == [host]


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="no Unix sockets here")
def test_unix_sockets_are_left_out(notes: Notes) -> None:
    raise_event("/run/user/1000/bus", family=socket.AF_UNIX)
    assert seen(notes) == []


@pytest.mark.parametrize("library", ["httpcore", "urllib3", "requests"])
def test_a_network_library_is_not_the_one_who_connects(notes: Notes, library: str) -> None:
    given = as_module(f"{library}._deep", f"def go(): begin(('{AWAY}', 443))", begin=begin)
    as_module("app.telemetry", "go()", go=given["go"])
    assert seen(notes) == [(AWAY, 443, "app.telemetry", 1)]


def test_what_raises_no_audit_event_is_named_and_not_listed_as_covered() -> None:
    assert not {"grpc", "uvloop", "_overlapped"} & LIBRARIES
    docs = Path(__file__).parents[3] / "docs"
    for text in (
        " ".join(CAVEATS),
        *((docs / name).read_text("utf-8") for name in ("for-users.md", "threat-model.md")),
    ):
        assert all(re.search(name, text, re.IGNORECASE) for name in ("grpc", "uvloop", "on Windows", "asyncio"))


def test_a_library_that_nobody_of_the_app_called_is_named_itself(notes: Notes) -> None:
    script = (
        "import sys; from types import SimpleNamespace as N\n"
        "from rocketvpn_sdk.witness.hook import Notes, watch; from rocketvpn_sdk.clock import SystemClock\n"
        "notes = Notes(SystemClock()); watch(notes); globals()['__name__'] = 'aiohttp.connector'\n"
        f"sys.audit('socket.connect', N(family=2), ('{AWAY}', 1))\n"
        "globals()['__name__'] = 'queue'\n"
        f"sys.audit('socket.connect', N(family=2), ('{AWAY}', 2))\n"
        "print([(note.port, note.module) for note in notes.take()])"
    )
    assert run(script) == "[(1, 'aiohttp'), (2, 'unknown')]"


def run(script: str) -> str:
    path = os.pathsep.join((str(TESTS), str(TESTS.parent)))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_name_is_the_one_that_create_connection_was_given(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_DGRAM, 0, "", (AWAY, 8443))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with contextlib.suppress(OSError):
        socket.create_connection(("tracker.example", 8443)).close()
    with contextlib.suppress(OSError):
        socket.create_connection((AWAY, 8443)).close()
    assert seen(notes) == [("tracker.example", 8443, __name__, 1), (AWAY, 8443, __name__, 1)]


def test_a_name_for_another_port_is_not_believed(notes: Notes) -> None:
    code = "def create_connection(address): begin(('192.0.2.7', 2))"
    create = as_module("socket", code, begin=begin)["create_connection"]
    create(("tracker.example", 1))
    assert seen(notes) == [(AWAY, 2, __name__, 1)]


def test_a_name_of_this_device_is_left_out_whatever_its_address(notes: Notes) -> None:
    create = as_module("socket", "def create_connection(address): begin(('192.0.2.7', 2))", begin=begin)
    create["create_connection"](("localhost", 2))
    assert seen(notes) == []


@pytest.mark.clause("A1")
def test_the_sdks_own_connections_are_left_out_and_its_other_modules_are_not(notes: Notes) -> None:
    for module in ("rocketvpn_sdk.transport.socket_backend", "rocketvpn_sdk.signed_files.trust"):
        as_module(module, f"go(('{AWAY}', 443))", go=begin)
    assert seen(notes) == [(AWAY, 443, "rocketvpn_sdk.signed_files.trust", 1)]


def test_a_callback_of_the_app_in_the_middle_of_our_call_is_the_app(notes: Notes) -> None:
    given = as_module("app.authenticator", f"def ask(): go(('{AWAY}', 25))", go=begin)
    as_module("rocketvpn_sdk.transport.socket_backend", "ask()", ask=given["ask"])
    assert seen(notes) == [(AWAY, 25, "app.authenticator", 1)]


def test_each_day_is_a_note_of_its_own(notes: Notes, clock: FakeClock) -> None:
    raise_event((AWAY, 443))
    clock.advance(DAY)
    raise_event((AWAY, 443))
    days = [note.day for note in notes.take()]
    assert days[1] - days[0] == DAY
    assert all(day % DAY == 0 for day in days)


def test_what_finds_no_room_is_counted(clock: FakeClock) -> None:
    notes = Notes(clock, most=2)
    for number in range(5):
        notes.add("a.example", number, "app")
    notes.add("a.example", 0, "app")
    assert seen(notes) == [("a.example", 0, "app", 2), ("a.example", 1, "app", 1), ("", 0, "", 3)]


def test_names_have_a_bound(notes: Notes) -> None:
    as_module("a" * 500, f"go(('{'h' * 500}', 443))", go=begin)
    ((host, _, module, _),) = seen(notes)
    assert (len(host), len(module)) == (253, 120)


# ---------------------------------------------------------------- never in the way


@pytest.mark.parametrize(
    "args",
    [
        (),
        (None, None),
        (object(), (AWAY, 443)),
        (SimpleNamespace(family="x"), (AWAY, 443)),
        (SimpleNamespace(family=2), (AWAY,)),
        (SimpleNamespace(family=2), (object(), 443)),
        (SimpleNamespace(family=2), (AWAY, "http")),
        (SimpleNamespace(family=2), (b"\xff", 443), "more"),
    ],
)
def test_what_makes_no_sense_raises_nothing(notes: Notes, args: tuple[Any, ...]) -> None:
    sys.audit("socket.connect", *args)
    assert seen(notes) == []


def test_a_clock_that_fails_raises_nothing(notes: Notes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "_clock", None)
    raise_event((AWAY, 443))
    assert seen(notes) == []


def test_a_finaliser_that_connects_while_a_note_is_made_does_not_lock_up(notes: Notes) -> None:
    with notes._lock:
        raise_event((AWAY, 443))
    assert len(seen(notes)) == 1


def test_stopped_it_notes_nothing_and_a_second_client_uses_the_same_hook(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Notes(clock), Notes(clock)
    watch(first)
    monkeypatch.setattr(sys, "addaudithook", lambda _: pytest.fail("a second hook"))
    watch(second)
    raise_event((AWAY, 1))
    first.stop()
    raise_event((AWAY, 2))
    assert (first.watched, second.watched) == (False, True)
    second.stop()
    raise_event((AWAY, 3))
    assert [each[1] for each in seen(first)] == [1]
    assert [each[1] for each in seen(second)] == [1, 2]
    assert hook._watching == ()


def test_who_is_forgotten_is_not_noted_for_ever(clock: FakeClock) -> None:
    watch(Notes(clock))
    raise_event((AWAY, 443))
    watch(last := Notes(clock))
    assert len(hook._watching) == 1
    last.stop()


def test_a_hook_that_was_kept_out_says_so() -> None:
    script = (
        "import sys\n"
        "def veto(event, args):\n    if event == 'sys.addaudithook': raise RuntimeError\n"
        "sys.addaudithook(veto)\n"
        "from rocketvpn_sdk.witness.hook import Notes, watch; from rocketvpn_sdk.clock import SystemClock\n"
        "notes = Notes(SystemClock()); watch(notes); print(notes.watched)"
    )
    assert run(script) == "False"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_notes_nothing_and_does_not_lock_up() -> None:
    script = (
        "import os, sys; from types import SimpleNamespace as N\n"
        "from rocketvpn_sdk.witness.hook import Notes, watch; from rocketvpn_sdk.clock import SystemClock\n"
        "notes = Notes(SystemClock()); watch(notes)\n"
        "with notes._lock:\n    pid = os.fork()\n"
        f"sys.audit('socket.connect', N(family=2), ('{AWAY}', 1))\n"
        "if not pid: os._exit(len(notes.take()))\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), len(notes.take()))"
    )
    assert run(script) == "0 1"
