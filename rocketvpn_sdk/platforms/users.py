"""The users of this computer, and work that is done with the rights of one of them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

_MOST = 1 << 20


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
        home = Path(entry.pw_dir)
        if home.is_absolute() and home != Path("/") and home.is_dir() and home.stat().st_uid == entry.pw_uid:
            user = User(entry.pw_name, entry.pw_uid, entry.pw_gid, entry.pw_dir)
            found.setdefault((user.id, user.home), user)
    return tuple(found.values())


def as_user(user: User, work: Callable[[], bytes]) -> bytes:
    """Return what ``work`` returns in a process with the user's rights; nothing if it does not come to its end.

    A megabyte at most. The caller has checked ``may_become_others``.
    """
    if sys.platform == "win32":
        return b""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reading)
            _become(user)
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(work())
        finally:
            os._exit(0)  # whatever happened: two processes must not go on from here
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read(_MOST)
    os.waitpid(child, 0)
    return said


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
