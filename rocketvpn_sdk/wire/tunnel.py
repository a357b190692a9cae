"""An operation of the app's own: the sandbox's example."""

from __future__ import annotations

from rocketvpn_sdk.wire.base import Wire


class TunnelRequest(Wire, frozen=True, kw_only=True):
    """``POST /v1/tunnels``: register a WireGuard public key (base64, 32 bytes)."""

    public_key: str
    region: str | None = None


class TunnelPeer(Wire, frozen=True, kw_only=True):
    """The peer to configure."""

    peer_public_key: str
    endpoint: str
    address: str
    dns: list[str]
    allowed_ips: list[str]
    keepalive: int
    """Seconds."""
