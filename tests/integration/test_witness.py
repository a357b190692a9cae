"""The witness as an app and its user have it: sealed, shown, ended by its days, and gone with any deletion."""

from __future__ import annotations

import contextlib
import socket
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from support.command_line import PASSPHRASE, CommandLine, settings
from support.exports import Unpacked
from support.world import World, bytes_of, tunnel_key

from rocketvpn_sdk import PassphraseSecrets, RocketVPN
from rocketvpn_sdk.clock import DAY, utc
from rocketvpn_sdk.errors import ConfigurationError, VaultDamaged, VaultLocked
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.witness import CAVEATS, WitnessedConnection
from rocketvpn_sdk.witness.hook import MOST

AWAY = "192.0.2.7"
"""An address for documentation (RFC 5737): nobody has it."""


def connect(port: int, host: str = AWAY) -> None:
    """Connect a datagram socket, which sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, contextlib.suppress(OSError):
        sock.connect((host, port))


def ports(rocket: RocketVPN) -> list[int]:
    return [each.port for each in rocket.rights.witnessed().connections]


@pytest.mark.clause("A1")
def test_what_the_app_connects_to_around_the_sdk_is_shown_beside_the_ledger(world: World) -> None:
    clock = FakeClock()
    with RocketVPN.open(world.config(witness=True, clock=clock)) as rocket:
        connect(443)
        clock.advance(DAY)
        connect(443)
        seen = rocket.rights.witnessed()
        first = utc(clock.time()).date() - timedelta(days=1)
        assert seen.connections == (
            WitnessedConnection(
                host=AWAY, port=443, module=__name__, times=2, first=first, last=first + timedelta(days=1)
            ),
        )
        assert (seen.missed, seen.watching) == (0, True)
        assert any("no wall" in caveat for caveat in seen.caveats)
        assert AWAY not in repr(seen)
    with RocketVPN.open(world.config(clock=clock)) as later:  # another process, with the witness off
        again = later.rights.witnessed()
        assert (again.connections, again.watching) == (seen.connections, False)
    assert AWAY.encode() not in bytes_of(world.folder)


def test_the_sdks_own_calls_are_in_the_ledger_and_not_here(world: World) -> None:
    with RocketVPN.open(world.config(witness=True)) as rocket:
        rocket.device.bind(world.sandbox.order())
        rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra")
        assert rocket.rights.witnessed().connections == ()
        assert len(list(rocket.rights.sent())) > 3


def test_without_it_nothing_is_noted_and_nothing_of_it_is_loaded(world: World) -> None:
    module = sys.modules.pop("rocketvpn_sdk.witness.hook", None)
    try:
        with RocketVPN.open(world.config()) as rocket:
            connect(443)
            seen = rocket.rights.witnessed()
        assert (seen.connections, seen.watching) == ((), False)
        assert "rocketvpn_sdk.witness.hook" not in sys.modules
    finally:
        if module is not None:
            sys.modules["rocketvpn_sdk.witness.hook"] = module


def test_it_sees_from_the_start_and_keeps_what_it_saw_before_the_vault_was_unlocked(world: World) -> None:
    with RocketVPN.open(world.config(witness=True), unlock=False) as rocket:
        connect(1)
        with pytest.raises(VaultLocked):
            rocket.rights.witnessed()
        rocket.unlock()
        assert ports(rocket) == [1]


def test_closing_writes_what_is_left_and_ends_it(world: World) -> None:
    rocket = RocketVPN.open(world.config(witness=True))
    connect(1)
    rocket.close()
    connect(2)
    with RocketVPN.open(world.config(witness=True)) as again:
        assert ports(again) == [1]


def test_syncing_writes_it(world: World) -> None:
    with (
        RocketVPN.open(world.config(witness=True)) as rocket,
        RocketVPN.open(world.config()) as other,
    ):
        connect(1)
        assert ports(other) == []
        rocket.sync()
        assert ports(other) == [1]


@pytest.mark.clause("A3", "R1")
@pytest.mark.parametrize("scope", ["logs", "device", "account"])
def test_a_deletion_takes_it_written_or_not(world: World, scope: str) -> None:
    with RocketVPN.open(world.config(witness=True, server="https://localhost:9")) as rocket:
        connect(1)
        rocket.sync()
        connect(2)
        rocket.rights.delete(rocket.rights.plan_delete(scope))
        if rocket.status().vault.state == "unlocked":
            assert ports(rocket) == []
            connect(3)
            assert ports(rocket) == [3]
    assert scope == "logs" or not world.folder.exists()


@pytest.mark.clause("A3")
def test_what_another_process_noted_before_a_deletion_does_not_come_back(world: World) -> None:
    clock = FakeClock()
    with (
        RocketVPN.open(world.config(witness=True, clock=clock)) as late,
        RocketVPN.open(world.config(clock=clock)) as rocket,
    ):
        connect(1)
        clock.advance(60)
        rocket.rights.delete(rocket.rights.plan_delete("logs"))
        clock.advance(60)
        connect(2)
        late.sync()
        assert ports(rocket) == [2]


@pytest.mark.clause("R1")
def test_it_ends_with_its_days(world: World) -> None:
    clock = FakeClock()
    with RocketVPN.open(world.config(witness=True, clock=clock)) as rocket:
        connect(1)
        rocket.sync()
        clock.advance(60 * DAY)
        connect(2)
        assert ports(rocket) == [1, 2]
        clock.advance(31 * DAY)
        assert ports(rocket) == [2]


@pytest.mark.clause("U7")
def test_a_policy_that_does_not_declare_it_has_no_witness(world: World) -> None:
    document = world.sandbox.policy.document
    fields = tuple(field for field in document.field if field.id != "witness_record")
    policy = Policy(msgspec.structs.replace(document, field=fields))
    with pytest.raises(ConfigurationError, match="witness_record"):
        RocketVPN.open(world.config(witness=True, policy=policy))
    RocketVPN.open(world.config(policy=policy)).close()


def test_attack_what_was_witnessed_is_taken_out(world: World) -> None:
    import sqlite3

    with RocketVPN.open(world.config(witness=True)) as rocket:
        connect(1)
    with contextlib.closing(sqlite3.connect(world.folder / "vault.db", isolation_level=None)) as db:
        db.execute("DELETE FROM blocks WHERE lane IN (SELECT id FROM lanes WHERE stream = 'witness')")
    with pytest.raises(VaultDamaged), RocketVPN.open(world.config()) as rocket:
        rocket.rights.witnessed()


@pytest.mark.clause("A1")
def test_what_was_witnessed_is_taken_along_and_view_says_where_it_is(world: World, tmp_path: Path) -> None:
    cli = CommandLine(settings(tmp_path / "cli", world.sandbox.client_file))
    folder = tmp_path / "cli" / "vault"
    pass_in = {"data_dir": folder, "secrets": PassphraseSecrets(PASSPHRASE)}
    with RocketVPN.open(world.config(witness=True, **pass_in)) as rocket:
        connect(443)
        connect(443)
        (seen,) = rocket.rights.witnessed().connections
        rocket.rights.export(tmp_path / "mine.zip")
    out = Unpacked(tmp_path / "mine.zip")
    (row,) = out.table("witness.csv")
    assert row == {
        "host": AWAY, "port": "443", "module": __name__, "times": "2",
        "first": seen.first.isoformat(), "last": seen.last.isoformat(),
    }  # fmt: skip
    assert "witness.csv" in out.text("README.txt")
    assert "rocketvpn sent --witness" in " ".join(cli.run("view").out.split())


def test_what_found_no_room_is_counted_in_what_is_taken_along(world: World, tmp_path: Path) -> None:
    with RocketVPN.open(world.config(witness=True)) as rocket:
        for port in range(1, MOST + 3):
            connect(port)
        rocket.rights.export(tmp_path / "mine.zip")
    *named, last = Unpacked(tmp_path / "mine.zip").table("witness.csv")
    assert len(named) == MOST
    assert (last["host"], last["times"]) == ("", "2")


def test_the_command_line_shows_it_with_what_it_cannot_see(world: World, tmp_path: Path) -> None:
    cli = CommandLine(settings(tmp_path / "cli", world.sandbox.client_file))
    folder = tmp_path / "cli" / "vault"
    with RocketVPN.open(world.config(witness=True, data_dir=folder, secrets=PassphraseSecrets(PASSPHRASE))):
        connect(443)
    document = cli.json("sent", "--witness").document
    assert document["sent"] == []
    (seen,) = document["witnessed"]["connections"]
    assert (seen["host"], seen["port"], seen["module"], seen["times"]) == (AWAY, 443, __name__, 1)
    assert document["witnessed"]["caveats"] == list(CAVEATS)
    assert "witnessed" not in cli.json("sent").document
    shown = " ".join(cli.run("sent", "--witness").out.split())
    assert f"{AWAY}:443" in shown
    assert all(" ".join(caveat.split()) in shown for caveat in CAVEATS)
