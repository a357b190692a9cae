"""The background worker, with a clock that is turned and naps that take no time."""

from __future__ import annotations

import itertools
import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support.vaults import open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import ServerUnreachable, VaultClosed
from rocketvpn_sdk.journal.flusher import Flusher
from rocketvpn_sdk.maintenance.worker import (
    CHECKED,
    HOUR,
    LONGEST,
    SHORTEST,
    Background,
    Every,
    Job,
    PolicyCheck,
    _Checked,
)
from rocketvpn_sdk.testing import FakeClock, MemorySecrets


def middle(low: float, high: float) -> float:
    return (low + high) / 2


class Bed:
    """Where the worker sleeps: each nap lets its time pass at once; ``during`` is what happens in which nap."""

    def __init__(self, clock: FakeClock, naps: int, during: dict[int, Callable[[], None]] | None = None) -> None:
        self.clock, self.naps, self.during = clock, naps, during or {}
        self.worker: Background | None = None
        self.taken: list[float] = []

    def __call__(self, event: threading.Event, seconds: float) -> None:
        number = len(self.taken)
        self.taken.append(seconds)
        happens = self.during.get(number)
        if happens:
            happens()
        if not event.is_set():
            self.clock.advance(seconds)
        if number + 1 >= self.naps:
            assert self.worker is not None
            self.worker.end()


def run(clock: FakeClock, jobs: list[Job], naps: int, during: dict[int, Callable[[], None]] | None = None) -> Bed:
    bed = Bed(clock, naps, during)
    bed.worker = Background(jobs, clock, bed, middle)
    bed.worker.work()
    return bed


def test_a_job_runs_when_its_time_has_come_and_not_before() -> None:
    clock = FakeClock()
    start, ran = clock.time(), list[float]()
    due = [start + 500.0]

    def work() -> None:
        ran.append(clock.time() - start)
        due[0] += 10_000

    run(clock, [Job("a", lambda: due[0], work)], naps=4)
    assert ran == [500.0]


@pytest.mark.parametrize("due", [None, 0.0, "soon", "late"])
def test_it_never_wakes_more_than_once_a_minute_and_looks_at_least_four_times_an_hour(due: object) -> None:
    clock = FakeClock()
    times = {None: lambda: None, 0.0: lambda: 0.0, "soon": lambda: clock.time() + 1, "late": lambda: clock.time() + 1e6}
    bed = run(clock, [Job("a", times[due], lambda: None)], naps=50)
    assert all(SHORTEST <= nap <= LONGEST for nap in bed.taken)
    assert len(bed.taken) == 50


def test_a_job_that_gets_nowhere_is_tried_ever_later() -> None:
    clock = FakeClock()
    ran: list[float] = []
    run(clock, [Job("a", lambda: 0.0, lambda: ran.append(clock.time()))], naps=400)
    gaps = [after - before for before, after in itertools.pairwise(ran)]
    assert gaps[:4] == pytest.approx([90 * 2**0.5 * n for n in (1, 1, 3, 9)])
    assert max(gaps) <= DAY * 1.2


def test_a_job_whose_parts_have_due_times_of_their_own_is_never_put_off_for_long_nor_is_anything_new() -> None:
    clock = FakeClock()
    ran: list[float] = []

    def work() -> None:
        ran.append(clock.monotonic())
        raise ServerUnreachable(host="h", problem="p")

    bed = Bed(clock, 100)
    bed.worker = worker = Background([Job("a", lambda: 0.0, work, paced=True)], clock, bed, middle)
    bed.during[60] = worker.poke
    worker.work()
    gaps = [after - before for before, after in itertools.pairwise(ran)]
    assert gaps[:4] == pytest.approx([90 * 2**0.5, 90 * 2**0.5, 270 * 2**0.5, LONGEST])
    assert max(gaps) == pytest.approx(LONGEST)
    assert [round(gap) for gap in gaps].count(127) == 4  # the poke made it begin anew
    assert worker.status().problems == {"a": "server-unreachable"}


