"""What a fork resets: everything that asked for it, whatever becomes of the others."""

from __future__ import annotations

import os

import pytest

from rocketvpn_sdk.files.forks import register_fork_aware


class Part:
    """Counts how often it was reset, or fails."""

    def __init__(self, *, fails: bool) -> None:
        self.fails, self.resets = fails, 0
        register_fork_aware(self)

    def reset_after_fork(self) -> None:
        if self.fails:
            raise OSError
        self.resets += 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
def test_one_that_fails_keeps_no_other_from_being_reset() -> None:
    parts = [Part(fails=number % 2 == 0) for number in range(20)]
    child = os.fork()
    if child == 0:
        os._exit(0 if all(part.resets == 1 for part in parts if not part.fails) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [part.resets for part in parts] == [0] * 20
