"""Using a panic ticket: on any machine, without a vault, a binding or settings; nothing is left there."""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import checked
from rocketvpn_sdk.clock import DAY, Clock, checked_clock
from rocketvpn_sdk.errors import (
    ConfigurationError,
    ReceiptInvalid,
    RequestRefused,
    RocketVPNError,
    ServerError,
    TicketRefused,
    TransportError,
    VaultFull,
)
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import State, bundled_policy
from rocketvpn_sdk.policy_versions import PolicyState
from rocketvpn_sdk.rights.in_memory import InMemoryDocuments, InMemoryStream
from rocketvpn_sdk.rights.outcome import Receipt
from rocketvpn_sdk.rights.receipts import ReceiptKeys, check_receipt, fetch_keys
from rocketvpn_sdk.rights.ticket import PanicTicket, read_ticket
from rocketvpn_sdk.signed_files import TrustedFiles, beside
from rocketvpn_sdk.transport import Api, SentEntry, open_api, tls_context

_NOT_VALID = "ticket-not-valid"
_NOBODY = "org.rocketvpn.ticket"
_INTENT = b"rocketvpn/ticket/intent/1\0"
_REPLAYED_FOR = DAY
"""Seconds for which the server gives the same receipt again."""


class ErasureOutcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a ticket."""

    receipt: Receipt
    sent: tuple[SentEntry, ...]
    """What left this machine for it; kept nowhere else."""


@checked
def erase_with_ticket(
    ticket: str | PanicTicket,
    *,
    trust: Path | None = None,
    pins: Sequence[str] | None = None,
    allow_tls12: bool = False,
    trusted_root: bytes | None = None,
    proxy: str | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> ErasureOutcome:
    """Have erased what ``ticket`` is for, and return the receipt. It cannot be undone.

    The call goes through the guard, held against the policy that ships with the SDK, to the server that the ticket
    names and to no other, over TLS. Nothing is written to this machine but signed files, for as long as it takes.

    Calling it again with the same ticket asks for the same erasure once more: for a day the server gives the receipt
    again, to anyone who holds the ticket. So where an answer got lost, or the receipt could not be saved, do that.

    Args:
        ticket: as it was printed; small letters and missing hyphens do no harm.
        trust: a file of CA certificates (PEM); ``None``: the operating system's trust store.
        pins: as for ``Config``; ``None``: those of the ticket. ``()`` takes the certificate alone, for a ticket whose
            pinned keys were replaced since.
        allow_tls12: as for ``Config``; the ticket of an app that takes TLS 1.2 says so itself.
        trusted_root: the operator's TUF root metadata, so that the receipt can be checked again later; ``None``: its
            keys come over TLS.
        proxy: the URL of a proxy of the place where this runs, as for ``Config``; it is not in the ticket.
        clock: the time.
        limits: the bounds.

    Raises:
        ValueRefused: it is no ticket; no connection was opened.
        TransportError, ServerError: no answer, or none that makes sense. ``params["perhaps_erased"]`` is there and
            true if the ticket had been shown by then: call again. Else nothing was erased, and the ticket still works.
        TicketRefused: the server does not know it, or it was used or revoked: which, it does not say.
        RateLimited: too many wrong tickets came from here.
        ReceiptInvalid: it is erased, by all that the server says, and its receipt proves nothing; it is in
            ``params["token"]``, as it came.
        ConfigurationError: ``trusted_root``, ``trust`` or the like cannot work; nothing was erased.
        RequestRefused: see there.
    """
    known = ticket if isinstance(ticket, PanicTicket) else read_ticket(ticket)
    clock, limits = checked_clock(clock), limits or Limits()
    way = _Way(trust, known.pins if pins is None else tuple(pins), known.allow_tls12 or allow_tls12, proxy)
    api = _api(known, way, clock, limits)
    with closing(api):
        keys, problem = _keys(api, trusted_root, clock, limits)  # first: without a connection nothing has happened yet
        receipt = _redeem(api, known, keys, problem, clock)
        return ErasureOutcome(receipt=receipt, sent=tuple(api.sent.entries()))


class _Way(NamedTuple):
    """How to get to the server."""

    trust: Path | None
    pins: tuple[str, ...]
    allow_tls12: bool
    proxy: str | None


def _api(ticket: PanicTicket, way: _Way, clock: Clock, limits: Limits) -> Api:
    # The ticket's own server is the operator: to it alone the ticket can go, which says nothing else about anyone.
    policy = bundled_policy().with_hosts("operator", (ticket.server.removeprefix("https://"),))
    return open_api(
        server=ticket.server,
        client_id=_NOBODY,
        permit=Permit(lambda: PolicyState(policy), State, clock.time),
        documents=InMemoryDocuments(),
        stream=InMemoryStream(clock.time),
        events=EventBus(),
        clock=clock,
        limits=limits,
        context=tls_context(trust=way.trust, pins=way.pins, allow_tls12=way.allow_tls12),
        proxy=way.proxy,
        proxy_context=lambda: tls_context(trust=way.trust, allow_tls12=way.allow_tls12),
    )


def _redeem(api: Api, ticket: PanicTicket, keys: ReceiptKeys | None, problem: str, clock: Clock) -> Receipt:
    try:
        answer = api.call(
            "erasure.redeem",
            answer=str,
            body=wire.Erasure(ticket=ticket.code),
            idempotency_key=_intent(ticket),
        )
    except (TransportError, ServerError) as error:
        error.params["perhaps_erased"] = True
        raise
    except RequestRefused as refused:
        if refused.params["reason"] != _NOT_VALID:
            raise
        raise TicketRefused(operation="erasure.redeem", reason=_NOT_VALID) from None
    try:
        if keys is None:
            raise ReceiptInvalid(problem=f"its keys cannot be had ({problem})")
        # By the server's clock: this machine's may be wrong, and what is erased is erased.
        return _checked(answer.value, keys, ticket, clock.time() if answer.date is None else answer.date)
    except ReceiptInvalid as error:
        said = f"{error.params['problem']}; by the server's word it is erased all the same"
        raise ReceiptInvalid(problem=said, token=answer.value) from None


def _intent(ticket: PanicTicket) -> str:
    """Return the Idempotency-Key: always the same for a ticket, and of no use to anyone who does not hold it."""
    digest = hashlib.sha256(_INTENT + ticket.code.encode()).digest()
    return str(uuid.UUID(bytes=digest[:16], version=4))


def _checked(token: str, keys: ReceiptKeys, ticket: PanicTicket, now: float) -> Receipt:
    return check_receipt(
        token,
        keys.text,
        issuer=ticket.server,
        request_id=ticket.ticket_id,  # which no other receipt can name
        device_id=None,  # a ticket does not name one
        scope=ticket.scope,
        requested_at=now - _REPLAYED_FOR,
        now=now,
        evidence=keys.evidence,
    )


def _keys(api: Api, trusted_root: bytes | None, clock: Clock, limits: Limits) -> tuple[ReceiptKeys | None, str]:
    """Return the keys of receipts, or why there are none: that alone must not keep anyone from being erased."""
    try:
        if trusted_root is None:
            return fetch_keys(api, None), ""
        with tempfile.TemporaryDirectory(prefix="rocketvpn-", ignore_cleanup_errors=True) as folder:
            files = TrustedFiles(
                folder=beside(Path(folder)), trusted_root=trusted_root, fetch=api.fetch, now=clock.time, limits=limits
            )
            return fetch_keys(api, files), ""
    except (TransportError, ConfigurationError):
        raise
    except RocketVPNError as error:
        return None, error.code
    except OSError:  # no room for a temporary folder
        return None, VaultFull.code
