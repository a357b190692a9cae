"""Resets objects in a forked child: no connections of the parent, no locks of its threads."""

from __future__ import annotations

import threading
import weakref
from contextlib import ExitStack
from typing import Protocol

from rocketvpn_sdk import platforms


class ForkAware(Protocol):
    """An object that a fork breaks, and that can repair itself in the child."""

    def reset_after_fork(self) -> None:
        """Make this object usable in the child."""
        ...


_parts: weakref.WeakSet[ForkAware] = weakref.WeakSet()


def register_fork_aware(part: ForkAware) -> None:
    """Call ``part.reset_after_fork()`` in every child that this process forks from now on. Held weakly."""
    _parts.add(part)


class ForkSafe:
    """A base for what holds a lock: a forked child gets a new one, since a thread of the parent may hold the other."""

    def __init__(self) -> None:
        self.reset_after_fork()
        register_fork_aware(self)

    def reset_after_fork(self) -> None:
        """Make this usable in the child; also called when it is made."""
        self.lock = threading.Lock()


def _after_fork() -> None:
    with ExitStack() as stack:  # it calls all of them, whatever one of them raises
        for part in list(_parts):
            stack.callback(part.reset_after_fork)


platforms.after_fork(_after_fork)
