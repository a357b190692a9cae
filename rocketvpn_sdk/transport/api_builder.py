"""Builds the API client from its parts."""

from __future__ import annotations

import ssl
from collections.abc import Callable

import httpx

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.entered import Authenticator
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.journal.scrub import Scrubber
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.transport.api import Api
from rocketvpn_sdk.transport.connections import Connections
from rocketvpn_sdk.transport.exchange import Exchange
from rocketvpn_sdk.transport.interfaces import Documents, Stream
from rocketvpn_sdk.transport.pools import Proxy
from rocketvpn_sdk.transport.requests import parse_server
from rocketvpn_sdk.transport.sent import SentLedger
from rocketvpn_sdk.transport.server_clock import ServerClock
from rocketvpn_sdk.transport.session import Session


def open_api(
    *,
    server: str,
    client_id: str,
    permit: Permit,
    documents: Documents,
    stream: Stream,
    events: EventBus,
    clock: Clock,
    limits: Limits,
    context: ssl.SSLContext,
    authenticator: Authenticator | None = None,
    proxy: Proxy = None,
    proxy_context: Callable[[], ssl.SSLContext] | None = None,
    transport: httpx.BaseTransport | None = None,
    agree: Callable[[float], object] | None = None,
    trusted_time: Callable[[], float] | None = None,
    scrubber: Scrubber | None = None,
) -> Api:
    """Return the calls to ``server``; opens no connection.

    Args:
        server: the operator's origin, ``https://host[:port]``.
        client_id: the app's id.
        permit: what may leave.
        documents: the vault's documents.
        stream: the vault's stream ``sent``.
        events: where notices go.
        clock: the time.
        limits: the bounds.
        context: from ``tls_context``.
        authenticator: asks the user for an e-mailed code.
        proxy: a proxy's URL, or what is asked for one before every call.
        proxy_context: makes the context for TLS to an ``https`` proxy; ``None``: such a proxy is refused.
        transport: in place of real connections, in tests.
        agree: called with the server's time of each answer to an authenticated call, in seconds since the epoch.
        scrubber: scrubs free text before it is sent, and is told the values of personal fields that calls and answers
            carry, which must not get into a log; default: one that knows no host as the operator's own.
        trusted_time: returns the time according to the vault, in seconds since the epoch.

    Raises:
        ConfigurationError: ``server`` or ``proxy`` cannot be used.
    """
    origin = parse_server(server)
    ledger = SentLedger(stream, documents, lambda: permit.policy)
    server_clock = ServerClock(clock, trusted_time, agree)
    connections = Connections(
        context=context,
        limits=limits,
        proxy=proxy,
        proxy_context=proxy_context,
        transport=transport,
        now=clock.time,
        trusted_time=server_clock.trusted_time,
    )
    exchange = Exchange(
        server=origin,
        permit=permit,
        ledger=ledger,
        connections=connections,
        clock=clock,
        limits=limits,
        scrubber=scrubber,
    )
    session = Session(exchange, documents, server_clock, client_id=client_id, authenticator=authenticator)
    return Api(exchange=exchange, session=session, ledger=ledger, connections=connections, events=events)
