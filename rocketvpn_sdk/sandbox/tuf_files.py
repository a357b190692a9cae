"""Serves the TUF repository: to anyone, as bytes that say by themselves whether they can be trusted."""

from __future__ import annotations

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.exchange import Call, Refused, Reply
from rocketvpn_sdk.sandbox.parts import Parts

POLICY = "policy/policy.json"
"""Where the policy is published, in its canonical form."""
RECEIPT_KEYS = "keys/receipts.json"
"""Where the keys are that sign receipts (RFC 7517 §5)."""


def metadata(parts: Parts, call: Call) -> Reply:
    """Serve a metadata file."""
    if not parts.faults.freeze_updates:
        parts.repository.renew()
    return _reply(parts.repository.read("metadata", call.params["file"]), wire.JSON)


def target(parts: Parts, call: Call) -> Reply:
    """Serve a target, by the name with its hash."""
    return _reply(parts.repository.read("targets", call.params["folder"], call.params["file"]), wire.BYTES)


def _reply(content: bytes | None, media_type: str) -> Reply:
    if content is None:
        raise Refused("not-found")
    return Reply(body=content, media_type=media_type)
