"""``rocketvpn sandbox --policy FILE``: a change of the policy rehearsed with a running app, over real TLS."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.app_events import SessionConnected
from support.command_line import CommandLine
from support.policies import NEWEST, TEXT, VERSION, edited
from support.world import tunnel_key

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.cli.rehearsal import Rehearsal
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import EgressBlocked, PolicyInvalid, RocketVPNError
from rocketvpn_sdk.policy import Policy, bundled_policy
from rocketvpn_sdk.policy_versions import PolicyNotice
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

EXACT = ("field", "duration", 'transform = "bucket(', 'transform = "keep"  # "bucket(')
CARRIES = ("operation", "tunnel.register", '"region"]', '"region", "protocol"]')
"""Something of the log that no call carried so far."""


def text(version: int, *edits: tuple[str, str, str, str]) -> str:
    found = TEXT.replace(VERSION, f"version = {version}", 1)
    for edit in edits:
        found = edited(*edit, text=found)
    return found


def at_localhost() -> Policy:
    """Return the bundled policy with the sandbox in the place of everybody."""
    policy = bundled_policy()
    for recipient in ("operator", "relay", "partner"):
        policy = policy.with_hosts(recipient, ("localhost",))
    return policy


class Running:
    """A sandbox in a process of its own, and the documents that it prints."""

    def __init__(self, *arguments: str) -> None:
        self.process = CommandLine().start(
            "sandbox", "--json", *arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self._printed: queue.Queue[dict[str, Any]] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._printed.put(json.loads(line))

    def next(self) -> dict[str, Any]:
        """Return what it printed next, beside the letters that it sent."""
        while "mail" in (printed := self._printed.get(timeout=60)):
            pass
        return printed

    def stop(self) -> tuple[int, str]:
        assert self.process.stderr is not None
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(60)
        self._reader.join(60)
        return code, self.process.stderr.read()

    def end(self) -> None:
        self.process.kill()
        self.process.wait(60)
        self._reader.join(60)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rocketvpn.toml"
    path.write_text(text(NEWEST), "utf-8")
    return path


@pytest.fixture
def running(tmp_path: Path, file: Path) -> Iterator[Running]:
    running = Running("--folder", str(tmp_path / "server"), "--policy", str(file))
    yield running
    running.end()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(time.time())  # the server is in another process, and goes by the machine's


@pytest.fixture
def rocket(tmp_path: Path, running: Running, clock: FakeClock) -> Iterator[RocketVPN]:
    ready = running.next()
    config = Config(
        ready["url"],
        "org.example.vpn",
        trust=Path(ready["trust"]),
        trusted_root=tmp_path / "server" / "tuf" / "root.json",
        policy=at_localhost(),
        events=[SessionConnected],
        data_dir=tmp_path / "device",
        secrets=MemorySecrets(),
        clock=clock,
    )
    with RocketVPN.open(config) as rocket:
        rocket.device.bind(ready["orders"][0]["order"])
        yield rocket


def recorded(rocket: RocketVPN) -> int:
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=77))
    *_, last = rocket.journal.read()
    return last.fields["duration"]


@pytest.mark.clause("X1", "X2", "X3")
def test_a_wider_policy_is_rehearsed_from_writing_the_file_to_binding(
    running: Running, file: Path, rocket: RocketVPN, clock: FakeClock
) -> None:
    assert running.next() == {"published": {"version": NEWEST, "sha256": rocket.policy.current.sha256}}
    assert rocket.policy.check() is None

    def register() -> Any:
        return rocket.call("tunnel.register", public_key=tunnel_key(), region="de-fra", protocol="wireguard")

    heard: list[PolicyNotice] = []
    rocket.events.subscribe(PolicyNotice, heard.append)
    file.write_text(text(NEWEST + 1, EXACT, CARRIES), "utf-8")
    published = running.next()["published"]
    notice = rocket.policy.check()
    assert notice is not None
    assert {"version": notice.version, "sha256": notice.sha256} == published
    assert [one.sha256 for one in heard] == [published["sha256"]]
    assert {difference.kind for difference in rocket.policy.changes().widened} == {"minimised_less", "sent_anew"}
    assert notice.binds_on is None

    def old_protection_holds() -> None:
        rocket.sync()
        assert rocket.policy.current.version == NEWEST
        assert recorded(rocket) == 60
        with pytest.raises(EgressBlocked, match="X2"):
            register()

    old_protection_holds()  # announced
    shown = rocket.policy.shown(notice)
    assert shown.binds_on is not None
    # The server, whose clock is the machine's own, tells whole seconds.
    assert abs(shown.binds_on.timestamp() - clock.time() - 30 * DAY) < 60
    old_protection_holds()  # shown
    clock.advance(29 * DAY)
    old_protection_holds()

    clock.advance(1.5 * DAY)
    rocket.sync()
    assert (rocket.policy.current.version, rocket.policy.pending) == (NEWEST + 1, None)
    assert recorded(rocket) == 77
    with pytest.raises(RocketVPNError) as refused:  # by the server: its clock did not go on with ours
        register()
    assert not isinstance(refused.value, EgressBlocked)


def test_a_bad_file_is_told_in_one_line_and_the_last_good_one_stays(
    running: Running, file: Path, rocket: RocketVPN
) -> None:
    assert running.next()["published"]["version"] == NEWEST
    file.write_text(text(NEWEST + 1).replace('necessity = "necessary"', 'necessity = "maybe"', 1), "utf-8")
    error = running.next()["error"]
    assert error["code"] == "policy-invalid"
    assert str(file) in error["message"]
    assert rocket.policy.check() is None
    file.unlink()
    assert running.next()["error"]["code"] == "policy-invalid"
    file.write_text(text(NEWEST + 1), "utf-8")
    published = running.next()["published"]
    assert published["version"] == NEWEST + 1
    rocket.policy.check()
    assert rocket.policy.current.sha256 == published["sha256"]
    assert running.stop() == (0, "")


def test_for_people_a_bad_file_is_one_line_on_the_error_stream(tmp_path: Path) -> None:
    bad = tmp_path / ("a rather long name " * 6 + ".toml")
    bad.write_text("no policy", "utf-8")
    cli = CommandLine()
    process = cli.start("sandbox", "--policy", str(bad), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stderr is not None
        said = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert said.startswith("Error: ")
    assert said.endswith("What was published before stays.\n")
    assert (process.returncode, err) == (0, "")
    assert "The sandbox is running at" in out


class Published:
    """A ``Rehearsal`` without a thread or a server."""

    def __init__(self, path: Path) -> None:
        self.versions: list[int] = []
        self.refused: list[RocketVPNError] = []
        self.rehearsal = Rehearsal(path, self.publish, published=lambda policy: None, refused=self.refused.append)

    def publish(self, policy: Policy) -> Policy:
        self.versions.append(policy.version)
        return policy


def test_a_file_is_read_only_when_it_was_left_alone_since_the_last_look(file: Path) -> None:
    seen = Published(file)
    seen.rehearsal.look()  # as if the file had just appeared
    assert seen.versions == []
    seen.rehearsal.look()
    assert seen.versions == [NEWEST]
    file.write_text(text(NEWEST + 1)[:500], "utf-8")  # half of it
    seen.rehearsal.look()
    file.write_text(text(NEWEST + 1), "utf-8")
    seen.rehearsal.look()
    assert seen.versions == [NEWEST]
    seen.rehearsal.look()
    seen.rehearsal.look()
    assert (seen.versions, seen.refused) == ([NEWEST, NEWEST + 1], [])
    file.unlink()
    for _ in range(3):
        seen.rehearsal.look()
    assert [type(error) for error in seen.refused] == [PolicyInvalid]


def test_a_disk_that_takes_nothing_is_told_and_ends_nothing(file: Path) -> None:
    def full(policy: Policy) -> Policy:
        raise OSError(28, "No space left on device")

    refused: list[RocketVPNError] = []
    rehearsal = Rehearsal(file, full, published=lambda policy: None, refused=refused.append)
    rehearsal.look()
    rehearsal.look()
    assert ["No space left" in str(error) for error in refused] == [True]
    rehearsal.stop()  # never started: nothing to wait for
