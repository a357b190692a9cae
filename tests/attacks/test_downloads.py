"""A server, a line and a disk that do anything to a download but what they should (U4).

Whatever they do, a file gets its name only once it is what the operator signed. What was cut goes on; what is wrong
leaves nothing behind.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import pytest
from support.disks import mounted, stuff
from support.hostile_server import Answer, Asked, Behaviour, Hostile, hostile_server
from support.releases import CONTENT, installed, publish
from support.world import World

from rocketvpn_sdk import Limits, RocketVPN, platforms
from rocketvpn_sdk.errors import (
    CallbackFailed,
    DownloadCancelled,
    DownloadFailed,
    EgressBlocked,
    RateLimited,
    ReleaseRefused,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
    VaultClosed,
)
from rocketvpn_sdk.testing.sandbox import running_sandbox
from rocketvpn_sdk.updates import Release

pytestmark = [pytest.mark.clause("U4"), pytest.mark.usefixtures("no_pauses")]
PATH = "/releases/"
PATIENT = Limits(connect_timeout=60, read_timeout=60, write_timeout=60, total_timeout=60)


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Hostile]:
    with hostile_server(tmp_path / "server") as hostile:
        publish(hostile.sandbox, "1.1")
        yield hostile


@pytest.fixture
def rocket(hostile: Hostile, tmp_path: Path) -> Iterator[RocketVPN]:
    with installed(World(hostile.sandbox, tmp_path / "vault"), limits=PATIENT) as rocket:
        yield rocket


@pytest.fixture
def release(rocket: RocketVPN) -> Release:
    return offered(rocket)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "downloads").mkdir()
    return tmp_path / "downloads"


def offered(rocket: RocketVPN) -> Release:
    found = rocket.updates.check().release
    assert found is not None
    return found


def first_of(asked: Asked) -> int:
    found = re.fullmatch(r"bytes=(\d+)-", asked.headers.get("range", "bytes=0-"))
    assert found is not None
    return int(found[1])


def head(first: int, size: int, **changes: str) -> bytes:
    """Return the header section of a good answer from ``first`` on, with ``changes``; an empty one leaves it out."""
    headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size - first)}
    if first:
        headers["Content-Range"] = f"bytes {first}-{size - 1}/{size}"
    headers |= {name.replace("_", "-"): value for name, value in changes.items()}
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    return "\r\n".join([f"HTTP/1.1 {206 if first else 200} -", *lines]).encode() + b"\r\n\r\n"


def cutting(content: bytes, ends: Iterable[int]) -> Behaviour:
    """Serve the file, and cut the line at each of ``ends``, one after the other."""
    left = iter(ends)

    def behave(asked: Asked, _: Callable[[], Answer]) -> Iterator[bytes]:
        first, end = first_of(asked), next(left, len(content))
        yield head(first, len(content))
        for place in range(first, end, 1 << 18):
            yield content[place : min(place + (1 << 18), end)]

    return behave


def answering(*pieces: bytes) -> Behaviour:
    def behave(asked: Asked, _: Callable[[], Answer]) -> Iterable[bytes]:
        return pieces

    return behave


def fails(rocket: RocketVPN, release: Release, folder: Path, cause: str) -> DownloadFailed:
    """Check that a download fails for ``cause``, and that nothing of it is left."""
    with pytest.raises(DownloadFailed) as caught:
        rocket.updates.download(release, folder)
    assert caught.value.cause == cause
    assert list(folder.iterdir()) == []
    assert caught.value.__cause__ is None
    return caught.value


# ---------------------------------------------------------------- cut, and continued


def test_a_large_download_cut_at_ten_random_places(hostile: Hostile, rocket: RocketVPN, folder: Path) -> None:
    size = 200 << 20
    content = Random(20261130).randbytes(1 << 20) * (size >> 20)
    publish(hostile.sandbox, "2.0", content)
    release, places = offered(rocket), sorted(Random(7).sample(range(1, size), 10))
    hostile.behave(PATH, cutting(content, places))
    before, most = resident(), 0

    def watch(have: int, length: int) -> None:
        nonlocal most
        if have % (8 << 20) < 1 << 16:
            most = max(most, resident())

    file = rocket.updates.download(release, folder, watch)
    assert file.stat().st_size == size
    assert [path.name for path in folder.iterdir()] == [release.name]
    asked = hostile.asked_for(PATH)
    assert len(asked) == 11
    assert first_of(asked[0]) == 0
    assert all(first_of(each) <= place for each, place in zip(asked[1:], places, strict=True))
    assert rocket.updates.certify(file).version == "2.0"
    assert most - before < 24 << 20, "memory stays flat: no more than some buffers of it"


def resident() -> int:
    """Return the memory of this process, in bytes."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def test_each_try_is_in_the_ledger(hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path) -> None:
    hostile.behave(PATH, cutting(CONTENT, [300_000]))
    rocket.updates.download(release, folder)
    entries = [entry for entry in rocket.rights.sent() if entry.operation == "updates.download"]
    assert [entry.outcome for entry in entries] == ["no answer: server-unreachable", "206"]
    assert {(entry.purpose, entry.recipient, entry.identity, entry.fields, entry.protocol) for entry in entries} == {
        ("software", "operator", "none", ("platform", "app_version"), ("file",))
    }
    for asked in hostile.asked_for(PATH):
        assert asked.headers.keys() <= {"host", "accept", "accept-encoding", "user-agent", "sec-gpc", "range"}


