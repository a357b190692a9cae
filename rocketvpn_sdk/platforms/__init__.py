"""What Linux, macOS and Windows do differently; no other component asks which of them it runs on.

Touches: disk. Start with ``system``.

Of the network it only sets options of a socket that it is given. A test takes every branch on any system by replacing
``sys`` in each module. Each branch compares ``sys.platform`` in the form that mypy follows, which checks it with the
calls that the system really has. docs/platforms.md says what is proven on which system.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING, Literal

from rocketvpn_sdk.platforms import interfaces, open_files, running, windows_paths
from rocketvpn_sdk.platforms.open_files import (
    empty_file,
    file_sizes_are_limited,
    found_in,
    hold,
    is_below,
    keeps_open_files,
    longest_path,
    move_without_replacing,
    open_folder,
    open_to_continue,
    open_to_read,
    remove_unless_held,
    sync_file,
    sync_folder,
    try_hold,
)
from rocketvpn_sdk.platforms.running import boot_id, process_name, since_boot

if TYPE_CHECKING:
    import socket

__all__ = [
    "after_fork",
    "boot_id",
    "claim_port",
    "data_folder",
    "empty_file",
    "file_sizes_are_limited",
    "found_in",
    "hold",
    "home_folder",
    "interface_addresses",
    "is_anothers",
    "is_below",
    "is_link",
    "is_within",
    "keeps_open_files",
    "kind",
    "longest_path",
    "move_without_replacing",
    "network_file_system",
    "never_block",
    "open_files",
    "open_folder",
    "open_to_continue",
    "open_to_others",
    "open_to_read",
    "os_user",
    "path_problem",
    "personal_names",
    "process_name",
    "remove_unless_held",
    "running",
    "since_boot",
    "sync_file",
    "sync_folder",
    "system",
    "try_hold",
    "verifies_chains",
    "windows_paths",
]

_MOUNTS = Path("/proc/self/mounts")
_NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "ncpfs", "davfs", "fuse.davfs2"}
)
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


def interface_addresses() -> frozenset[str]:
    """Return the hardware and IP addresses of this machine's interfaces now, but those that every machine has.

    Linux tells all of them. Of other systems it is one hardware address: a question for more would start a program.
    """
    if sys.platform.startswith("linux"):
        return interfaces.addresses()
    import uuid

    node = uuid.getnode()
    if node >> 40 & 1:  # made up, since the system knows none
        return frozenset()
    return frozenset({":".join(f"{node:012x}"[at : at + 2] for at in range(0, 12, 2))})


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
