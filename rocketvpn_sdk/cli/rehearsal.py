"""A policy's file, published by a sandbox now and whenever it changes: how a change is tried before it is made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from rocketvpn_sdk.cli.problems import CommandError
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.policy import Policy, load_policy

_SECONDS = 0.25
"""Between two looks."""

_Mark = tuple[int, int, int] | None
"""What changes when a file is written or replaced; ``None``: there is no file."""


class Rehearsal:
    """Publishes the policy in a file, and again each time the file was changed and then left alone for a moment.

    A file that is no valid policy is told, and what was published last stays.

    Args:
        path: the file.
        publish: publishes a policy and returns it as it was published.
        published: is told so.
        refused: is told what is wrong with the file.
    """

    def __init__(
        self,
        path: Path,
        publish: Callable[[Policy], Policy],
        *,
        published: Callable[[Policy], None],
        refused: Callable[[RocketVPNError], None],
    ) -> None:
        self._path = path
        self._publish = publish
        self._published = published
        self._refused = refused
        self._read: _Mark = None
        self._seen: _Mark = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="rocketvpn-policy", daemon=True)

    def start(self) -> None:
        """Publish the file as it is, and watch it from now on."""
        self._take(_mark(self._path))
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """Publish the file if it changed since it was read, and not since the last look: it may be half written."""
        mark = _mark(self._path)
        settled, self._seen = mark == self._seen, mark
        if settled and mark != self._read:
            self._take(mark)

    def _watch(self) -> None:
        try:
            while not self._ended.wait(_SECONDS):
                self.look()
        except BrokenPipeError:
            return  # anyone who read our lines has gone

    def _take(self, mark: _Mark) -> None:
        self._read = self._seen = mark
        try:
            policy = self._publish(load_policy(self._path))
        except RocketVPNError as error:
            self._refused(error)
        except OSError as error:  # the sandbox's folder is full, or gone
            problem = f"The policy cannot be published ({error.strerror or type(error).__name__})."
            self._refused(CommandError(problem))
        else:
            self._published(policy)


def _mark(path: Path) -> _Mark:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
