"""What a download hands over is in the file, in its order, whatever the pieces, and whoever writes them (U4)."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.errors import DownloadFailed
from rocketvpn_sdk.updates.file_sink import FileSink

pytestmark = pytest.mark.clause("U4")
_MIB = 1 << 20


@contextmanager
def sink_of(path: Path, told: Callable[[int], object] = lambda _: None) -> Iterator[FileSink]:
    handle = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        with FileSink(handle, path.parent, told) as sink:
            yield sink
    finally:
        os.close(handle)


@given(sizes=st.lists(st.sampled_from([0, 1, 1000, _MIB - 1, _MIB, _MIB + 1]), max_size=6), here=st.integers(0, 3))
def test_all_of_it_is_there(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], here: int) -> None:
    path = tmp_path_factory.mktemp("sink") / "file"
    path.write_bytes(b"-" * here)
    pieces = [bytes([number + 65]) * size for number, size in enumerate(sizes)]
    whole = b"-" * here + b"".join(pieces)
    with sink_of(path) as sink:
        sink.read()
        for piece in pieces:
            sink.write(piece)
        assert sink.have == len(whole)
        sink.require(hashlib.sha256(whole).hexdigest())
        assert path.read_bytes() == whole


def test_what_was_dropped_is_gone(tmp_path: Path) -> None:
    with sink_of(tmp_path / "file") as sink:
        sink.write(b"wrong" * _MIB)
        sink.begin_again()
        sink.write(b"right")
        sink.require(hashlib.sha256(b"right").hexdigest())
    assert (tmp_path / "file").read_bytes() == b"right"


def test_what_came_before_an_interrupt_is_kept(tmp_path: Path) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), sink_of(tmp_path / "file", interrupt) as sink:
        sink.write(b"kept")
    assert (tmp_path / "file").read_bytes() == b"kept"


def test_attack_an_interrupt_before_the_thread_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user gets what they asked for, and not an error of the thread that never was."""

    def interrupt(_: threading.Thread) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(threading.Thread, "start", interrupt)
    with pytest.raises(KeyboardInterrupt), sink_of(tmp_path / "file") as sink:
        sink.write(b"-" * _MIB)


def test_where_no_thread_can_be_had(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    with sink_of(tmp_path / "file") as sink:
        sink.write(b"-" * _MIB)
        sink.write(b"!")
    assert (tmp_path / "file").read_bytes() == b"-" * _MIB + b"!"


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    read_only = os.open(tmp_path / "file", os.O_RDONLY | os.O_CREAT)
    try:
        with pytest.raises(DownloadFailed) as caught, FileSink(read_only, tmp_path, lambda _: None) as sink:
            sink.write(b"-" * _MIB)
    finally:
        os.close(read_only)
    assert caught.value.cause == "folder"
    assert (tmp_path / "file").read_bytes() == b""
