"""What Linux, macOS and Windows do differently; no other component asks which of them it runs on.

Touches: disk. Start with ``system``.

Of the network it only sets options of a socket that it is given. A test takes every branch on any system by replacing
``sys`` here; each branch compares ``sys.platform`` in the form that mypy follows, which checks it with the calls that
the system really has. docs/platforms.md says what is proven on which system.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Literal

from rocketvpn_sdk.platforms import running as running
from rocketvpn_sdk.platforms import windows_paths
from rocketvpn_sdk.platforms.running import boot_id as boot_id
from rocketvpn_sdk.platforms.running import process_name as process_name
from rocketvpn_sdk.platforms.running import since_boot as since_boot

if TYPE_CHECKING:
    import socket

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "ncpfs", "davfs", "fuse.davfs2"}
)
_FAR = 0x7FFF0000
_JUNCTION = 0xA0000003
"""``IO_REPARSE_TAG_MOUNT_POINT`` of winnt.h, which ``stat`` has on Windows alone."""


def system() -> str:
    """Return ``sys.platform``: ``"linux"``, ``"darwin"``, ``"win32"``."""
    return sys.platform


# ---------------------------------------------------------------- users and processes


def kind() -> Literal["linux", "macos", "windows", "other"]:
    """Return what people call this system."""
    if sys.platform == "darwin":
        return "macos"
    if sys.platform == "win32":
        return "windows"
    return "linux" if sys.platform == "linux" else "other"


def os_user() -> str:
    """Return what the operating system calls the user of this process; never read from the environment."""
    if sys.platform == "win32":
        return f"name:{os.getlogin()}"
    return f"uid:{os.geteuid()}"


def personal_names() -> tuple[str, ...]:
    """Return what the system calls this user, their home folder and this machine; what it does not know is left out."""
    home = home_folder()
    names = [home.name if home is not None else ""]
    if sys.platform == "win32":
        with suppress(OSError):
            names.append(os.getlogin())
        host = os.environ.get("COMPUTERNAME", "")
    else:
        import pwd

        with suppress(KeyError):
            user = pwd.getpwuid(os.geteuid())
            names += [user.pw_name, user.pw_gecos.partition(",")[0]]
        host = os.uname().nodename
    return tuple(dict.fromkeys(name for name in (*names, host, host.partition(".")[0]) if name))


def after_fork(call: Callable[[], None]) -> None:
    """Have ``call`` made in every child that this process forks from now on; Windows has no fork."""
    if sys.platform != "win32":
        os.register_at_fork(after_in_child=call)


def never_block(handle: int) -> None:
    """Let a write to a full pipe fail instead of wait. Windows has no such call before Python 3.12."""
    if sys.platform != "win32":
        os.set_blocking(handle, False)


# ---------------------------------------------------------------- who may use a file, and where it is


def is_anothers(found: os.stat_result) -> bool:
    """Whether a file belongs to another user; always false on Windows, where its access control list counts."""
    if sys.platform == "win32":
        return False
    return found.st_uid != os.geteuid()


def open_to_others(found: os.stat_result) -> int:
    """Return what other users may do, as mode bits (0o077); 0 on Windows, whose mode bits say nothing about users."""
    if sys.platform == "win32":
        return 0
    return found.st_mode & 0o077


def is_link(found: os.stat_result) -> bool:
    """Whether what ``lstat`` found stands for another place: a link, or a junction, which Windows calls a folder."""
    return stat.S_ISLNK(found.st_mode) or getattr(found, "st_reparse_tag", 0) == _JUNCTION


def network_file_system(folder: Path) -> str | None:
    """Return the kind of network file system that ``folder`` is on; ``None`` if it is local, or the system tells not.

    Windows: only a share's own path shows it, to which ``resolve`` leads from a drive letter. macOS: nothing does.

    Raises:
        OSError: the list of what is mounted cannot be opened now.
    """
    if sys.platform == "win32":
        return "a share" if windows_paths.is_share(PureWindowsPath(folder.resolve())) else None
    target = os.path.realpath(folder)
    best, kind = "", ""
    for line in _mounts():
        _, mount, file_system, *_ = line.split(" ")
        mount = mount.replace("\\040", " ")
        if len(mount) >= len(best) and (target == mount or target.startswith(mount.rstrip("/") + "/")):
            best, kind = mount, file_system
    return kind if kind in _NETWORK else None


def _mounts() -> list[str]:
    try:
        return _MOUNTS.read_text("utf-8", "replace").splitlines()
    except (FileNotFoundError, NotADirectoryError, PermissionError):  # this system, or its administrator, tells not
        return []


def data_folder(app: str) -> Path | None:
    """Return the folder for the user's data that belong to ``app``; ``None``: this user has no home folder.

    Linux and the like: the XDG Base Directory Specification, by which a relative ``XDG_DATA_HOME`` (``~/data`` is one)
    is to be ignored; platformdirs follows it there in its newest versions alone. Nothing here depends on the folder
    that this process works in.
    """
    if sys.platform in ("win32", "darwin"):
        from platformdirs import user_data_path

        try:
            folder = user_data_path(app, appauthor=False, roaming=False)
        except RuntimeError:  # there is no home
            return None
        return folder if folder.is_absolute() else None
    given = Path(os.environ.get("XDG_DATA_HOME", ""))
    if given.is_absolute():
        return given / app
    home = home_folder()
    return home / ".local" / "share" / app if home is not None else None


def home_folder() -> Path | None:
    """Return this user's home folder; ``None``: there is none."""
    if sys.platform == "win32":
        try:
            home = Path.home()
        except RuntimeError:
            return None
        return home if home.is_absolute() else None
    home = Path(os.environ.get("HOME", ""))
    if not home.is_absolute():
        import pwd

        try:
            home = Path(pwd.getpwuid(os.getuid()).pw_dir)
        except KeyError:  # a number that no user has, as in a container
            return None
    return home if home.is_absolute() else None


