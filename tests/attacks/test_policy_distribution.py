"""Someone between the operator's repository and the device, or with some of the operator's keys (X1, T1).

TUF's threats, by the names that its specification gives them (§1.5.2). After each, what was trusted before still is,
also without a connection, until it expires.
"""

from __future__ import annotations

import os
import shutil
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from support.delegations import TOP, Delegator
from support.signed_files import (
    LIMITS,
    POLICY,
    Device,
    files_in,
    load,
    no_network,
    put,
    stranger,
    thief,
    version_of,
)
from support.tls_peers import Serve, answer, issued, tls_peer
from tuf.api.metadata import MetaFile, Root, TargetFile

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import (
    CertificateUntrusted,
    RateLimited,
    RocketVPNError,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    UpdateRefused,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.signed_files import beside
from rocketvpn_sdk.signed_files.metadata import from_bytes
from rocketvpn_sdk.testing import FakeClock

pytestmark = [pytest.mark.clause("X1"), pytest.mark.usefixtures("no_pauses")]
TESTS = Path(__file__).parents[1]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def sandbox(tmp_path: Path, clock: FakeClock) -> Iterator[Sandbox]:
    with Sandbox(tmp_path / "server", clock=clock) as running:
        yield running


@pytest.fixture
def repository(sandbox: Sandbox) -> Path:
    """The operator's repository: whoever stands between writes here."""
    return sandbox.tuf_folder


@pytest.fixture
def device(sandbox: Sandbox, tmp_path: Path, clock: FakeClock) -> Iterator[Device]:
    """A device that trusts the second version of everything, and has read the policy."""
    device = Device(sandbox, tmp_path / "vault", clock)
    sandbox.publish_target("releases/notes.txt", b"first")
    device.refresh()
    device.policy()
    yield device
    device.api.close()


def refused(device: Device, reason: str) -> UpdateRefused:
    """Check that a refresh is refused for ``reason``, and that what was trusted before still is."""
    before = device.policy()
    with pytest.raises(UpdateRefused) as caught:
        device.refresh()
    assert caught.value.params["reason"] == reason
    assert caught.value.__cause__ is None
    assert device.offline().read(POLICY) == before
    return caught.value


# ---------------------------------------------------------------- rollback


def test_rollback_of_the_timestamp(sandbox: Sandbox, device: Device, repository: Path) -> None:
    old = (repository / "metadata" / "timestamp.json").read_bytes()
    sandbox.publish_target("releases/notes.txt", b"second")
    device.refresh()
    (repository / "metadata" / "timestamp.json").write_bytes(old)
    refused(device, "rollback")


def test_rollback_of_the_snapshot_with_the_stolen_key_of_the_timestamp(device: Device, repository: Path) -> None:
    forged = load(repository, "timestamp.json").signed
    forged.version += 1
    forged.snapshot_meta = MetaFile(version=1)
    put(repository, "timestamp.json", forged, thief(repository, "timestamp"))
    refused(device, "rollback")


def test_rollback_of_the_targets_with_the_stolen_keys_of_timestamp_and_snapshot(
    device: Device, repository: Path
) -> None:
    number = version_of(repository, "snapshot") + 1
    snapshot = load(repository, f"{number - 1}.snapshot.json").signed
    snapshot.version = number
    snapshot.meta["targets.json"] = MetaFile(version=1)
    put(repository, f"{number}.snapshot.json", snapshot, thief(repository, "snapshot"))
    timestamp = load(repository, "timestamp.json").signed
    timestamp.version += 1
    timestamp.snapshot_meta = MetaFile(version=number)
    put(repository, "timestamp.json", timestamp, thief(repository, "timestamp"))
    refused(device, "rollback")


def test_rollback_after_a_refresh_that_was_cut_off(sandbox: Sandbox, device: Device, repository: Path) -> None:
    """A newer timestamp was seen and verified, though nothing more of that refresh arrived: it counts all the same."""
    old = (repository / "metadata" / "timestamp.json").read_bytes()
    sandbox.publish_target("releases/notes.txt", b"second")
    (repository / "metadata" / f"{version_of(repository, 'snapshot')}.snapshot.json").unlink()
    refused(device, "missing")
    (repository / "metadata" / "timestamp.json").write_bytes(old)
    refused(device, "rollback")


# ---------------------------------------------------------------- freeze


def test_freeze(sandbox: Sandbox, device: Device, clock: FakeClock) -> None:
    """The same files for ever: believed until they expire, and no longer."""
    sandbox.faults.freeze_updates = True
    clock.advance(DAY - 60)
    device.refresh()
    assert device.offline().read(POLICY) == device.policy()
    clock.advance(120)
    with pytest.raises(UpdateRefused) as caught:
        device.refresh()
    assert caught.value.params["reason"] == "expired"
    with pytest.raises(UpdateRefused) as caught:
        device.offline().read(POLICY)
    assert caught.value.params["reason"] == "expired"
    sandbox.faults.freeze_updates = False
    device.refresh()
    assert device.policy() == sandbox.policy.canonical_json()


def test_freeze_of_one_role_behind_a_timestamp_that_is_renewed(
    sandbox: Sandbox, device: Device, clock: FakeClock, repository: Path
) -> None:
    """With the stolen key of the timestamp: the snapshot's own date ends it within a week."""
    sandbox.faults.freeze_updates = True
    clock.advance(8 * DAY)
    timestamp = load(repository, "timestamp.json").signed
    timestamp.version += 1
    timestamp.expires = timestamp.expires.replace(year=timestamp.expires.year + 1)
    put(repository, "timestamp.json", timestamp, thief(repository, "timestamp"))
    with pytest.raises(UpdateRefused) as caught:
        device.refresh()
    assert caught.value.params["reason"] == "expired"


# ---------------------------------------------------------------- keys


def test_wrong_key(device: Device, repository: Path) -> None:
    forged = load(repository, "timestamp.json").signed
    forged.version += 1
    put(repository, "timestamp.json", forged, stranger())
    error = refused(device, "signature")
    assert "not enough of the right keys" in str(error)


def test_no_signature_at_all(device: Device, repository: Path) -> None:
    forged = load(repository, "timestamp.json").signed
    forged.version += 1
    put(repository, "timestamp.json", forged)
    refused(device, "signature")


def test_stolen_online_keys_cannot_sign_a_policy(device: Device, repository: Path) -> None:
    """Timestamp and snapshot keys lie on servers; the targets' key does not, and only it says what the policy is."""
    for signer in (thief(repository, "snapshot"), stranger()):
        evil = b'{"policy_id":"rocketvpn","version":99}'
        number = version_of(repository, "targets") + 1
        targets = load(repository, f"{number - 1}.targets.json").signed
        targets.version = number
        targets.targets[POLICY] = TargetFile.from_data(POLICY, evil, ["sha256"])
        content = put(repository, f"{number}.targets.json", targets, signer)
        _sign_for(repository, number, content)
        refused(device, "signature")


def _sign_for(repository: Path, number: int, targets: bytes) -> None:
    """Sign a snapshot and a timestamp for ``targets``, with the stolen keys of both."""
    version = version_of(repository, "snapshot")
    snapshot = load(repository, f"{version}.snapshot.json").signed
    snapshot.version = version + 1
    snapshot.meta["targets.json"] = MetaFile.from_data(number, targets, ["sha256"])
    content = put(repository, f"{version + 1}.snapshot.json", snapshot, thief(repository, "snapshot"))
    timestamp = load(repository, "timestamp.json").signed
    timestamp.version += 1
    timestamp.snapshot_meta = MetaFile.from_data(version + 1, content, ["sha256"])
    put(repository, "timestamp.json", timestamp, thief(repository, "timestamp"))


# ---------------------------------------------------------------- the root


def test_the_root_is_rotated(sandbox: Sandbox, device: Device) -> None:
    for version in range(2, 6):
        sandbox.rotate_root()
        sandbox.publish_target("releases/notes.txt", b"release %d" % version)
        device.refresh()
        assert device.files.read("releases/notes.txt") == b"release %d" % version
    newcomer = Device(sandbox, device.vault.parent / "new", device.clock)
    newcomer.refresh()
    assert newcomer.policy() == device.policy()
    newcomer.api.close()


def forged_root(repository: Path, version: int = 2) -> tuple[Root, list[object]]:
    """Return a root whose keys are all the attacker's."""
    root = load(repository, "1.root.json").signed
    root.version = version
    mine = [stranger() for _ in range(5)]
    for role, keys in {"root": mine[:2], "timestamp": mine[2:3], "snapshot": mine[3:4], "targets": mine[4:]}.items():
        for key_id in list(root.roles[role].keyids):
            root.revoke_key(key_id, role)
        for key in keys:
            root.add_key(key.public_key, role)
    return root, mine[:2]


def test_a_forged_root_signed_by_itself_alone(device: Device, repository: Path) -> None:
    root, mine = forged_root(repository)
    put(repository, "2.root.json", root, *mine)
    refused(device, "signature")


def test_a_forged_root_signed_by_one_stolen_key(device: Device, repository: Path) -> None:
    """Two of the operator's keys sign a root, so that one that was stolen decides nothing."""
    root, mine = forged_root(repository)
    put(repository, "2.root.json", root, *mine, thief(repository, "root"))
    refused(device, "signature")


def test_one_stolen_key_used_twice(device: Device, repository: Path) -> None:
    root, mine = forged_root(repository)
    stolen = thief(repository, "root")
    put(repository, "2.root.json", root, *mine, stolen, stolen)
    refused(device, "signature")


def test_a_root_that_leaves_a_version_out(sandbox: Sandbox, device: Device, repository: Path) -> None:
    sandbox.rotate_root()
    sandbox.rotate_root()
    shutil.copy(repository / "metadata" / "3.root.json", repository / "metadata" / "2.root.json")
    with pytest.raises(UpdateRefused):
        device.refresh()
    assert device.offline().read(POLICY)


def test_a_revoked_key_is_revoked_though_the_rest_of_the_refresh_failed(
    sandbox: Sandbox, device: Device, repository: Path
) -> None:
    stolen = thief(repository, "timestamp")
    before = load(repository, "timestamp.json").signed
    sandbox.rotate_root("timestamp")
    (repository / "metadata" / "timestamp.json").unlink()
    with pytest.raises(UpdateRefused):
        device.refresh()
    (repository / "metadata" / "2.root.json").unlink()  # the attacker hides that there is a newer one
    before.version += 5
    put(repository, "timestamp.json", before, stolen)
    with pytest.raises(UpdateRefused) as caught:
        device.refresh()
    assert caught.value.params["reason"] == "signature"


# ---------------------------------------------------------------- content


def test_a_tampered_target(sandbox: Sandbox, device: Device, repository: Path) -> None:
    """Metadata and file come one after the other: the new metadata holds, and nothing that is not the file is read."""
    sandbox.publish_target("keys/receipts.json", b'{"keys":["theirs"]}')
    device.refresh()
    for path in (repository / "targets" / "keys").iterdir():
        path.write_bytes(path.read_bytes().replace(b"keys", b"mine"))
    with pytest.raises(UpdateRefused) as caught:
        device.files.read("keys/receipts.json")
    assert caught.value.params["reason"] == "tampered"
    assert device.offline().read(POLICY) == device.policy(), "other files are not touched by it"


def test_a_target_tampered_with_on_the_device(device: Device) -> None:
    kept = beside(device.vault) / "targets" / "policy%2Fpolicy.json"
    genuine = kept.read_bytes()
    kept.write_bytes(genuine.replace(b"rocketvpn", b"evilvpn!!"))
    with pytest.raises(ServerUnreachable):
        device.offline().read(POLICY)
    assert device.policy() == genuine
    assert kept.read_bytes() == genuine


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets"])
def test_tampered_metadata(sandbox: Sandbox, device: Device, repository: Path, role: str) -> None:
    sandbox.publish_target("releases/notes.txt", b"second")
    name = "timestamp.json" if role == "timestamp" else f"{version_of(repository, role)}.{role}.json"
    path = repository / "metadata" / name
    path.write_bytes(path.read_bytes().replace(b'"version":', b'"versiom":', 1))
    refused(device, "tampered")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10_000, b'{"signed":{"_type":1e999}}']
)
def test_garbage_metadata(device: Device, repository: Path, content: bytes) -> None:
    (repository / "metadata" / "timestamp.json").write_bytes(content)
    refused(device, "tampered")