def test_an_interrupted_process_goes_on_later(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path
) -> None:
    def interrupt(have: int, _: int) -> None:
        if have > 500_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rocket.updates.download(release, folder, interrupt)
    (part,) = folder.iterdir()
    assert part.name.startswith(".app-1.1.bin.")
    hostile.be_good()
    have = part.stat().st_size
    assert rocket.updates.download(release, folder).read_bytes() == CONTENT
    assert [first_of(asked) for asked in hostile.asked_for(PATH)] == [have]
    assert [path.name for path in folder.iterdir()] == [release.name]


def test_no_connection_keeps_what_there_is(hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path) -> None:
    hostile.behave(PATH, cutting(CONTENT, [400_000, *[0] * 20]))
    with pytest.raises(ServerUnreachable):
        rocket.updates.download(release, folder)
    (part,) = folder.iterdir()
    assert part.read_bytes() == CONTENT[: part.stat().st_size]
    assert len(hostile.asked_for(PATH)) == 1 + PATIENT.retry_attempts - 1
    hostile.be_good()
    assert rocket.updates.download(release, folder).read_bytes() == CONTENT


def test_what_was_here_and_was_altered_meanwhile(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path
) -> None:
    hostile.behave(PATH, cutting(CONTENT, [400_000, *[0] * 20]))
    with pytest.raises(ServerUnreachable):
        rocket.updates.download(release, folder)
    (part,) = folder.iterdir()
    part.write_bytes(b"\1" + part.read_bytes()[1:])
    hostile.be_good()
    fails(rocket, release, folder, "changed")
    assert rocket.updates.download(release, folder).read_bytes() == CONTENT


def test_two_at_once(hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path) -> None:
    second: list[DownloadFailed] = []

    def again(have: int, length: int) -> None:
        if 0 < have < length and not second:
            with pytest.raises(DownloadFailed) as caught:
                rocket.updates.download(release, folder)
            second.append(caught.value)

    assert rocket.updates.download(release, folder, again).read_bytes() == CONTENT
    assert second[0].cause == "busy"


# ---------------------------------------------------------------- a server that lies


def test_a_server_that_ignores_ranges(hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path) -> None:
    hostile.behave(PATH, cutting(CONTENT, [400_000]), times=1)
    hostile.behave(PATH, answering(head(0, len(CONTENT)), CONTENT))
    assert "goes on" not in fails(rocket, release, folder, "ranges").message


