"""A download into a folder: continued where it ended, verified before it gets its name, without a trace if it fails."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import file_digest
from pathlib import Path

from rocketvpn_sdk import platforms
from rocketvpn_sdk.errors import CallbackFailed, DownloadCancelled, DownloadFailed, RocketVPNError
from rocketvpn_sdk.files import require_file
from rocketvpn_sdk.updates.file_sink import FileSink, storage_failed
from rocketvpn_sdk.updates.remote import RemoteFile

Progress = Callable[[int, int], object]
"""Called with the bytes that are here and with all of them; if it returns ``False``, the download ends."""

_TAKEN = "another file has its name already"
_FINAL = (DownloadFailed, DownloadCancelled, CallbackFailed, OSError)
"""After these, nothing is left to go on with."""
_WRITABLE = 0o022
"""The mode bits by which other users can change a file."""


def to_file(file: RemoteFile, path: Path, progress: Progress | None) -> None:
    """Download ``file`` to ``path``; if it is there already, nothing is fetched.

    What an interrupted download left beside ``path`` is completed.

    Raises:
        DownloadFailed, DownloadCancelled, CallbackFailed: nothing of it is left.
        RocketVPNError: the servers cannot be reached; what is here stays for the next try.
    """
    with _folder_errors(path.parent):
        part = path.with_name(f".{path.name}.{file.signed.sha256[:16]}.part")
        if _is_there(path, file):
            _remove(part)  # of a process that was killed when it had both names
            _tell(progress, file.signed.length, file.signed.length)
            return
        with _discarded_on_error(part):
            with _opened(part) as handle:
                _fill(file, handle, path.parent, progress)
                platforms.sync_file(handle)
                if not platforms.keeps_open_files():  # while it is held
                    if not _is_still(part, handle):
                        raise OSError(0, "another file took the place of the download")
                    _give_name(part, path)
            if platforms.keeps_open_files():
                _give_name(part, path)
        platforms.sync_folder(path.parent)


def _fill(file: RemoteFile, handle: int, folder: Path, progress: Progress | None) -> None:
    length = file.signed.length
    with FileSink(handle, folder, lambda have: _tell(progress, have, length)) as sink:
        sink.read()
        if sink.have > length:
            sink.begin_again()
        needed, free = length - sink.have, shutil.disk_usage(folder).free
        if free < needed:
            raise DownloadFailed(cause="full", folder=str(folder), needed=needed, free=free)
        file.complete(sink)


def _tell(progress: Progress | None, have: int, length: int) -> None:
    if progress is None:
        return
    try:
        goes_on = progress(have, length)
    except Exception as error:
        raise CallbackFailed(name="progress", problem=type(error).__name__) from error
    if goes_on is False:
        raise DownloadCancelled


@contextmanager
def _opened(part: Path) -> Iterator[int]:
    """Open what there is of the file, or begin it, and hold it against other processes."""
    handle = platforms.open_to_continue(part)
    try:
        if not platforms.try_hold(handle) or not _is_still(part, handle):
            raise DownloadFailed(cause="busy")
        found = os.fstat(handle)
        if platforms.is_anothers(found) or found.st_nlink > 1:  # others could change it once it was verified
            raise PermissionError(errno.EACCES, "")
        yield handle
    finally:
        os.close(handle)


def _is_still(part: Path, handle: int) -> bool:
    """Whether the open file still has its name: another process may have finished it while this one opened it."""
    try:
        return os.path.samestat(require_file(part), os.fstat(handle))
    except FileNotFoundError:
        return False


@contextmanager
def _discarded_on_error(part: Path) -> Iterator[None]:
    try:
        yield
    except (RocketVPNError, OSError) as error:
        if getattr(error, "cause", "") != "busy" and (isinstance(error, _FINAL) or _is_empty(part)):
            _remove(part)
        raise


def _give_name(part: Path, path: Path) -> None:
    """Give the verified file its name, which nothing else must have got meanwhile."""
    try:
        platforms.move_without_replacing(part, path)
    except FileExistsError:
        raise FileExistsError(errno.EEXIST, _TAKEN) from None
    _remove(part)


def _is_empty(part: Path) -> bool:
    try:
        return part.lstat().st_size == 0
    except OSError:
        return False


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink(missing_ok=True)


def _is_there(path: Path, file: RemoteFile) -> bool:
    """Whether the file is there already, whole.

    Raises:
        OSError: something else has its name.
    """
    try:
        require_file(path)
    except FileNotFoundError:
        return False
    with os.fdopen(platforms.open_to_read(path, follow=False), "rb") as content:
        found = os.fstat(content.fileno())
        if found.st_size != file.signed.length or file_digest(content, "sha256").hexdigest() != file.signed.sha256:
            raise FileExistsError(errno.EEXIST, _TAKEN)
        if platforms.is_anothers(found) or platforms.open_to_others(found) & _WRITABLE:
            raise FileExistsError(errno.EEXIST, "a file that other users can change has its name already")
    return True


@contextmanager
def _folder_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise storage_failed(error, folder) from None
