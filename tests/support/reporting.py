"""A user who agreed to reports, and what they need for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rocketvpn_sdk import Limits, RocketVPN
from rocketvpn_sdk.consent.reports import ErasureHandle
from rocketvpn_sdk.diagnostics import Report
from rocketvpn_sdk.diagnostics.otlp import encode
from support.app_events import Crashed, SessionConnected
from support.world import World

AT_ONCE = Limits(report_delay=0.0)
CONSENTS: Sequence[tuple[str, str | None]] = (("improvement", None), ("improvement", "relay"), ("rights", "relay"))
"""What has to be agreed to before anything is reported: that it is, who passes it on, and who passes on its erasure."""


def reporting(world: World, **changes: Any) -> RocketVPN:
    """Open a vault whose reports go at once."""
    return RocketVPN.open(world.config(events=[SessionConnected, Crashed], **({"limits": AT_ONCE} | changes)))


def agree(rocket: RocketVPN, consents: Sequence[tuple[str, str | None]] = CONSENTS) -> None:
    """Say that the user is of age, and agree."""
    rocket.consent.declare_age(True)
    for purpose, recipient in consents:
        rocket.consent.grant(rocket.consent.notice(purpose, recipient=recipient))


def prepared_nowhere() -> Report:
    """Return a report that no device prepared."""
    body = encode([{"erasure_handle": "0" * 32, "platform": "linux"}, {"recorded_at": 0, "event_name": "app.crashed"}])
    return Report(
        body=body,
        records=1,
        left_out=(),
        operator="",
        relay="",
        server="https://localhost",
        handle=ErasureHandle("0" * 32, 0.0),
        since=0.0,
        until=0.0,
        taken=1,
    )


def crash(rocket: RocketVPN, *failures: str) -> None:
    """Record what a report is made of."""
    for failure in failures or ("dns",):
        rocket.journal.record(Crashed(failure=failure))
    rocket.journal.flush()
