"""The open file that a download goes to: what came is written and hashed on another thread, while more comes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Self

from rocketvpn_sdk.errors import DownloadFailed
from rocketvpn_sdk.files import why
from rocketvpn_sdk.updates.remote import Sink

_BATCH = 1 << 20
"""Bytes that are written at once; one batch is written while the next one is gathered."""


class FileSink(Sink):
    """An open file; leave it (``with``) before the file is closed.

    Args:
        handle: the file; a duplicate of it is written to, so that no other file gets what is written late.
        folder: where it is, for errors.
        told: called with how many bytes are here.
    """

    def __init__(self, handle: int, folder: Path, told: Callable[[int], None]) -> None:
        super().__init__()
        self._file = os.fdopen(os.dup(handle), "r+b", buffering=0)
        self._folder = folder
        self._told = told
        self._pieces: list[bytes] = []
        self._gathered = 0
        self._thread: Thread | None = None
        self._problem: OSError | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what came, so that the next download goes on from there."""
        with self._file:
            self._settle()

    def read(self) -> None:
        """Count what an earlier download left."""
        self._file.seek(0)
        while block := self._file.read(_BATCH):
            self.count(block)
        self._told(self.have)

    def write(self, piece: bytes) -> None:
        """Take ``piece``.

        Raises:
            DownloadFailed: an earlier one cannot be written.
        """
        self._pieces.append(piece)
        self._gathered += len(piece)
        self.have += len(piece)
        if self._gathered >= _BATCH:
            self._store()
        self._told(self.have)

    def begin_again(self) -> None:
        """Drop what is there."""
        self._settle()
        super().begin_again()
        self._file.seek(0)
        self._file.truncate()

    def require(self, sha256: str) -> None:
        """Check that what is there is the file.

        Raises:
            DownloadFailed: it is not, or it cannot be written.
        """
        self._settle()
        super().require(sha256)

    def _settle(self) -> None:
        """Wait until everything that came is in the file."""
        if self._pieces:
            self._store()
        self._wait()

    def _store(self) -> None:
        self._wait()
        batch, self._pieces, self._gathered = self._pieces, [], 0
        self._thread = Thread(target=self._write, args=(batch,), name="rocketvpn-download", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:  # there is no other thread to be had
            self._thread = None
            self._write(batch)

    def _wait(self) -> None:
        if self._thread is not None and self._thread.is_alive():  # an interrupt may have come before it began
            self._thread.join()
        if self._problem is not None:  # here: whoever calls this would take it for an error of the network
            raise storage_failed(self._problem, self._folder) from None

    def _write(self, pieces: list[bytes]) -> None:
        try:
            for piece in pieces:
                rest = memoryview(piece)
                while rest:
                    rest = rest[self._file.write(rest) :]
                self.hashed.update(piece)
        except OSError as error:
            self._problem = error
        except MemoryError:
            self._problem = OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
        except ValueError:  # the file was closed meanwhile: an interrupt of the wait for this
            return


def storage_failed(error: OSError, folder: Path) -> DownloadFailed:
    """Return what to raise where a download cannot be stored in ``folder``."""
    cause, problem = why(error)
    return DownloadFailed(cause="full" if cause == "full" else "folder", folder=str(folder), problem=problem)
