"""Two machines with one number: copies of an image, a copied vault, the same app installed again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.doctor import examine
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    BrowserRequired,
    DeviceExists,
    DeviceLimitReached,
    DeviceRevoked,
)
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import MemorySecrets

MACHINE, ANOTHER_MACHINE = "4c4c4544003957108052b4c04f384833", "9a4c4544003957108052b4c04f3848ff"


@pytest.fixture(autouse=True)
def _one_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("machineid.id", lambda: MACHINE)


@pytest.fixture
def sandbox(world: World) -> Sandbox:
    return world.sandbox


class Machine:
    """A machine that was made from the image; its user has a vault of their own."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.world = World(sandbox, folder)
        self.rocket = RocketVPN.open(self.world.config())

    def works(self) -> bool:
        try:
            return self.rocket.device.order().state == "active"
        except DeviceRevoked:
            return False


@pytest.fixture
def machines(sandbox: Sandbox, tmp_path: Path) -> Iterator[list[Machine]]:
    made = [Machine(sandbox, tmp_path / name) for name in ("first", "clone")]
    yield made
    for machine in made:
        machine.rocket.close()


@pytest.mark.clause("C1", "U2")
def test_a_clone_is_asked_about_before_anything_happens_to_the_first(sandbox: Sandbox, machines: list[Machine]) -> None:
    first, clone = machines
    order = sandbox.order(limit=3)
    binding = first.rocket.device.bind(order)
    for _ in range(2):
        with pytest.raises(DeviceExists) as asked:
            clone.rocket.device.bind(order)
    assert [device.id for device in asked.value.devices] == [binding.device_id]
    assert asked.value.devices[0].name in str(asked.value)
    assert (clone.rocket.device.binding, clone.world.asked) == (None, [])  # not even a code was sent
    assert first.works()


@pytest.mark.clause("C1", "U2")
def test_clones_are_two_devices_if_the_user_says_so(sandbox: Sandbox, machines: list[Machine]) -> None:
    first, clone = machines
    order = sandbox.order(limit=3)
    ids = [first.rocket.device.bind(order).device_id, clone.rocket.device.bind(order, another=True).device_id]
    assert len(set(ids)) == 2
    assert first.works()
    assert clone.works()
    assert [device.current for device in first.rocket.device.list()].count(True) == 1
    assert first.rocket.device.order().devices_used == 2
    assert clone.rocket.rights.delete(clone.rocket.rights.plan_delete("device")).server.state == "confirmed"
    assert first.works()


@pytest.mark.clause("C1", "A4")
def test_the_same_machine_installed_again_is_the_same_device_by_a_code(
    sandbox: Sandbox, machines: list[Machine]
) -> None:
    first, again = machines
    order = sandbox.order()
    before = first.rocket.device.bind(order).device_id
    again.rocket.close()
    guessing = RocketVPN.open(again.world.config(authenticator=lambda _: "00000000"))
    with guessing, pytest.raises(AuthenticationFailed):
        guessing.device.bind(order, replace=before)
    assert first.works()
    with RocketVPN.open(again.world.config()) as rocket:
        assert rocket.device.bind(order, replace=before).device_id == before
        assert len(rocket.device.list()) == 1
    assert not first.works()  # it was put out by its owner's code, and is told


@pytest.mark.clause("U2")
def test_a_clone_counts_like_any_device(sandbox: Sandbox, machines: list[Machine]) -> None:
    first, clone = machines
    order = sandbox.order(limit=1)
    first.rocket.device.bind(order)
    with pytest.raises(DeviceLimitReached):
        clone.rocket.device.bind(order, another=True)
    assert first.works()


@pytest.mark.clause("U2")
def test_without_an_address_nobody_is_put_out_and_a_clone_still_binds(
    sandbox: Sandbox, machines: list[Machine]
) -> None:
    first, clone = machines
    order = sandbox.order(limit=2, email=None)
    known = first.rocket.device.bind(order).device_id
    with pytest.raises(BrowserRequired):
        clone.rocket.device.bind(order, replace=known)
    clone.rocket.device.bind(order, another=True)
    assert first.works()
    assert clone.works()


@pytest.mark.clause("U2", "T2")
def test_a_copied_vault_is_one_device_and_ends_with_it(
    sandbox: Sandbox, machines: list[Machine], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = machines
    first.rocket.device.bind(sandbox.order(limit=3))
    first.rocket.close()
    secrets = MemorySecrets()
    for name in first.world.secrets.names():
        secrets.set(name, first.world.secrets.get(name) or b"")
    shutil.copytree(first.world.folder, tmp_path / "copy")
    copied = World(sandbox, tmp_path / "copy", secrets=secrets)
    with RocketVPN.open(first.world.config()) as here, RocketVPN.open(copied.config()) as there:
        assert here.device.binding == there.device.binding
        assert len(here.device.list()) == len(there.device.list()) == 1  # the server cannot tell them apart
        assert here.device.order().devices_used == 1
    assert binding_state(copied) == "ok"  # with the machine's number copied too, nor can we
    monkeypatch.setattr("machineid.id", lambda: ANOTHER_MACHINE)
    assert binding_state(copied) == "attention"
    with RocketVPN.open(first.world.config()) as here, RocketVPN.open(copied.config()) as there:
        here.device.unbind()
        with pytest.raises(DeviceRevoked):
            there.device.order()


def test_a_device_with_a_random_number_is_at_home_everywhere(
    sandbox: Sandbox, machines: list[Machine], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, clone = machines
    clone.rocket.device.bind(sandbox.order(limit=3), another=True)
    clone.rocket.close()
    monkeypatch.setattr("machineid.id", lambda: ANOTHER_MACHINE)
    assert binding_state(clone.world) == "ok"


def binding_state(world: World) -> str:
    return {finding.check: finding.state for finding in examine(world.config()).findings}["binding"]
