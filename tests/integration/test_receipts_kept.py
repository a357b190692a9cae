"""A confirmed deletion's receipt reaches somebody before the vault that could ask for it is gone."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.delegations import TOP, Delegator
from support.world import World, bytes_of

from rocketvpn_sdk import DeletionConfirmed, RocketVPN
from rocketvpn_sdk.changes import UserNeeded
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.rights import check_receipt_file
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.sandbox.tuf_repository import RECEIPT_KEYS

pytestmark = pytest.mark.clause("A3")


@pytest.fixture
def waiting(world: World) -> World:
    """A device whose deletion waits for a connection; the app has ended since."""
    with RocketVPN.open(world.config()) as rocket:
        rocket.device.bind(world.sandbox.order())
    with RocketVPN.open(world.config(server="https://localhost:9")) as offline:
        plan = offline.rights.plan_delete("device")
        assert offline.rights.delete(plan).server.state == "waiting_for_connection"
    return world


def test_a_sync_that_nobody_listens_to_does_not_throw_the_receipt_away(waiting: World) -> None:
    with RocketVPN.open(waiting.config()) as rocket:
        needed: list[UserNeeded] = []
        rocket.events.subscribe(UserNeeded, needed.append)
        assert rocket.sync().waiting == 1
        assert [(notice.operation, notice.code) for notice in needed] == [("rights.request", "receipt-waiting")]
        (item,) = rocket.queue.items()
        assert (item.state, item.problem) == ("accepted", "receipt-waiting")
        (row,) = waiting.sandbox.rows()["rights_requests"]
        assert row["status"] == "fulfilled"  # at the server it is done; only the ending here waits
    with RocketVPN.open(waiting.config()) as later:
        (server,) = later.rights.resume()
    assert (server.state, server.receipt is not None) == ("confirmed", True)
    assert not waiting.folder.exists()


def test_a_sync_that_is_listened_to_ends_it(waiting: World) -> None:
    with RocketVPN.open(waiting.config()) as rocket:
        confirmed: list[DeletionConfirmed] = []
        rocket.events.subscribe(DeletionConfirmed, confirmed.append)
        assert rocket.sync().vault.state == "closed"
    assert confirmed[0].receipt.claims.scope == "device"
    assert not waiting.folder.exists()


def test_a_folder_for_receipts_has_it_before_the_vault_goes(
    waiting: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receipts = tmp_path / "papers" / "receipts"
    with RocketVPN.open(waiting.config(receipts=receipts)) as rocket:
        there: list[bool] = []
        destroy = rocket._components.vault.destroy

        def look_first() -> None:
            there.append(any(receipts.iterdir()))
            destroy()

        monkeypatch.setattr(rocket._components.vault, "destroy", look_first)
        assert rocket.sync().vault.state == "closed"
        assert there == [True]
    assert not waiting.folder.exists()
    (kept,) = receipts.iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    receipt = check_receipt_file(kept, trusted_root=waiting.sandbox.trusted_root, server=waiting.sandbox.url)
    assert receipt.claims.device_id not in kept.name
    assert receipt.claims.jti not in kept.name


def test_a_receipt_whose_keys_a_delegated_role_signed_is_checked_without_a_connection(tmp_path: Path) -> None:
    receipts = tmp_path / "receipts"
    with Sandbox(tmp_path / "server") as sandbox:
        operator = Delegator(sandbox.tuf_folder)
        keys = operator.roles[TOP].targets.pop(RECEIPT_KEYS)
        operator.delegate(TOP, "receipts", "keys/*", terminating=True)
        operator.roles["receipts"].targets[RECEIPT_KEYS] = keys
        operator.serve()
        world = World(sandbox, tmp_path / "vault")
        with RocketVPN.open(world.config(receipts=receipts)) as rocket:
            rocket.device.bind(sandbox.order())
            plan = rocket.rights.plan_delete("account")
            assert rocket.rights.delete(plan).server.state == "confirmed"
    (kept,) = receipts.iterdir()
    receipt = check_receipt_file(kept, trusted_root=sandbox.trusted_root)
    assert receipt.vouched_by == "tuf"
    assert receipt.evidence is not None
    assert "receipts.json" in receipt.evidence.metadata


def test_a_folder_that_takes_no_receipt_keeps_the_deletion_waiting(waiting: World, tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.write_bytes(b"a file, where a folder should be")
    with RocketVPN.open(waiting.config(receipts=full)) as rocket:
        assert rocket.sync().waiting == 1
        (server,) = rocket.rights.resume()
        assert (server.state, server.problem) == ("in_progress", "receipt-unsaved")
    with RocketVPN.open(waiting.config(receipts=tmp_path / "other")) as rocket:
        rocket.sync()
    assert b"rocketvpn-erasure-receipt" in bytes_of(tmp_path / "other")
    assert not waiting.folder.exists()


def test_every_deletion_of_this_device_leaves_its_receipt_there(world: World, tmp_path: Path) -> None:
    with RocketVPN.open(world.config(receipts=tmp_path / "receipts")) as rocket:
        rocket.device.bind(world.sandbox.order(email=None))
        for scope in ("logs", "device"):
            assert rocket.rights.delete(rocket.rights.plan_delete(scope)).server.state == "confirmed"
    assert len(list((tmp_path / "receipts").iterdir())) == 2


def test_receipts_in_the_vault_s_folder_would_go_with_it(world: World) -> None:
    for inside in (world.folder, world.folder / "receipts", world.folder / ".." / world.folder.name / "r"):
        with pytest.raises(ConfigurationError, match="outside the vault's folder"):
            world.config(receipts=inside)
