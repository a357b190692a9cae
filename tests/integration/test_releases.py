"""``rocket.updates`` against the sandbox: what is offered, downloaded and certified (U4)."""

from __future__ import annotations

import os
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from support.app_events import SessionConnected
from support.releases import CONTENT, installed, publish, tree
from support.world import World

from rocketvpn_sdk import RocketVPN, platforms
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import (
    ConfigurationError,
    NotGenuine,
    ReleaseRefused,
    RocketVPNError,
    UpdateRefused,
    ValueRefused,
)
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import RecordedRequest
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.updates import ROLLOUT, RolloutNumber
from rocketvpn_sdk.updates.releases import place

pytestmark = [pytest.mark.clause("U4"), pytest.mark.usefixtures("no_pauses")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with running_sandbox(tmp_path / "server") as sandbox:
        yield World(sandbox, tmp_path / "vault")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def test_a_release_is_found_downloaded_and_certified(world: World, folder: Path, tmp_path: Path) -> None:
    app = tree(tmp_path / "app", {"app.bin": b"the app", "lib/one.so": b"one"})
    publish(world.sandbox, "1.1", installed=app)
    with installed(world) as rocket:
        found = rocket.updates.check()
        assert found.release is not None
        assert (found.release.version, found.required, found.staged) == ("1.1", False, False)
        steps: list[tuple[int, int]] = []
        file = rocket.updates.download(found.release, folder, lambda *step: steps.append(step))
        assert file == folder / "app-1.1.bin"
        assert file.read_bytes() == CONTENT
        assert steps[0] == (0, len(CONTENT))
        assert steps[-1] == (len(CONTENT), len(CONTENT))
        assert [path.name for path in folder.iterdir()] == ["app-1.1.bin"]
        assert rocket.updates.certify(file).version == "1.1"
        asked = len(world.sandbox.requests)
        assert rocket.updates.download(found.release, folder) == file
        assert len(world.sandbox.requests) == asked, "what is there is not fetched again"
    with installed(world, "1.1") as rocket:
        assert rocket.updates.check().release is None
        assert rocket.updates.certify(app).files == 2


# ---------------------------------------------------------------- what leaves, and what rests


def asked_for(world: World) -> list[tuple[str, frozenset[tuple[str, str]], bytes]]:
    return [(each.path, frozenset(each.headers), each.body) for each in world.sandbox.requests]


def test_every_platform_and_channel_fetches_the_same(world: World, tmp_path: Path, monkeypatch: Any) -> None:
    for platform in ("linux", "macos", "windows"):
        publish(world.sandbox, "1.1", platform=platform)
    publish(world.sandbox, "2.0", channel="beta")
    seen = []
    for number, (system, channel, version) in enumerate(
        [("linux", "stable", "1.0"), ("macos", "stable", "0.3"), ("windows", "beta", "1.1"), ("other", "stable", "9")]
    ):
        monkeypatch.setattr(platforms, "kind", lambda system=system: system)
        neighbour = World(world.sandbox, tmp_path / f"vault{number}")
        before = len(world.sandbox.requests)
        with installed(neighbour, version, channel=channel) as rocket:
            rocket.updates.check()
        seen.append(asked_for(world)[before:])
    assert len(seen[0]) == 6, "the next root, three of the metadata, the role of releases, the list"
    assert all(each == seen[0] for each in seen)


def test_the_number_that_decides_is_kept_here_and_sent_nowhere(world: World, folder: Path) -> None:
    publish(world.sandbox, "1.1")
    with installed(world) as rocket:
        release = rocket.updates.check().release
        assert release is not None
        rocket.updates.download(release, folder)
        held = rocket._components.vault.get(ROLLOUT, RolloutNumber)
        assert held is not None
        (told,) = [value for value in rocket.rights.view().here if value.field == "rollout_number"]
        assert told.value == held.number
        assert {entry.fields for entry in rocket.rights.sent() if entry.purpose == "software"} == {
            (),
            ("platform", "app_version"),
        }
    with installed(world) as rocket:
        rocket.updates.known()
        assert rocket._components.vault.get(ROLLOUT, RolloutNumber) == held


def test_a_download_names_version_and_platform_and_nobody(world: World, folder: Path) -> None:
    publish(world.sandbox, "1.1")
    with installed(world) as rocket:
        rocket.device.bind(world.sandbox.order())
        release = rocket.updates.check().release
        assert release is not None
        rocket.updates.download(release, folder)
    (seen,) = [each for each in world.sandbox.requests if each.path.startswith("/releases/")]
    assert seen.path == f"/releases/{platforms.kind()}/1.1/package"
    assert {name for name, _ in seen.headers} == {"host", "accept", "accept-encoding", "user-agent", "sec-gpc"}
    assert seen.body == b""


ALLOWED = {"service", "security", "software", "rights"}


def test_a_whole_day_without_any_consent(tmp_path: Path) -> None:
    """An app that does what apps do, every ten minutes: nothing goes but what is necessary, each call is recorded."""
    clock = FakeClock()
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        publish(sandbox, "1.1")
        (tmp_path / "downloads").mkdir()
        with installed(world, clock=clock) as rocket:
            rocket.device.bind(sandbox.order())
            for step in range(144):
                rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=60))
                rocket.sync()
                if step % 36 == 0:
                    found = rocket.updates.check()
                    assert found.release is not None
                    rocket.updates.download(found.release, tmp_path / "downloads")
                    rocket.policy.check()
                    rocket.device.order()
                    rocket.rights.view()
                clock.advance(DAY / 144)
            entries = list(rocket.rights.sent())
            policy = rocket.policy.current
        recorded: Counter[str] = Counter()
        for entry in entries:
            recorded[entry.operation] += entry.tries
        came = Counter(operation_of(policy, seen) for seen in sandbox.requests)
        assert came == recorded, "every request is in the ledger, and no other"
        assert {policy.operations[name].purpose for name in came} == ALLOWED == {entry.purpose for entry in entries}
        assert {entry.recipient for entry in entries} == {"operator"}


