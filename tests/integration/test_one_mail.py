"""A code is mailed once, whichever answer gets lost on the way, and however often the app asks again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from typing import Literal

import pytest
from support.fault_proxy import Fault, faulty_line
from support.world import World

from rocketvpn_sdk import Challenge, RocketVPN
from rocketvpn_sdk.errors import (
    AuthenticationCancelled,
    AuthenticationRequired,
    DeviceExists,
    DeviceLimitReached,
    TransportError,
)
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.faults import Fault as Lost
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox

pytestmark = [pytest.mark.usefixtures("no_pauses"), pytest.mark.clause("A4")]

CHALLENGE, TOKEN = "/v1/authorize-challenge", "/v1/token"
FIRST, ANSWERED = (CHALLENGE, 1), (CHALLENGE, 2)
"""The answer to the request for a code, and to the code itself."""
Call = Callable[[], object]
Way = Callable[[World], AbstractContextManager[Call]]


@contextmanager
def replacing(world: World) -> Iterator[Call]:
    """Bind in the place of another device. At the end the order's devices are listed, which takes a code of its own."""
    order = world.sandbox.order(limit=1)
    with RocketVPN.open(world.neighbour(world.folder / "other").config()) as other:
        other.device.bind(order)
    with RocketVPN.open(world.config()) as rocket:
        with pytest.raises(DeviceLimitReached) as full:
            rocket.device.bind(order)
        (device,) = full.value.devices
        yield lambda: rocket.device.bind(order, replace=device.id)
        assert [each.current for each in rocket.device.list()] == [True]


@contextmanager
def with_a_new_key(world: World) -> Iterator[Call]:
    """Bind what is installed again; the end as for ``replacing``."""
    order = world.sandbox.order()
    with RocketVPN.open(World(world.sandbox, world.folder / "before").config()) as before:
        before.device.bind(order)
    with RocketVPN.open(world.config()) as rocket:
        with pytest.raises(DeviceExists) as known:
            rocket.device.bind(order)
        (device,) = known.value.devices
        yield lambda: rocket.device.bind(order, replace=device.id)
        assert [each.current for each in rocket.device.list()] == [True]


@contextmanager
def stepping_up(world: World) -> Iterator[Call]:
    """Ask for what the server wants a code for."""
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        yield lambda: rocket.rights.make_ticket("account")
        assert rocket.rights.tickets()


WAYS = pytest.mark.parametrize("way", [replacing, with_a_new_key, stepping_up])


@pytest.fixture
def world(_shared_sandbox: Sandbox, tmp_path: Path) -> World:
    return World(_shared_sandbox, tmp_path / "vault")


def codes(sandbox: Sandbox) -> list[str]:
    """Return the codes that were mailed; that a device was bound is mailed too."""
    return [message.code for message in sandbox.mail if message.code]


def lose(patch: pytest.MonkeyPatch, sandbox: Sandbox, path: str, nth: int, times: int = 1) -> list[int]:
    """Lose the answer to the ``nth`` request for ``path`` from now on, and those after it; return which were lost."""
    numbers, lost = count(1), list[int]()

    def take(asked: str) -> Lost | None:
        number = next(numbers) if asked == path else 0
        if not nth <= number < nth + times:
            return None
        lost.append(number)
        return Lost(kind="lost")

    patch.setattr(sandbox.faults, "take", take)
    return lost


@WAYS
@pytest.mark.parametrize(("path", "nth"), [FIRST, ANSWERED, (TOKEN, 1)], ids=["challenge", "code", "token"])
def test_a_lost_answer_mails_no_second_code(
    world: World, monkeypatch: pytest.MonkeyPatch, way: Way, path: str, nth: int
) -> None:
    with way(world) as call:
        world.sandbox.mail.clear()
        world.asked.clear()
        lost = lose(monkeypatch, world.sandbox, path, nth)
        call()
        assert lost == [nth]
        assert len(codes(world.sandbox)) == 1
        assert len(world.asked) == 1, "nor is the user asked again"


