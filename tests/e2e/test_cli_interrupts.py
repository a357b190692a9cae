"""Ctrl-C: at every prompt, at a hundred random moments, and where it reaches another thread than the main one.

Wherever it comes, the command ends with 130, says so, and leaves what it works on as it was before or as it is after.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import ROOT, CommandLine, Done, Terminal, settings
from support.forms import GATE, SOAK, form

from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.sandbox import Sandbox

PRESS = str(ROOT / "tests" / "support" / "press_ctrl_c.py")
SEED = 1 if GATE and not SOAK else random.randrange(10**6)
"""Of the moments; a failure shows the moment itself."""
MOMENTS = form(1, 6, 40)
"""Of each of the ten commands."""
NOISE = ("Traceback", "ignored", "Error in")


# ---------------------------------------------------------------- prompts

Steps = list[str]
"""What is waited for and what is typed, in turn; Ctrl-C follows the last."""

DELETE = ["Type delete to go on: ", "delete\n", "The code that was sent to k…@example.org: "]
PROMPTS: dict[str, tuple[list[str], Steps]] = {
    "delete": (["delete"], DELETE[:1]),
    "unbind": (["unbind"], ["Type unbind to go on: "]),
    "minor": (["age", "--minor"], ["Type minor to go on: "]),
    "code for a value": (["correct", "contact_email", "new@example.org"], ["The code that was sent to "]),
    "replace a page": (["view", "--html", "page.html"], ["Type replace to replace it: "]),
    "export": (["export", "data.zip", "--encrypt"], ["Passphrase for the export"]),
    "export again": (["export", "data.zip", "--encrypt"], ["Passphrase for the export", "secret\n", "Once more: "]),
    "passphrase": (["status", "--passphrase"], ["Passphrase: "]),
}


def go_through(terminal: Terminal, steps: Steps) -> None:
    for expected, typed in zip(steps[::2], [*steps[1::2], ""], strict=True):
        terminal.expect(expected)
        terminal.type(typed)


def interrupted(terminal: Terminal) -> None:
    terminal.type("\x03")
    terminal.expect("Error: Interrupted.")
    assert terminal.leave() == codes.INTERRUPTED
    assert terminal.echoes
    assert not [word for word in NOISE if word in terminal.text]


@pytest.mark.parametrize("name", PROMPTS)
def test_at_a_prompt(bound: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str):
    monkeypatch.chdir(tmp_path)
    Path("page.html").write_text("mine")
    arguments, steps = PROMPTS[name]
    asking = CommandLine(bound.config, ROCKETVPN_PASSPHRASE="") if name == "passphrase" else bound
    before = sorted(tmp_path.iterdir())
    with asking.terminal(*arguments) as terminal:
        go_through(terminal, steps)
        interrupted(terminal)
    assert sorted(tmp_path.iterdir()) == before
    assert Path("page.html").read_text() == "mine"
    assert bound.json("doctor").code == codes.DONE
    status = bound.json("status").document
    assert (status["bound"], status["waiting"]) == (True, 0)


@pytest.mark.parametrize(
    "steps", [["New passphrase"], ["New passphrase", "secret\n", "Once more: "]], ids=["once", "twice"]
)
def test_at_the_prompt_for_a_new_passphrase(cli: CommandLine, order: str, steps: Steps):
    with CommandLine(cli.config, ROCKETVPN_PASSPHRASE="").terminal("bind", order) as terminal:
        go_through(terminal, steps)
        interrupted(terminal)
    assert cli.run("bind", order).code == codes.DONE


def test_at_the_prompt_for_a_receipt_what_was_deleted_stays_deleted(bound: CommandLine, sandbox: Sandbox):
    with bound.terminal("delete") as terminal:
        go_through(terminal, DELETE)
        terminal.type(f"{sandbox.mail.last_code()}\n")
        terminal.expect("File for the receipt, or Enter for none: ")
        interrupted(terminal)
    status = bound.json("status").document
    assert (status["bound"], status["waiting"]) == (False, 0)


def test_at_the_prompt_for_a_code_the_deletion_waits_to_be_resumed(bound: CommandLine, sandbox: Sandbox):
    with bound.terminal("delete") as terminal:
        go_through(terminal, DELETE)
        interrupted(terminal)
    status = bound.json("status").document
    assert (status["bound"], status["waiting"]) == (False, 1)
    with bound.terminal("delete", "--resume", "--yes") as terminal:
        terminal.expect(DELETE[-1])
        terminal.type(f"{sandbox.mail.last_code()}\n")
        assert terminal.leave() == codes.DONE


def test_at_an_owners_wait_it_ends_the_wait_alone(cli: CommandLine, sandbox: Sandbox, order: str):
    sandbox.faults.delay_deletions = True
    with cli.terminal("delete", "--owner", order, "--yes") as terminal:
        terminal.expect("The code that was sent to")
        terminal.type(f"{sandbox.mail.last_code()}\n")
        terminal.expect("Ctrl-C ends the wait.")
        terminal.type("\x03")
        terminal.expect("The server has the request")
        assert terminal.leave() == codes.PENDING


# ---------------------------------------------------------------- another thread


def press_when_told(cli: CommandLine, told: Path, *arguments: str) -> tuple[list[str], dict[str, str]]:
    os.mkfifo(told)
    return [sys.executable, PRESS, "told", str(told), *arguments], cli.environment


@pytest.mark.parametrize("name", ["delete", "export", "passphrase"])
def test_a_prompt_notices_a_signal_that_another_thread_got(bound: CommandLine, tmp_path: Path, name: str):
    arguments, steps = PROMPTS[name]
    asking = CommandLine(bound.config, ROCKETVPN_PASSPHRASE="") if name == "passphrase" else bound
    command, environment = press_when_told(asking, tmp_path / "told", *arguments)
    with Terminal(command, environment) as terminal:
        go_through(terminal, steps)
        (tmp_path / "told").write_text("!")
        terminal.expect("Error: Interrupted.")
        assert terminal.leave() == codes.INTERRUPTED
        assert terminal.echoes
    assert bound.json("status").document["bound"] is True


def test_a_wait_for_a_codes_pipe_notices_it_too(bound: CommandLine, sandbox: Sandbox, tmp_path: Path):
    os.mkfifo(tmp_path / "code")
    told = tmp_path / "told"
    sandbox.mail.subscribe(lambda _: told.exists() and told.write_text("!"))
    arguments = ("delete", "--yes", "--json", "--code-from", str(tmp_path / "code"))
    command, environment = press_when_told(bound, told, *arguments)
    with subprocess.Popen(
        command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        try:
            out, err = process.communicate(timeout=40)
        finally:
            process.kill()
    told.unlink()
    assert Done(process.returncode, out, err).error["message"] == "Interrupted."


# ---------------------------------------------------------------- where an exception gets lost

HEAD = """
import gc, os, signal, sys, threading, weakref
signal.signal(signal.SIGINT, signal.default_int_handler)
from rocketvpn_sdk.cli.interrupts import Interrupts
interrupts = Interrupts(patience=0)
interrupts.arm()
def press(*_):
    signal.raise_signal(signal.SIGINT)
