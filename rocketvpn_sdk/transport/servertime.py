"""What time it is at the server, told by the ``Date`` of its answers (RFC 9110 §6.6.1).

A device's clock is often wrong, and a proof of possession carries a time that the server checks. What is learned here
corrects that time, in memory alone, and is told to the vault, whose age it moves. Only answers that came over a
verified connection, to a call that said who is calling, are listened to: a time learned without a name, and shown with
one, would name the sender.
"""

from __future__ import annotations

from collections.abc import Callable

from rocketvpn_sdk.clock import DAY, Clock
from rocketvpn_sdk.errors import AuthenticationFailed
from rocketvpn_sdk.transport.answers import server_date
from rocketvpn_sdk.transport.connections import Reply

MOST = DAY
"""A clock further off is not corrected but reported: certificates and retention go by it as well."""
LEAST = 5.0
"""A smaller difference is the network's delay and the date's whole seconds."""


class ServerTime:
    """The server's clock, as far as it is known.

    Args:
        clock: the device's.
        believed: what time it is by another word than the device's clock (the vault's); ``None``: there is none.
        agree: told the server's clock with each answer, in seconds since the epoch.
    """

    __slots__ = ("_agree", "_believed", "_clock", "_offset")

    def __init__(
        self,
        clock: Clock,
        believed: Callable[[], float] | None = None,
        agree: Callable[[float], object] | None = None,
    ) -> None:
        self._clock = clock
        self._agree = agree
        self._believed = believed
        self._offset: float | None = None

    def now(self) -> float:
        """Return the time for a proof: the device's, corrected by no more than a day."""
        offset = self._offset or 0.0
        return self._clock.time() + (offset if LEAST < abs(offset) <= MOST else 0.0)

    def learn(self, reply: Reply) -> None:
        """Take the time of ``reply``, if it has one; of a refusal, too: a device whose clock is wrong gets no other."""
        date = server_date(reply)
        if date is not None:
            self._offset = date - self._clock.time()
            if self._agree is not None:
                self._agree(date)

    def corrects(self, used: float) -> bool:
        """Whether a proof that was refused, and made for the time ``used``, would get another one now.

        Raises:
            AuthenticationFailed: the device's clock is too far off to be corrected.
        """
        if abs(self._offset or 0.0) > MOST:
            raise AuthenticationFailed(reason="the time of this device is not the server's", cause="clock")
        return abs(self.now() - used) > LEAST

    def believed(self) -> float | None:
        """Return what time it is by another word than the device's clock's; ``None``: nobody has said."""
        if self._offset is not None:
            return self._clock.time() + self._offset
        return self._believed() if self._believed else None
