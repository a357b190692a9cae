"""``--verbose``: what the SDK logs of its steps, on the standard error stream while a command runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from rocketvpn_sdk.cli.output import Out

_OURS = "rocketvpn_sdk"


class _StepHandler(logging.Handler):
    """Prints each line, after its level and the module that logged it."""

    def __init__(self, out: Out) -> None:
        super().__init__()
        self._out = out

    def emit(self, record: logging.LogRecord) -> None:
        name = record.name.removeprefix(f"{_OURS}.")
        self._out.error(f"{record.levelname.lower()} {name}: {record.getMessage()}", as_is=True)


@contextmanager
def steps_shown(out: Out, *, wanted: bool) -> Iterator[None]:
    """Print the SDK's own log, from DEBUG on, until the block ends; without ``wanted`` do nothing."""
    if not wanted:
        yield
        return
    ours, steps = logging.getLogger(_OURS), _StepHandler(out)
    level = ours.level
    ours.addHandler(steps)
    ours.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        ours.removeHandler(steps)
        ours.setLevel(level)
