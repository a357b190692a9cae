"""The users of this computer, and work that is done with the rights of one of them."""

from __future__ import annotations

import os
import selectors
import signal
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, NoReturn

_MOST = 1 << 20
_PATIENCE = 300.0
"""Seconds for one user: keyrings may ask theirs."""


class User(NamedTuple):
    """A user with a home folder of their own."""

    name: str
    id: int
    group: int
    home: str


def user_name() -> str:
    """Return what the system calls this user."""
    if sys.platform == "win32":
        return os.environ.get("USERNAME", "")
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def may_become_others() -> bool:
    """Whether this process can take the rights of other users. Windows has no way that needs no password."""
    return sys.platform != "win32" and os.geteuid() == 0


def users() -> tuple[User, ...]:
    """Return the users who own their home folder, each folder once."""
    if sys.platform == "win32":
        return ()
    import pwd

    found: dict[tuple[int, str], User] = {}
    for entry in pwd.getpwall():
        if _is_home_of(entry.pw_uid, Path(entry.pw_dir)):
            user = User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)
            found.setdefault((user.id, user.home), user)
    return tuple(found.values())


def _is_home_of(owner: int, home: Path) -> bool:
    if not home.is_absolute() or home == Path("/"):
        return False
    try:
        found = home.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:  # not even an administrator may look into some; their owner can
        return True
    return stat.S_ISDIR(found.st_mode) and found.st_uid == owner


def as_user(user: User, work: Callable[[], bytes]) -> bytes:
    """Return what ``work`` returns in a process with the user's rights; nothing if it does not come to its end.

    A megabyte at most, and ``_PATIENCE`` seconds: its user can stop that process. The caller has checked
    ``may_become_others``.
    """
    if sys.platform == "win32":
        return b""
    child, (reading, writing) = 0, os.pipe()
    # No signal gets through to the new process: an interrupt would let two processes go on from here.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        with os.fdopen(reading, "rb") as pipe:
            try:
                child = os.fork()
                if not child:
                    _do(user, work, writing)
            except OSError:  # no further process can be had
                return b""
            finally:
                os.close(writing)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
            return _read(pipe, time.monotonic() + _PATIENCE)
    finally:
        if child:  # what it had to say is said, it takes too long, or this was interrupted
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _do(user: User, work: Callable[[], bytes], writing: int) -> NoReturn:
    try:
        _become(user)
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(work())
    finally:
        os._exit(0)  # whatever happened


def _read(pipe: BinaryIO, until: float) -> bytes:
    """Return all that comes; nothing if it does not end in time."""
    said = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(said) < _MOST and selector.select(max(0.0, until - time.monotonic())):
            piece = os.read(pipe.fileno(), _MOST)
            if not piece:
                return bytes(said)
            said += piece
    return b""


def _become(user: User) -> None:
    if sys.platform != "win32":
        os.initgroups(user.name, user.group)
        os.setgid(user.group)
        os.setuid(user.id)
        os.chdir("/")
        os.environ.clear()
        os.environ.update(_environment(user))


def _environment(user: User) -> dict[str, str]:
    """Return the user's environment, with that of an open session: the keyring is reached through it."""
    own = {"HOME": user.home, "USER": user.name, "LOGNAME": user.name, "PATH": "/usr/bin:/bin"}
    runtime = f"/run/user/{user.id}"
    if not Path(runtime, "bus").exists():
        return own
    return own | {"XDG_RUNTIME_DIR": runtime, "DBUS_SESSION_BUS_ADDRESS": f"unix:path={runtime}/bus"}
