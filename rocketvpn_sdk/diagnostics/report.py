"""What is shown before it is sent, and the answer to sending it."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from rocketvpn_sdk.consent.reports import ErasureHandle
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.text import listed, translate

_HEAD = (
    "A report of how the app runs. Records in it: {}. It does not say who you are, and its times are cut to the hour."
)
_WHO = "Who gets it, at {server}: {operator}"
_RELAY = "It goes sealed. Who passes it on: {}"
_LEFT_OUT = "Not in it, though it is kept here for the same purpose: {fields}."
_WHOLE = "This is all of it, byte for byte:"


class Report(MaskedRepr, frozen=True, kw_only=True):
    """A report as it would be sent: ``body``, and nothing else."""

    __masked__: ClassVar[tuple[str, ...]] = ("body", "handle")

    body: bytes
    """OTLP/HTTP in JSON, an ``ExportLogsServiceRequest``."""
    records: int
    """How many records of the journal are in it; their times are cut to the hour."""
    left_out: tuple[str, ...]
    """Names of fields that are kept here for the same purpose, and that no report carries."""
    operator: str
    """Who gets it, in the policy's words."""
    relay: str
    """Who passes it on without being able to read it, in the policy's words."""
    server: str
    """The operator's server."""
    handle: ErasureHandle
    """Goes with all reports of a week, so that they can be erased."""
    since: float
    """The newest time that was reported before, in seconds since the epoch."""
    until: float
    """The time of the newest record in it."""
    taken: int
    """How many records of that time are reported with it."""

    def to_text(self) -> str:
        """Return all of it for the user to read: what it is, where it goes, and every byte of it."""
        lines = [
            translate(_HEAD).format(self.records),
            translate(_WHO).format(server=self.server, operator=self.operator),
            translate(_RELAY).format(self.relay),
        ]
        if self.left_out:
            lines.append(translate(_LEFT_OUT).format(fields=listed(self.left_out)))
        return "\n".join((*lines, translate(_WHOLE), "", self.body.decode()))


class ReportQueued(msgspec.Struct, frozen=True, kw_only=True):
    """A report that will be sent."""

    request_id: str
    """Names it in ``rocket.queue``, where it can be cancelled until it is sent."""
    not_before: datetime
    """When it goes at the earliest: a random time, so that when it comes tells nothing about when it was sent."""
