"""Using a panic ticket: on any machine, without a vault, a binding or settings; nothing is left there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, SystemClock
from rocketvpn_sdk.consent import InForce, Permit
from rocketvpn_sdk.errors import (
    ReceiptInvalid,
    RequestRefused,
    RocketVPNError,
    TicketRefused,
    TransportError,
    VaultFull,
)
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import State, bundled_policy
from rocketvpn_sdk.rights.ephemeral import NoDocuments, NoStream
from rocketvpn_sdk.rights.outcome import Receipt
from rocketvpn_sdk.rights.receipts import Keys, check_receipt, fetch_keys
from rocketvpn_sdk.rights.ticket import PanicTicket, read_ticket
from rocketvpn_sdk.transport import Api, SentEntry, open_api, tls_context
from rocketvpn_sdk.updates import TrustedFiles, beside

_NOT_VALID = "ticket-not-valid"
_NOBODY = "org.rocketvpn.ticket"


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a ticket."""

    receipt: Receipt
    sent: tuple[SentEntry, ...]
    """What left this machine for it; kept nowhere else."""


def erase_with_ticket(
    ticket: str | PanicTicket,
    *,
    trust: Path | None = None,
    pins: Sequence[str] = (),
    trusted_root: bytes | None = None,
    proxy: str | None = None,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> Erased:
    """Have erased what ``ticket`` is for, and return the receipt. It cannot be undone.

    The call goes through the guard, held against the policy that ships with the SDK, to the server that the ticket
    names and to no other, over TLS. Nothing is written to this machine but signed files, for as long as it takes.

    Args:
        ticket: as it was printed; small letters and missing hyphens do no harm.
        trust: a file of CA certificates (PEM); ``None``: the operating system's trust store.
        pins: as for ``Config``.
        trusted_root: the operator's TUF root metadata, so that the receipt can be checked again later; ``None``: its
            keys come over TLS.
        proxy: a proxy's URL.
        clock: the time.
        limits: the bounds.

    Raises:
        ValueRefused: it is no ticket; no connection was opened.
        TransportError: the server cannot be reached or trusted: nothing was erased, and the ticket still works. Where
            the connection ended before the answer came, it may be erased all the same: use the ticket again.
        TicketRefused: the server does not know it, or it was used (by a try whose answer was lost, too) or revoked:
            which, it does not say.
        RateLimited: too many wrong tickets came from here.
        ReceiptInvalid: it is erased, by all that the server says, and its receipt proves nothing.
        ServerError, RequestRefused, ConfigurationError: see there.
    """
    known = ticket if isinstance(ticket, PanicTicket) else read_ticket(ticket)
    clock, limits = clock or SystemClock(), limits or Limits()
    api = _api(known, clock, limits, trust=trust, pins=pins, proxy=proxy)
    with closing(api):
        keys, problem = _keys(api, trusted_root, clock, limits)  # first: without a connection nothing has happened yet
        receipt = _redeem(api, known, keys, problem, clock)
        return Erased(receipt=receipt, sent=tuple(api.sent.entries()))


def _api(
    ticket: PanicTicket, clock: Clock, limits: Limits, *, trust: Path | None, pins: Sequence[str], proxy: str | None
) -> Api:
    # The ticket's own server is the operator: to it alone the ticket can go, which says nothing else about anyone.
    policy = bundled_policy().with_hosts("operator", (ticket.server.removeprefix("https://"),))
    return open_api(
        server=ticket.server,
        client_id=_NOBODY,
        permit=Permit(lambda: InForce(policy), State, clock.time),
        documents=NoDocuments(),
        stream=NoStream(clock.time),
        events=EventBus(),
        clock=clock,
        limits=limits,
        context=tls_context(trust=trust, pins=pins),
        proxy=proxy,
    )


def _redeem(api: Api, ticket: PanicTicket, keys: Keys | None, problem: str, clock: Clock) -> Receipt:
    asked_at = clock.time()
    try:
        token = api.call("erasure.redeem", answer=str, body=wire.Erasure(ticket=ticket.code)).value
    except RequestRefused as refused:
        if refused.params["reason"] != _NOT_VALID:
            raise
        raise TicketRefused(operation="erasure.redeem", reason=_NOT_VALID) from None
    if keys is None:
        raise ReceiptInvalid(problem=f"the keys of receipts cannot be had ({problem})")
    return check_receipt(
        token,
        keys.text,
        issuer=ticket.server,
        request_id=ticket.ticket_id,
        device_id=None,  # a ticket does not name one
        scope=ticket.scope,
        requested_at=asked_at,
        now=clock.time(),
        evidence=keys.evidence,
    )


def _keys(api: Api, trusted_root: bytes | None, clock: Clock, limits: Limits) -> tuple[Keys | None, str]:
    """Return the keys of receipts, or why there are none: that alone must not keep anyone from being erased."""
    try:
        if trusted_root is None:
            return fetch_keys(api, None), ""
        with tempfile.TemporaryDirectory(prefix="rocketvpn-", ignore_cleanup_errors=True) as folder:
            files = TrustedFiles(
                folder=beside(Path(folder)), trusted_root=trusted_root, fetch=api.fetch, now=clock.time, limits=limits
            )
            return fetch_keys(api, files), ""
    except TransportError:
        raise
    except RocketVPNError as error:
        return None, error.code
    except OSError:  # no room for a temporary folder
        return None, VaultFull.code
