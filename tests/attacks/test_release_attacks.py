"""Someone between the operator's releases and the device, or with some of the operator's keys (U4, X1).

TUF's threats by the names that its specification gives them (§1.5.2), each over TLS. After each, what was known before
still is; what must not be installed gets no name in the user's folder. ``test_downloads.py`` has those of a download.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner
from support.releases import CONTENT, installed, publish
from support.signed_files import load, put, stranger, thief, version_of
from support.world import World
from tuf.api.metadata import MetaFile, TargetFile, Targets

from rocketvpn_sdk import RocketVPN, platforms
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import DownloadFailed, ReleaseRefused, UpdateRefused
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.updates import Release, UpdateCheck
from rocketvpn_sdk.wire import RELEASES_TARGET

pytestmark = [pytest.mark.clause("U4"), pytest.mark.usefixtures("no_pauses")]
ROLE = "releases"


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(tmp_path: Path, clock: FakeClock) -> Iterator[World]:
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        publish(sandbox, "1.1")
        publish(sandbox, "1.2")
        yield World(sandbox, tmp_path / "vault")


@pytest.fixture
def repository(world: World) -> Path:
    """The operator's repository: whoever stands between writes here."""
    return world.sandbox.tuf_folder


@pytest.fixture
def rocket(world: World, clock: FakeClock) -> Iterator[RocketVPN]:
    """A device that looked for updates, and knows version 1.2."""
    with installed(world, clock=clock) as rocket:
        assert offered(rocket.updates.check()).version == "1.2"
        yield rocket


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def offered(found: UpdateCheck) -> Release:
    assert found.release is not None
    return found.release


def refused(rocket: RocketVPN, reason: str) -> None:
    """Check that a check is refused for ``reason``, and that what was known before still is."""
    before = rocket.updates.known()
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] == reason
    assert rocket.updates.known() == before


def role_version(repository: Path) -> int:
    snapshot = load(repository, f"{version_of(repository, 'snapshot')}.snapshot.json").signed
    return int(snapshot.meta[f"{ROLE}.json"].version)


def release_keys(repository: Path) -> list[CryptoSigner]:
    """Return the two keys that sign releases, stolen."""
    targets = load(repository, f"{version_of(repository, 'targets')}.targets.json").signed
    pems = [(repository / "keys" / f"{name}.pem").read_bytes() for name in targets.delegations.roles[ROLE].keyids]
    return [CryptoSigner(load_pem_private_key(pem, password=None)) for pem in pems]


def forge(
    repository: Path, *signers: CryptoSigner, meta: MetaFile | None = None, targets: MetaFile | None = None
) -> None:
    """Serve a list that offers version 9, signed by ``signers``; with the stolen keys of snapshot and timestamp.

    ``meta``: what the snapshot says of the role in place of that; ``targets``: what it says of other targets metadata.
    """
    version = role_version(repository) + 1
    signed: Targets = load(repository, f"{version - 1}.{ROLE}.json").signed
    folder = repository / "targets" / "releases"
    evil = next(folder.glob(f"{signed.targets[RELEASES_TARGET].hashes['sha256']}.*")).read_bytes()
    evil = evil.replace(b'"1.2"', b'"9.9"')
    target = TargetFile.from_data(RELEASES_TARGET, evil, ["sha256"])
    (folder / f"{target.hashes['sha256']}.releases.json").write_bytes(evil)
    signed.targets[RELEASES_TARGET] = target
    signed.version = version
    content = put(repository, f"{version}.{ROLE}.json", signed, *signers)
    serve_snapshot(repository, meta or MetaFile.from_data(version, content, ["sha256"]), targets)


def serve_snapshot(repository: Path, meta: MetaFile, targets: MetaFile | None = None) -> None:
    version = version_of(repository, "snapshot") + 1
    snapshot = load(repository, f"{version - 1}.snapshot.json").signed
    snapshot.version = version
    snapshot.meta[f"{ROLE}.json"] = meta
    snapshot.meta["targets.json"] = targets or snapshot.meta["targets.json"]
    content = put(repository, f"{version}.snapshot.json", snapshot, thief(repository, "snapshot"))
    timestamp = load(repository, "timestamp.json").signed
    timestamp.version += 1
    timestamp.snapshot_meta = MetaFile.from_data(version, content, ["sha256"])
    put(repository, "timestamp.json", timestamp, thief(repository, "timestamp"))


# ---------------------------------------------------------------- rollback


def test_rollback_to_a_list_without_the_newest_release(world: World, rocket: RocketVPN, repository: Path) -> None:
    old = (repository / "metadata" / "timestamp.json").read_bytes()
    publish(world.sandbox, "1.3")
    assert offered(rocket.updates.check()).version == "1.3"
    (repository / "metadata" / "timestamp.json").write_bytes(old)
    refused(rocket, "rollback")


