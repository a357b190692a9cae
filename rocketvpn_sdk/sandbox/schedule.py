"""What the server does by itself once its time has come: at the first request after that, whoever sends it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from rocketvpn_sdk.sandbox import addresses, order_changes
from rocketvpn_sdk.sandbox.services import Services
from rocketvpn_sdk.sandbox.tables import PendingAddressRow, RightsRequestRow

_NEXT = (
    select(func.min(RightsRequestRow.c.carry_out_at)).where(RightsRequestRow.c.status == "open"),
    select(func.min(PendingAddressRow.c.counts_from)),
)


class ScheduledChanges:
    """Looks once a minute whether something is due, and at the very second where it knows when.

    Another process may add to what waits. That is never due within a minute, so that it is seen before it is.
    """

    def __init__(self) -> None:
        self._looked_at = self._look_at = 0

    def carry_out(self, services: Services) -> None:
        """Carry out what is due; does nothing if there cannot be anything."""
        now = services.now()
        if self._looked_at <= now < self._look_at:  # else it is time, or the clock was set back
            return
        if services.database.transact(_next) <= now:
            erased = services.database.retried(lambda: order_changes.carry_out_due(services, now))
            services.database.retried(lambda: addresses.carry_out_due(services, now))
            if erased:
                services.database.scrub()
        look_at = services.database.transact(_next)
        self._looked_at, self._look_at = now, int(min(now + services.settings.purge_interval, look_at))


def _next(db: Connection) -> float:
    return min(at for query in _NEXT if (at := db.execute(query).scalar() or float("inf")))
