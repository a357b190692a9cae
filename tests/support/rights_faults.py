"""Somebody who uses their rights, and what goes wrong at the n-th exchange with the server or call to the keyring."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import SecretStoreLocked, SecretStoreUnavailable
from rocketvpn_sdk.identity import CREDENTIALS, Credentials, DeviceKey
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.transport.connections import Connections, HttpReply
from support.app_events import SessionConnected
from support.fault_proxy import FaultProxy
from support.fronted import Fronted
from support.world import World


class Exchanges:
    """Numbers the exchanges of this process with the server, and has something happen just before or after one."""

    def __init__(self) -> None:
        self._seen = 0
        self._at: int | None = None
        self._after = False
        self._act: Callable[[], object] = lambda: None
        self.struck = False

    def arm(self, at: int, act: Callable[[], object], *, after: bool = False) -> None:
        """Count from 0 again, and ``act`` once at number ``at``."""
        self._seen, self._at, self._after, self._act, self.struck = 0, at, after, act, False

    def calm(self) -> None:
        """Let nothing happen."""
        self._at = None

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Pass one exchange."""
        number, self._seen = self._seen, self._seen + 1
        self._strike(number, after=False)
        yield
        self._strike(number, after=True)

    def _strike(self, number: int, *, after: bool) -> None:
        if self._at == number and self._after == after:
            self._at, self.struck = None, True
            self._act()


@contextmanager
def counted_exchanges() -> Iterator[Exchanges]:
    """Count every exchange, of whichever client."""
    exchanges, exchange = Exchanges(), Connections.exchange

    def counting(self: Connections, *arguments: Any, **more: Any) -> HttpReply:
        with exchanges.counted():
            return exchange(self, *arguments, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connections, "exchange", counting)
        yield exchanges


class FailingSecrets(MemorySecrets):
    """A secret store that is there until the n-th call from now on, and then is not.

    ``locked`` and ``unavailable`` raise; ``missing`` was emptied: it has nothing, and takes what it is given.
    """

    def __init__(self) -> None:
        super().__init__()
        self._left: int | None = None
        self._how = ""
        self.struck = False

    def arm(self, at: int, how: str) -> None:
        """Fail from call ``at`` (from 0) on."""
        self._left, self._how, self.struck = at, how, False

    def calm(self) -> None:
        """Be there again."""
        self._left = None

    def get(self, name: str) -> bytes | None:
        return super().get(name) if self._answers() else None

    def set(self, name: str, secret: bytes) -> None:
        self._answers()
        super().set(name, secret)

    def delete(self, name: str) -> None:
        self._answers()
        super().delete(name)

    def _answers(self) -> bool:
        if self._left is None:
            return True
        if self._left > 0:
            self._left -= 1
            return True
        self.struck = True
        if self._how == "locked":
            raise SecretStoreLocked(store=self.label, problem="its prompt was dismissed")
        if self._how == "unavailable":
            raise SecretStoreUnavailable(store=self.label, problem="it was stopped")
        return False


@dataclass
class Line:
    """A sandbox at the end of a line that can be cut; how often it acted, by key; and what is exchanged."""

    sandbox: Fronted
    proxy: FaultProxy
    acts: Counter[tuple[str, str]]
    exchanges: Exchanges

    def cut(self) -> None:
        """End every connection, and all new ones at once."""
        self.proxy.accept = "close"  # a reset may come before ssl has the socket, which then is not closed but dropped
        self.proxy.drop()

    def calm(self) -> None:
        """Mend everything but the disk."""
        self.exchanges.calm()
        self.sandbox.faults.clear()
        self.proxy.calm()


@dataclass
class Person:
    """Somebody with a device, bound to an order of their own (``bind``), who uses a right."""

    line: Line
    folder: Path
    bound: bool
    secrets: FailingSecrets = field(default_factory=FailingSecrets)
    number: str = ""
    jkt: str = ""
    notes: dict[str, Any] = field(default_factory=dict)
    rocket: RocketVPN = field(init=False)

    def __post_init__(self) -> None:
        self.folder.mkdir()
        self.world = World(self.line.sandbox, self.folder / "vault", self.secrets)
        self.number = self.line.sandbox.order(email="kim@example.org")
        self.rocket = RocketVPN.open(self.world.config())
        if self.bound:
            self.rocket.device.bind(self.number)
            self.rocket.consent.declare_age(adult=True)
            credentials = self.rocket._components.vault.get(CREDENTIALS, Credentials)
            assert credentials is not None
            self.jkt = DeviceKey.from_bytes(credentials.private_key).thumbprint
        self.log()

    def log(self) -> None:
        """Have something in the log."""
        self.rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=1))
        self.rocket.journal.flush()

    def logged(self) -> int:
        return len(list(self.rocket.journal.read(event="session.connected")))

    def reopen(self) -> None:
        """Start the app anew; nothing is left in memory."""
        self.rocket.close()
        self.rocket = RocketVPN.open(self.world.config())

    def leave(self) -> None:
        self.rocket.close()
        shutil.rmtree(self.folder)

    # ------------------------------------------------------------ what the server has

    def rows(self, table: str, column: str = "order_number") -> list[dict[str, Any]]:
        """Return the server's rows about this order."""
        return [row for row in self.line.sandbox.rows()[table] if row[column] == self.number]

    def order(self) -> dict[str, Any] | None:
        """Return the order, as the server has it."""
        return next(iter(self.rows("orders", "number")), None)

    def requests(self, jkt: str = "") -> list[dict[str, Any]]:
        """Return the deletions that this device, or another key, asked for."""
        return [row for row in self.line.sandbox.rows()["rights_requests"] if row["jkt"] == (jkt or self.jkt)]
