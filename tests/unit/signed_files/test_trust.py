from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.signed_files import POLICY, Shelf, files_in, no_network

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import (
    ConfigurationError,
    EgressBlocked,
    RocketVPNError,
    ServerUnreachable,
    UpdateRefused,
    ValueRefused,
    VaultClosed,
    VaultFull,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.signed_files import beside, remove
from rocketvpn_sdk.testing import FakeClock


def reason(caught: pytest.ExceptionInfo[UpdateRefused]) -> str:
    return str(caught.value.params["reason"])


# ---------------------------------------------------------------- what is asked for, and when


def test_a_first_read_fetches_everything_and_a_second_one_nothing(shelf: Shelf) -> None:
    files = shelf.files()
    assert files.read(POLICY) == b'{"version":1}'
    assert [name.split(".", 1)[-1] for name in shelf.asked[:4]] == [
        "root.json",
        "json",
        "snapshot.json",
        "targets.json",
    ]
    assert len(shelf.asked) == 5
    assert files.read(POLICY) == b'{"version":1}'
    assert len(shelf.asked) == 5


def test_a_refresh_without_news_asks_for_two_files(shelf: Shelf) -> None:
    files = shelf.files()
    files.refresh()
    shelf.asked.clear()
    files.refresh()
    assert shelf.asked == ["2.root.json", "timestamp.json"]


def test_a_new_version_is_read_after_a_refresh_and_not_before(shelf: Shelf) -> None:
    files = shelf.files()
    files.read(POLICY)
    shelf.repository.publish({POLICY: b'{"version":2}'})
    assert files.read(POLICY) == b'{"version":1}'
    files.refresh()
    assert files.read(POLICY) == b'{"version":2}'


def test_what_is_no_longer_offered_is_neither_read_nor_kept(shelf: Shelf) -> None:
    shelf.repository.publish({"surveys/list.json": b"[]"})
    files = shelf.files()
    assert files.read("surveys/list.json") == b"[]"
    del shelf.repository._targets.signed.targets["surveys/list.json"]
    shelf.repository.publish({POLICY: b'{"version":2}'})
    files.refresh()
    with pytest.raises(UpdateRefused) as caught:
        files.read("surveys/list.json")
    assert reason(caught) == "not-found"
    assert not list((beside(shelf.folder / "vault") / "targets").iterdir())


@pytest.mark.parametrize(
    "path",
    ["", "policy", "/policy.json", "policy/", "a/b/c", "../x", "a/..", "a/.b", ".a/b", "a\\b/c", "a/b\n", "a/%2e"],
)
@pytest.mark.parametrize("method", ["read", "vouched"])
def test_a_path_of_another_form_is_refused_before_anything(shelf: Shelf, path: str, method: str) -> None:
    with pytest.raises(ValueRefused):
        getattr(shelf.files(), method)(path)
    assert shelf.asked == []


# ---------------------------------------------------------------- time


@pytest.mark.clause("X1")
def test_expiry_goes_by_the_clock_that_was_given(shelf: Shelf, clock: FakeClock) -> None:
    files = shelf.files()
    files.read(POLICY)
    clock.advance(2 * DAY)
    with pytest.raises(UpdateRefused) as caught:
        files.read(POLICY)
    assert reason(caught) == "expired"
    with pytest.raises(UpdateRefused) as caught:
        files.refresh()
    assert reason(caught) == "expired"
    shelf.repository.renew()
    files.refresh()
    assert files.read(POLICY) == b'{"version":1}'


@pytest.mark.clause("X1")
def test_a_device_that_slept_for_years_comes_back(shelf: Shelf, clock: FakeClock) -> None:
    files = shelf.files()
    files.read(POLICY)
    for _ in range(5):
        clock.advance(300 * DAY)
        shelf.repository.renew()
        shelf.repository.rotate_root("timestamp", "snapshot", "targets")
    files.refresh()
    assert files.read(POLICY) == b'{"version":1}'


# ---------------------------------------------------------------- what goes wrong


def test_no_connection_is_the_transports_error(shelf: Shelf) -> None:
    with pytest.raises(ServerUnreachable):
        shelf.files(fetch=no_network).refresh()
    with pytest.raises(ServerUnreachable):
        shelf.files(fetch=no_network).read(POLICY)


def test_what_the_guard_says_is_what_is_raised(shelf: Shelf) -> None:
    def blocked(operation: str, /, **_: object) -> bytes | None:
        raise EgressBlocked(operation=operation, rule="U4", reason="No.")

    with pytest.raises(EgressBlocked):
        shelf.files(fetch=blocked).refresh()


@pytest.mark.parametrize("root", [b"", b"{}", b"garbage", b'{"signed":{},"signatures":[]}'])
def test_a_root_that_is_none(shelf: Shelf, root: bytes) -> None:
    with pytest.raises(ConfigurationError, match="trusted_root"):
        files_in(shelf.folder / "vault", root, shelf.fetch, shelf.clock).refresh()
    assert shelf.asked == []


def test_a_root_without_its_signatures(shelf: Shelf) -> None:
    root = shelf.repository.trusted_root.read_bytes()
    with pytest.raises(ConfigurationError, match="trusted_root"):
        files_in(shelf.folder / "vault", root.replace(b'"sig":"', b'"sig":"00'), shelf.fetch, shelf.clock).refresh()


def test_a_file_longer_than_the_limit(shelf: Shelf) -> None:
    shelf.repository.publish({"releases/big.bin": bytes(2000)})
    files = shelf.files(limits=Limits(max_response_bytes=1999))
    with pytest.raises(UpdateRefused) as caught:
        files.read("releases/big.bin")
    assert reason(caught) == "oversize"
    assert files.read(POLICY)


def test_a_download_that_ignores_its_bound(shelf: Shelf) -> None:
    shelf.instead["timestamp.json"] = lambda: bytes(100_000)
    with pytest.raises(UpdateRefused) as caught:
        shelf.files().refresh()
    assert reason(caught) == "oversize"


@pytest.mark.parametrize("missing", ["timestamp.json", ".snapshot.json", ".targets.json"])
def test_a_part_that_is_missing(shelf: Shelf, missing: str) -> None:
    shelf.instead[missing] = lambda: None
    with pytest.raises(UpdateRefused) as caught:
        shelf.files().refresh()
    assert reason(caught) == "missing"


def test_a_full_disk_keeps_the_last_good_state(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    files = shelf.files()
    files.read(POLICY)
    shelf.repository.publish({POLICY: b'{"version":2}'})

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(VaultFull):
            files.refresh()
    assert files.read(POLICY) == b'{"version":1}'
    files.refresh()
    assert files.read(POLICY) == b'{"version":2}'


def test_another_operators_files_begin_anew(shelf: Shelf, tmp_path: Path, clock: FakeClock) -> None:
    shelf.files().read(POLICY)
    other = Shelf(tmp_path / "other", clock)
    moved = files_in(shelf.folder / "vault", other.repository.trusted_root.read_bytes(), other.fetch, clock)
    with pytest.raises(UpdateRefused):
        moved.read(POLICY)
    moved.refresh()
    assert moved.read(POLICY) == b'{"version":1}'


def test_damage_on_the_device_is_mended_by_the_next_refresh(shelf: Shelf) -> None:
    files = shelf.files()
    files.read(POLICY)
    kept = beside(shelf.folder / "vault") / "kept.json"
    for damage in (b"", b"{}", kept.read_bytes()[:100], os.urandom(50), b'{"good":{"../x":""}}'):
        kept.write_bytes(damage)
        assert files.read(POLICY) == b'{"version":1}'


def test_a_removed_vault_does_not_come_back_through_here(shelf: Shelf) -> None:
    files = shelf.files()
    files.read(POLICY)
    remove(beside(shelf.folder / "vault"))
    (shelf.folder / "vault").rmdir()
    with pytest.raises(VaultClosed):
        files.refresh()
    assert not (shelf.folder / "vault").exists()


@pytest.mark.clause("X1")
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["2.root.json", "timestamp.json", ".snapshot.json", ".targets.json", ".policy.json"]),
    content=st.one_of(st.binary(max_size=200), st.none()),
    at=st.integers(0, 10_000),
)
def test_nothing_foreign_is_raised_whatever_comes(shelf: Shelf, name: str, content: bytes | None, at: int) -> None:
    """Garbage, or a genuine file with something written into it."""
    files = shelf.files()
    files.refresh()
    shelf.repository.publish({POLICY: b'{"version":%d}' % (at + 2)})

    def answer() -> bytes | None:
        if content is None or at % 2:
            return content
        genuine = shelf.repository.read("metadata", "timestamp.json") or b""
        return genuine[: at % len(genuine)] + content + genuine[at % len(genuine) :]

    shelf.instead = {name: answer}
    with suppress(RocketVPNError):
        files.refresh()
        assert files.read(POLICY).startswith(b'{"version":')
    shelf.instead = {}