def path_problem(path: Path, *, room: int = 0) -> str | None:
    """Return why the system would write somewhere else than ``path`` says, or nowhere; ``None``: it would not.

    Always ``None`` but on Windows; see ``windows_paths.problem``, also for ``room``.
    """
    if sys.platform == "win32":
        return windows_paths.problem(PureWindowsPath(path), room=room)
    return None


def is_within(path: Path, folder: Path) -> bool:
    """Whether ``path`` is ``folder`` or in it; neither has to be there. macOS takes ``A`` and ``a`` for one name."""
    inner, outer = Path(os.path.realpath(path)), Path(os.path.realpath(folder))  # ``resolve`` raises for a circle
    if sys.platform == "darwin":
        inner, outer = Path(str(inner).casefold()), Path(str(outer).casefold())
    return inner.is_relative_to(outer)


# ---------------------------------------------------------------- open files


def open_to_read(path: Path, *, follow: bool) -> int:
    """Open a file without waiting for anyone who writes into a pipe; return its handle.

    Args:
        path: the file.
        follow: whether it may be a link.

    Raises:
        OSError: it is a link that may not be followed, or cannot be opened.
    """
    if sys.platform == "win32":
        return os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))


def open_to_continue(path: Path) -> int:
    """Open a file to read what it has and to write behind it, or make it, for this user alone; return its handle.

    Raises:
        OSError: it is a link, or cannot be opened.
    """
    flags = os.O_CREAT | os.O_RDWR
    if sys.platform == "win32":
        return os.open(path, flags | getattr(os, "O_BINARY", 0), 0o600)
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o600)


def open_folder(folder: Path) -> int | None:
    """Open a folder, so that it is found again when its name has changed; ``None`` on Windows, where it cannot change.

    Raises:
        OSError: it cannot be opened.
    """
    if sys.platform == "win32":
        return None
    return os.open(folder, os.O_RDONLY | os.O_NOFOLLOW | os.O_DIRECTORY)


def found_in(handle: int | None, name: str) -> os.stat_result | None:
    """Return what has that name in a folder from ``open_folder``; ``None`` if nothing has, or it cannot be told."""
    if sys.platform == "win32" or handle is None:
        return None
    try:
        return os.stat(name, dir_fd=handle, follow_symlinks=False)
    except OSError:
        return None


