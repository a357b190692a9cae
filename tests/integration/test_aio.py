"""The awaited client against a sandbox over TLS: its calls, its cancellation, and what is left after it."""

from __future__ import annotations

import asyncio
import logging
import random
import re
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import pytest
from support.app_events import SessionConnected
from support.held_back import held_back
from support.releases import CONTENT, publish
from support.world import World, tunnel_key

from rocketvpn_sdk import Config, Limits
from rocketvpn_sdk.aio import AsyncRocketVPN
from rocketvpn_sdk.errors import CallbackFailed, CallCancelled, DeviceRevoked, NotBound, VaultClosed
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.rights import DeletionConfirmed
from rocketvpn_sdk.sandbox.http_messages import RecordedRequest
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.transport import BindingRevoked, SentEntry

pytestmark = [pytest.mark.timeout(120), pytest.mark.clause("A1")]

AN_HOUR = 3600.0
PATIENT = Limits(connect_timeout=AN_HOUR, read_timeout=AN_HOUR, write_timeout=AN_HOUR, total_timeout=AN_HOUR)


def threads_of_calls() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "rocketvpn-call"]


def with_rocket(
    world: World, use: Callable[[AsyncRocketVPN], Awaitable[Any]], *, bound: bool = True, **changes: Any
) -> Any:
    """Run ``use`` on a loop of its own, with a client that is closed afterwards."""

    async def main() -> Any:
        async with await AsyncRocketVPN.open(world.config(limits=PATIENT, **changes)) as rocket:
            if bound:
                await rocket.device.bind(world.sandbox.order())
            return await use(rocket)

    result = asyncio.run(main())
    assert threads_of_calls() == []
    return result


# ---------------------------------------------------------------- a life with it


def test_a_life_with_it(world: World, tmp_path: Path) -> None:
    steps = list[tuple[int, int, str]]()
    told = list[tuple[Any, int]]()

    async def use(rocket: AsyncRocketVPN) -> None:
        loop_thread = threading.get_ident()
        rocket.events.subscribe(DeletionConfirmed, lambda told_of: told.append((told_of.scope, threading.get_ident())))
        with pytest.raises(NotBound):
            await rocket.device.order()
        binding = await rocket.device.bind(world.sandbox.order())
        assert await rocket.device.binding() == binding
        rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
        assert [entry.event async for entry in rocket.journal.read()] == ["session.connected"]
        assert (await rocket.call("tunnel.register", public_key=tunnel_key()))["endpoint"]
        assert (await rocket.rights.view(progress=lambda *step: steps.append(step))).server_answered
        exported = await rocket.rights.export(tmp_path / "data.zip")
        assert exported.members
        operations = [entry.operation async for entry in rocket.rights.sent()]
        assert operations.count("tunnel.register") == 1
        outcome = await rocket.rights.delete(await rocket.rights.plan_delete("account"))
        assert outcome.server.state == "confirmed"
        await rocket.reopen()
        assert (await rocket.status()).bound is False
        assert [entry async for entry in rocket.rights.sent()] == []
        await asyncio.sleep(0)  # what was dispatched to the loop has its turn
        assert told in ([], [("account", loop_thread)])

    with_rocket(world, use, bound=False)
    assert [what for *_, what in steps] == ["data", "disclosures", "requests", "log", "sent"]


def test_a_code_is_asked_for_on_the_loop(world: World) -> None:
    asked = list[str]()

    async def main() -> None:
        loop_thread = threading.get_ident()

        async def ask(question: Any) -> str | None:
            assert threading.get_ident() == loop_thread
            asked.append(question.hint)
            return world.read_mail(question)

        config = world.config(authenticator=None)
        async with await AsyncRocketVPN.open(config, authenticator=ask) as rocket:
            await rocket.device.bind(world.sandbox.order())
            report = await rocket.rights.view(with_code=True)
            assert not report.withheld

    asyncio.run(main())
    assert len(asked) == 1