def test_rollback_to_an_older_list_with_the_stolen_keys_of_the_server(rocket: RocketVPN, repository: Path) -> None:
    """The list in which 1.2 is not there yet is genuine; the snapshot says that it is the newest."""
    serve_snapshot(repository, MetaFile(version=role_version(repository) - 1))
    refused(rocket, "rollback")


def test_an_older_release_is_not_installed_over_a_newer_one(world: World, clock: FakeClock, folder: Path) -> None:
    """It is genuine, and listed: it is a way back only if the operator says so."""
    with installed(world, "1.1", clock=clock) as rocket:
        newest = offered(rocket.updates.check())
    with installed(world, "2.0", clock=clock) as rocket:
        found = rocket.updates.check()
        assert found.release is None
        assert found.roll_backs == ()
        with pytest.raises(ReleaseRefused) as caught:
            rocket.updates.download(newest, folder)
    assert caught.value.cause == "older"
    assert list(folder.iterdir()) == []


# ---------------------------------------------------------------- freeze


def test_freeze(world: World, rocket: RocketVPN, clock: FakeClock) -> None:
    """A server that holds a fix back is believed until its signatures expire, and the app is told when that is."""
    world.sandbox.faults.freeze_updates = True
    until = rocket.updates.check().trusted_until.timestamp()
    assert clock.time() < until <= clock.time() + DAY
    clock.advance(until - clock.time() - 1)
    rocket.updates.check()
    clock.advance(2)
    for look in (rocket.updates.check, rocket.updates.known):
        with pytest.raises(UpdateRefused) as caught:
            look()
        assert caught.value.params["reason"] == "expired"
    world.sandbox.faults.freeze_updates = False
    assert offered(rocket.updates.check()).version == "1.2"


def test_freeze_of_the_list_behind_a_snapshot_that_is_renewed(
    world: World, rocket: RocketVPN, clock: FakeClock, repository: Path
) -> None:
    """With the stolen keys of the server: the list's own date ends it."""
    world.sandbox.faults.freeze_updates = True
    listed = load(repository, f"{role_version(repository)}.{ROLE}.json")
    targets = load(repository, f"{version_of(repository, 'targets')}.targets.json").signed
    clock.advance(listed.signed.expires.timestamp() - clock.time() + 1)
    assert targets.expires <= listed.signed.expires
    for name in ("snapshot", "timestamp"):
        number = version_of(repository, name)
        file = "timestamp.json" if name == "timestamp" else f"{number}.snapshot.json"
        renewed = load(repository, file).signed
        renewed.expires = renewed.expires.replace(year=renewed.expires.year + 1)
        put(repository, file, renewed, thief(repository, name))
    with pytest.raises(UpdateRefused):
        rocket.updates.check()
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.known()
    assert caught.value.params["reason"] == "expired"


# ---------------------------------------------------------------- wrong keys


@pytest.mark.parametrize("who", ["stranger", "one of two", "one of two, twice", "the server", "nobody"])
def test_wrong_keys(rocket: RocketVPN, repository: Path, who: str) -> None:
    """Two keys sign releases; neither those on servers nor one that was stolen can offer one."""
    one = release_keys(repository)[0]
    signers = {
        "stranger": [stranger(), stranger()],
        "one of two": [one],
        "one of two, twice": [one, one],
        "the server": [thief(repository, "snapshot"), thief(repository, "timestamp"), one],
        "nobody": [],
    }[who]
    forge(repository, *signers)
    before = rocket.updates.known()
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] == "signature"
    assert before.release is not None


def test_both_keys_stolen_is_what_it_takes(rocket: RocketVPN, repository: Path) -> None:
    forge(repository, *release_keys(repository))
    assert offered(rocket.updates.check()).version == "9.9"


def test_the_key_of_targets_says_whose_two_keys_count(rocket: RocketVPN, repository: Path) -> None:
    """docs/publishing.md says so: it is kept as well as those two, or in two hands as well."""
    mine = [CryptoSigner.generate_ed25519(), CryptoSigner.generate_ed25519()]
    version = version_of(repository, "targets") + 1
    targets: Targets = load(repository, f"{version - 1}.targets.json").signed
    for old in list(targets.delegations.roles[ROLE].keyids):
        targets.revoke_key(old, ROLE)
    for signer in mine:
        targets.add_key(signer.public_key, ROLE)
    targets.version = version
    content = put(repository, f"{version}.targets.json", targets, thief(repository, "targets"))
    forge(repository, *mine, targets=MetaFile.from_data(version, content, ["sha256"]))
    assert offered(rocket.updates.check()).version == "9.9"


# ---------------------------------------------------------------- root rotation