@pytest.mark.clause("X1")
def test_without_its_own_clock_nothing_is_refreshed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a later python-tuf kept its time elsewhere: it fails, rather than going by the machine's clock."""
    from tuf.ngclient._internal.trusted_metadata_set import TrustedMetadataSet

    files = shelf.files()
    files.read(POLICY)
    shelf.asked.clear()
    monkeypatch.setattr(TrustedMetadataSet, "reference_time", property(lambda _: None, lambda *_: None), raising=False)
    with pytest.raises(UpdateRefused):
        files.refresh()
    assert shelf.asked == []


def test_a_disk_that_fills_while_tuf_writes(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EDQUOT, "Disk quota exceeded")

    files = shelf.files()
    files.read(POLICY)
    with monkeypatch.context() as patch:
        patch.setattr("tuf.ngclient.updater.os.replace", full)
        with pytest.raises(VaultFull):
            files.refresh()
    assert files.read(POLICY) == b'{"version":1}'


def test_python_tuf_fetches_nothing_by_itself() -> None:
    from tuf.api.exceptions import DownloadError

    from rocketvpn_sdk.signed_files.workflow import _Fetcher

    with pytest.raises(DownloadError):
        _Fetcher(lambda *_: b"", lambda *_: b"")._fetch("https://elsewhere.example/")
