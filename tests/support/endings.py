"""Processes of one machine that record, and end what was recorded; and a plain model of what may be read afterwards.

The model knows the order of the public calls and nothing else. What is stored is read from the file by
``vault_reader``, which is written from docs/vault-format.md alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rocketvpn_sdk import Config, Event, Limits, RocketVPN
from rocketvpn_sdk.clock import DAY, Clock
from rocketvpn_sdk.consent.guardian import REQUEST, GuardianRequestState
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from support.vault_reader import Reader

RETENTION = {"tried": 30 * DAY, "served": 30 * DAY, "line": 14 * DAY}
"""As the bundled policy says."""
LIMITS = Limits(flush_interval=1e6, busy_timeout=0.05, keyring_settle=0.01)
"""Nothing is sealed but by a call; and who waits for a lock of one that waits for them gives up soon."""


class Tried(Event, name="app.tried", purpose="improvement"):
    attempt: int


class Served(Event, name="app.served", purpose="service"):
    attempt: int


class Told(Event, name="app.told", purpose="improvement"):
    """Text of the app's, scrubbed."""

    event_name: str


KINDS = ("tried", "served", "line")
"""What is recorded: with a consent, without, and as text that is scrubbed later."""


class View(Clock):
    """One process's clocks: the machine's own monotonic one, and a wall clock that may be wrong."""

    def __init__(self, machine: FakeClock) -> None:
        self.machine = machine
        self.wrong = 0.0

    def time(self) -> float:
        return self.machine.time() + self.wrong

    def monotonic(self) -> float:
        return self.machine.monotonic()


