"""What a forked child must not share with its parent: connections, and locks that a thread not here may hold."""

from __future__ import annotations

import weakref
from typing import Protocol

from rocketvpn_sdk import platforms


class Part(Protocol):
    """Something that a fork breaks."""

    def forked(self) -> None:
        """Be usable again, in the child."""
        ...


_parts: weakref.WeakSet[Part] = weakref.WeakSet()


def mend(part: Part) -> None:
    """Have ``part`` mended in every child that this process forks from now on."""
    _parts.add(part)


def _after_fork() -> None:
    for part in list(_parts):
        part.forked()


platforms.after_fork(_after_fork)