def test_mix_and_match(sandbox: Sandbox, device: Device, repository: Path) -> None:
    """Each file is genuine, and they are not of the same state of the repository."""
    before = version_of(repository, "snapshot")
    sandbox.publish_target("releases/notes.txt", b"second")
    metadata = repository / "metadata"
    now = version_of(repository, "snapshot")
    fresh = (metadata / f"{now}.snapshot.json").read_bytes()
    shutil.copy(metadata / f"{before}.snapshot.json", metadata / f"{now}.snapshot.json")
    refused(device, "tampered")
    (metadata / f"{now}.snapshot.json").write_bytes(fresh)
    shutil.copy(metadata / "1.targets.json", metadata / f"{version_of(repository, 'targets')}.targets.json")
    refused(device, "tampered")


def test_an_older_target_under_the_name_of_the_new_one(sandbox: Sandbox, device: Device, repository: Path) -> None:
    folder = repository / "targets" / "releases"
    old = next(folder.iterdir())
    sandbox.publish_target("releases/notes.txt", b"later")
    new = next(path for path in folder.iterdir() if path != old)
    shutil.copy(old, new)
    device.refresh()
    with pytest.raises(UpdateRefused) as caught:
        device.files.read("releases/notes.txt")
    assert caught.value.params["reason"] == "tampered"


