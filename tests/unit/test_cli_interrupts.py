"""What Ctrl-C does in each part of a run, one press at a time; tests/e2e has real processes and real signals."""

from __future__ import annotations

import atexit
import contextlib
import itertools
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import CodeType, SimpleNamespace
from typing import Any

import pytest

from rocketvpn_sdk.cli.interrupts import INTERRUPTED, Interrupts, behind


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the process would end, raise."""

    def leave(code: int) -> None:
        raise SystemExit(code)

    monkeypatch.setattr(os, "_exit", leave)


@pytest.fixture(autouse=True)
def _as_at_a_terminal() -> Iterator[None]:
    """Take SIGINT as Python does at a terminal: whoever runs the tests in the background may have it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def armed(exits: None) -> Iterator[Interrupts]:
    made = Interrupts(patience=1e9)
    hook = sys.unraisablehook
    made.arm()
    try:
        yield made
    finally:
        atexit.unregister(made._leave)
        made._leave()
        signal.set_wakeup_fd(-1)
        sys.unraisablehook = hook
        signal.signal(signal.SIGURG, signal.SIG_DFL)


@pytest.fixture
def running(armed: Interrupts) -> Interrupts:
    armed.begin()
    return armed


def frame(code: CodeType | None = None, back: Any = None) -> Any:
    """Return a frame in which a signal may find the main thread."""
    return SimpleNamespace(f_code=code or frame.__code__, f_back=back)


def press(interrupts: Interrupts, at: Any = None) -> None:
    assert interrupts.handler is not None
    interrupts.handler(signal.SIGINT, at or frame())


# ---------------------------------------------------------------- before the command


@pytest.mark.parametrize("json", [True, False])
def test_before_the_command_a_press_says_so_and_ends_at_once(
    armed: Interrupts, monkeypatch: pytest.MonkeyPatch, json: bool
) -> None:
    said: list[tuple[int, bytes]] = []
    monkeypatch.setattr(os, "write", lambda number, content: said.append((number, content)))
    monkeypatch.setattr(sys, "argv", ["rocketvpn", "view", *(["--json"] if json else [])])
    with pytest.raises(SystemExit) as ended:
        press(armed)
    assert ended.value.code == INTERRUPTED
    ((number, content),) = said
    assert number == (1 if json else 2)
    if json:
        assert content == (
            b'{"error": {"code": "command-failed", "message": "Interrupted.", "remedy": "Nothing was done yet.",'
            b' "hint": "", "retry_at": null, "exit_code": 130}}\n'
        )
    else:
        assert content == b"\nError: Interrupted.\nNothing was done yet.\n"