def is_below(path: Path, handle: int | None) -> bool:
    """Return whether ``path`` is in the folder from ``open_folder``, by whatever name."""
    if sys.platform == "win32" or handle is None:
        return False
    folder = os.fstat(handle)
    for above in Path(os.path.realpath(path)).parents:
        try:
            if os.path.samestat(above.stat(), folder):
                return True
        except OSError:  # it is not there yet, or may not be looked at
            continue
    return False


def empty_file(path: Path, found: os.stat_result) -> bool:
    """Empty the file that ``lstat`` found at ``path``, unless that cannot be done safely; return whether it was done.

    It is neither opened, since closing it would drop every lock that this process has on it (POSIX), nor named, since a
    link may have come in its place. Linux alone has what that takes: handles that are not open files (open(2), O_PATH).

    Raises:
        OSError: it may not be written.
    """
    if sys.platform != "linux":
        return False
    handle = os.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        now = os.fstat(handle)
        if not os.path.samestat(now, found) or not stat.S_ISREG(now.st_mode) or now.st_nlink > 1:
            return False
        os.truncate(f"/proc/self/fd/{handle}", 0)
    except FileNotFoundError:  # /proc is not there
        return False
    finally:
        os.close(handle)
    return True


def file_sizes_are_limited() -> bool:
    """Whether this process may not write files as long as the disk takes (``ulimit -f``)."""
    if sys.platform == "win32":
        return False
    import resource

    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY


def longest_path() -> int | None:
    """Return how many bytes a path may have that sqlite opens; ``None`` on Windows, where ``path_problem`` tells.

    Source: ``MAX_PATHNAME`` of sqlite's os_unix.c.
    """
    return None if sys.platform == "win32" else 512


def keeps_open_files() -> bool:
    """Whether a file that is open can be neither moved nor removed, by whichever process: on Windows."""
    return sys.platform == "win32"


def hold(handle: int) -> None:
    """Wait for a file that is open and hold it against ``remove_unless_held``, until it is closed."""
    if sys.platform != "win32":  # there it is enough that it is open
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)


def try_hold(handle: int) -> bool:
    """Hold a file as ``hold`` does if nobody does already; return whether it is held now."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(handle, _FAR, os.SEEK_SET)  # a byte that is never written: Windows locks against writing, too
        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        finally:
            os.lseek(handle, 0, os.SEEK_SET)
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def remove_unless_held(path: Path) -> None:
    """Remove a file; a link is not followed.

    Raises:
        OSError: a process holds it, or it cannot be removed.
    """
    if sys.platform == "win32":
        path.unlink()
        return
    import fcntl

    handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    finally:
        os.close(handle)


def move_without_replacing(file: Path, path: Path) -> None:
    """Give ``file`` the name ``path``. ``file`` may be there afterwards too.

    Raises:
        FileExistsError: something has that name.
        OSError: it cannot be moved.
    """
    if sys.platform == "win32":
        file.rename(path)  # refuses to replace there
        return
    try:
        os.link(file, path)  # unlike a rename, refuses to replace
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links; between the two lines another could come first
        if os.path.lexists(path):
            raise FileExistsError from None
        file.replace(path)


# ---------------------------------------------------------------- what survives a power cut


def sync_file(handle: int) -> None:
    """Wait until what was written to an open file survives a power cut.

    Raises:
        OSError: the disk did not take it.
    """
    if sys.platform == "darwin":
        import fcntl

        try:
            fcntl.fcntl(handle, fcntl.F_FULLFSYNC)  # fsync there leaves it in the disk's own cache (man 2 fsync)
        except OSError as error:
            if error.errno not in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY):
                raise
        else:
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Wait until a new name in ``folder`` survives a power cut. Windows, and some file systems, have no such call.

    Raises:
        OSError: the disk did not take it.
    """
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync_file(handle)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


# ---------------------------------------------------------------- network


def verifies_chains() -> bool:
    """Whether the operating system verifies certificates by itself, and tells not which chain it built."""
    return sys.platform in ("win32", "darwin")


def claim_port(listener: socket.socket) -> None:
    """Let ``listener`` take a port that was just given up, and none that somebody listens on."""
    import socket

    if sys.platform == "win32":  # SO_REUSEADDR would let it take, or lose, a port that is in use there
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
