"""A server that works on its requests until the test lets them go; and what runs beside the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rocketvpn_sdk.sandbox import Sandbox


class Gate:
    """Where requests wait; ``arrived`` counts them."""

    def __init__(self) -> None:
        self.arrived = threading.Semaphore(0)
        self.opened = threading.Event()

    def hold(self) -> None:
        self.arrived.release()
        self.opened.wait()


@contextmanager
def held_back(sandbox: Sandbox) -> Iterator[Gate]:
    """Let each request wait in the middle of its work, until the end."""
    gate = Gate()
    sandbox.faults.between_transactions = gate.hold
    try:
        yield gate
    finally:
        sandbox.faults.between_transactions = None
        gate.opened.set()


class Beside:
    """A call on a thread of its own; ``end`` returns what it returned or raised."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._ended: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(call,), name="beside")
        self._thread.start()

    def _run(self, call: Callable[[], Any]) -> None:
        try:
            self._ended.append(call())
        except BaseException as error:  # noqa: BLE001 - returned by ``end``
            self._ended.append(error)

    def end(self) -> Any:
        self._thread.join()
        return self._ended[0]
