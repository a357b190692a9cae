"""``AsyncRocketVPN``: the same calls as ``RocketVPN``, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from rocketvpn_sdk.aio.running import AsyncGroup, Runner, awaited, on_loop, on_thread
from rocketvpn_sdk.client import Closed, RocketVPN
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.entered import Challenge
from rocketvpn_sdk.events import EventBus, call_directly
from rocketvpn_sdk.vault import Removal

if TYPE_CHECKING:  # these are loaded on the thread that opens; most bring httpx
    from rocketvpn_sdk.aio.groups import (
        AsyncConsents,
        AsyncDevices,
        AsyncDiagnostics,
        AsyncJournal,
        AsyncPolicies,
        AsyncQueue,
        AsyncRights,
        AsyncUpdates,
    )

AsyncAuthenticator = Callable[[Challenge], Awaitable[str | None]]
"""Asks the user for a code on the loop; it is cancelled with the call that needs the code."""


class AsyncRocketVPN(AsyncGroup[RocketVPN]):
    """Rocket VPN's privacy policy, enforced on this device; for one asyncio loop.

    ::

        async with await AsyncRocketVPN.open(config) as rocket:
            report = await rocket.rights.view()

    A call runs on a thread that ends with it. When its task is cancelled, or its ``asyncio.timeout`` is over, the call
    ends at its next step, a wait for the network at once, and its task goes on when the thread has ended. What had left
    the device until then is in the ledger.
    """

    @classmethod
    async def open(
        cls, config: Config, unlock: bool = True, *, authenticator: AsyncAuthenticator | None = None
    ) -> Self:
        """Open (or make) the vault for ``config``.

        Args:
            config: what the app decides. Without a ``dispatch``, callbacks of events run on the loop.
            unlock: as for ``RocketVPN.open``.
            authenticator: a coroutine function in place of ``config``'s.

        Raises:
            RocketVPNError: as ``RocketVPN.open``.
        """
        loop, runner, changes = asyncio.get_running_loop(), Runner(), dict[str, Any]()
        if config.dispatch is call_directly:
            changes["dispatch"] = loop.call_soon_threadsafe
        if authenticator is not None:
            changes["authenticator"] = on_loop(loop, _coroutine(authenticator))
        opened = list[RocketVPN]()
        try:
            await runner.run(lambda: opened.append(_opened(msgspec.structs.replace(config, **changes), unlock)))
        except asyncio.CancelledError:
            for rocket in opened:  # at the last moment: nobody gets it
                await on_thread(rocket.close)
            raise
        return cls(runner, lambda: opened[0])

    unlock = awaited(RocketVPN.unlock)
    reopen = awaited(RocketVPN.reopen)
    status = awaited(RocketVPN.status)
    verify = awaited(RocketVPN.verify)
    ask_server = awaited(RocketVPN.ask_server)
    sync = awaited(RocketVPN.sync)

    async def call(self, operation: str, *, idempotency_key: str | None = None, **fields: Any) -> Any:
        """Call one of the app's own operations that the policy declares; see ``RocketVPN.call``."""
        return await self._run(lambda rocket: rocket.call(operation, idempotency_key=idempotency_key, **fields))

    async def close(self) -> Closed:
        """Flush and close; see ``RocketVPN.close``. Calls of other tasks end with ``VaultClosed``."""
        return await on_thread(self._group().close)  # not in turn: it is what ends calls that take long

    def network_changed(self) -> None:
        """Say that the device's network is another one now; never waits."""
        self._group().network_changed()

    @staticmethod
    async def reset(config: Config) -> Removal:
        """Remove the vault of ``config`` and its secrets; see ``RocketVPN.reset``."""
        return await on_thread(lambda: RocketVPN.reset(config))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # ------------------------------------------------------------ the groups

    @property
    def events(self) -> EventBus:
        """What the SDK tells the app."""
        return self._group().events

    @cached_property
    def journal(self) -> AsyncJournal:
        """What the app records."""
        from rocketvpn_sdk.aio.groups import AsyncJournal

        return AsyncJournal(self._runner, lambda: self._group().journal)

    @cached_property
    def queue(self) -> AsyncQueue:
        """What waits for the server."""
        from rocketvpn_sdk.aio.groups import AsyncQueue

        return AsyncQueue(self._runner, lambda: self._group().queue)

    @cached_property
    def consent(self) -> AsyncConsents:
        """What is optional, age and guardians."""
        from rocketvpn_sdk.aio.groups import AsyncConsents

        return AsyncConsents(self._runner, lambda: self._group().consent)

    @cached_property
    def device(self) -> AsyncDevices:
        """Order number ↔ device."""
        from rocketvpn_sdk.aio.groups import AsyncDevices

        return AsyncDevices(self._runner, lambda: self._group().device)

    @cached_property
    def rights(self) -> AsyncRights:
        """See, correct, take along, delete."""
        from rocketvpn_sdk.aio.groups import AsyncRights

        return AsyncRights(self._runner, lambda: self._group().rights)

    @cached_property
    def policy(self) -> AsyncPolicies:
        """The policy in force, and the one to come."""
        from rocketvpn_sdk.aio.groups import AsyncPolicies

        return AsyncPolicies(self._runner, lambda: self._group().policy)

    @cached_property
    def diagnostics(self) -> AsyncDiagnostics:
        """Reports that do not say who you are."""
        from rocketvpn_sdk.aio.groups import AsyncDiagnostics

        return AsyncDiagnostics(self._runner, lambda: self._group().diagnostics)

    @cached_property
    def updates(self) -> AsyncUpdates:
        """Releases of the app."""
        from rocketvpn_sdk.aio.groups import AsyncUpdates

        return AsyncUpdates(self._runner, lambda: self._group().updates)

    def __repr__(self) -> str:
        return f"Async{self._group()!r}"


def _opened(config: Config, unlock: bool) -> RocketVPN:
    import rocketvpn_sdk.aio.groups  # noqa: F401 - on this thread: it takes long, and the loop goes on meanwhile

    return RocketVPN.open(config, unlock)


def _coroutine(ask: AsyncAuthenticator) -> Callable[[Challenge], Any]:
    async def call(challenge: Challenge) -> str | None:
        return await ask(challenge)

    return call
