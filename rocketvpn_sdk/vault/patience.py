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
        self.until: float | None = None
        """The deadline, by the monotonic clock; ``None`` without one."""

    def end_within(self, seconds: float) -> None:
        """Let every wait from now on, and those under way, end within ``seconds`` in all."""
        self.until = time.monotonic() + seconds

    def until_end(self) -> float:
        """Return the seconds to the deadline; infinite without one."""
        return float("inf") if self.until is None else max(0.0, self.until - time.monotonic())

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
        until = self._patience.until
        return self._lock.acquire() if until is None else self._lock.acquire(timeout=self._patience.until_end())

    def release(self) -> None:
        """Give it back."""
        self._lock.release()

    def __enter__(self) -> None:
        if self._patience.until is None:  # nearly always; it is entered at every use of the vault
            self._lock.acquire()
        elif not self.acquire():
            raise VaultBusy(seconds=self._patience.seconds)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
