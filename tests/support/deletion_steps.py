"""``crash_steps`` for a deletion: the helper forks a device for each attack, which dies at the seam it is told.

Seams are numbered by kind: an SQL statement, a call to the secret store, an exchange with the server (just before and
just after it), a file that is removed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.transport.connections import Connections, HttpReply
from support import crash_steps
from support.crash import LIMITS, FileSecrets, Steps, die, start

SEAMS = ("statement", "secret", "exchange", "removal")


class DeletionSteps(Steps):
    """``Steps`` with ``sync`` and ``delete``."""

    def __init__(self) -> None:
        self._helper = start("deletion_steps")


class Seams:
    """Counts the seams of one ``kind`` and dies at number ``at``."""

    def __init__(self, kind: str, at: int | None) -> None:
        self._kind, self._left = kind, at
        self.armed = False

    def __call__(self, kind: str) -> None:
        """Pass a seam."""
        if not self.armed or kind != self._kind or self._left is None:
            return
        if self._left == 0:
            die()
        self._left -= 1


class SeamedSecrets(FileSecrets):
    """A secret store with a seam before and after each call."""

    seams: Seams

    def get(self, name: str) -> bytes | None:
        self.seams("secret")
        found = super().get(name)
        self.seams("secret")
        return found

    def set(self, name: str, secret: bytes) -> None:
        self.seams("secret")
        super().set(name, secret)
        self.seams("secret")

    def delete(self, name: str) -> None:
        self.seams("secret")
        super().delete(name)
        self.seams("secret")


def config(folder: Path, server: str, ca_file: Path, secrets: FileSecrets | None = None) -> Config:
    """Return the config of the device whose vault is in ``folder``."""
    return Config(
        server,
        "org.example.vpn",
        data_dir=folder / "vault",
        secrets=secrets or FileSecrets(folder / "secrets.json"),
        trust=ca_file,
        policy=bundled_policy().with_hosts("operator", ("localhost",)),
        limits=LIMITS,
        receipts=folder / "receipts",
    )


def opened(folder: str, server: str, ca_file: str, kind: str, at: int | None) -> RocketVPN:
    """Return the opened device, set to die."""
    seams = Seams(kind, at)
    secrets = SeamedSecrets(Path(folder) / "secrets.json")
    secrets.seams = seams
    rocket = RocketVPN.open(config(Path(folder), server, Path(ca_file), secrets))
    rocket._components.vault._store.db.set_trace_callback(lambda _: seams("statement"))
    count_exchanges(seams)
    sys.addaudithook(lambda event, _: seams("removal") if event in ("os.remove", "os.rmdir") else None)
    seams.armed = True
    return rocket


def count_exchanges(seams: Seams) -> None:
    """Have a seam just before and just after each exchange with the server."""
    exchange: Callable[..., HttpReply] = Connections.exchange

    def counting(self: Connections, *arguments: Any, **more: Any) -> HttpReply:
        seams("exchange")
        reply = exchange(self, *arguments, **more)
        seams("exchange")
        return reply

    Connections.exchange = counting  # type: ignore[method-assign] # this process is a fork that ends with the step


def sync(folder: str, server: str, ca_file: str, kind: str, at: int | None) -> None:
    """Take a queued deletion to its end."""
    opened(folder, server, ca_file, kind, at).sync()


def delete(folder: str, server: str, ca_file: str, kind: str, at: int | None) -> None:
    """Ask for a deletion, and take it to its end."""
    rocket = opened(folder, server, ca_file, kind, at)
    rocket.rights.delete(rocket.rights.plan_delete("device"))


if __name__ == "__main__":
    crash_steps.STEPS.update(sync=sync, delete=delete)
    crash_steps.main()
