"""What the device keeps of delegated roles, what ends it, and the evidence that a receipt holds."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import msgspec
import pytest
from support.delegations import TOP, Delegator
from support.signed_files import Shelf, no_network

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import ServerUnreachable, UpdateRefused, VaultFull
from rocketvpn_sdk.signed_files import beside
from rocketvpn_sdk.signed_files.evidence import verify
from rocketvpn_sdk.signed_files.metadata import from_bytes, to_bytes
from rocketvpn_sdk.testing import FakeClock

FILE = "releases/app.bin"
pytestmark = pytest.mark.clause("X1")


def refused(shelf: Shelf, path: str = FILE) -> str:
    with pytest.raises(UpdateRefused) as caught:
        shelf.files().read(path)
    return str(caught.value.params["reason"])


def state(shelf: Shelf) -> Path:
    return beside(shelf.folder / "vault") / "kept.json"


def test_a_refresh_keeps_delegated_files_and_a_new_version_of_their_role_ends_them(
    shelf: Shelf, operator: Delegator
) -> None:
    operator.add("releases", "releases/old.bin", b"old")
    operator.serve()
    files, targets = shelf.files(), beside(shelf.folder / "vault") / "targets"
    assert [files.read(FILE), files.read("releases/old.bin")] == [b"app", b"old"]
    files.refresh()
    operator.serve(TOP)
    files.refresh()
    assert shelf.files(fetch=no_network).read(FILE) == b"app"
    del operator.roles["releases"].targets["releases/old.bin"]
    operator.serve("releases")
    files.refresh()
    with pytest.raises(ServerUnreachable):  # the new version of the role is not here yet
        shelf.files(fetch=no_network).read(FILE)
    assert refused(shelf, "releases/old.bin") == "not-found"
    files.refresh()
    assert [path.name for path in targets.iterdir()] == ["releases%2Fapp.bin"]


def test_a_look_up_that_failed_keeps_the_roles_that_it_verified(shelf: Shelf, operator: Delegator) -> None:
    operator.serve()
    assert refused(shelf, "releases/none") == "not-found"
    shelf.asked.clear()
    assert refused(shelf, "releases/none") == "not-found"
    assert shelf.asked == []


def test_a_target_that_does_not_come_leaves_its_verified_role(shelf: Shelf, operator: Delegator) -> None:
    """Metadata is written first: whatever ends the call during the download leaves a state that holds."""
    operator.serve()
    shelf.files().refresh()
    before = from_bytes(state(shelf).read_bytes())

    def die() -> bytes:
        raise SystemExit

    shelf.instead["app.bin"] = die
    with pytest.raises(SystemExit):
        shelf.files().read(FILE)
    after = from_bytes(state(shelf).read_bytes())
    assert after.good.keys() - before.good.keys() == {"releases.json"}
    assert msgspec.structs.replace(after, good=before.good) == before
    shelf.instead.clear()
    assert shelf.files().read(FILE) == b"app"


def test_a_full_disk_during_a_look_up_keeps_the_state_before(
    shelf: Shelf, operator: Delegator, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator.serve()
    shelf.files().refresh()
    before = state(shelf).read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(VaultFull):
            shelf.files().read(FILE)
    assert state(shelf).read_bytes() == before
    assert shelf.files().read(FILE) == b"app"


def test_a_full_disk_while_roots_are_laid_out_forgets_none(
    shelf: Shelf, operator: Delegator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        shelf.repository.rotate_root()
    shelf.files().refresh()
    before = state(shelf).read_bytes()
    write = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        if path.name == "3.root.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(VaultFull):
            shelf.files().refresh()
    assert from_bytes(state(shelf).read_bytes()) == from_bytes(before)


def test_a_repository_that_begins_again_without_the_role(shelf: Shelf, operator: Delegator) -> None:
    """New keys for snapshot and timestamp take back versions that stolen ones had signed (fast-forward, §1.5.2)."""
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    (shelf.repository.folder / "metadata" / "timestamp.json").unlink()  # or it would go on from what is served
    shelf.repository.rotate_root("snapshot", "timestamp", "targets")
    shelf.files().refresh()
    assert "releases.json" not in from_bytes(state(shelf).read_bytes()).good
    assert refused(shelf) == "not-found"


ANOTHER_ROLE = (
    b'{"signed":{"_type":"snapshot","expires":"2030-01-01T00:00:00Z","meta":{},"spec_version":"1.0.31","version":1},'
)


@pytest.mark.parametrize(
    "damage", [b"", b"{}", b"garbage", b'{"signed":{"_type":"targets"}}', ANOTHER_ROLE + b'"signatures":[]}']
)
def test_a_delegated_role_damaged_on_the_device_is_fetched_again(
    shelf: Shelf, operator: Delegator, damage: bytes
) -> None:
    operator.serve()
    assert shelf.files().read(FILE) == b"app"
    kept = from_bytes(state(shelf).read_bytes())
    state(shelf).write_bytes(to_bytes(msgspec.structs.replace(kept, good=kept.good | {"releases.json": damage})))
    shelf.files().refresh()
    assert shelf.files().read(FILE) == b"app"


# ---------------------------------------------------------------- evidence


def test_a_delegated_file_is_verified_later_by_what_was_kept(
    shelf: Shelf, operator: Delegator, clock: FakeClock
) -> None:
    operator.delegate(TOP, "surveys", "surveys/*")
    operator.add("surveys", "surveys/list.json", b"[]")
    operator.serve()
    root, at = shelf.repository.trusted_root.read_bytes(), clock.time()
    shelf.files().read("surveys/list.json")
    vouched = shelf.files().vouched(FILE)
    assert vouched.evidence.metadata.keys() == {"timestamp.json", "snapshot.json", "targets.json", "releases.json"}
    clock.advance(3650 * DAY)
    verify(vouched.content, vouched.evidence, path=FILE, root=root, at=at)
    others = dict(vouched.evidence.metadata)
    forged = others.pop("releases.json").replace("releases", "Releases", 1)
    for role, reason in (({}, "missing"), ({"releases.json": forged}, "tampered")):
        metadata = others | role
        with pytest.raises(UpdateRefused) as caught:
            verify(
                vouched.content,
                msgspec.structs.replace(vouched.evidence, metadata=metadata),
                path=FILE,
                root=root,
                at=at,
            )
        assert caught.value.params["reason"] == reason
