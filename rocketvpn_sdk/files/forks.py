"""Resets objects in a forked child: no connections of the parent, no locks of its threads."""

from __future__ import annotations

import weakref
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


def _after_fork() -> None:
    for part in list(_parts):
        part.reset_after_fork()


platforms.after_fork(_after_fork)
