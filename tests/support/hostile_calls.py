"""A bound device at a hostile server, and what must hold after whatever came from there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import SentEntry
from rocketvpn_sdk.vault.verify import verify
from support.hostile_server import Hostile
from support.world import PATIENT, World, tunnel_key

QUICK = Limits(connect_timeout=0.6, read_timeout=0.4, write_timeout=0.4, total_timeout=0.6)
"""The bounds against a server that never comes to an end: nothing else ends a call there, so no machine is too slow."""


@dataclass
class Victim:
    """A bound device, opened three times: ``calm`` is for what is checked after, ``hasty`` has small bounds."""

    world: World
    hostile: Hostile
    rocket: RocketVPN
    calm: RocketVPN
    hasty: RocketVPN

    def read(self) -> Any:
        """Make a call that reads."""
        return self.rocket.device.order()

    def write(self) -> Any:
        """Make a call that writes."""
        return self.rocket.call("tunnel.register", public_key=tunnel_key())

    @contextmanager
    def hurried(self) -> Iterator[None]:
        """Let ``rocket`` be the one with small bounds."""
        self.rocket, self.hasty = self.hasty, self.rocket
        try:
            yield
        finally:
            self.rocket, self.hasty = self.hasty, self.rocket

    def fails(self, call: Callable[[], object]) -> RocketVPNError:
        """Make ``call``; return the error of ours that it ends with."""
        with pytest.raises(RocketVPNError) as caught:
            call()
        assert caught.value.__cause__ is None, "a library's exception holds the request"
        assert caught.value.__context__ is None, "a library's exception holds the request"
        return caught.value

    def sent(self) -> list[SentEntry]:
        return list(self.rocket.rights.sent())

    def whole(self) -> None:
        """Check that vault, ledger and queue are whole, and that the next good calls work."""
        self.hostile.be_good()
        for rocket in (self.rocket, self.calm, self.hasty):
            rocket._components.sent.commit()
        verify(self.rocket._components.vault)
        assert self.sent()
        assert all(entry.outcome != "unknown" for entry in self.sent())
        assert self.rocket.status().waiting == 0
        assert self.calm.device.order().state == "active"
        assert self.calm.call("tunnel.register", public_key=tunnel_key())["dns"]
        assert self.calm.rights.view().server_answered
        assert [entry.outcome for entry in self.calm.rights.sent()][-1].startswith("200")


@contextmanager
def victim_of(hostile: Hostile, folder: Path, **config: Any) -> Iterator[Victim]:
    """Bind a device while the server is good, then hand it over."""
    world = World(hostile.sandbox, folder)
    with RocketVPN.open(world.config(limits=PATIENT, **config)) as rocket:
        rocket.device.bind(hostile.sandbox.order())
        with (
            RocketVPN.open(world.config(limits=PATIENT, **config)) as calm,
            RocketVPN.open(world.config(limits=QUICK, **config)) as hasty,
        ):
            hostile.be_good()
            yield Victim(world, hostile, rocket, calm, hasty)