def operation_of(policy: Policy, seen: RecordedRequest) -> str:
    """Return the only call of ``policy`` that a request can be."""
    (found,) = [
        operation.id
        for operation in policy.document.operation
        if operation.method == seen.method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", operation.path), seen.path)
    ]
    return found


# ---------------------------------------------------------------- without a connection, without a version


def test_what_was_fetched_last_is_known_without_a_connection(tmp_path: Path) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        publish(sandbox, "1.1")
        rocket = RocketVPN.open(world.config(app_version="1.0", clock=clock))
        before = rocket.updates.check()
    with rocket:
        assert rocket.updates.known() == before
        with pytest.raises(RocketVPNError):
            rocket.updates.check()
        clock.advance(before.trusted_until.timestamp() - clock.time() + 1)
        with pytest.raises(UpdateRefused) as caught:
            rocket.updates.known()
        assert caught.value.params["reason"] == "expired"


def test_an_app_that_does_not_say_its_version(world: World) -> None:
    publish(world.sandbox, "1.1")
    config = world.config(app_version=None)
    with RocketVPN.open(config) as rocket, pytest.raises(ConfigurationError, match="app_version"):
        rocket.updates.check()
    assert [each.path for each in world.sandbox.requests] == []
    for wrong in ("1.x", "v1", "1.0\n", "", "1.2.3.4.5"):
        with pytest.raises(ConfigurationError, match="app_version"):
            world.config(app_version=wrong)
    with pytest.raises(ConfigurationError, match="channel"):
        world.config(channel="Beta!")


def test_an_operator_without_releases(world: World) -> None:
    with installed(world) as rocket, pytest.raises(UpdateRefused) as caught:
        rocket.updates.check()
    assert caught.value.params["reason"] == "not-found"


def test_updates_work_where_nothing_is_collected(world: World, folder: Path) -> None:
    publish(world.sandbox, "1.1")
    with installed(world, collect=False) as rocket:
        release = rocket.updates.check().release
        assert release is not None
        assert rocket.updates.download(release, folder).read_bytes() == CONTENT


# ---------------------------------------------------------------- certified


FILES = {"app.bin": b"the app", "lib/one.so": b"one", "lib/data/two.txt": b"two"}


@pytest.fixture
def app(world: World, tmp_path: Path) -> Path:
    """An app as it was installed, genuine."""
    folder = tree(tmp_path / "app", FILES)
    (folder / "lib" / "current").symlink_to("one.so")
    (folder / "logs").mkdir()
    publish(world.sandbox, "1.0", installed=folder, ignored=("logs", "settings.ini"))
    return folder


