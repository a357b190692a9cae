"""The SDK's own log over a whole life: each step that the page names is there, and nothing personal in any line."""

from __future__ import annotations

import getpass
import logging
import socket
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import msgspec
import pytest
from support.app_events import SessionConnected
from support.crash import LIMITS, of_format, shared_secrets
from support.own_log import OwnLog, documented
from support.vaults import UnreliableSecrets
from support.world import World, tunnel_key

from rocketvpn_sdk import Limits, RocketVPN
from rocketvpn_sdk.errors import SecretStoreUnavailable, TransportError
from rocketvpn_sdk.identity import CREDENTIALS, Credentials
from rocketvpn_sdk.maintenance.worker import Background, Job
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.rights.delete import DeletionConfirmed
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Vault

MAIL, LATER_MAIL = "anna.private@post.example", "anna.later@post.example"
QUICK = Limits(retry_attempts=2)


AFTER_IT_WAS_MADE = 1_800_300_000.0
"""In seconds since the epoch; of the vault in an older format."""


def full(method: str, name: str) -> None:
    """Refuse whatever is to be kept."""
    if method == "set":
        raise SecretStoreUnavailable(store="memory", problem="it is full")


@pytest.fixture
def heard() -> Iterator[OwnLog]:
    root, ours, handler = logging.getLogger(), logging.getLogger("rocketvpn_sdk"), OwnLog()
    before = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(handler)
    assert ours.level == logging.NOTSET
    yield handler
    root.removeHandler(handler)
    root.setLevel(before)


def test_every_step_of_a_life_is_logged_and_nothing_personal(world: World, heard: OwnLog, tmp_path: Path) -> None:
    personal = live(world, tmp_path / "taken.zip")
    fail(world)
    change(world, tmp_path)
    assert documented() - set(heard.lines) == set()
    assert set(heard.lines) - documented() == set()
    said = "\n".join(heard.said).casefold()
    assert {name for name, value in personal.items() if value.casefold() in said} == set()


def live(world: World, taken: Path) -> dict[str, str]:
    """Bind, log, view, correct, call, export and delete; return what is personal or secret."""
    order = world.sandbox.order(limit=3)
    with RocketVPN.open(world.config(witness=True)) as rocket:
        handler = rocket.journal.handler()
        logging.getLogger().addHandler(handler)
        try:
            rocket.device.bind(order)
            logging.getLogger("app").info("connected as %s", MAIL)
            rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
            rocket.consent.declare_age(adult=True)
            notice = rocket.consent.notice("improvement")
            rocket.consent.grant(notice)
            rocket.sync()
            rocket.rights.view()
            rocket.rights.correct({"contact_email": MAIL})
            rocket.rights.correct({"contact_email": LATER_MAIL})
            key = tunnel_key()
            rocket.call("tunnel.register", public_key=key, region="de-fra")
            world.sandbox.faults.lose_answers()
            rocket.device.order()
            rocket.rights.export(taken)
            rocket.journal.flush()
            kept = [entry.fields["logger"] for entry in rocket.journal.read() if "logger" in entry.fields]
            assert not [name for name in kept if name.startswith("rocketvpn_sdk")]
            personal = known(rocket, world) | {"order": order, "mail": MAIL, "later": LATER_MAIL, "key": key}

            def refuse(confirmed: DeletionConfirmed) -> None:
                raise ValueError(order)

            rocket.events.subscribe(DeletionConfirmed, refuse)
            rocket.rights.delete(rocket.rights.plan_delete("account"))
        finally:
            logging.getLogger().removeHandler(handler)
    return personal


def known(rocket: RocketVPN, world: World) -> dict[str, str]:
    stored, token = rocket._components.vault.get(CREDENTIALS, Credentials), rocket._components.api.session._token
    binding = rocket.device.binding
    assert stored is not None
    assert token is not None
    assert binding is not None
    values = {
        "device": binding.device_id, "refresh": stored.refresh_token, "access": token.value,
        "code": world.sandbox.mail.last_code() or "", "host": "localhost", "machine": socket.gethostname(),
        "home": str(Path.home()), "folder": str(world.folder), "app": world.app_id, "url": world.sandbox.url,
    }  # fmt: skip
    if getpass.getuser() != "root":  # which is a word in these lines, too
        values["user"] = getpass.getuser()
    return values


def fail(world: World) -> None:
    """A server and a secret store that do not do what they should, and a vault that is never unlocked."""
    secrets = UnreliableSecrets()
    with RocketVPN.open(world.config(data_dir=world.folder / "failing", secrets=secrets, limits=QUICK)) as rocket:
        rocket.device.bind(world.sandbox.order())
        idle, secrets.before = secrets.before, full
        world.sandbox.faults.fail(4, retry_after=None)
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        secrets.before = idle
        world.sandbox.faults.clear()
        closed = TransportError(operation="order.read", problem="nobody is there")

        def refused() -> None:
            raise closed

        jobs = [Job("fine", lambda: 0.0, lambda: None), Job("not fine", lambda: 0.0, refused)]
        Background(jobs, FakeClock(1000.0))._round()
    rocket = RocketVPN.open(world.config(data_dir=world.folder / "locked"), unlock=False)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    assert rocket.close().unsealed == 1


def change(world: World, folder: Path) -> None:
    """A newer version of the policy, and a vault in an older format."""
    newer = msgspec.structs.replace(world.sandbox.policy.document, version=99, effective=date(2020, 1, 1))
    for policy in (world.sandbox.policy, Policy(newer)):
        RocketVPN.open(world.config(data_dir=world.folder / "newer", policy=policy)).close()
    old = of_format(2, folder / "old")
    vault = Vault(old / "vault", shared_secrets(old), FakeClock(AFTER_IT_WAS_MADE), LIMITS)
    vault.unlock()
    vault.close()
