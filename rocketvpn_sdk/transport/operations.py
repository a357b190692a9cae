"""The operations that the SDK itself makes."""

from __future__ import annotations

OWN_OPERATIONS = frozenset(
    {
        "authorize.challenge",
        "consents.put",
        "consents.read",
        "data.correct",
        "data.view",
        "devices.list",
        "devices.unbind",
        "disclosures.read",
        "erasure.redeem",
        "guardian.confirm",
        "guardian.request",
        "guardian.withdraw",
        "order.read",
        "owner.delete",
        "owner.receipt",
        "owner.status",
        "owner.view",
        "rights.cancel",
        "rights.list",
        "rights.receipt",
        "rights.request",
        "rights.status",
        "server.keys",
        "server.metadata",
        "tickets.list",
        "tickets.make",
        "tickets.revoke",
        "token.issue",
        "tuf.metadata",
        "tuf.target",
    }
)
"""The SDK's own: each has a typed call of its own, and none is open to ``rocket.call``."""