def test_the_root_and_the_keys_of_releases_are_rotated(world: World, rocket: RocketVPN) -> None:
    for number in range(3, 6):
        world.sandbox.rotate_root("timestamp")
        world.sandbox.releases.rotate_key()
        publish(world.sandbox, f"1.{number}")
        assert offered(rocket.updates.check()).version == f"1.{number}"


def test_a_key_that_was_rotated_out_signs_no_release(world: World, rocket: RocketVPN, repository: Path) -> None:
    old = release_keys(repository)
    world.sandbox.releases.rotate_key()
    assert offered(rocket.updates.check()).version == "1.2"
    forge(repository, *old)
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] == "signature"


def test_a_forged_root(rocket: RocketVPN, repository: Path) -> None:
    root = load(repository, "1.root.json").signed
    root.version = 2
    mine = [stranger(), stranger()]
    for key in mine:
        root.add_key(key.public_key, "root")
    put(repository, "2.root.json", root, *mine, thief(repository, "root"))
    refused(rocket, "signature")


# ---------------------------------------------------------------- mix and match


def test_mix_and_match(world: World, rocket: RocketVPN, repository: Path) -> None:
    """Each file is genuine, and they are not of one state of the repository."""
    metadata, before = repository / "metadata", role_version(repository)
    publish(world.sandbox, "1.3")
    shutil.copy(metadata / f"{before}.{ROLE}.json", metadata / f"{role_version(repository)}.{ROLE}.json")
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] == "tampered"


def test_an_older_list_under_the_name_of_the_new_one(world: World, rocket: RocketVPN, repository: Path) -> None:
    folder = repository / "targets" / "releases"
    old = set(folder.iterdir())
    publish(world.sandbox, "1.3")
    (new,) = set(folder.iterdir()) - old
    new.write_bytes(old.pop().read_bytes())
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] in ("tampered", "oversize")


def test_the_package_of_another_version(world: World, rocket: RocketVPN, folder: Path) -> None:
    files = world.sandbox.folder / "releases" / platforms.kind()
    publish(world.sandbox, "1.3", CONTENT[::-1])
    release = offered(rocket.updates.check())
    shutil.copy(files / "1.2" / "package", files / "1.3" / "package")
    with pytest.raises(DownloadFailed) as caught:
        rocket.updates.download(release, folder)
    assert caught.value.cause == "changed"
    assert list(folder.iterdir()) == []


# ---------------------------------------------------------------- endless data


def test_endless_metadata(rocket: RocketVPN, repository: Path) -> None:
    path = repository / "metadata" / "timestamp.json"
    path.write_bytes(path.read_bytes() + b" " * (1 << 20))
    refused(rocket, "oversize")


def test_an_endless_list(world: World, rocket: RocketVPN, repository: Path) -> None:
    folder = repository / "targets" / "releases"
    old = set(folder.iterdir())
    publish(world.sandbox, "1.3")
    (new,) = set(folder.iterdir()) - old
    new.write_bytes(new.read_bytes() + b" " * 1000)
    with pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] == "oversize"


# ---------------------------------------------------------------- arbitrary installation


def test_a_release_that_nobody_signed(rocket: RocketVPN, folder: Path) -> None:
    """Whoever makes one up, or changes one on its way through the app, gets nothing."""
    release = offered(rocket.updates.known())
    for change in (
        {"version": "9.9"},
        {"sha256": "0" * 64},
        {"length": release.length + 1},
        {"name": "../evil.bin"},
        {"platform": "other"},
        {"channel": "beta"},
    ):
        with pytest.raises(ReleaseRefused) as caught:
            rocket.updates.download(msgspec.structs.replace(release, **change), folder)
        assert caught.value.cause == "unknown"
    assert list(folder.iterdir()) == []


def test_a_list_that_is_signed_and_makes_no_sense(world: World, rocket: RocketVPN) -> None:
    """The operator's own mistake: a name that is a path, a minimum that is no version."""
    for wrong in (
        b'{"channels":{"stable":{"minimum":"x"}}}',
        b"[]",
        b'{"format":2}',
        b'{"mirrors":["http://mirror.example"]}',
        b'{"channels":{"stable":{"releases":[{"version":"1.5\\n"}]}}}',
    ):
        world.sandbox.releases._repository.publish_releases(lambda _, wrong=wrong: wrong)
        with pytest.raises(UpdateRefused) as caught:
            rocket.updates.check()
        assert caught.value.params["reason"] == "tampered"


def test_a_withdrawn_release_is_offered_to_nobody(world: World, rocket: RocketVPN, folder: Path) -> None:
    before = offered(rocket.updates.known())
    world.sandbox.releases.revise("1.2", withdrawn=True)
    assert offered(rocket.updates.check()).version == "1.1"
    with pytest.raises(ReleaseRefused) as caught:
        rocket.updates.download(before, folder)
    assert caught.value.cause == "withdrawn"
