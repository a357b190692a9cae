"""How long the vault waits for another process or thread; once it is being closed, one deadline ends every wait."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from rocketvpn_sdk.errors import VaultBusy


class Patience:
    """Seconds to wait for another process.

    It reads the machine's monotonic clock, as locks and sqlite do, and not the injected one.

    Args:
        seconds: for one wait.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._until: float | None = None

    @property
    def ending(self) -> bool:
        """Whether there is a deadline."""
        return self._until is not None

    def end_within(self, seconds: float) -> None:
        """Let every wait from now on, and those under way, end within ``seconds`` in all."""
        self._until = time.monotonic() + seconds

    def until_end(self) -> float:
        """Return the seconds to the deadline; infinite without one."""
        return float("inf") if self._until is None else max(0.0, self._until - time.monotonic())

    def left(self) -> float:
        """Return how many seconds a wait that begins now may take."""
        return min(self.seconds, self.until_end())


class PatientLock:
    """A lock that its thread can take again; waits for another thread until the deadline, where there is one."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._lock = threading.RLock()

    def acquire(self) -> bool:
        """Take it; return whether that was possible in time."""
        return self._lock.acquire(timeout=self._patience.until_end()) if self._patience.ending else self._lock.acquire()

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def __enter__(self) -> None:
        if not self.acquire():
            raise VaultBusy(seconds=self._patience.seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