@WAYS
@pytest.mark.parametrize(("path", "nth"), [FIRST, ANSWERED], ids=["challenge", "code"])
def test_an_app_that_asks_again_after_every_try_was_lost_has_no_second_code_mailed(
    world: World, monkeypatch: pytest.MonkeyPatch, way: Way, path: str, nth: int
) -> None:
    with way(world) as call:
        world.sandbox.mail.clear()
        with monkeypatch.context() as patch:
            lost = lose(patch, world.sandbox, path, nth, times=100)
            with pytest.raises(TransportError):
                call()
        assert len(lost) == world.config().limits.retry_attempts
        call()
        assert len(codes(world.sandbox)) == 1


def test_a_code_that_ran_out_meanwhile_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock(1_800_000_000.0)
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        with RocketVPN.open(world.config(clock=clock)) as rocket:
            rocket.device.bind(sandbox.order())
            with monkeypatch.context() as patch:
                lose(patch, sandbox, *ANSWERED, times=100)
                with pytest.raises(TransportError):
                    rocket.rights.make_ticket("account")
            clock.advance(sandbox.settings.session_lifetime + 1)
            rocket.rights.make_ticket("account")
        assert len(codes(sandbox)) == 2


def test_a_user_who_cancels_may_have_another_code(world: World) -> None:
    """The first mail may never have come: who gives no code and asks again gets a new one."""
    asked: list[Challenge] = []

    def ask(challenge: Challenge) -> str | None:
        asked.append(challenge)
        return None if len(asked) == 1 else world.read_mail(challenge)

    with RocketVPN.open(world.config(authenticator=ask)) as rocket:
        rocket.device.bind(world.sandbox.order())
        world.sandbox.mail.clear()
        with pytest.raises(AuthenticationCancelled):
            rocket.rights.make_ticket("account")
        rocket.rights.make_ticket("account")
    assert len(codes(world.sandbox)) == 2


def test_a_wrong_code_whose_answer_got_lost_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []

    def guess(challenge: Challenge) -> str | None:
        given.append(f"{len(given)}" * (challenge.code_digits or 0))  # of another length it would not be sent
        return given[-1] if len(given) < 4 else None

    with RocketVPN.open(world.config(authenticator=guess)) as rocket:
        rocket.device.bind(world.sandbox.order())
        lost = lose(monkeypatch, world.sandbox, *ANSWERED)
        before = {row["id_hash"] for row in world.sandbox.rows()["auth_sessions"]}
        with pytest.raises(AuthenticationRequired):
            rocket.rights.make_ticket("account")
        assert lost == [2]
    (session,) = (row for row in world.sandbox.rows()["auth_sessions"] if row["id_hash"] not in before)
    assert session["tries"] == 3


@pytest.mark.parametrize("side", ["in", "out"])
@pytest.mark.parametrize("when", ["challenge", "code"])
def test_a_line_cut_at_any_record_mails_one_code(
    tmp_path: Path, side: Literal["in", "out"], when: Literal["challenge", "code"]
) -> None:
    """Below TLS: the server took it and its answer did not come, or came in part, or the request did not get there."""
    hits = 0
    with faulty_line(tmp_path / "server") as (sandbox, proxy):
        for record in range(9):
            world, fault = World(sandbox, tmp_path / str(record)), Fault("cut", side, record, inside=bool(record % 2))

            def ask(challenge: Challenge, world: World = world, fault: Fault = fault) -> str | None:
                if when == "code":
                    proxy.arm(fault, 1)
                return world.read_mail(challenge)

            with RocketVPN.open(world.config(authenticator=ask)) as rocket:
                rocket.device.bind(sandbox.order())
                sandbox.mail.clear()
                if when == "challenge":
                    proxy.arm(fault, 1)
                rocket.rights.make_ticket("account")
                hits += proxy.hits
                proxy.calm()
            assert len(codes(sandbox)) == 1, fault
    assert hits >= 4


@pytest.mark.clause("T2")
def test_attack_the_kept_answer_is_of_no_use_to_who_reads_the_database(world: World) -> None:
    """It holds a session and a code; only the idempotency key, which is not stored, opens it."""
    with stepping_up(world) as call:
        call()
        kept = [row for row in world.sandbox.rows()["idempotency"] if row["path"] in (CHALLENGE, TOKEN)]
    assert len(kept) >= 3
    for row in kept:
        assert b"auth_session" not in row["body"]
        assert b"_code" not in row["body"]
        assert b"token" not in row["body"]
