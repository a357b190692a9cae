"""Delivery of the queue: in order, with growing pauses; a refused item stays, a crash loses nothing."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.vaults import open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import (
    AuthenticationRequired,
    RateLimited,
    ReceiptInvalid,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ServerUnreachable,
    VaultClosed,
    VaultFull,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.maintenance.worker import Background, Job
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import State, bundled_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.transport import Api, ApiAnswer, deadline
from rocketvpn_sdk.transport.delivery import GETS_ON, QueueDelivery, problem_code
from rocketvpn_sdk.transport.retries import Retries, Retry
from rocketvpn_sdk.vault import Queue, QueueItem
from rocketvpn_sdk.vault.folder import DELIVERY_LOCK
from rocketvpn_sdk.vault.queue import PERMANENT

OPERATION = "rights.request"
NO_ANSWER = ServerUnreachable(host="h", problem="p")
REFUSED = RequestRefused(operation=OPERATION, reason="validation-failed")


class StandIn(Api):
    """Answers by the item's idempotency key; by default with nothing, as a server that took it."""

    def __init__(self) -> None:
        self.answers: dict[str, RocketVPNError] = {}
        self.calls: list[str] = []
        self.permit = Permit(lambda: PolicyState(bundled_policy()), State, lambda: 0.0)
        self.during: Callable[[], None] = lambda: None

    answered: Any = 0

    def call(self, operation: str, *, idempotency_key: str | None = None, **_: Any) -> Any:
        key = idempotency_key or ""
        self.calls.append(key)
        self.during()
        if key in self.answers:
            raise self.answers[key]
        return ApiAnswer(value=None, status=200)


class Post:
    def __init__(self, folder: Path) -> None:
        self.clock, self.secrets, self.folder = FakeClock(), MemorySecrets(), folder
        self.open()

    def open(self) -> None:
        self.vault = open_vault(self.folder, self.secrets, self.clock)
        self.queue, self.server = Queue(self.vault), StandIn()
        self.delivery = QueueDelivery(self.server, self.queue)

    def add(self, *names: str, subject: str | None = None) -> None:
        with self.vault.write() as transaction:
            for name in names:
                about = name.rstrip("0123456789") if subject is None else subject
                self.queue.add(transaction, item(name, subject=about, created_at=self.clock.time()))

    def deliver(self, *, ahead: bool = False) -> list[str]:
        """Deliver, and return what was sent."""
        self.server.calls = []
        self.left = self.delivery.deliver_due(self.clock.time(), {OPERATION: self.send}, ahead=ahead, patience=0)
        return self.server.calls

    def send(self, waiting: QueueItem) -> QueueItem | None:
        after, answer = self.delivery.deliver(waiting, None, interactive=False)
        if answer is None:
            return after
        self.queue.remove(after)
        return None

    def find(self, name: str) -> QueueItem:
        found = self.queue.find(name)
        assert found is not None
        return found


def item(name: str, **more: Any) -> QueueItem:
    return QueueItem(id=name, operation=OPERATION, body={}, idempotency_key=name, **more)


@pytest.fixture
def post(tmp_path: Path) -> Iterator[Post]:
    post = Post(tmp_path / "vault")
    yield post
    post.vault.close()


# ---------------------------------------------------------------- order


def test_everything_goes_oldest_first_and_is_then_gone(post: Post) -> None:
    post.add("a1", "b1", "a2")
    assert post.deliver() == ["a1", "b1", "a2"]
    assert (post.left, post.queue.items()) == (0, ())


def test_of_one_subject_nothing_overtakes_what_waits_for_the_user(post: Post) -> None:
    post.add("a1", "a2", "b1")
    post.server.answers["a1"] = AuthenticationRequired(sent_to="", reason="x")
    assert post.deliver() == ["a1", "b1"]
    assert [each.id for each in post.queue.items()] == ["a1", "a2"]
    assert post.find("a1").state == "waiting_for_user"
    post.server.answers.clear()
    assert post.deliver(ahead=True) == ["a1", "a2"]


def test_a_refusal_keeps_the_item_and_marks_it_and_holds_nothing_up(post: Post) -> None:
    post.add("a1", "a2")
    post.server.answers["a1"] = REFUSED
    assert post.deliver() == ["a1", "a2"]
    (kept,) = post.queue.items()
    assert (kept.id, kept.state, kept.problem, kept.attempts) == ("a1", "refused", "validation-failed", 1)
    assert kept.due_at >= post.clock.time() + 0.8 * DAY


