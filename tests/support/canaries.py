"""Tests of what other packages do not promise to keep: when one fails, it says what of ours breaks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import pytest

CANARIES: set[tuple[str, str]] = set()
Test = Callable[..., None]


def canary(*touches: tuple[str, str], breaks: str, public: bool = False) -> Callable[[Test], Test]:
    """Mark the test of what ``touches`` (file, name) rely on; when it fails, it says what ``breaks``.

    ``public``: the name has no underscore and is not set, so that the search cannot find it.
    """

    def mark(test: Test) -> Test:
        if not public:
            CANARIES.update(touches)

        @functools.wraps(test)
        def told(*args: Any, **given: Any) -> None:
            try:
                test(*args, **given)
            except (Exception, pytest.fail.Exception) as error:
                where = ", ".join(f"{name} in rocketvpn_sdk/{file}" for file, name in touches)
                raise AssertionError(f"{where} does not work any more: {breaks} ({error!r})") from error

        return told

    return mark
