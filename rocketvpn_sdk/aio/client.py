"""``AsyncRocketVPN``: the same calls as ``RocketVPN``, awaited."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self

import msgspec

from rocketvpn_sdk.aio.running import AsyncGroup, Runner, awaited, on_loop, on_thread
from rocketvpn_sdk.client import Closed, RocketVPN
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.entered import Challenge
from rocketvpn_sdk.events import Subscriptions, call_directly
from rocketvpn_sdk.vault import Removal

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

    def __init__(self, runner: Runner, rocket: Callable[[], RocketVPN]) -> None:
        """Make the awaited form of each group; called by ``open``."""
        from rocketvpn_sdk.aio import groups  # they bring httpx: ``open`` has loaded them on its thread

        super().__init__(runner, rocket)
        self.consent = groups.AsyncConsents(runner, lambda: rocket().consent)
        self.device = groups.AsyncDevices(runner, lambda: rocket().device)
        self.diagnostics = groups.AsyncDiagnostics(runner, lambda: rocket().diagnostics)
        self.features = groups.AsyncFeatures(runner, lambda: rocket().features)
        self.journal = groups.AsyncJournal(runner, lambda: rocket().journal)
        self.offers = groups.AsyncOffers(runner, lambda: rocket().offers)
        self.policy = groups.AsyncPolicies(runner, lambda: rocket().policy)
        self.queue = groups.AsyncQueue(runner, lambda: rocket().queue)
        self.rights = groups.AsyncRights(runner, lambda: rocket().rights)
        self.surveys = groups.AsyncSurveys(runner, lambda: rocket().surveys)
        self.updates = groups.AsyncUpdates(runner, lambda: rocket().updates)

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
        return await self.run(lambda rocket: rocket.call(operation, idempotency_key=idempotency_key, **fields))

    async def close(self) -> Closed:
        """Flush and close; see ``RocketVPN.close``. Calls of other tasks end with ``VaultClosed``."""
        return await on_thread(self.plain().close)  # not in turn: it is what ends calls that take long

    def network_changed(self) -> None:
        """Say that the device's network is another one now; never waits."""
        self.plain().network_changed()

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

    @property
    def events(self) -> Subscriptions:
        """What the SDK tells the app."""
        return self.plain().events

    def __repr__(self) -> str:
        return f"Async{self.plain()!r}"


def _opened(config: Config, unlock: bool) -> RocketVPN:
    import rocketvpn_sdk.aio.groups  # noqa: F401 - on this thread: it takes long, and the loop goes on meanwhile

    return RocketVPN.open(config, unlock)


def _coroutine(ask: AsyncAuthenticator) -> Callable[[Challenge], Any]:
    async def call(challenge: Challenge) -> str | None:
        return await ask(challenge)

    return call
