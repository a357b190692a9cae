"""The server's clock, learned from the ``Date`` header of its answers (RFC 9110 §6.6.1).

A device's clock is often wrong, and a proof of possession carries a time that the server checks. The offset learned
here corrects that time; it is kept in memory only. It is also reported to the vault, which adjusts its age. Only
answers to authenticated calls over a verified connection count: a time learned anonymously and shown later in an
authenticated call would link the two.
"""

from __future__ import annotations

from collections.abc import Callable

from rocketvpn_sdk.clock import DAY, Clock
from rocketvpn_sdk.errors import AuthenticationFailed
from rocketvpn_sdk.transport.answers import server_date
from rocketvpn_sdk.transport.connections import HttpReply

MOST = DAY
"""A clock that is further off is reported as wrong, not corrected: certificates and retention depend on it too."""
LEAST = 5.0
"""A smaller difference is the network's delay and the date's whole seconds."""


class ServerClock:
    """Estimates the server's time.

    Args:
        clock: the device's clock.
        trusted_time: returns the time according to the vault, in seconds since the epoch; ``None``: unknown.
        agree: called with the server's time of each answer, in seconds since the epoch.
    """

    __slots__ = ("_agree", "_clock", "_offset", "_trusted_time")

    def __init__(
        self,
        clock: Clock,
        trusted_time: Callable[[], float] | None = None,
        agree: Callable[[float], object] | None = None,
    ) -> None:
        self._clock = clock
        self._agree = agree
        self._trusted_time = trusted_time
        self._offset: float | None = None

    def now(self) -> float:
        """Return the time to put into a proof: the device's clock, corrected by at most a day."""
        offset = self._offset or 0.0
        return self._clock.time() + (offset if LEAST < abs(offset) <= MOST else 0.0)

    def learn(self, reply: HttpReply) -> None:
        """Learn the time from ``reply``, if it has one. Refusals count: a wrong clock gets nothing else."""
        date = server_date(reply)
        if date is not None:
            self._offset = date - self._clock.time()
            if self._agree is not None:
                self._agree(date)

    def corrects(self, used: float) -> bool:
        """Return whether a new proof would carry another time than ``used``, the time of the refused one.

        Raises:
            AuthenticationFailed: the device's clock is too far off to be corrected.
        """
        if abs(self._offset or 0.0) > MOST:
            raise AuthenticationFailed(reason="the time of this device is not the server's", cause="clock")
        return abs(self.now() - used) > LEAST

    def trusted_time(self) -> float | None:
        """Return the time according to the server, else to the vault, in seconds since the epoch; ``None``: unknown."""
        if self._offset is not None:
            return self._clock.time() + self._offset
        return self._trusted_time() if self._trusted_time else None
