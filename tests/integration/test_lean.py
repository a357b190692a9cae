"""How much is done for a call, a withdrawal and a start: counted, not timed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.policies import edited
from support.world import World, tunnel_key

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.policy import parse_policy
from rocketvpn_sdk.transport import guard
from rocketvpn_sdk.transport.sent import SentLedger

PURPOSE = "improvement"


def statements(rocket: RocketVPN, work: Callable[[], Any]) -> list[str]:
    """Return the SQL that ``work`` runs in the vault's file."""
    run: list[str] = []
    db = rocket._components.vault._store.db
    db.set_trace_callback(run.append)
    try:
        work()
    finally:
        db.set_trace_callback(None)
    return run


def begun(run: list[str]) -> int:
    return run.count("BEGIN IMMEDIATE")


@pytest.mark.clause("A1", "U3")
def test_a_call_looks_once_at_what_holds_and_once_more_before_it_goes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[guard.Outgoing] = []
    check = guard.check

    def counted(held: Any, outgoing: guard.Outgoing, *more: Any) -> guard.ApprovedRequest:
        checked.append(outgoing)
        return check(held, outgoing, *more)

    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.call("tunnel.register", public_key=tunnel_key())  # fetches what is fetched once
        monkeypatch.setattr(guard, "check", counted)
        run = statements(rocket, lambda: rocket.call("tunnel.register", public_key=tunnel_key()))
    assert run.count("PRAGMA data_version") == 3  # the third: whether the key of the ledger is still there
    assert begun(run) == 1
    assert len(run) <= 19
    assert len(checked) == 1


@pytest.mark.clause("U3")
def test_what_another_process_withdraws_once_the_ledger_is_written_does_not_go(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = edited("operation", "server.metadata", 'purpose = "service"', f'purpose = "{PURPOSE}"')
    hosts = world.sandbox.policy.recipients["operator"].hosts
    config = world.config(policy=parse_policy(text).with_hosts("operator", hosts))
    begin = SentLedger.begin
    with RocketVPN.open(config) as rocket, RocketVPN.open(config) as other:
        rocket.consent.declare_age(adult=True)
        rocket.consent.grant(rocket.consent.notice(PURPOSE))
        rocket.ask_server()
        seen = len(world.sandbox.requests)

        def begin_late(ledger: SentLedger, *given: Any) -> str:
            record = begin(ledger, *given)
            assert other.consent.withdraw(PURPOSE).changed
            return record

        monkeypatch.setattr(SentLedger, "begin", begin_late)
        with pytest.raises(EgressBlocked):
            rocket.ask_server()
        monkeypatch.undo()
        assert len(world.sandbox.requests) == seen
        *_, last = rocket.rights.sent()
        assert last.outcome.startswith("not delivered: egress-blocked")


@pytest.mark.clause("U3", "A3")
def test_a_withdrawal_writes_no_more_often_than_it_must(world: World) -> None:
    """The decision; the three steps in which the root is replaced; bound, that the notice goes, and that it arrived."""
    with RocketVPN.open(world.config()) as rocket:
        rocket.consent.declare_age(adult=True)
        rocket.consent.grant(rocket.consent.notice(PURPOSE))
        assert begun(statements(rocket, lambda: rocket.consent.withdraw(PURPOSE))) == 4
        rocket.device.bind(world.sandbox.order())
        rocket.consent.grant(rocket.consent.notice(PURPOSE))
        assert begun(statements(rocket, lambda: rocket.consent.withdraw(PURPOSE))) == 6


_START = """
import pathlib, sys
from rocketvpn_sdk import Config, Event, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets
class Connected(Event, name="session.connected", purpose="service"):
    region: str
config = Config("https://api.rocketvpn.example", "org.example.vpn", data_dir=pathlib.Path(sys.argv[1]),
                secrets=MemorySecrets(), events=[Connected])
with RocketVPN.open(config) as rocket:
    rocket.journal.record(Connected(region="de-fra"))
    rocket.journal.flush()
    print("\\n".join(sys.modules))
"""
_NEVER = (
    *(f"rocketvpn_sdk.groups.{name}" for name in ("consent", "device", "policy")),
    *("httpx", "httpcore", "h11", "ssl", "tuf", "securesystemslib", "keyring", "babel", "jinja2"),
    *("asyncio", "email", "http", "shutil", "tempfile", "tomllib", "xml", "zipfile", "importlib.resources"),
    *("rocketvpn_sdk.cli", "rocketvpn_sdk.rights", "rocketvpn_sdk.sandbox"),
    *("rocketvpn_sdk.transport", "rocketvpn_sdk.signed_files", "rocketvpn_sdk.witness"),
)
"""What recording does without; each of them would cost a start milliseconds and memory."""


def test_a_start_to_the_first_record_loads_what_recording_needs_and_no_more(tmp_path: Path) -> None:
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {sys.path!r}\n{_START}", str(tmp_path / "vault")]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert "rocketvpn_sdk.journal" in loaded
    assert [name for name in loaded if name in _NEVER] == []