@pytest.mark.parametrize(
    "changes",
    [{"Content_Range": "bytes 0-1/2"}, {"Content_Range": ""}, {"Content_Range": "lines 1-2/3"}],
    ids=["another part", "no part", "no bytes"],
)
def test_another_part_than_was_asked_for(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path, changes: dict[str, str]
) -> None:
    hostile.behave(PATH, cutting(CONTENT, [400_000]), times=1)
    hostile.behave(PATH, answering(head(400_000, len(CONTENT), **changes), CONTENT[400_000:]))
    fails(rocket, release, folder, "ranges")


SIZE = len(CONTENT)


@pytest.mark.parametrize(
    "pieces",
    [
        (head(0, SIZE + 1), CONTENT, b"x"),
        (head(0, SIZE - 1), CONTENT[:-1]),
        (head(0, SIZE, Content_Length=str(10**14)), CONTENT),
        (head(0, SIZE, Content_Length="", Connection="close"), CONTENT, b"more" * 100_000),
        (b"HTTP/1.1 416 -\r\nContent-Length: 0\r\n\r\n",),
    ],
    ids=["longer", "shorter", "endless", "longer than it says", "no such range"],
)
def test_a_lying_length(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path, pieces: tuple[bytes, ...]
) -> None:
    hostile.behave(PATH, answering(*pieces))
    fails(rocket, release, folder, "length")


def test_a_length_that_changes_between_two_parts(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path
) -> None:
    hostile.behave(PATH, cutting(CONTENT, [400_000]), times=1)
    lie = f"bytes 393216-{SIZE - 1}/{SIZE + 5}"

    def behave(asked: Asked, _: Callable[[], Answer]) -> Iterable[bytes]:
        first = first_of(asked)
        yield head(first, SIZE, Content_Range=lie.replace("393216", str(first)))

    hostile.behave(PATH, behave)
    fails(rocket, release, folder, "length")


def test_a_changed_file(hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path) -> None:
    evil = CONTENT[:500_000] + b"evil" + CONTENT[500_004:]
    hostile.behave(PATH, answering(head(0, SIZE), evil))
    error = fails(rocket, release, folder, "changed")
    assert "Someone may be changing" in error.remedy


@pytest.mark.parametrize("status", [403, 404, 410])
def test_a_file_that_is_not_there(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path, status: int
) -> None:
    hostile.behave(PATH, answering(f"HTTP/1.1 {status} -\r\nContent-Length: 0\r\n\r\n".encode()))
    fails(rocket, release, folder, "missing")


def test_slow_retrieval(hostile: Hostile, tmp_path: Path, folder: Path) -> None:
    """A byte now and then keeps no time-out from coming: a download brings so much in each while, or it failed."""

    def dripping(asked: Asked, _: Callable[[], Answer]) -> Iterable[bytes]:
        first = first_of(asked)
        yield head(first, SIZE)
        while hostile.waited(0.02):
            yield CONTENT[first : first + 1]
            first += 1

    limits = Limits(total_timeout=0.5, read_timeout=60, slowest_download=4 << 10, retry_attempts=2)
    world = World(hostile.sandbox, tmp_path / "vault")
    with installed(world) as patient:
        release = offered(patient)
    hostile.behave(PATH, dripping)
    with installed(world, limits=limits) as rocket, pytest.raises(ServerTimeout):
        rocket.updates.download(release, folder)
    assert len(hostile.asked_for(PATH)) < 20