def test_a_paced_job_that_failed_runs_again_when_its_own_time_has_come() -> None:
    clock = FakeClock()
    start, ran = clock.time(), list[float]()
    due = [start]

    def work() -> None:
        ran.append(clock.time() - start)
        due[0] += 300.0
        raise ServerUnreachable(host="h", problem="p")

    run(clock, [Job("a", lambda: due[0], work, paced=True)], naps=9)
    gaps = [after - before for before, after in itertools.pairwise(ran)]
    assert set(gaps[1:]) == {300.0}


def test_an_error_ends_neither_the_worker_nor_the_other_jobs_and_shows_in_the_status() -> None:
    clock = FakeClock()
    ran: list[str] = []
    broken = [True]

    def fail() -> None:
        if broken[0]:
            raise ServerUnreachable(host="h", problem="p")
        ran.append("mended")
        due[0] = None

    def odd() -> float:
        raise ZeroDivisionError

    due: list[float | None] = [0.0]
    every = Every(clock, HOUR, lambda: ran.append("kept"))
    jobs = [Job("a", lambda: due[0], fail), Job("b", odd, lambda: None), Job("kept", every.due, every.run)]
    bed = Bed(clock, 12)
    bed.worker = worker = Background(jobs, clock, bed, middle)
    bed.during[6] = lambda: (seen.update(worker.status().problems), broken.clear(), broken.append(False))[0]
    seen: dict[str, str] = {}
    worker.work()
    assert seen == {"a": "server-unreachable", "b": "ZeroDivisionError"}
    assert {"mended", "kept"} <= set(ran)
    assert worker.status().problems == {"b": "ZeroDivisionError"}


def test_a_vault_that_is_closed_ends_it() -> None:
    def closed() -> None:
        raise VaultClosed(problem="it was deleted")

    assert len(run(FakeClock(), [Job("a", lambda: 0.0, closed)], naps=100).taken) == 1


def test_after_a_resume_it_waits_one_more_minute_for_the_network() -> None:
    clock = FakeClock()
    start, ran = clock.time(), list[float]()
    job = Job("a", lambda: start + 5 * HOUR, lambda: ran.append(clock.monotonic()))
    bed = run(clock, [job], naps=3, during={1: lambda: clock.turn(6 * HOUR)})  # asleep: the monotonic clock stood still
    assert bed.taken[1] == LONGEST
    assert SHORTEST <= bed.taken[2] <= 1.5 * SHORTEST
    assert ran == []
    bed = run(clock, [job], naps=2)
    assert len(ran) == 1


def test_a_clock_that_was_set_back_puts_nothing_off() -> None:
    clock = FakeClock()
    every = Every(clock, HOUR, lambda: None)
    clock.turn(-400 * DAY)
    assert every.due() <= clock.time()


def test_a_job_that_failed_while_the_clock_was_ahead_is_not_put_off_until_then() -> None:
    clock, ran = FakeClock(), list[float]()

    def work() -> None:
        ran.append(clock.time())
        if len(ran) == 1:
            raise ServerUnreachable(host="h", problem="p")

    clock.turn(200 * DAY)
    run(clock, [Job("a", lambda: 0.0, work)], naps=4, during={1: lambda: clock.turn(-200 * DAY)})
    assert len(ran) == 2


def test_something_new_is_looked_at_within_two_minutes_and_pokes_wake_it_once() -> None:
    clock = FakeClock()
    due: list[float | None] = [None]
    ran: list[float] = []

    def poke() -> None:
        due[0] = clock.time()
        for _ in range(10):
            bed.worker.poke()

    def work() -> None:
        ran.append(clock.monotonic())
        due[0] = None

    bed = Bed(clock, 4, {1: poke, 2: lambda: bed.worker.poke()})
    bed.worker = Background([Job("a", lambda: due[0], work)], clock, bed, middle)
    bed.worker.work()
    assert bed.taken[1] == LONGEST
    assert SHORTEST <= bed.taken[2] <= 1.5 * SHORTEST  # the tenth poke, and one more during this nap, woke nobody
    assert len(ran) == 1


