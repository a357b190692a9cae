"""Makes the folder of a whole client as this version leaves it, for the tests of every later version.

Run it before the bundled policy or the vault's format changes, once for each version, and never again for an old one::

    PYTHONPATH=.:tests python tests/support/make_client.py tests/data/client-N
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
import tempfile
from base64 import b64encode
from contextlib import suppress
from pathlib import Path

import rocketvpn_sdk
from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import NotAllowed
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.vault.header import FORMAT
from support.app_events import Crashed, NetworkChanged, SessionConnected
from support.world import World

EVENTS = [SessionConnected, NetworkChanged, Crashed]
CONSENTS = ("improvement", "surveys")
SERVER_FILES = ("ca.pem", "ca-key.pem", "receipt-key.jwk", "tunnel-key", "tuf")
LOGGER = "app.made.client"


def make(into: Path) -> None:
    """Write ``client`` and ``deleting`` (both vaults with what is beside them), ``server.json`` and ``made.json``."""
    clock = FakeClock()
    with tempfile.TemporaryDirectory() as scratch:
        server = Path(scratch, "server")
        with running_sandbox(server, clock=clock) as sandbox:
            worlds = {name: World(sandbox, Path(scratch, name)) for name in ("client", "deleting")}
            for number, world in enumerate(worlds.values(), 1):
                world.app_id = f"org.example.vpn{number}"
            orders = {name: sandbox.order(email=f"{name}@example.org") for name in worlds}
            rockets = {name: _used(world, orders[name], clock) for name, world in worlds.items()}
            plan = rockets["deleting"].rights.plan_delete("device")
            rows = _rows(sandbox)
            origin = sandbox.url
        # From here on nothing answers: what is decided now waits for the server.
        rockets["client"].consent.withdraw("surveys")
        assert rockets["deleting"].rights.delete(plan).server.state == "waiting_for_connection"
        for name, rocket in rockets.items():
            rocket.close()
            shutil.copytree(worlds[name].folder, into / name)
        secrets = {name: _entries(world.secrets) for name, world in worlds.items()}
        files = {name: b64encode(data).decode() for name, data in _files(server)}
    (into / "server.json").write_text(json.dumps({"files": files, "rows": rows}, indent=1, default=str) + "\n")
    made = {
        "sdk": rocketvpn_sdk.__version__,
        "format": FORMAT,
        "policy": sandbox.policy.version,
        "clock": clock.time(),
        "origin": origin,
        "app_ids": {name: world.app_id for name, world in worlds.items()},
        "orders": orders,
        "secrets": secrets,
    }
    (into / "made.json").write_text(json.dumps(made, indent=1) + "\n")


def _used(world: World, order: str, clock: FakeClock) -> RocketVPN:
    """Use the SDK as an app does for ten days."""
    rocket = RocketVPN.open(world.config(clock=clock, events=EVENTS))
    rocket.device.bind(order)
    rocket.consent.declare_age(True)
    for purpose in CONSENTS:
        with suppress(NotAllowed):  # version 2 uses nothing for cross_service
            rocket.consent.grant(rocket.consent.notice(purpose))
    for day in range(3):
        _log(rocket, f"line of day {day}")
        for event in (
            SessionConnected(region="de-fra", protocol="wireguard", duration=77),
            NetworkChanged(
                local_address="203.0.113.77", remote_host="host.example", traffic=5, platform_version="14.5"
            ),
            Crashed(failure="timeout"),
        ):
            rocket.journal.record(event)
        rocket.journal.flush()
        clock.advance(DAY if day else 3 * DAY)
    rocket.rights.correct({"language": "de"})
    rocket.rights.view()
    rocket.policy.check()
    rocket.sync()
    return rocket


def _log(rocket: RocketVPN, line: str) -> None:
    logger, handler = logging.getLogger(LOGGER), rocket.journal.handler()
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.addHandler(handler)
    logger.info(line)
    logger.removeHandler(handler)


def _rows(sandbox: Sandbox) -> dict[str, list[dict[str, object]]]:
    """Return what the server has to know of these devices; tokens for an hour are no part of it."""
    wanted = ("orders", "payments", "devices", "refresh_tokens", "consents", "disclosures")
    return {table: rows for table, rows in sandbox.rows().items() if table in wanted and rows}


def _files(server: Path) -> list[tuple[str, bytes]]:
    found = (path for name in SERVER_FILES for path in (server / name, *sorted((server / name).rglob("*"))))
    return [(str(path.relative_to(server)), path.read_bytes()) for path in found if path.is_file()]


def _entries(secrets: MemorySecrets) -> dict[str, str]:
    return {name: (secrets.get(name) or b"").hex() for name in secrets.names()}


if __name__ == "__main__":
    make(Path(sys.argv[1]))