def wait():
    try:
        threading.Event().wait(30)
    except KeyboardInterrupt:
        sys.exit(7)
class Pressing:
    def __hash__(self):
        press()
        return 0
    def __del__(self):
        press()
"""
LOST = {
    "a finaliser": "interrupts.begin(); value = Pressing(); del value; wait()",
    "a weak reference": "interrupts.begin(); value = set(); kept = weakref.ref(value, press)\ndel value; wait()",
    "an import": "interrupts.begin(); import swallows; wait()",
    "code that keeps it to itself": "interrupts.begin()\ntry: press()\nexcept KeyboardInterrupt: pass\nwait()",
}


def child(tmp_path: Path, text: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "swallows.py").write_text("import __main__\ntry: __main__.press()\nexcept BaseException: pass\n")
    command = [sys.executable, "-c", HEAD + text, *arguments]
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    return subprocess.run(command, env=environment, text=True, capture_output=True, timeout=40)


@pytest.mark.parametrize("where", LOST)
def test_it_is_raised_again_if_it_is_lost_in(tmp_path: Path, where: str):
    done = child(tmp_path, LOST[where])
    assert (done.returncode, done.stderr) == (7, "")


def test_no_lock_is_left_closed(tmp_path: Path):
    done = child(
        tmp_path,
        """