def test_the_thread_is_a_daemon_starts_once_and_ends_when_asked() -> None:
    worker = Background([], FakeClock())
    assert not worker.status().running
    worker.start()
    worker.start()
    assert worker.status().running
    threads = [thread for thread in threading.enumerate() if thread.name == "rocketvpn-background"]
    assert [thread.daemon for thread in threads] == [True]
    worker.end()
    worker.join(30)
    assert not threads[0].is_alive()
    assert not worker.status().running
    worker.start()
    assert not worker.status().running


def test_who_is_in_a_job_can_end_the_worker_without_waiting_for_itself() -> None:
    clock = FakeClock()
    bed = Bed(clock, 100)

    def work() -> None:
        worker.end()
        worker.join(0)

    bed.worker = worker = Background([Job("a", lambda: 0.0, work)], clock, bed, middle)
    worker.work()
    assert len(bed.taken) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_a_fork_s_child_has_no_worker() -> None:
    worker = Background([], FakeClock())
    worker.start()
    child = os.fork()
    if child == 0:
        os._exit(1 if worker.status().running else 0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert worker.status().running
    worker.end()
    worker.join(30)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("which", ["worker", "flusher"])
def test_a_fork_s_child_ends_though_a_thread_that_it_does_not_have_held_a_lock(which: str) -> None:
    worker, flusher = Background([], FakeClock()), Flusher(lambda: None, HOUR)
    worker.start()
    flusher.arm()
    lock, stop = {
        "worker": (worker._wake._cond, worker.end),  # type: ignore[attr-defined] # a thread that waits has it for a moment
        "flusher": (flusher._starting, lambda: flusher.stop(30)),
    }[which]
    with lock:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(60)  # ends it where it hangs
            stop()
            os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    worker.end()
    worker.join(30)
    flusher.stop(30)


def test_who_stops_the_flusher_waits_for_the_flush_that_is_running() -> None:
    begun, go_on = threading.Event(), threading.Event()

    def flush() -> None:
        begun.set()
        go_on.wait(60)

    flusher = Flusher(flush, HOUR)
    flusher.hurry()
    assert begun.wait(60)
    stopping = threading.Thread(target=flusher.stop, args=(60,))
    stopping.start()
    stopping.join(0.2)
    assert stopping.is_alive()  # as long as the flush runs, however long that is
    go_on.set()
    stopping.join(60)
    assert not stopping.is_alive()


def test_the_policy_is_asked_for_once_a_day_over_restarts(tmp_path: Path) -> None:
    clock, secrets = FakeClock(), MemorySecrets()
    vault = open_vault(tmp_path / "vault", secrets, clock)
    asked: list[float] = []
    check = PolicyCheck(vault, lambda: asked.append(clock.time()), middle)
    assert clock.time() < check.due() < clock.time() + HOUR
    check.run()
    assert check.due() == clock.time() + DAY
    assert vault.status().rotation_owed_since is None
    vault.close()
    again = open_vault(tmp_path / "vault", secrets, clock)
    assert PolicyCheck(again, lambda: None, middle).due() == clock.time() + DAY
    again.put(CHECKED, _Checked(clock.time() + 50 * DAY))  # written while the clock was wrong
    assert PolicyCheck(again, lambda: None, middle).due() <= clock.time()
    again.close()


def test_a_vault_that_is_closed_between_two_rounds_ends_it() -> None:
    def closed() -> float:
        raise VaultClosed(problem="it was deleted")

    assert len(run(FakeClock(), [Job("a", closed, lambda: None)], naps=100).taken) == 1


def test_nothing_more_is_begun_once_it_has_to_end() -> None:
    clock, ran = FakeClock(), list[str]()
    bed = Bed(clock, 100)
    jobs = [Job("a", lambda: 0.0, lambda: worker.end()), Job("b", lambda: 0.0, lambda: ran.append("b"))]
    bed.worker = worker = Background(jobs, clock, bed, middle)
    worker.work()
    assert ran == []