class Process:
    """One client on the folder; what it is told to do while it waits for the file happens there."""

    def __init__(self, folder: Path, secrets: MemorySecrets, clock: FakeClock) -> None:
        self.folder = folder
        self.secrets = secrets
        self.clock = View(clock)
        self.rocket: RocketVPN | None = None
        self.logger = logging.getLogger(f"app.{id(self)}")
        self.logger.propagate = False
        self.logger.setLevel(logging.INFO)
        self.handler: Any = None
        self.left = 0
        self.meanwhile: Callable[[], None] | None = None

    def config(self) -> Config:
        return Config(
            *("https://api.rocketvpn.example", "org.example.vpn"),
            data_dir=self.folder,
            secrets=self.secrets,
            events=[Tried, Served, Told],
            clock=self.clock,
            limits=LIMITS,
        )

    def open(self, *, unlock: bool = True) -> None:
        self.rocket = RocketVPN.open(self.config(), unlock=False)
        store = self.rocket._components.vault._store
        for name in ("transaction", "snapshot"):
            setattr(store, name, self._passing(getattr(store, name)))
        self.handler = self.rocket.journal.handler()
        self.logger.handlers = [self.handler]
        if unlock:
            self.rocket.unlock()

    def _passing(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        @contextmanager
        def passed(**how: Any) -> Iterator[Any]:
            self._pass()
            with inner(**how) as db:
                yield db

        return passed

    def _pass(self) -> None:
        """A point at which another process may do something: no lock of the file is held here."""
        self.left -= 1
        if self.left == 0 and self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()

    @property
    def unlocked(self) -> bool:
        return self.rocket is not None and self.rocket._components.vault.unlocked

    def record(self, kind: str, number: int) -> None:
        assert self.rocket is not None
        if kind == "tried":
            self.rocket.journal.record(Tried(attempt=number))
        elif kind == "served":
            self.rocket.journal.record(Served(attempt=number))
        else:
            self.logger.info("line %d", number)

    def counted(self) -> int:
        assert self.rocket is not None
        stats = self.rocket.journal.stats()
        return stats.dropped + stats.refused + self.handler.failed

    # ------------------------------------------------------------ what ends, and what opens

    def flush(self) -> None:
        assert self.rocket is not None
        self.rocket.journal.flush()

    def read(self) -> list[int]:
        assert self.rocket is not None
        return [number_of(entry.fields) for entry in self.rocket.journal.read()]

    def purge(self) -> None:
        assert self.rocket is not None
        self.rocket.journal.purge()

    def delete(self) -> None:
        assert self.rocket is not None
        self.rocket.rights.delete(self.rocket.rights.plan_delete("logs"))

    def adult(self) -> None:
        assert self.rocket is not None
        self.rocket.consent.declare_age(adult=True)

    def minor(self) -> None:
        assert self.rocket is not None
        self.rocket.consent.declare_age(adult=False)

    def grant(self) -> None:
        assert self.rocket is not None
        self.rocket.consent.grant(self.rocket.consent.notice("improvement"))

    def withdraw(self) -> None:
        assert self.rocket is not None
        self.rocket.consent.withdraw("improvement")

    def agree(self) -> None:
        """What the server's answer to a guardian's code leads to."""
        assert self.rocket is not None
        components, policy = self.rocket._components, self.rocket.policy.current
        asked = GuardianRequestState(
            *(),
            request="1",
            about="agreement",
            version=policy.version,
            sha256=policy.sha256,
            expires_at=self.clock.time() + DAY,
            key="1",
        )
        components.vault.put(REQUEST, asked)
        Minors(components.decisions).confirm(asked)

    def disagree(self) -> None:
        assert self.rocket is not None
        Minors(self.rocket._components.decisions).withdraw()

    # ------------------------------------------------------------ the end

    def close(self) -> None:
        if self.rocket is not None:
            self.rocket.close()
            self.rocket = None

    def crash(self) -> None:
        """Die: nothing is flushed, closed or written any more."""
        if self.rocket is not None:
            components = self.rocket._components
            components.journal._flusher.stop(10)
            components.vault._keyed_store.end("the process died")
            components.vault._store.close()
            self.rocket = None


def number_of(fields: dict[str, Any]) -> int:
    return int(fields["message"].split()[1]) if "message" in fields else int(fields["attempt"])


def stored(folder: Path, secrets: MemorySecrets) -> Counter[int]:
    """Return the numbers that can be read from the file with today's root."""
    root = next(name for name in secrets.names() if not name.endswith("generation"))
    for root in secrets.names():
        if root.endswith("generation"):
            continue
        entry = secrets.get(root)
        assert entry is not None
        try:
            reader = Reader(folder / "vault.db", root, entry)
        except AssertionError:
            continue  # an older root, on its way out
        with closing(reader.db):
            records = [record for stream, _, _, record in reader.records() if stream == "log"]
        return Counter(number_of(fields) for _, _, fields in records)
    raise AssertionError("no root opens the file")


# ---------------------------------------------------------------- what may be read


@dataclass
class Line:
    kind: str
    process: int
    leave: bool | None
    """Whether it may be kept; ``None``: that changed during the call, or the call was made during the change."""
    at: float
    sure: bool
    """Whether nothing else was under way."""

    def old(self, now: float, margin: float) -> bool:
        return now - self.at > RETENTION[self.kind] + margin


CHANGES = frozenset({"adult", "minor", "grant", "withdraw", "agree", "disagree"})


@dataclass
class Oracle:
    """What was called, in its order."""

    lines: dict[int, Line] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)
    """What waited in the memory of a process that is gone."""
    adult: bool | None = None
    guardian: bool = False
    granted: bool = False

    @property
    def leave(self) -> bool:
        return self.granted and (self.adult is True or self.guardian)

    def possible(self, name: str) -> bool:
        """Whether the call is one that the SDK allows now."""
        if name == "adult":
            return self.adult is not False
        if name == "grant":
            return self.adult is True or self.guardian
        return True

    def recorded(self, number: int, kind: str, process: int, at: float, outer: list[str]) -> None:
        leave: bool | None = True if kind != "tried" else self.leave
        if kind == "tried" and CHANGES & set(outer):
            leave = None
        self.lines[number] = Line(kind, process, leave, at, not outer)

    def returned(self, name: str, before: set[int], now: float) -> None:
        """Note that a call returned; ``before``: what had been recorded when it was made."""
        was = self.leave
        if name == "adult":
            self.adult = True
        elif name == "minor":
            self.adult = False
        elif name == "agree":
            self.guardian = True
        elif name == "disagree":
            was, self.guardian = was and self.guardian, False
        elif name == "grant":
            self.granted = True
        if name == "withdraw" or (name in ("minor", "disagree") and was and not self.leave):
            self.granted = False
            self.ended |= {number for number in before if self.lines[number].kind == "tried"}
        elif name == "delete":
            self.ended |= before
        elif name == "purge":
            self.ended |= {number for number in before if self.lines[number].old(now, DAY)}

    def check(self, found: Counter[int]) -> None:
        """Hold what is stored against what was called."""
        assert not [number for number, times in found.items() if times > 1]
        assert not set(found) & self.ended, "what was ended is there again"
        withheld = {number for number in found if self.lines[number].leave is False}
        assert not withheld, "what nobody agreed to is there"

    def missing(self, process: int, found: Counter[int], now: float) -> set[int]:
        """Return what ``process`` has sealed, or must have counted."""
        return {
            number
            for number, line in self.lines.items()
            if line.process == process and line.leave and line.sure and number not in found
            if number not in self.ended | self.lost and not line.old(now, -8 * DAY)
        }