@pytest.mark.parametrize(
    "slow",
    [
        (b"HTTP/1.1 200 -\r\nX: ", b"x"),
        (b"", b"HTTP/1.1 103 -\r\n\r\n"),
        (b"HTTP/1.1 200 -\r\nContent-Type: text/html\r\nContent-Length: 90000\r\n\r\n", b"x"),
        (head(0, SIZE, Content_Length="", Transfer_Encoding="chunked") + b"1;", b"x"),
    ],
    ids=["headers", "early answers", "a page", "the length of a piece"],
)
def test_what_is_slow_and_no_byte_of_the_file(
    hostile: Hostile, tmp_path: Path, folder: Path, slow: tuple[bytes, bytes]
) -> None:
    """A large file may take hours, and everything around it no longer than in any other call."""
    drops = 0

    def dripping(_: Asked, __: Callable[[], Answer]) -> Iterable[bytes]:
        nonlocal drops
        yield slow[0]
        while hostile.waited(0.02):
            yield slow[1]
            drops += 1

    limits = Limits(total_timeout=0.5, read_timeout=60, slowest_download=64 << 10, retry_attempts=2)
    world = World(hostile.sandbox, tmp_path / "vault")
    with installed(world) as patient:
        release = offered(patient)
    hostile.behave(PATH, dripping)
    with installed(world, limits=limits) as rocket, pytest.raises(ServerTimeout):
        rocket.updates.download(release, folder)
    assert drops < 500


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 -\r\nContent-Type: text/html\r\nContent-Length: 9\r\n\r\n<p>Hi</p>",
        b"HTTP/1.1 302 -\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n",
        head(0, SIZE, Content_Encoding="gzip"),
    ],
    ids=["page", "redirect", "encoded"],
)
def test_what_is_not_the_file_at_all(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path, answer: bytes
) -> None:
    hostile.behave(PATH, answering(answer))
    with pytest.raises(ServerError):
        rocket.updates.download(release, folder)
    assert list(folder.iterdir()) == [], "there is nothing to go on with"


# ---------------------------------------------------------------- mirrors


@pytest.fixture
def mirror(hostile: Hostile, tmp_path: Path) -> Iterator[str]:
    """A second server of the operator's, which has the same files."""
    (tmp_path / "mirror").mkdir()
    for name in ("ca.pem", "ca-key.pem"):  # of the same authority
        shutil.copy(hostile.sandbox.folder / name, tmp_path / "mirror" / name)
    with running_sandbox(tmp_path / "mirror") as other:
        (other.folder / "releases").symlink_to(hostile.sandbox.folder / "releases")
        hostile.sandbox.releases.mirrored([other.url])
        yield other.url