# ---------------------------------------------------------------- size and time


def test_a_target_longer_than_was_said(sandbox: Sandbox, device: Device, repository: Path) -> None:
    sandbox.publish_target("releases/big.bin", b"abc")
    device.refresh()
    for path in (repository / "targets" / "releases").glob("*.big.bin"):
        path.write_bytes(b"abcd")
    with pytest.raises(UpdateRefused) as caught:
        device.files.read("releases/big.bin")
    assert caught.value.params["reason"] == "oversize"
    assert [entry.outcome for entry in device.api.sent.entries()][-1] == "unusable answer: answer-too-large"


def test_a_target_too_long_to_be_read_is_not_even_asked_for(sandbox: Sandbox, device: Device) -> None:
    sandbox.publish_target("releases/big.bin", bytes((1 << 20) + 1))
    device.refresh()
    asked = len(sandbox.requests)
    with pytest.raises(UpdateRefused) as caught:
        device.files.read("releases/big.bin")
    assert caught.value.params["reason"] == "oversize"
    assert len(sandbox.requests) == asked


def test_metadata_longer_than_may_be(device: Device, repository: Path) -> None:
    path = repository / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes() + b" " * (1 << 20))
    refused(device, "oversize")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def endless(connection: ssl.SSLSocket, done: threading.Event) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not done.is_set():
        connection.sendall(b"4000\r\n" + b"a" * 0x4000 + b"\r\n")


