"""Signed files between a device and the sandbox, over real TLS: through the guard, recorded, and without a name."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from support.signed_files import POLICY, Device
from support.world import World

from rocketvpn_sdk import RocketVPN
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import ConfigurationError, EgressBlocked, OperationUndeclared, UpdateRefused
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import Policy, State, parse_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.signed_files import TrustedFiles, beside, remove
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.transport import Api


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server", clock=clock) as running:
        yield running


@pytest.fixture
def device(sandbox: Sandbox, tmp_path: Path, clock: FakeClock) -> Iterator[Device]:
    device = Device(sandbox, tmp_path / "vault", clock)
    yield device
    device.api.close()


def published(policy: Policy, version: int) -> Policy:
    return Policy(msgspec.structs.replace(policy.document, version=version))


@pytest.mark.clause("X1")
def test_the_policy_and_the_keys_of_receipts_are_there_from_the_start(sandbox: Sandbox, device: Device) -> None:
    assert parse_policy(device.policy().decode()).sha256 == sandbox.policy.sha256
    keys = json.loads(device.files.read("keys/receipts.json"))
    assert keys["keys"][0]["use"] == "sig"


@pytest.mark.clause("X1")
def test_a_published_version_arrives(sandbox: Sandbox, device: Device) -> None:
    device.refresh()
    sandbox.publish(published(sandbox.policy, 2))
    device.refresh()
    newest = parse_policy(device.policy().decode())
    assert newest.version == 2
    assert newest.recipients["operator"].hosts == ("localhost",)


@pytest.mark.clause("U4")
def test_nobody_says_who_is_asking(sandbox: Sandbox, device: Device) -> None:
    device.policy()
    seen = [request for request in sandbox.requests if request.path.startswith("/tuf/")]
    assert [request.path.rpartition("/")[0] for request in seen] == ["/tuf/metadata"] * 4 + ["/tuf/targets/policy"]
    for request in seen:
        names = {name for name, _ in request.headers}
        assert names == {"host", "accept", "accept-encoding", "user-agent", "sec-gpc"}
        assert request.body == b""


@pytest.mark.clause("A1")
def test_every_fetch_is_in_the_ledger(device: Device) -> None:
    device.policy()
    entries = list(device.api.sent.entries())
    assert [entry.operation for entry in entries] == ["tuf.metadata"] * 4 + ["tuf.target"]
    assert {(entry.purpose, entry.recipient, entry.identity, entry.fields, entry.size) for entry in entries} == {
        ("software", "operator", "none", (), 0)
    }
    assert [entry.outcome for entry in entries] == ["404 not-found", "200", "200", "200", "200"]


@pytest.mark.clause("S1")
def test_a_host_that_is_not_the_operators_is_not_asked(sandbox: Sandbox, device: Device) -> None:
    elsewhere = sandbox.policy.with_hosts("operator", ("api.rocketvpn.example",))
    device.api._exchange.permit = Permit(lambda: PolicyState(elsewhere), State, device.clock.time)
    asked = len(sandbox.requests)
    with pytest.raises(EgressBlocked):
        device.refresh()
    assert len(sandbox.requests) == asked


def test_only_what_asks_for_no_name_is_fetched(device: Device) -> None:
    with pytest.raises(OperationUndeclared):
        device.api.fetch("order.read", path={}, at_most=10)
    with pytest.raises(OperationUndeclared):
        device.api.fetch("nothing.known", path={}, at_most=10)


def test_an_app_cannot_fetch_them_by_itself(device: Device) -> None:
    with pytest.raises(OperationUndeclared, match="own"):
        device.api.invoke("tuf.metadata", {"file": "timestamp.json"})


def test_a_repository_outlives_its_server(tmp_path: Path, clock: FakeClock) -> None:
    with Sandbox(tmp_path / "server", clock=clock) as first:
        device = Device(first, tmp_path / "vault", clock)
        device.refresh()
        first.publish(published(first.policy, 2))
        first.rotate_root("snapshot")
        root = first.trusted_root.read_bytes()
        device.api.close()
    clock.advance(400 * DAY)
    with Sandbox(tmp_path / "server", clock=clock) as second:
        assert second.trusted_root.read_bytes() == root
        again = Device(second, tmp_path / "vault", clock)
        again.refresh()
        shown = parse_policy(again.policy().decode()).version
        assert shown == first.policy.version, "it publishes its own policy at each start"
        again.api.close()


def test_the_sandbox_publishes_nothing_that_the_sdk_would_not_ask_for(sandbox: Sandbox) -> None:
    for path in ("policy.json", "a/b/c", "../keys/x", "a/.b"):
        with pytest.raises(ValueError, match="folder/file"):
            sandbox.publish_target(path, b"x")


def test_the_sandbox_serves_its_repository_and_nothing_beside_it(sandbox: Sandbox, device: Device) -> None:
    for folder, file in [("policy", "policy.json"), ("keys", "root.json"), ("metadata", "1.root.json")]:
        assert device.api.fetch("tuf.target", path={"folder": folder, "file": file}, at_most=100) is None
    assert device.api.fetch("tuf.metadata", path={"file": "1.root.json"}, at_most=9999) == device.root


# ---------------------------------------------------------------- with a real vault


def files_of(rocket: RocketVPN, world: World) -> tuple[TrustedFiles, Api]:
    config, api = world.config(), rocket._components.api
    root = config.resolved_root
    assert root is not None
    folder = beside(config.folder)
    now = rocket._components.vault.now
    return TrustedFiles(folder=folder, trusted_root=root, fetch=api.fetch, now=now, limits=config.limits), api


@pytest.mark.clause("X1")
def test_beside_a_vault(world: World) -> None:
    with RocketVPN.open(world.config()) as rocket:
        files, api = files_of(rocket, world)
        files.refresh()
        assert files.read(POLICY) == world.sandbox.policy.canonical_json()
        assert [entry.operation for entry in api.sent.entries()][-1] == "tuf.target"
    remove(beside(world.folder))
    RocketVPN.reset(world.config())
    assert not world.folder.exists()


@pytest.mark.clause("X1")
def test_a_clock_set_back_does_not_bring_expired_files_to_life(tmp_path: Path) -> None:
    clock = FakeClock()
    with Sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        with RocketVPN.open(world.config(clock=clock)) as rocket:
            files, _ = files_of(rocket, world)
            files.read(POLICY)
            sandbox.faults.freeze_updates = True
            clock.advance(3 * DAY)
            clock.turn(-3 * DAY)
            with pytest.raises(UpdateRefused) as caught:
                files.refresh()
            assert caught.value.params["reason"] == "expired"


# ---------------------------------------------------------------- configuration, and what is loaded


def test_a_root_is_given_as_a_file_or_as_bytes(world: World) -> None:
    content = world.sandbox.trusted_root.read_bytes()
    assert world.config().resolved_root == content
    assert world.config(trusted_root=content).resolved_root == content
    assert world.config(trusted_root=None).resolved_root is None


def test_a_root_that_cannot_be_read(world: World, tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(bytes(200_000))
    for wrong in (tmp_path / "missing", tmp_path, tmp_path / "long", "root.json"):
        with pytest.raises(ConfigurationError, match="trusted_root"):
            world.config(trusted_root=wrong)


_LOADED = """
import sys
from rocketvpn_sdk.signed_files import TrustedFiles, beside, remove
print([name for name in ("tuf", "httpx", "securesystemslib", "urllib3") if name in sys.modules])
"""


def test_importing_the_room_brings_neither_tuf_nor_httpx() -> None:
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