def differs(world: World, app: Path) -> tuple[tuple[str, ...], ...]:
    with installed(world) as rocket:
        with pytest.raises(NotGenuine) as caught:
            rocket.updates.certify(app)
        params = caught.value.params
        found = tuple(params[kind] for kind in ("altered", "missing", "extra"))
        assert params["count"] == sum(map(len, found))
        return found


def test_what_is_genuine_is_certified(world: World, app: Path) -> None:
    (app / "logs" / "today.log").write_text("the app's own")
    (app / "settings.ini").write_text("the user's")
    with installed(world) as rocket:
        done = rocket.updates.certify(app)
        assert (done.version, done.files, done.withdrawn) == ("1.0", 4, False)
        assert rocket.updates.certify(app / "app.bin").files == 1
        world.sandbox.releases.revise("1.0", withdrawn=True)
        rocket.updates.check()
        assert rocket.updates.certify(app).withdrawn


def test_altered_missing_and_extra_files_are_named(world: World, app: Path) -> None:
    (app / "app.bin").write_bytes(b"the APP")
    (app / "lib" / "one.so").write_bytes(b"longer")
    (app / "lib" / "data" / "two.txt").unlink()
    (app / "lib" / "evil.so").write_bytes(b"evil")
    assert differs(world, app) == (("app.bin", "lib/one.so"), ("lib/data/two.txt",), ("lib/evil.so",))


@pytest.mark.parametrize(
    ("how", "found"),
    [
        ("leads elsewhere", (("lib/current",), (), ())),
        ("is a copy", (("lib/current",), (), ())),
        ("stands for a file", (("app.bin",), (), ())),
        ("stands for a folder", ((), ("lib/current", "lib/data/two.txt", "lib/one.so"), ("lib",))),
        ("is added", ((), (), ("more",))),
        ("is a pipe", (("app.bin",), (), ())),
    ],
)
def test_links_are_not_followed(
    world: World, app: Path, tmp_path: Path, how: str, found: tuple[tuple[str, ...], ...]
) -> None:
    """Also one that leads to the very same bytes: who can write there changes what runs."""
    current = app / "lib" / "current"
    if how == "leads elsewhere":
        current.unlink()
        current.symlink_to("data/two.txt")
    elif how == "is a copy":
        current.unlink()
        current.write_bytes(b"one")
    elif how == "stands for a file":
        (app / "app.bin").rename(tmp_path / "app.bin")
        (app / "app.bin").symlink_to(tmp_path / "app.bin")
    elif how == "stands for a folder":
        (app / "lib").rename(tmp_path / "lib")
        (app / "lib").symlink_to(tmp_path / "lib")
    elif how == "is added":
        (app / "more").symlink_to(tmp_path)
    else:
        (app / "app.bin").unlink()
        os.mkfifo(app / "app.bin")
    assert differs(world, app) == found


def test_names_that_differ_in_case(world: World, app: Path, monkeypatch: Any) -> None:
    """Where the file system takes them for one, it is one file; elsewhere it is another."""
    (app / "app.bin").rename(app / "APP.bin")
    assert differs(world, app) == ((), ("app.bin",), ("APP.bin",))
    monkeypatch.setattr("rocketvpn_sdk.updates.certify._ignores_case", lambda _: True)
    with installed(world) as rocket:
        assert rocket.updates.certify(app).files == 4
    (app / "APP.bin").write_bytes(b"evil")
    assert differs(world, app) == (("APP.bin",), (), ())
    tree(app, {"APP.bin": b"the app", "app.bin": b"the app"})
    assert differs(world, app) == ((), (), ("app.bin",))


def test_a_hard_link_does_not_make_two_names_one(world: World, app: Path) -> None:
    os.link(app / "app.bin", app / "APP.BIN")
    assert differs(world, app) == ((), (), ("APP.BIN",))


def test_folders_nested_deeper_than_calls_can_be(world: World, app: Path) -> None:
    handle = os.open(app, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=handle)
        inner = os.open("d", os.O_RDONLY, dir_fd=handle)
        os.close(handle)
        handle = inner
    os.close(os.open("x", os.O_CREAT | os.O_WRONLY, dir_fd=handle))
    os.close(handle)
    try:
        (_, _, extra) = differs(world, app)
    finally:
        subprocess.run(["rm", "-r", app / "d"], check=True)  # Python's own removal cannot
    assert [len(path) for path in extra] == [3001]