interrupts.begin()
lock = threading.Condition(threading.Lock())
taken, leave = lock.__enter__(), type(lock).__exit__
def press_first(frame, event, argument):
    if frame.f_code is leave.__code__:
        sys.settrace(None)
        interrupts._pressed(signal.SIGINT, frame)
sys.settrace(press_first)
try:
    leave(lock, None, None, None)
    interrupts._look(signal.SIGINT, sys._getframe())
except KeyboardInterrupt:
    sys.exit(7 if lock.acquire(blocking=False) else 8)
""",
    )
    assert (done.returncode, done.stderr) == (7, "")


def test_cleaning_up_is_not_interrupted_unless_it_takes_too_long(tmp_path: Path):
    cleaning = "interrupts.begin()\ntry: press()\nexcept KeyboardInterrupt: press(); print('not reached', flush=True)"
    done = child(tmp_path, cleaning)
    assert (done.returncode, done.stdout, done.stderr) == (codes.INTERRUPTED, "", "")
    done = child(tmp_path, f"interrupts._patience = 60\n{cleaning}")
    assert (done.returncode, done.stdout, done.stderr) == (codes.DONE, "not reached\n", "")


def test_before_the_command_it_ends_at_once(tmp_path: Path):
    done = child(tmp_path, "press()")
    assert (done.returncode, done.stdout) == (codes.INTERRUPTED, "")
    assert done.stderr == "\nError: Interrupted.\nNothing was done yet.\n"
    done = child(tmp_path, "press()", "status", "--json")
    assert Done(done.returncode, done.stdout, done.stderr).error["message"] == "Interrupted."


def test_where_it_is_ignored_it_stays_ignored(tmp_path: Path):
    ignored = "signal.signal(signal.SIGINT, signal.SIG_IGN); Interrupts().arm(); press(); print(signal.getsignal(2))"
    done = child(tmp_path, ignored)
    assert (done.returncode, done.stderr) == (codes.DONE, "")


# ---------------------------------------------------------------- a hundred random moments


class Bench:
    """Runs one command again and again, with Ctrl-C at a moment, and looks at what is left.

    Args:
        sandbox: the server.
        folder: the bench's own.
    """

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.order = ""
        self.cli = CommandLine()
        self.code = folder / "code"
        self._made = 0

    def new(self, *, bound: bool = True) -> None:
        """Make a vault of its own."""
        self._made += 1
        self.order = self.sandbox.order()
        self.cli = CommandLine(settings(self.folder / str(self._made), self.sandbox.client_file))
        if bound:
            assert self.cli.run("bind", self.order).code == codes.DONE

    def press(self, how: str, step: int, *arguments: str) -> Done:
        command = [sys.executable, PRESS, how, str(step), *arguments]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=self.cli.environment, text=True, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe
        ) as process:
            try:
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        return Done(process.returncode, out, err)

    def sound(self) -> bool:
        """Whether all that is stored opens and holds; a vault that is not there does."""
        found = {each["check"]: each["state"] for each in self.cli.json("doctor", "--offline").document["findings"]}
        return "problem" not in found.values()

    def bound(self) -> bool:
        status = self.cli.json("status")
        return status.code == codes.DONE and status.document["bound"]

    def devices(self) -> int:
        """How many devices of the order the server has."""
        return sum(row["order_number"] == self.order for row in self.sandbox.rows()["devices"])


def unharmed(bench: Bench) -> None:
    assert bench.bound()


def value_is_one_or_the_other(bench: Bench) -> None:
    (row,) = [row for row in bench.sandbox.rows()["orders"] if row["number"] == bench.order]
    assert row["contact_email"] in ("kim@example.org", "new@example.org")
    unharmed(bench)


def bound_once(bench: Bench) -> None:
    again = bench.cli.json("bind", bench.order)
    assert again.code == codes.DONE or again.error["code"] == "already-bound"
    assert (bench.bound(), bench.devices()) == (True, 1)


def unbound(bench: Bench) -> None:
    again = bench.cli.json("unbind", "--yes")
    assert again.code == codes.DONE or again.error["code"] == "not-bound"
    assert (bench.bound(), bench.devices()) == (False, 0)


def deleted(bench: Bench) -> None:
    """Whether it was begun or not: asked again, it is done."""
    again = ["delete", "--yes", "--code-from", str(bench.code)]
    if bench.cli.json("queue").document["queue"]:
        assert bench.cli.run(*again, "--resume").code == codes.DONE
    if bench.bound():
        assert bench.cli.run(*again).code == codes.DONE
    assert bench.devices() == 0


def whole_or_nothing(bench: Bench) -> None:
    file = bench.folder / "data.zip"
    assert not [entry for entry in bench.folder.iterdir() if entry.name.startswith(".")]
    if file.exists():
        assert zipfile.ZipFile(file).testzip() is None
    unharmed(bench)


def decided(bench: Bench) -> None:
    (found,) = [each for each in bench.cli.json("consent", "list").document["purposes"] if each["purpose"] == "rights"]
    assert found["state"] in ("unset", "denied")
    unharmed(bench)


READS = {"status", "log", "view", "doctor", "export"}
COMMANDS: dict[str, tuple[list[str], Callable[[Bench], None]]] = {
    "status": (["status"], unharmed),
    "log": (["log", "--json"], unharmed),
    "view": (["view", "--json"], unharmed),
    "doctor": (["doctor", "--json"], unharmed),
    "export": (["export", "{folder}/data.zip", "--force"], whole_or_nothing),
    "correct": (
        ["correct", "contact_email", "new@example.org", "--yes", "--code-from", "{code}", "--json"],
        value_is_one_or_the_other,
    ),
    "consent": (["consent", "deny", "rights", "--recipient", "relay", "--yes", "--json"], decided),
    "bind": (["bind", "{order}"], bound_once),
    "unbind": (["unbind", "--yes", "--json"], unbound),
    "delete": (["delete", "--yes", "--code-from", "{code}"], deleted),
}


@pytest.fixture
def bench(sandbox: Sandbox, tmp_path: Path) -> Bench:
    bench = Bench(sandbox, tmp_path)
    sandbox.mail.subscribe(lambda message: tmp_path.exists() and message.code and bench.code.write_text(message.code))
    return bench


@pytest.mark.timeout(600)
@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", COMMANDS)
def test_at_random_moments(bench: Bench, name: str):
    rng = random.Random(f"{SEED} {name}")
    command, check = COMMANDS[name]
    bench.new(bound=name != "bind")

    def arguments() -> list[str]:
        return [part.format(folder=bench.folder, order=bench.order, code=bench.code) for part in command]

    whole = bench.press("count", 0, *arguments())
    assert whole.code == codes.DONE, whole
    armed, begun, steps = map(int, whole.err.split()[-3:])
    for moment in range(MOMENTS):
        if name not in READS:
            bench.new(bound=name != "bind")
        how = rng.choice(["main", "other", "twice"])
        step = rng.randrange(armed if moment % 3 == 1 else begun, steps)
        said = bench.press(how, step, *arguments())
        about = f"{how} {step} of {steps}, begun at {begun}: {said}"
        err, late = said.err.removesuffix("early\n").removesuffix("late\n"), not said.err.endswith("early\n")
        assert not [word for word in NOISE if word in err], about
        if said.code == codes.DONE:
            assert (err, late) == ("", True), about
        else:
            assert said.code == codes.INTERRUPTED, about
            told = said.document if "--json" in command else {}
            assert "Interrupted." in (err or told["error"]["message"]), about
        if name not in READS or moment == MOMENTS - 1:
            assert bench.sound(), about
            check(bench)
