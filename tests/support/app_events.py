"""Events of an imaginary app, over fields that the bundled policy declares."""

from __future__ import annotations

from rocketvpn_sdk import Event


class SessionConnected(Event, name="session.connected", purpose="service"):
    region: str
    protocol: str
    duration: int


class NetworkChanged(Event, name="network.changed", purpose="service"):
    local_address: str | None = None
    remote_host: str | None = None
    traffic: int | None = None
    platform_version: str | None = None


class Crashed(Event, name="app.crashed", purpose="improvement"):
    failure: str


class Polled(Event, name="poll.seen", purpose="surveys"):
    """Makes ``surveys`` a purpose that is in use: without an event or a call for it, nobody could agree to it."""

    erasure_handle: str
