"""Someone with the key of a delegated role, or between the device and the repository, over real TLS (X1, T1)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.delegations import TOP, Delegator
from support.signed_files import POLICY, Device
from tuf.api.metadata import MetaFile

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import ServerError, ServerUnreachable, UpdateRefused
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import FakeClock

APP = "apps/app.bin"
pytestmark = [pytest.mark.clause("X1"), pytest.mark.usefixtures("no_pauses")]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server", clock=clock) as running:
        yield running


@pytest.fixture
def operator(sandbox: Sandbox) -> Delegator:
    """An operator whose role ``apps`` signs apps and nothing else."""
    operator = Delegator(sandbox.tuf_folder)
    operator.delegate(TOP, "apps", "apps/*")
    operator.add("apps", APP, b"app")
    operator.serve()
    return operator


@pytest.fixture
def device(sandbox: Sandbox, operator: Delegator, tmp_path: Path, clock: FakeClock) -> Iterator[Device]:
    device = Device(sandbox, tmp_path / "vault", clock)
    device.refresh()
    yield device
    device.api.close()


def refused(device: Device, path: str = APP) -> str:
    with pytest.raises(UpdateRefused) as caught:
        device.files.read(path)
    return str(caught.value.params["reason"])


@pytest.mark.clause("A1")
def test_a_look_up_goes_the_one_way_out(device: Device) -> None:
    """One file each, in the ledger like any call; what was verified once is not asked for again."""
    before = len(list(device.api.sent.entries()))
    assert device.files.read(APP) == b"app"
    entries = list(device.api.sent.entries())[before:]
    assert [(entry.operation, entry.identity, entry.outcome) for entry in entries] == [
        ("tuf.metadata", "none", "200"),
        ("tuf.target", "none", "200"),
    ]
    assert device.files.read(APP) == b"app"
    assert device.offline().read(APP) == b"app"
    assert len(list(device.api.sent.entries())) == before + len(entries)


def test_the_key_of_a_role_signs_nothing_outside_its_paths(device: Device, operator: Delegator) -> None:
    genuine = device.policy()
    for path in (POLICY, "keys/more.json"):
        operator.add("apps", path, b'{"version":99}')
    operator.delegate("apps", "accomplice", "*/*")
    operator.add("accomplice", "keys/more.json", b"theirs")
    operator.serve("apps", "accomplice")
    device.refresh()
    assert device.policy() == genuine
    assert refused(device, "keys/more.json") == "not-found"


def test_a_role_that_wears_a_top_level_name_forgets_nothing(
    sandbox: Sandbox, device: Device, operator: Delegator
) -> None:
    timestamp = sandbox.tuf_folder / "metadata" / "timestamp.json"
    old = timestamp.read_bytes()
    operator.delegate("apps", "Timestamp", "apps/*")
    operator.serve("apps", "Timestamp")
    device.refresh()
    assert refused(device, "apps/none") == "not-found"
    timestamp.write_bytes(old)
    with pytest.raises(UpdateRefused) as caught:
        device.refresh()
    assert caught.value.params["reason"] == "rollback"


def test_rollback_of_a_role_with_the_stolen_keys_of_timestamp_and_snapshot(device: Device, operator: Delegator) -> None:
    operator.add("apps", APP, b"second")
    operator.serve("apps")
    device.refresh()
    operator.serve_snapshot({"apps.json": MetaFile(1)})
    with pytest.raises(UpdateRefused) as caught:
        device.refresh()
    assert caught.value.params["reason"] == "rollback"
    assert device.files.read(APP) == b"second"


def test_freeze(sandbox: Sandbox, device: Device, clock: FakeClock) -> None:
    assert device.files.read(APP) == b"app"
    sandbox.faults.freeze_updates = True
    clock.advance(2 * DAY)
    assert refused(device) == "expired"


def test_a_role_longer_than_it_may_be_ends_with_its_bound(
    sandbox: Sandbox, device: Device, operator: Delegator
) -> None:
    operator.roles["apps"].unrecognized_fields["padding"] = "x" * (2 << 20)
    operator.serve("apps")
    device.refresh()
    assert refused(device) == "oversize"
    assert [entry.outcome for entry in device.api.sent.entries()][-1] == "unusable answer: answer-too-large"


def test_a_failing_server_during_a_look_up(sandbox: Sandbox, device: Device) -> None:
    before = device.policy()
    sandbox.faults.fail(9, status=500, retry_after=None)
    with pytest.raises(ServerError):
        device.files.read(APP)
    sandbox.faults.clear()
    with pytest.raises(ServerUnreachable):
        device.offline().read(APP)
    assert device.offline().read(POLICY) == before
    assert device.files.read(APP) == b"app"