@pytest.mark.parametrize("wrong", ["changed", "missing", "cut", "ranges"])
def test_what_one_server_cannot_give_a_mirror_does(
    hostile: Hostile, mirror: str, rocket: RocketVPN, folder: Path, wrong: str
) -> None:
    behaviour = {
        "changed": answering(head(0, SIZE), CONTENT[::-1]),
        "missing": answering(b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n"),
        "cut": cutting(CONTENT, [300_000, *[0] * 20]),
        "ranges": answering(head(0, SIZE), CONTENT[:300_000]),
    }[wrong]
    release = offered(rocket)
    hostile.behave(PATH, behaviour)
    assert rocket.updates.download(release, folder).read_bytes() == CONTENT
    assert [path.name for path in folder.iterdir()] == [release.name]


def test_what_a_server_spoiled_before_it_was_cut_does_not_spoil_the_mirror(
    hostile: Hostile, mirror: str, rocket: RocketVPN, folder: Path
) -> None:
    release = offered(rocket)
    hostile.behave(PATH, cutting(CONTENT[::-1], [300_000, *[0] * 20]))
    assert rocket.updates.download(release, folder).read_bytes() == CONTENT


def test_a_mirror_without_the_file_does_not_end_what_can_be_completed_later(
    hostile: Hostile, mirror: str, rocket: RocketVPN, folder: Path
) -> None:
    release = offered(rocket)
    (hostile.sandbox.folder.parent / "mirror" / "releases").unlink()
    hostile.behave(PATH, cutting(CONTENT, [400_000, *[0] * 20]))
    with pytest.raises(ServerUnreachable):
        rocket.updates.download(release, folder)
    (part,) = folder.iterdir()
    assert part.read_bytes() == CONTENT[: part.stat().st_size] != b""


def test_that_someone_changes_it_is_said_also_if_the_mirror_cannot_be_reached(
    hostile: Hostile, rocket: RocketVPN, folder: Path
) -> None:
    hostile.sandbox.releases.mirrored(["https://localhost:9"])
    release = offered(rocket)
    hostile.behave(PATH, answering(head(0, SIZE), CONTENT[::-1]))
    fails(rocket, release, folder, "changed")


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_asks_to_wait_is_not_asked_again_at_once(
    hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path, status: int
) -> None:
    refusal = f"HTTP/1.1 {status} -\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n"
    hostile.behave(PATH, answering(refusal.encode()))
    with pytest.raises((RateLimited, ServerError)) as caught:
        rocket.updates.download(release, folder)
    assert caught.value.retry_at is not None
    assert len(hostile.asked_for(PATH)) == 1


def test_a_mirror_that_the_policy_does_not_name_is_not_asked(hostile: Hostile, rocket: RocketVPN, folder: Path) -> None:
    hostile.sandbox.releases.mirrored(["https://mirror.example"])
    release = offered(rocket)
    hostile.behave(PATH, answering(b"HTTP/1.1 404 -\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(EgressBlocked):
        rocket.updates.download(release, folder)


# ---------------------------------------------------------------- the disk, the app


@pytest.mark.component("tmpfs")
def test_no_room_for_it(hostile: Hostile, rocket: RocketVPN, release: Release, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=512k,mode=0700") as disk:
        fails(rocket, release, disk, "full")
    assert hostile.asked_for(PATH) == [], "it was not even asked for"


@pytest.mark.component("tmpfs")
def test_the_disk_fills_up_meanwhile(rocket: RocketVPN, release: Release, tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=2m,mode=0700") as disk:

        def fill(have: int, _: int) -> None:
            if 0 < have < release.length:
                stuff(disk)

        with pytest.raises(DownloadFailed) as caught:
            rocket.updates.download(release, disk, fill)
        assert caught.value.cause == "full"
        assert [path.name for path in disk.iterdir()] == ["ballast"]


def test_a_folder_that_is_none(rocket: RocketVPN, release: Release, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for place in (tmp_path / "nowhere", tmp_path / "file"):
        with pytest.raises(DownloadFailed) as caught:
            rocket.updates.download(release, place)
        assert caught.value.cause == "folder"


@pytest.mark.parametrize("what", ["file", "link", "folder"])
def test_something_else_has_its_name(rocket: RocketVPN, release: Release, folder: Path, what: str) -> None:
    place, victim = folder / release.name, folder / "victim"
    victim.write_bytes(b"mine")
    if what == "file":
        place.write_bytes(b"mine")
    elif what == "link":
        place.symlink_to(victim)
    else:
        place.mkdir()
    with pytest.raises(DownloadFailed) as caught:
        rocket.updates.download(release, folder)
    assert caught.value.cause == "folder"
    assert victim.read_bytes() == b"mine"
    assert {path.name for path in folder.iterdir()} == {release.name, "victim"}


def test_a_link_in_the_place_of_what_is_not_finished(rocket: RocketVPN, release: Release, folder: Path) -> None:
    victim = folder.parent / "victim"
    victim.write_bytes(b"mine")
    (folder / f".{release.name}.{release.sha256[:16]}.part").symlink_to(victim)
    with pytest.raises(DownloadFailed):
        rocket.updates.download(release, folder)
    assert victim.read_bytes() == b"mine"


def test_a_part_that_is_somebody_elses_too(rocket: RocketVPN, release: Release, folder: Path) -> None:
    """Whoever has another name for it, or owns it, could change it after it was verified."""
    victim = folder.parent / "victim"
    victim.write_bytes(b"mine")
    part = folder / f".{release.name}.{release.sha256[:16]}.part"
    os.link(victim, part)
    with pytest.raises(DownloadFailed):
        rocket.updates.download(release, folder)
    assert victim.read_bytes() == b"mine"
    assert list(folder.iterdir()) == []


def test_a_process_that_was_killed_when_the_file_had_both_names(
    rocket: RocketVPN, release: Release, folder: Path
) -> None:
    place = rocket.updates.download(release, folder)
    os.link(place, folder / f".{release.name}.{release.sha256[:16]}.part")
    assert rocket.updates.download(release, folder) == place
    assert list(folder.iterdir()) == [place]


@pytest.mark.parametrize("owner", ["another's", "writable"])
def test_what_is_there_already_and_others_can_change(
    rocket: RocketVPN, release: Release, folder: Path, owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds the right bytes until it was looked at, and others the moment after."""
    place = folder / release.name
    place.write_bytes(CONTENT)
    place.chmod(0o666 if owner == "writable" else 0o644)
    if owner == "another's":
        anothers = platforms.is_anothers
        monkeypatch.setattr(platforms, "is_anothers", lambda found: found.st_size == SIZE or anothers(found))
    with pytest.raises(DownloadFailed) as caught:
        rocket.updates.download(release, folder)
    assert caught.value.cause == "folder"
    assert "other users can change" in caught.value.message
    assert place.read_bytes() == CONTENT


def test_what_gets_the_name_meanwhile_is_not_replaced(rocket: RocketVPN, release: Release, folder: Path) -> None:
    place = folder / release.name

    def write(have: int, length: int) -> None:
        if have == length:
            place.write_bytes(b"mine")

    fails_beside(rocket, release, folder, write, "another file has its name already")
    assert place.read_bytes() == b"mine"
    assert list(folder.iterdir()) == [place]


def test_another_file_in_the_place_of_what_was_verified(rocket: RocketVPN, release: Release, folder: Path) -> None:
    def exchange(have: int, length: int) -> None:
        if have == length:
            (part,) = folder.iterdir()
            (folder.parent / "evil").write_bytes(b"evil")
            (folder.parent / "evil").replace(part)

    fails_beside(rocket, release, folder, exchange, "another file took the place")
    assert not (folder / release.name).exists()


def fails_beside(
    rocket: RocketVPN, release: Release, folder: Path, progress: Callable[[int, int], object], said: str
) -> None:
    with pytest.raises(DownloadFailed) as caught:
        rocket.updates.download(release, folder, progress)
    assert caught.value.cause == "folder"
    assert said in caught.value.message


def test_cancelled(rocket: RocketVPN, release: Release, folder: Path) -> None:
    with pytest.raises(DownloadCancelled):
        rocket.updates.download(release, folder, lambda have, _: have < 300_000)
    assert list(folder.iterdir()) == []
    outcomes = [entry.outcome for entry in rocket.rights.sent() if entry.operation == "updates.download"]
    assert outcomes == ["answer not taken: download-cancelled"]


def test_an_app_that_fails_meanwhile(rocket: RocketVPN, release: Release, folder: Path) -> None:
    def fail(have: int, _: int) -> None:
        if have:
            raise ZeroDivisionError

    with pytest.raises(CallbackFailed):
        rocket.updates.download(release, folder, fail)
    assert list(folder.iterdir()) == []


def test_closed_meanwhile(hostile: Hostile, rocket: RocketVPN, release: Release, folder: Path) -> None:
    def stalling(_: Asked, __: Callable[[], Answer]) -> Iterable[bytes]:
        yield head(0, SIZE) + CONTENT[:600_000]
        hostile.waited(60)

    def close(have: int, _: int) -> None:
        if have:
            rocket.close()

    hostile.behave(PATH, stalling)
    with pytest.raises(VaultClosed):
        rocket.updates.download(release, folder, close)
    assert not (folder / release.name).exists()


def test_a_release_that_is_larger_than_may_be(hostile: Hostile, tmp_path: Path, folder: Path) -> None:
    world = World(hostile.sandbox, tmp_path / "vault")
    with installed(world, limits=Limits(max_download_bytes=1000)) as rocket:
        with pytest.raises(ReleaseRefused) as caught:
            rocket.updates.download(offered(rocket), folder)
        assert caught.value.cause == "length"
    assert hostile.asked_for(PATH) == []