def test_where_the_policy_keeps_no_number_the_device_comes_last(world: World) -> None:
    """An app's own policy may not declare it: then nothing is drawn, and nothing is kept."""
    document = world.sandbox.policy.document
    fields = tuple(field for field in document.field if field.id != "rollout_number")
    policy = Policy(msgspec.structs.replace(document, field=fields, policy_id="another"))
    number = next(number for number in range(1, 5000) if place(99, f"1.{number}") == 99)
    publish(world.sandbox, f"1.{number}", rollout=99)
    with installed(world, policy=policy) as rocket:
        found = rocket.updates.check()
        assert (found.release, found.staged) == (None, True)
        assert rocket._components.vault.get(ROLLOUT, RolloutNumber) is None


def test_one_file(world: World, app: Path, tmp_path: Path) -> None:
    (app / "app.bin").write_bytes(b"the APP")
    assert differs(world, app / "app.bin") == (("app.bin",), (), ())
    (tmp_path / "other.bin").write_bytes(b"other")
    assert differs(world, tmp_path / "other.bin") == ((), (), ("other.bin",))
    with installed(world) as rocket:
        for nothing in (tmp_path / "nothing", Path("\0")):
            with pytest.raises(ValueRefused):
                rocket.updates.certify(nothing)


def test_a_manifest_that_was_changed_certifies_nothing(world: World, app: Path) -> None:
    place = world.sandbox.folder / "releases" / platforms.kind() / "1.0" / "manifest"
    place.write_bytes(place.read_bytes().replace(b"app.bin", b"evil.so"))
    with installed(world) as rocket, pytest.raises(RocketVPNError) as caught:
        rocket.updates.certify(app)
    assert caught.value.cause == "changed"


def test_a_version_that_is_not_listed_or_has_no_manifest(world: World, app: Path) -> None:
    publish(world.sandbox, "1.1")
    for version, cause in (("7.0", "unknown"), ("1.1", "no-manifest")):
        with installed(world, version) as rocket, pytest.raises(ReleaseRefused) as caught:
            rocket.updates.certify(app)
        assert caught.value.cause == cause


# ---------------------------------------------------------------- the operator


def test_a_version_is_never_published_with_other_bytes(world: World) -> None:
    publish(world.sandbox, "1.1")
    publish(world.sandbox, "1.1")
    publish(world.sandbox, "1.1", b"for another system", platform="other")
    with pytest.raises(ValueError, match="new version"):
        publish(world.sandbox, "1.1", b"other bytes")
    (release,) = world.sandbox.releases.listed().channels["stable"].releases
    assert release.files.keys() == {platforms.kind(), "other"}


def test_nor_in_another_channel_whose_files_are_the_same_ones(world: World, folder: Path) -> None:
    publish(world.sandbox, "1.1")
    publish(world.sandbox, "1.1", channel="beta")
    with pytest.raises(ValueError, match="new version"):
        publish(world.sandbox, "1.1", b"other bytes", channel="gamma")
    with installed(world) as rocket:
        release = rocket.updates.check().release
        assert release is not None
        assert rocket.updates.download(release, folder).read_bytes() == CONTENT


def test_one_more_platform_does_not_bring_back_what_was_withdrawn(world: World) -> None:
    publish(world.sandbox, "1.1")
    world.sandbox.releases.revise("1.1", withdrawn=True)
    publish(world.sandbox, "1.1", b"for another system", platform="other")
    with installed(world) as rocket:
        assert rocket.updates.check().release is None


@pytest.mark.parametrize(
    "wrong", [{"version": "1.x"}, {"channel": "Beta"}, {"rollout": 101}, {"name": "a/b"}, {"platform": "amiga"}]
)
def test_what_no_device_could_read_is_not_published(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cannot be published") as caught:
        publish(world.sandbox, **({"version": "1.1"} | wrong))
    assert "$" not in str(caught.value), "no pattern, and no path of a parser"
    assert world.sandbox.releases.listed().channels == {}


def test_releases_outlive_a_restart_and_are_signed_again_in_time(tmp_path: Path) -> None:
    clock = FakeClock()
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        publish(sandbox, "1.1")
    clock.advance(400 * DAY)
    with running_sandbox(tmp_path / "server", clock=clock) as sandbox:
        world = World(sandbox, tmp_path / "vault")
        with installed(world, clock=clock) as rocket:
            release = rocket.updates.check().release
        assert release is not None
        publish(sandbox, "1.2")
        with installed(world, clock=clock) as rocket:
            release = rocket.updates.check().release
            assert release is not None
            assert release.version == "1.2"
