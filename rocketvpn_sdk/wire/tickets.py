"""Erasure tickets: who holds the paper may have it erased."""

from __future__ import annotations

from datetime import date
from typing import ClassVar, Literal

from rocketvpn_sdk.masking import MaskedRepr, SecretStruct
from rocketvpn_sdk.wire.base import Wire

TicketScope = Literal["device", "account"]
"""What a ticket erases."""


class NewErasureTicket(MaskedRepr, Wire, frozen=True, kw_only=True):
    """``POST /v1/erasure-tickets``: let anyone who shows the ticket have this erased."""

    __masked__: ClassVar[tuple[str, ...]] = ("ticket_id",)

    ticket_id: str
    """The fingerprint of its code: SHA-256, 64 hexadecimal digits. The code itself stays on paper."""
    scope: TicketScope


class ErasureTicket(Wire, frozen=True, kw_only=True):
    """A ticket that can be used."""

    ticket_id: str
    scope: TicketScope
    made_on: date
    current: bool = False
    """Whether this device made it."""


class ErasureTicketList(Wire, frozen=True, kw_only=True):
    """Tickets that can be used."""

    tickets: list[ErasureTicket]
    code_needed: bool = False
    """Only those that this device made: after a code from an e-mail, all of the order are shown."""


class Erasure(SecretStruct, Wire, frozen=True, kw_only=True):
    """``POST /v1/erasures``: erase what the ticket is for."""

    ticket: str
    """Its code: 40 characters of Crockford's base32, in capitals, nothing between them."""
