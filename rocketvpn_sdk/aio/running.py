"""One blocking call on a thread of its own, awaited: cancelling the task cancels the call, and waits for its end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from concurrent import futures
from contextlib import suppress
from contextvars import copy_context
from functools import partial, wraps
from inspect import signature
from itertools import islice
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from rocketvpn_sdk.cancelling import CancelToken, cancelled_by, waking
from rocketvpn_sdk.errors import RocketVPNError

P = ParamSpec("P")
R = TypeVar("R")
G = TypeVar("G")

THREADS = 32
"""Calls of one client at the same time; others wait for their turn."""
_PROGRESS = "progress"
_BATCH = 256
"""Records that an iteration takes along at a time."""


class Runner:
    """Runs calls on threads, so many at a time; each thread ends with its call."""

    def __init__(self) -> None:
        self._places = asyncio.Semaphore(THREADS)

    async def run(self, work: Callable[[], R]) -> R:
        """Return what ``work`` returns; see ``on_thread``."""
        async with self._places:
            return await on_thread(work)


async def on_thread(work: Callable[[], R]) -> R:
    """Return what ``work`` returns on a thread of its own.

    When the task is cancelled, ``work`` is: it ends at its next step, and a wait for the network at once. The
    ``CancelledError`` comes after that, with the error by which it ended as its cause.

    Raises:
        asyncio.CancelledError: the task was cancelled.
        RocketVPNError: whatever ``work`` raises.
    """
    token, loop = CancelToken(), asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()
    arguments = work, token, loop, done
    # A daemon: one that waits for the app's own code must not keep the process from ending.
    thread = threading.Thread(target=copy_context().run, args=(_work, *arguments), name="rocketvpn-call", daemon=True)
    thread.start()
    cancelled = None
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError as error:  # it may come again; the thread is waited for all the same
            cancelled = error
            token.cancel()
    thread.join()
    if cancelled is None:
        return done.result()
    raised = done.exception()
    raise cancelled from (raised if isinstance(raised, RocketVPNError) else None)


def _work(work: Callable[[], R], token: CancelToken, loop: asyncio.AbstractEventLoop, done: asyncio.Future[R]) -> None:
    settle: Callable[[], None]
    try:
        with cancelled_by(token):
            settle = partial(done.set_result, work())
    except BaseException as error:  # noqa: BLE001 - carried over to the caller's thread
        settle = partial(done.set_exception, error)
    with suppress(RuntimeError):  # the loop was closed over our head: nobody waits any more
        loop.call_soon_threadsafe(settle)


def on_loop(loop: asyncio.AbstractEventLoop, function: Callable[P, Coroutine[Any, Any, R]]) -> Callable[P, R]:
    """Return what calls the coroutine function on the loop, and waits for it on the thread that called."""

    def call(*arguments: P.args, **named: P.kwargs) -> R:
        future = asyncio.run_coroutine_threadsafe(function(*arguments, **named), loop)
        with waking(lambda: _cancel(future)):
            return future.result()

    return call


def _cancel(future: futures.Future[Any]) -> None:
    future.cancel()


class AsyncGroup(Generic[G]):
    """The base of a group's awaited form.

    Args:
        runner: runs its calls.
        plain: returns the group; called on the thread of each call, since making it may read files.
    """

    def __init__(self, runner: Runner, plain: Callable[[], G]) -> None:
        self.runner, self.plain = runner, plain

    async def run(self, work: Callable[[G], R]) -> R:
        """Return what ``work`` returns, which gets the group, on a thread."""
        return await self.runner.run(lambda: work(self.plain()))


def awaited(
    method: Callable[Concatenate[G, P], R],
) -> Callable[Concatenate[AsyncGroup[G], P], Coroutine[Any, Any, R]]:
    """Return the awaited form of a group's method; ``progress`` is called on the loop's thread."""
    names = list(signature(method).parameters)[1:]
    place = names.index(_PROGRESS) if _PROGRESS in names else len(names)

    @wraps(method)
    async def call(self: AsyncGroup[G], /, *arguments: P.args, **named: P.kwargs) -> R:
        given: Any = list(arguments)
        given[place : place + 1] = map(_told_on_loop, given[place : place + 1])
        if _PROGRESS in named:
            named[_PROGRESS] = _told_on_loop(named[_PROGRESS])
        return await self.run(lambda group: method(group, *given, **named))

    return call


def _told_on_loop(progress: Any) -> Any:
    return on_loop(asyncio.get_running_loop(), _awaitable(progress)) if callable(progress) else progress


def _awaitable(function: Callable[..., R]) -> Callable[..., Coroutine[Any, Any, R]]:
    async def call(*arguments: Any) -> R:
        return function(*arguments)

    return call


def iterated(
    method: Callable[Concatenate[G, P], Iterator[R]],
) -> Callable[Concatenate[AsyncGroup[G], P], AsyncGenerator[R, None]]:
    """Return the form for ``async for`` of a group's method that yields records."""

    @wraps(method)
    async def call(self: AsyncGroup[G], /, *arguments: P.args, **named: P.kwargs) -> AsyncGenerator[R, None]:
        records = await self.run(lambda group: method(group, *arguments, **named))
        while batch := await self.run(lambda _: list(islice(records, _BATCH))):
            for record in batch:
                yield record

    return call