def test_what_progress_raises_on_the_loop_ends_the_call(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        with pytest.raises(CallbackFailed) as caught:
            await rocket.rights.view(progress=lambda *_: 1 / 0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)

    with_rocket(world, use)


def test_the_loop_goes_on_while_a_call_waits(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        with held_back(world.sandbox) as gate:
            call = asyncio.create_task(rocket.device.order())
            while not gate.arrived.acquire(blocking=False):
                await asyncio.sleep(0)
            assert not call.done()
            rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
            assert (await rocket.status()).bound
        assert (await call).devices_used == 1

    with_rocket(world, use)


# ---------------------------------------------------------------- cancellation


async def held_call(gate: Any, call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """Return the task of a call, once the server is at work on it."""
    task = asyncio.create_task(call)
    while not gate.arrived.acquire(blocking=False):
        await asyncio.sleep(0)
    return task


def test_a_cancelled_call_has_ended_when_its_task_has(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        key = tunnel_key()
        with held_back(world.sandbox) as gate:
            task = await held_call(gate, rocket.call("tunnel.register", public_key=key))
            task.cancel("by the user")
            with pytest.raises(asyncio.CancelledError, match="by the user") as caught:
                await task
            assert threads_of_calls() == []
        error = caught.value.__cause__
        assert isinstance(error, CallCancelled)
        assert [entry.outcome async for entry in rocket.rights.sent()][-1] == "no answer: call-cancelled"
        again = await rocket.call("tunnel.register", public_key=key, idempotency_key=error.idempotency_key)
        assert again["endpoint"]

    with_rocket(world, use)


def test_a_time_out_is_asyncio_s_own(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        with held_back(world.sandbox), pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await rocket.rights.view()
        assert threads_of_calls() == []
        with held_back(world.sandbox), anyio.move_on_after(0.01) as scope:
            await rocket.rights.view()
        assert scope.cancelled_caught
        assert threads_of_calls() == []
        assert (await rocket.rights.view()).server_answered

    with_rocket(world, use)


def test_a_question_to_the_user_is_cancelled_with_its_call(world: World) -> None:
    ended = list[str]()

    async def main() -> None:
        asked = asyncio.Event()

        async def ask(question: Any) -> str | None:
            asked.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                ended.append("the dialog is closed")
                raise

        async with await AsyncRocketVPN.open(world.config(limits=PATIENT), authenticator=ask) as rocket:
            await rocket.device.bind(world.sandbox.order())
            task = asyncio.create_task(rocket.rights.view(with_code=True))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(main())
    assert ended == ["the dialog is closed"]
    assert threads_of_calls() == []


def test_closing_ends_the_calls_of_other_tasks(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        with held_back(world.sandbox) as gate:
            task = await held_call(gate, rocket.device.order())
            await rocket.close()
            with pytest.raises(VaultClosed):
                await task

    with_rocket(world, use)


def test_closing_does_not_wait_for_its_turn(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        with held_back(world.sandbox) as gate:
            tasks = [asyncio.create_task(rocket.device.order()) for _ in range(50)]
            while not gate.arrived.acquire(blocking=False):
                await asyncio.sleep(0)
            await rocket.close()
            assert {type(each) for each in await asyncio.gather(*tasks, return_exceptions=True)} == {VaultClosed}

    with_rocket(world, use)


def test_opening_that_is_cancelled_leaves_nothing_open(world: World) -> None:
    async def main() -> None:
        task = asyncio.create_task(AsyncRocketVPN.open(world.config()))
        await asyncio.sleep(0)
        while not threads_of_calls():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    threads = set(threading.enumerate())
    asyncio.run(main())
    assert set(threading.enumerate()) <= threads
    asyncio.run(AsyncRocketVPN.reset(world.config()))
    assert not world.folder.exists()


def test_what_waits_for_its_turn_is_cancelled_without_a_trace(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        with held_back(world.sandbox) as gate:
            first = [await held_call(gate, rocket.device.order()) for _ in range(10)]
            others = [asyncio.create_task(rocket.device.order()) for _ in range(90)]
            await asyncio.sleep(0)
            before = {thread.ident for thread in threads_of_calls()}
            assert len(before) == 32
            for task in others:
                task.cancel()
            assert {type(each) for each in await asyncio.gather(*others, return_exceptions=True)} == {
                asyncio.CancelledError
            }
        assert {order.devices_used for order in await asyncio.gather(*first)} == {1}

    with_rocket(world, use)


# ---------------------------------------------------------------- a storm


def operations(policy: Policy, requests: list[RecordedRequest]) -> Counter[str]:
    """Count the requests by the operation of the policy that has their method and path."""
    patterns = {
        operation.id: (operation.method, re.compile(re.sub(r"{\w+}", "[^/]+", operation.path)))
        for operation in policy.operations.values()
    }
    return Counter(
        name
        for request in requests
        for name, (method, pattern) in patterns.items()
        if request.method == method and pattern.fullmatch(request.path)
    )


def test_a_hundred_calls_cancelled_at_random_leave_the_ledger_true_and_no_thread(world: World, tmp_path: Path) -> None:
    seed = random.randrange(1 << 32)  # a failure shows it
    chance = random.Random(seed)
    threads = set(threading.enumerate())
    world.sandbox.faults.latency = 0.02

    async def use(rocket: AsyncRocketVPN) -> tuple[list[Any], list[SentEntry], list[RecordedRequest]]:
        entries, requests = len([entry async for entry in rocket.rights.sent()]), len(world.sandbox.requests)
        kinds: list[Callable[[int], Coroutine[Any, Any, Any]]] = [
            lambda _: rocket.device.order(),
            lambda _: rocket.rights.view(),
            lambda _: rocket.rights.requests(),
            lambda _: rocket.call("tunnel.register", public_key=tunnel_key()),
            lambda _: rocket.ask_server(),
            lambda number: rocket.rights.export(tmp_path / f"{number}.zip"),
            lambda _: rocket.rights.plan_delete("account"),
            lambda _: rocket.sync(),
        ]
        loop, tasks = asyncio.get_running_loop(), list[asyncio.Task[Any]]()
        for number in range(100):
            tasks.append(asyncio.create_task(kinds[number % len(kinds)](number)))
            loop.call_later(chance.uniform(0, 1.5), tasks[-1].cancel)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert threads_of_calls() == []
        sent = [entry async for entry in rocket.rights.sent()][entries:]
        await rocket.verify()
        return ended, sent, world.sandbox.requests[requests:]

    ended, sent, requests = with_rocket(world, use)
    cancelled = sum(isinstance(each, asyncio.CancelledError) for each in ended)
    assert 0 < cancelled < 100, "else it shows nothing"
    assert [each for each in ended if isinstance(each, Exception)] == []
    assert {type(each.__cause__) for each in ended if isinstance(each, BaseException)} <= {CallCancelled, type(None)}

    outcomes = {entry.outcome for entry in sent}
    answers, cancels = {"200", "201", "401 authentication-required"}, {"no answer", "not delivered"}
    assert outcomes <= answers | {f"{how}: call-cancelled" for how in cancels}
    arrived, policy = operations(world.sandbox.policy, requests), world.sandbox.policy
    answered = Counter(entry.operation for entry in sent if entry.outcome in answers)
    perhaps = Counter(entry.operation for entry in sent if not entry.outcome.startswith("not delivered"))
    assert answered <= arrived, "what was answered had been sent"
    assert arrived <= perhaps, "nothing came that the ledger does not say"
    assert set(arrived) <= set(policy.operations)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == [], "no half export"
    left = [thread for thread in set(threading.enumerate()) - threads if thread.name != "rocketvpn-names"]
    assert [thread for thread in left if thread.name.startswith("rocketvpn")] == []


# ---------------------------------------------------------------- after a deletion


def test_handlers_and_subscribers_go_on_after_a_deletion(world: World) -> None:
    logger = logging.getLogger("app.reopened")
    logger.propagate = False
    confirmed = list[str]()

    async def use(rocket: AsyncRocketVPN) -> None:
        handler = rocket.journal.handler()
        logger.addHandler(handler)
        rocket.events.subscribe(DeletionConfirmed, lambda told: confirmed.append(told.scope))
        rocket.journal.known("Kim's laptop")
        logger.warning("before")
        world.sandbox.faults.delay_deletions = True
        await rocket.rights.delete(await rocket.rights.plan_delete("device"))
        world.sandbox.faults.release_deletions()
        await rocket.sync()
        assert (await rocket.status()).vault.state == "closed"
        logger.warning("lost")
        logger.warning("lost as well")
        await rocket.reopen()
        logger.warning("after, on %s", "Kim's laptop")
        (message,) = [entry.fields["message"] async for entry in rocket.journal.read()]
        assert message.startswith("after, on")
        assert "Kim" not in message
        assert (await rocket.journal.stats()).dropped == 2
        await rocket.device.bind(world.sandbox.order())
        assert (await rocket.rights.view()).server_answered

    try:
        with_rocket(world, use)
    finally:
        logger.handlers.clear()
    assert confirmed == ["device"]


def test_what_is_open_stays_as_it_is(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        await rocket.reopen()
        assert (await rocket.status()).bound
        await rocket.close()
        await rocket.reopen(unlock=False)
        assert (await rocket.status()).vault.state == "locked"
        await rocket.reopen()
        assert (await rocket.status()).bound

    with_rocket(world, use)


def test_what_held_of_the_former_vault_is_not_told_any_more(world: World) -> None:
    async def use(rocket: AsyncRocketVPN) -> None:
        binding = await rocket.device.binding()
        assert binding is not None
        world.sandbox.faults.revoke_device(binding.device_id)
        with pytest.raises(DeviceRevoked):
            await rocket.device.order()
        told = list[BindingRevoked]()
        rocket.events.subscribe(BindingRevoked, told.append)
        await asyncio.sleep(0)
        assert len(told) == 1
        await rocket.rights.forget_now()
        await rocket.rights.delete(await rocket.rights.plan_delete("device"))
        await rocket.rights.forget_now()
        await rocket.reopen()
        rocket.events.subscribe(BindingRevoked, told.append)
        await asyncio.sleep(0)
        assert len(told) == 1

    with_rocket(world, use)


def test_a_download_tells_its_progress_on_the_loop_and_can_be_cancelled(tmp_path: Path) -> None:
    with running_sandbox(tmp_path / "sandbox") as sandbox:
        publish(sandbox, "1.1", CONTENT * 8)
        folder = tmp_path / "downloads"
        folder.mkdir()

        async def use(rocket: AsyncRocketVPN) -> None:
            release = (await rocket.updates.check()).release
            assert release is not None
            loop_thread, begun = threading.get_ident(), asyncio.Event()

            def told(have: int, length: int) -> None:
                assert threading.get_ident() == loop_thread
                if have > length // 3:
                    begun.set()
                    task.cancel()

            task = asyncio.create_task(rocket.updates.download(release, folder, told))
            await begun.wait()
            with pytest.raises(asyncio.CancelledError):
                await task
            path = await rocket.updates.download(release, folder)
            assert path.read_bytes() == CONTENT * 8

        with_rocket(World(sandbox, tmp_path / "vault"), use, bound=False)


def test_reset_is_awaited_too(world: World) -> None:
    config: Config = world.config()

    async def main() -> bool:
        async with await AsyncRocketVPN.open(config):
            pass
        await AsyncRocketVPN.reset(config)
        return config.folder.exists()

    assert asyncio.run(main()) is False