def dripping(connection: ssl.SSLSocket, done: threading.Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 10000\r\n\r\n")
    while not done.wait(0.05):
        connection.sendall(b"{")


def cutting(connection: ssl.SSLSocket, done: threading.Event) -> None:
    connection.sendall(HEAD + b"Content-Length: 10000\r\n\r\n{")
    raise OSError  # which ends the connection


@pytest.mark.parametrize(
    ("serve", "kind", "total"),
    [(endless, UpdateRefused, 60), (dripping, ServerTimeout, 0.6), (cutting, ServerUnreachable, 60)],
)
def test_a_body_without_an_end(
    sandbox: Sandbox, device: Device, serve: Serve, kind: type[RocketVPNError], total: float, clock: FakeClock
) -> None:
    """It ends, by its size or by the call's deadline: the time-out of one read does not come before an hour."""
    ca = trustme.CA.from_pem(sandbox.ca_file.read_bytes(), (sandbox.folder / "ca-key.pem").read_bytes())
    with tls_peer(issued(ca), serve=serve) as peer:
        limits = Limits(total_timeout=total, read_timeout=3_600)
        victim = Device(sandbox, device.vault, clock, server=peer.url, limits=limits)
        with pytest.raises(kind):
            victim.refresh()
        victim.api.close()
    assert device.offline().read(POLICY) == device.policy()


def test_a_certificate_of_someone_else(sandbox: Sandbox, device: Device, clock: FakeClock) -> None:
    with tls_peer(issued(trustme.CA()), serve=answer(b"")) as peer:
        victim = Device(sandbox, device.vault, clock, server=peer.url)
        with pytest.raises(CertificateUntrusted):
            victim.refresh()
        victim.api.close()
        assert bytes(peer.received) == b""
    assert device.offline().read(POLICY) == device.policy()


def test_a_network_that_wants_its_user_to_sign_in(sandbox: Sandbox, device: Device) -> None:
    sandbox.faults.garbage()
    with pytest.raises(ServerError):
        device.refresh()
    assert device.offline().read(POLICY) == device.policy()


@pytest.mark.parametrize(("status", "kind"), [(500, ServerError), (503, ServerError), (429, RateLimited)])
def test_a_server_that_fails(sandbox: Sandbox, device: Device, status: int, kind: type[RocketVPNError]) -> None:
    sandbox.faults.fail(9, status=status, retry_after=None)
    with pytest.raises(kind):
        device.refresh()
    sandbox.faults.clear()
    assert device.offline().read(POLICY) == device.policy()
    device.refresh()


# ---------------------------------------------------------------- two processes, and death

_CHILD = """
import json, sys, threading
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from support.signed_files import POLICY, LIMITS, files_in
from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.sandbox.tuf_repository import Repository

folder, vault, rounds, stop_at = Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
metadata, targets = folder / "metadata", folder / "targets"

def fetch(operation, /, *, path, at_most):
    base = metadata if operation == "tuf.metadata" else targets
    name = "/".join(path.values())
    if stop_at and name.endswith(stop_at):
        print("waiting", flush=True)
        threading.Event().wait()
    try:
        return (base / name).read_bytes()
    except FileNotFoundError:
        return None

class Clock:
    time = staticmethod(lambda: float(sys.argv[6]))

files = files_in(vault, (folder / "root.json").read_bytes(), fetch, Clock())
for _ in range(rounds):
    files.refresh()
    files.read(sys.argv[7])
print("done", flush=True)
"""


def child(
    device: Device, repository: Path, *, rounds: int = 1, stop_at: str = "", path: str = POLICY
) -> subprocess.Popen[str]:
    """Start another process of the same user, which fetches into the same folder."""
    arguments = [TESTS, repository, device.vault, rounds, stop_at, device.clock.time(), path]
    command = [sys.executable, "-c", _CHILD, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_two_processes_and_threads_at_once(sandbox: Sandbox, device: Device, repository: Path) -> None:
    others = [child(device, repository, rounds=15) for _ in range(2)]
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for number in range(10):
                sandbox.publish_target("releases/notes.txt", b"%d" % number)
                device.refresh()
                device.policy()
        except BaseException as error:  # noqa: BLE001 - nothing may escape a thread unseen
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    for other in others:
        out, err = other.communicate(timeout=60)
        assert (out.strip(), other.returncode) == ("done", 0), err
    assert failures == []
    assert device.offline().read(POLICY) == sandbox.policy.canonical_json()
    assert sorted(path.name for path in beside(device.vault).iterdir()) == ["kept.json", "lock.db", "targets"]


@pytest.mark.parametrize("step", ["2.root.json", "timestamp.json", ".snapshot.json", ".targets.json", ".notes.txt"])
def test_kill_in_the_middle_of_a_refresh(sandbox: Sandbox, device: Device, repository: Path, step: str) -> None:
    before = device.policy()
    sandbox.publish_target("releases/notes.txt", b"second")
    if step == ".notes.txt":
        sandbox.publish_target(POLICY, b"{}")
        step = ".policy.json"
        before = b"{}"
    process = child(device, repository, stop_at=step)
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    folder = beside(device.vault)
    assert list(folder.glob("work-*")), "it died in the middle"
    if step != ".policy.json":
        assert device.offline().read(POLICY) == before, "the last good state is whole"
    device.refresh()
    assert device.policy() == before
    assert device.files.read("releases/notes.txt") == b"second"
    assert not list(folder.glob("work-*"))


@pytest.mark.parametrize(("step", "found"), [(".ours.json", False), (".theirs.json", False), (".app.bin", True)])
def test_kill_in_the_middle_of_a_look_up(device: Device, repository: Path, step: str, found: bool) -> None:
    """Two delegated roles, the second of which lists the file: the state before it or the one after it."""
    operator = Delegator(repository)
    for role in ("ours", "theirs"):
        operator.delegate(TOP, role, "apps/*")
    operator.add("theirs", "apps/app.bin", b"app")
    operator.serve()
    device.refresh()
    before = device.policy()
    process = child(device, repository, stop_at=step, path="apps/app.bin")
    assert process.stdout
    assert process.stdout.readline() == "waiting\n"
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    kept = from_bytes((beside(device.vault) / "kept.json").read_bytes())
    assert (kept.good.keys() >= {"ours.json", "theirs.json"}) is found
    assert device.offline().read(POLICY) == before
    assert device.files.read("apps/app.bin") == b"app"
    assert not list(beside(device.vault).glob("work-*"))


def test_a_process_that_hangs_holds_the_others_for_a_bounded_time(
    sandbox: Sandbox, device: Device, repository: Path
) -> None:
    from rocketvpn_sdk.errors import UpdateBusy

    process = child(device, repository, stop_at="timestamp.json")
    try:
        assert process.stdout
        assert process.stdout.readline() == "waiting\n"
        hurried = files_in(device.vault, device.root, no_network, device.clock, Limits(total_timeout=0.3))
        with pytest.raises(UpdateBusy):
            hurried.read(POLICY)
    finally:
        process.kill()
        process.communicate(timeout=60)
    assert LIMITS.total_timeout
    assert device.policy()