def test_before_the_command_a_second_press_while_that_is_said_says_nothing_more(
    armed: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[bytes] = []

    def write(_number: int, content: bytes) -> None:
        said.append(content)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(SystemExit):
        press(armed)
    assert said == [b"\nError: Interrupted.\nNothing was done yet.\n"]


def test_before_the_command_a_press_ends_it_though_nobody_reads_that(
    armed: Interrupts, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(number: int, content: bytes) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", closed)
    with pytest.raises(SystemExit) as ended:
        press(armed)
    assert ended.value.code == INTERRUPTED


def test_where_it_is_ignored_or_somebody_else_s_it_is_left_alone() -> None:
    for other in (signal.SIG_IGN, lambda *_: None):
        signal.signal(signal.SIGINT, other)
        try:
            made = Interrupts()
            made.arm()
            made.begin()
            assert made.handler is None
            assert signal.getsignal(signal.SIGINT) is other
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)


def test_in_another_thread_than_the_first_it_is_left_alone() -> None:
    made = Interrupts()
    thread = threading.Thread(target=made.arm)
    thread.start()
    thread.join()
    assert made.handler is None
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


# ---------------------------------------------------------------- while it runs


def test_while_the_command_runs_a_press_is_raised_once(running: Interrupts) -> None:
    with pytest.raises(KeyboardInterrupt):
        press(running)
    running._look(signal.SIGURG, frame())  # a nudge right behind it raises nothing again
    running.taken()
    assert running.end() is False


def test_an_interrupt_that_nobody_noticed_is_noticed_at_the_end(running: Interrupts) -> None:
    with contextlib.suppress(KeyboardInterrupt):
        press(running)
    assert running.end() is True
    assert running.end() is False


def test_without_a_press_nothing_is_raised_or_noticed(running: Interrupts) -> None:
    running._look(signal.SIGURG, frame())
    assert running.end() is False


IN_A_LOCK = frame(threading.Condition.__enter__.__code__)
IN_A_WAIT = frame(threading.Condition.wait.__code__)
IN_A_FINALISER = frame(compile("def __del__(self): pass", __file__, "exec").co_consts[0])
IN_AN_IMPORT = frame(compile("1", "<frozen importlib._bootstrap>", "exec"))
LOOKALIKE = frame(compile("def __enter__(self): pass", "/app/own.py", "exec").co_consts[0])


@pytest.mark.parametrize(
    "at", [IN_A_LOCK, IN_A_FINALISER, frame(back=IN_A_FINALISER), IN_AN_IMPORT, frame(back=frame(back=IN_AN_IMPORT))]
)
def test_where_it_would_get_lost_or_leave_a_lock_closed_it_waits_for_the_next_look(
    running: Interrupts, at: Any
) -> None:
    press(running, at)
    running._look(signal.SIGURG, at)
    with pytest.raises(KeyboardInterrupt):
        running._look(signal.SIGURG, frame())


@pytest.mark.parametrize("at", [IN_A_WAIT, LOOKALIKE, frame(back=IN_A_LOCK)])
def test_anywhere_else_it_is_raised(running: Interrupts, at: Any) -> None:
    with pytest.raises(KeyboardInterrupt):
        press(running, at)


def test_what_was_not_raised_yet_is_noticed_at_the_end(running: Interrupts) -> None:
    press(running, IN_A_LOCK)
    assert running.end() is True


# ---------------------------------------------------------------- cleaning up, and after the answer


@pytest.mark.parametrize("patient", [True, False])
def test_cleaning_up_after_one_is_not_interrupted_by_another_unless_it_takes_too_long(
    running: Interrupts, patient: bool
) -> None:
    try:
        press(running)
    except KeyboardInterrupt:
        if patient:
            press(running)
        else:
            running._patience = -1.0
            with pytest.raises(SystemExit) as ended:
                press(running)
            assert ended.value.code == INTERRUPTED


@pytest.mark.parametrize("patient", [True, False])
def test_after_the_answer_a_press_changes_nothing_unless_the_process_hangs(running: Interrupts, patient: bool) -> None:
    running.end()
    if patient:
        press(running)
        running._look(signal.SIGURG, frame())
        assert running.end() is False
    else:
        running._patience = -1.0
        with pytest.raises(SystemExit):
            press(running)


def test_one_that_arrived_while_another_was_cleaned_up_after_is_not_raised_later(running: Interrupts) -> None:
    press(running, IN_A_LOCK)
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        running._look(signal.SIGURG, frame())
    running._look(signal.SIGURG, frame())
    running.taken()
    assert running.end() is False


def chained(*errors: BaseException) -> BaseException:
    """Return the first, raised while the next one was handled, and so on."""
    for error, before in itertools.pairwise(errors):
        error.__context__ = before
    return errors[0]


def test_what_was_raised_behind_an_interrupt_is_known() -> None:
    interrupt, old = KeyboardInterrupt(), KeyboardInterrupt()
    assert not behind(None)
    assert not behind(ValueError())
    assert not behind(chained(ValueError(), OSError()))
    assert behind(interrupt)
    assert behind(chained(ValueError(), OSError(), interrupt))
    before = chained(OSError(), old)
    assert not behind(chained(ValueError(), before), before)
    assert not behind(before, before)
    assert behind(chained(ValueError(), KeyboardInterrupt(), before), before)
    assert not behind(old, old)


def test_what_another_hook_is_for_is_left_to_it(running: Interrupts, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "__unraisablehook__", seen.append)
    caught: Any = SimpleNamespace(exc_type=ValueError)
    sys.unraisablehook(caught)
    assert seen == [caught]
    assert running.end() is False