@pytest.mark.parametrize("reason", sorted(PERMANENT))
def test_what_is_refused_for_good_is_never_sent_again_by_itself(post: Post, reason: str) -> None:
    post.add("a1")
    post.server.answers["a1"] = RequestRefused(operation=OPERATION, reason=reason)
    assert post.deliver() == ["a1"]
    assert post.queue.next_due() is None
    for _ in range(5):
        post.clock.advance(2 * DAY)
        assert post.deliver(ahead=True) == []
        assert post.deliver() == []
    assert (post.left, post.find("a1").problem) == (1, reason)
    assert post.delivery.deliver_due(post.clock.time(), {OPERATION: post.send}, refused=True) == 1
    assert post.server.calls == ["a1"]


def test_what_is_refused_for_another_reason_is_sent_once_a_day_however_often_somebody_syncs(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = RequestRefused(operation=OPERATION, reason="forbidden")
    sent = [post.deliver(ahead=True)]
    for _ in range(10 * 24):
        post.clock.advance(3600)
        sent.append(post.deliver(ahead=True))
    assert 8 <= sent.count(["a1"]) <= 13


def test_items_of_an_older_vault_keep_the_order_of_their_operation(post: Post) -> None:
    post.add("a1", subject="")
    post.add("b1")
    post.server.answers["a1"] = AuthenticationRequired(sent_to="", reason="x")
    assert post.deliver() == ["a1"]


def test_operations_that_nobody_handles_are_left_alone(post: Post) -> None:
    post.add("a1")
    assert post.delivery.deliver_due(post.clock.time(), {}) == 0
    assert [each.id for each in post.queue.items()] == ["a1"]


# ---------------------------------------------------------------- outages


@pytest.mark.parametrize("error", [NO_ANSWER, RateLimited(operation="x", reason="r")])
def test_a_server_that_is_away_is_asked_once_not_once_for_each_item(post: Post, error: RocketVPNError) -> None:
    post.add("a1", "b1", "c1")
    post.server.answers["a1"] = error
    assert post.deliver() == ["a1"]
    assert post.left == 3
    items = post.queue.items()
    assert [(each.attempts, each.problem) for each in items] == [(1, problem_code(error))] * 3
    assert items[0].due_at > items[1].due_at == items[2].due_at == post.queue.next_due()


@pytest.mark.clause("A3")
def test_what_waits_behind_something_of_its_own_subject_has_no_failure_of_its_own(post: Post) -> None:
    post.add("a1", "b1", "a2", "b2")
    post.server.answers["a1"] = NO_ANSWER
    assert post.deliver() == ["a1"]
    assert [(each.id, each.attempts) for each in post.queue.items()] == [("a1", 1), ("b1", 1), ("a2", 0), ("b2", 0)]


def test_one_request_that_the_server_always_fails_at_starves_nothing_behind_it(post: Post) -> None:
    post.add("a1", "b1", "a2")
    post.server.answers["a1"] = ServerError(operation="x", status=500, problem="p")
    assert post.deliver(ahead=True) == ["a1", "b1"]  # a2 is about the same as a1
    assert [each.id for each in post.queue.items()] == ["a1", "a2"]


def test_a_server_that_always_asks_to_slow_down_for_one_request_starves_nothing_behind_it(post: Post) -> None:
    post.add("a1", "b1", "c1")
    post.server.answers["a1"] = RateLimited(operation="x", reason="r")  # without a time
    assert post.deliver(ahead=True) == ["a1"]
    assert post.deliver(ahead=True) == ["b1", "c1"]


@pytest.mark.clause("A3")
def test_a_receipt_that_never_holds_stops_nothing_behind_it_and_is_told_in_the_end(post: Post) -> None:
    post.add("a1", "b1", "c1")

    def send(waiting: QueueItem) -> QueueItem | None:
        if waiting.id in ("a1", "b1"):
            post.server.calls.append(waiting.id)
            raise ReceiptInvalid(problem=waiting.id)
        return post.send(waiting)

    for _ in range(2):
        with pytest.raises(ReceiptInvalid, match="a1"):
            post.delivery.deliver_due(post.clock.time(), {OPERATION: send}, ahead=True)
    assert post.server.calls == ["a1", "b1", "c1", "a1", "b1"]
    assert [each.id for each in post.queue.items()] == ["a1", "b1"]


def worked(post: Post, hours: float, pause: float = 60.0) -> list[str]:
    """Let the worker look once in ``pause`` seconds for so many hours; return what was sent."""
    sent: list[str] = []

    def send(waiting: QueueItem) -> QueueItem | None:
        sent.append(waiting.id)
        return post.send(waiting)

    def deliver() -> None:
        post.delivery.deliver_due(post.clock.time(), {OPERATION: send}, patience=0)

    worker = Background([Job("queue", post.queue.next_due, deliver, paced=True)], post.clock)
    for _ in range(int(hours * 3600 / pause)):
        worker._round()
        post.clock.advance(pause)
    return sent


@pytest.mark.clause("U5")
def test_a_withdrawal_made_in_a_long_outage_does_not_wait_for_what_failed_before_it(post: Post) -> None:
    names = [f"a{n:02}" for n in range(12)]
    for name in names:
        post.add(name, subject=name)
    post.server.answers = dict.fromkeys([*names, "z1"], NO_ANSWER)
    assert len(worked(post, 2)) + len(worked(post, 34, pause=900)) < 90  # together: as a device with one request would
    post.server.answers.clear()
    post.add("z1")
    assert "z1" in worked(post, 0.05)


@pytest.mark.parametrize("error", [NO_ANSWER, RateLimited(operation="x", reason="r")])
def test_a_request_that_alone_is_never_answered_does_not_keep_the_worker_from_the_others(
    post: Post, error: RocketVPNError
) -> None:
    post.add("a1", "b1", "c1")
    post.server.answers["a1"] = error
    sent = worked(post, 1)
    assert [each.id for each in post.queue.items()] == ["a1"]
    assert len(sent) < 10


def test_what_is_new_has_its_turn_soon_after_a_failure_of_something_old(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = post.server.answers["z1"] = NO_ANSWER
    post.queue.update(msgspec.structs.replace(post.find("a1"), attempts=60))
    post.add("z1")
    assert post.deliver() == ["a1"]
    assert post.find("a1").due_at > post.clock.time() + DAY / 2
    assert post.find("z1").due_at < post.clock.time() + 90 * 2 * 1.5 + 1


def test_an_outage_with_5xx_of_a_day_is_no_try_every_minute(post: Post) -> None:
    post.add("a1", "b1", "c1")
    post.server.answers = dict.fromkeys(["a1", "b1", "c1"], ServerError(operation="x", status=503, problem="p"))
    assert len(worked(post, 2)) + len(worked(post, 22, pause=900)) <= 3 * 50


def test_each_next_try_is_later_up_to_once_a_day_and_the_key_stays_the_same(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = NO_ANSWER
    waits = []
    for _ in range(60):
        assert post.deliver() == ["a1"]
        waits.append(post.find("a1").due_at - post.clock.time())
        post.clock.advance(waits[-1] - 1)
        assert post.deliver() == []
        post.clock.advance(1)
    assert all(0.5 * 90 <= wait <= 1.5 * 2 * 90 for wait in waits[:2])
    assert all(0.5 * 1450 <= wait <= 1.5 * 2 * 1450 for wait in waits[6:45])
    assert all(0.8 * DAY <= wait <= 1.2 * DAY for wait in waits[52:])


def test_whoever_asks_for_it_now_does_not_wait_but_for_what_the_server_put_off(post: Post) -> None:
    post.add("a1", "b1")
    post.server.answers["a1"] = NO_ANSWER
    post.deliver()
    assert post.deliver(ahead=True) == ["a1"]
    post.server.answers = {"a1": RateLimited(operation="x", reason="r", retry_at=post.clock.time() + 1000)}
    assert post.deliver(ahead=True) == ["a1"]
    assert post.deliver(ahead=True) == ["b1"]
    post.clock.advance(1501)
    post.server.answers.clear()
    assert post.deliver(ahead=True) == ["a1"]


def test_whoever_asks_for_it_now_waits_no_longer_than_the_server_asks(post: Post) -> None:
    """The pauses of our own, which grow, are for what goes by itself."""
    post.add("a1")
    again = post.clock.time() + 1
    post.server.answers = {"a1": ServerError(operation="x", status=503, problem="p", retry_at=again)}
    assert post.deliver(ahead=True) == ["a1"]
    assert post.deliver(ahead=True) == []
    post.clock.advance(1.5)
    assert post.deliver() == []
    assert post.deliver(ahead=True) == ["a1"]


@pytest.mark.parametrize("seconds", [1, 1000, 2 * DAY])
def test_what_is_due_by_itself_goes_as_well_when_somebody_asks_for_it(post: Post, seconds: float) -> None:
    """What the server asks for is spread at random, once for each of the two: the second is never the later one."""
    post.add(*[f"{letter}1" for letter in "abcdefghijklmnop"], subject="")
    again = post.clock.time() + seconds
    for each in post.queue.items():
        put_off = post.delivery.postpone(each, ServerError(operation="x", status=503, problem="p", retry_at=again))
        assert put_off.not_before <= put_off.due_at
        assert put_off.not_before >= min(again, post.clock.time() + DAY)


def test_a_clock_that_was_wrong_puts_nothing_off(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = NO_ANSWER
    post.clock.turn(300 * DAY)
    post.deliver()
    post.clock.turn(-300 * DAY)
    assert post.deliver() == ["a1"]


def test_all_of_it_together_takes_no_longer_than_one_call(post: Post) -> None:
    post.vault.limits = Limits(total_timeout=0.0)
    post.add("a1", "b1")
    assert post.deliver() == []
    post.vault.limits = Limits(total_timeout=60.0)
    left: list[float] = []
    post.server.during = lambda: left.append(deadline.remaining(1e9))
    assert post.deliver() == ["a1", "b1"]
    assert all(seconds <= 60.0 for seconds in left)


# ---------------------------------------------------------------- crash, sleep, and others


def test_what_was_not_confirmed_is_sent_again_with_its_key_after_a_crash(post: Post) -> None:
    post.add("a1")

    def die() -> None:
        raise KeyboardInterrupt

    post.server.during = die
    with pytest.raises(KeyboardInterrupt):
        post.deliver()
    post.vault.close()
    post.open()
    assert post.find("a1").attempts == 0
    assert post.deliver() == ["a1"]


def test_due_times_survive_a_restart_and_count_the_time_in_between(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = NO_ANSWER
    post.deliver()
    due = post.find("a1").due_at
    post.vault.close()
    post.clock.turn(due - post.clock.time())  # the machine slept: only the wall clock went on
    post.open()
    assert post.deliver() == ["a1"]


def test_what_is_added_or_cancelled_during_delivery_counts(post: Post) -> None:
    post.add("a1", "b1", "c1")

    def meanwhile() -> None:
        post.server.during = lambda: None
        post.queue.remove(post.find("b1"))
        post.add("d1")

    post.server.during = meanwhile
    assert post.deliver() == ["a1", "c1", "d1"]


def test_what_cannot_be_written_down_still_waits(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = VaultFull(folder="/x")  # the ledger of what leaves is full
    with pytest.raises(VaultFull):
        post.deliver()
    assert [each.attempts for each in post.queue.items()] == [0]


def test_one_thread_at_a_time_delivers(post: Post) -> None:
    post.add("a1")
    sent: list[list[str]] = []

    def other() -> None:
        delivery = QueueDelivery(StandIn(), post.queue)
        assert delivery.deliver_due(post.clock.time(), {OPERATION: post.send}, patience=0) == 1
        sent.append(list(post.server.calls))

    def meanwhile() -> None:
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(30)

    post.server.during = meanwhile
    assert post.deliver() == ["a1"]
    assert sent == [["a1"]]


_HOLD = """
import sys
from pathlib import Path
from rocketvpn_sdk.vault.file_lock import file_lock
with file_lock(Path(sys.argv[1]), sys.argv[2], 0) as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


def test_attack_a_process_that_dies_while_it_delivers(post: Post) -> None:
    post.add("a1")
    command = [sys.executable, "-c", _HOLD, str(post.folder), DELIVERY_LOCK]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "True\n"
        assert post.deliver() == []
        assert post.left == 1
        holder.kill()
        holder.wait(30)
        assert post.deliver() == ["a1"]


def test_the_lock_is_private_and_goes_with_the_vault(post: Post) -> None:
    post.deliver()
    assert (post.folder / DELIVERY_LOCK).stat().st_mode & 0o777 == 0o600
    post.vault.destroy()
    assert not post.folder.exists()
    with pytest.raises(VaultClosed), post.queue.delivery_lock(0):
        pass


def test_a_handler_that_ends_the_vault_ends_the_round(post: Post) -> None:
    post.add("a1", "b1")

    def end(_: QueueItem) -> None:
        post.server.calls.append("end")
        post.vault.destroy()

    assert post.delivery.deliver_due(post.clock.time(), {OPERATION: end}) == 0
    assert post.server.calls == ["end"]


# ---------------------------------------------------------------- when there is something to do


def test_the_next_due_time_is_that_of_what_may_go_first(post: Post) -> None:
    assert post.queue.next_due() is None
    post.add("a1", "a2")
    assert post.queue.next_due() == 0.0
    post.server.answers["a1"] = NO_ANSWER
    post.deliver()
    assert post.queue.next_due() == post.find("a1").due_at  # a2 waits for it
    post.queue.update(msgspec.structs.replace(post.find("a1"), state="refused", superseded=True))
    assert post.queue.next_due() == 0.0


def test_a_vault_of_before_reads_as_it_was(post: Post) -> None:
    class Old(msgspec.Struct):
        id: str = "a1"
        operation: str = OPERATION
        body: dict[str, Any] = {}
        created_at: float = 1.0
        idempotency_key: str = "a1"
        state: str = "waiting"
        attempts: int = 3

    post.add("a1")
    post.vault.put("queue/a1", Old())
    read = post.find("a1")
    assert (read.attempts, read.subject, read.due_at, read.superseded) == (3, "", 0.0, False)
    assert post.deliver() == ["a1"]


def test_its_repr_says_nothing_personal() -> None:
    shown = repr(item("a1", subject="device/AAAA", created_at=1.0, device_id="AAAA"))
    assert "AAAA" not in shown


def test_each_try_counts_the_one_that_was_taken_too(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = NO_ANSWER
    failed, _ = post.delivery.deliver(post.find("a1"), None, interactive=False)
    del post.server.answers["a1"]
    taken, answer = post.delivery.deliver(failed, None, interactive=False)
    asked_again = post.delivery.postpone(taken)
    assert answer is not None
    assert [each.attempts for each in (failed, taken, asked_again, post.find("a1"))] == [1, 2, 3, 3]
    assert [each.state for each in (failed, taken, asked_again)] == ["waiting", "accepted", "accepted"]


def test_a_try_that_got_part_of_the_way_begins_its_pauses_anew_but_not_for_ever(post: Post) -> None:
    post.add("a1")
    post.server.answers["a1"] = ServerError(operation="x", status=503, problem="p")
    post.queue.update(msgspec.structs.replace(post.find("a1"), attempts=60))
    waits = []

    def answer() -> None:
        post.server.answered += 1  # a token, say

    post.server.during = answer
    for _ in range(GETS_ON + 1):
        assert post.deliver(ahead=True) == ["a1"]
        waits.append(post.find("a1").due_at - post.clock.time())
    assert all(wait <= 90 * 2 * 1.5 for wait in waits)
    post.queue.update(msgspec.structs.replace(post.find("a1"), attempts=160))
    assert post.deliver(ahead=True) == ["a1"]
    assert post.find("a1").due_at - post.clock.time() >= 0.8 * DAY


def test_where_a_worker_delivers_each_thing_is_tried_once_and_else_as_any_call(post: Post) -> None:
    post.add("a1")
    seen: list[bool] = []
    retries = Retries(post.clock, post.vault.limits, lambda event, seconds: None)

    def failing() -> None:
        seen.append(True)
        raise Retry("x")

    def during() -> None:
        with suppress(Retry):
            retries.run(failing)

    post.server.during = during
    post.server.answers["a1"] = NO_ANSWER
    post.deliver(ahead=True)
    assert len(seen) == post.vault.limits.retry_attempts
    post.queue.worked = True
    seen.clear()
    post.deliver(ahead=True)
    assert len(seen) == 1
