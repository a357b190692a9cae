"""What went wrong (RFC 9457)."""

from __future__ import annotations

from rocketvpn_sdk.wire.base import Wire
from rocketvpn_sdk.wire.order import Device


class ProblemItem(Wire, frozen=True, kw_only=True):
    """One thing wrong in a request: ``pointer`` is a JSON Pointer into its body."""

    detail: str
    pointer: str = ""


class Problem(Wire, frozen=True, kw_only=True):
    """RFC 9457 problem details; ``type`` ends in ``/problems/<code>``."""

    type: str
    title: str
    status: int
    detail: str = ""
    errors: list[ProblemItem] = []
    devices: list[Device] = []

    @property
    def code(self) -> str:
        """The last segment of ``type``."""
        return self.type.rstrip("/").rpartition("/")[2]
