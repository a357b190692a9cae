"""The sandbox's own bounds, in one frozen value."""

from __future__ import annotations

import msgspec


class ServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Lifetimes in seconds, sizes in bytes."""

    # DPoP (RFC 9449).
    proof_window: int = 60
    """A proof's ``iat`` may be this far from the server's clock, either way (§4.3, step 11)."""
    nonce_period: int = 60
    """A new nonce is handed out this often …"""
    nonce_lifetime: int = 300
    """… and taken this long (§8)."""
    proof_bytes: int = 8192
    replay_entries: int = 10_000
    """Proofs of one key within their time window: more are refused, and no other key is the worse for it."""

    # Authorization.
    session_lifetime: int = 600
    """An e-mailed code and the session it belongs to; the policy allows the server 15 minutes."""
    code_tries: int = 5
    """Wrong codes of one session."""
    live_challenges: int = 10
    """Sessions that one key has at a time for one budget; it alone is refused another one."""
    short_digits: int = 8
    long_digits: int = 16
    short_mails: int = 10
    """Short codes that are mailed for an order, a purpose and a kind of asker within ``budget_window`` and that nobody
    answers. After that, and after ``short_tries`` wrong ones, codes are long: see docs/openapi.md for the numbers."""
    short_tries: int = 20
    budget_window: int = 24 * 3600
    long_period: int = 600
    """A long code is mailed once within this time, however often it is asked for; it is good for half as long again."""
    address_challenges: int = 200
    """Codes that one address asks for within a session's lifetime and nobody answers; after that, its are long."""
    unknown_orders: int = 100
    """Orders that do not exist, asked for by one address within …"""
    unknown_window: int = 3600
    """… this time. After that, it needs a code for binding to any order, and no answer says whether there is one."""
    code_lifetime: int = 60
    """An authorization code (RFC 6749 §4.1.2 recommends at most ten minutes)."""
    access_lifetime: int = 900
    step_up_lifetime: int = 300

    # The order's address.
    order_wait: int = 7 * 24 * 3600
    """So long does what one device asks for wait that concerns the whole of an order without a confirmed address; every
    device of the order can call it off in that time."""
    pending_address_lifetime: int = 24 * 3600
    """How long a new address is kept whose code is not given back."""
    address_mails: int = 10
    """Codes to new addresses of one order in a day: they go to people who may have nothing to do with it."""

    # Guardians.
    guardian_lifetime: int = 7 * 24 * 3600
    """A guardian's code: a parent may read the e-mail days later."""
    guardian_memory: int = 30 * 24 * 3600
    """How long a spent or expired request is known as such; the policy allows the server 37 days for both."""
    guardian_live: int = 5
    """E-mails to guardians for one order within ``guardian_lifetime``, from devices on which no code was entered; and
    as many from the others. One that is withdrawn has been sent."""

    # Erasure tickets.
    live_tickets: int = 10
    """Of one device."""
    ticket_tries: int = 20
    """Wrong tickets from one address, within …"""
    ticket_window: int = 3600

    # Connections: how long the server waits for the client, in seconds.
    head_seconds: float = 10
    """For the whole head of a request, from its first byte or, for the first one, from the connection's beginning."""
    body_seconds: float = 30
    """For the whole body."""
    answer_seconds: float = 30
    """For the client to take the whole answer, once it is ready."""
    idle_seconds: int = 5
    """For the next request."""

    # Resources.
    body_bytes: int = 64 << 10
    drain_bytes: int = 1 << 20
    """A body that is too large is read this far before it is refused, so that the client sees the answer."""
    claim_lease: int = 10
    """How long nobody else may work on an idempotency key, if the process that does is gone."""
    replay_lifetime: int = 24 * 3600
    """How long the answer to an idempotency key is kept."""
    removed_key_lifetime: int = 90 * 24 * 3600
    """How long a removed device can still learn that it was removed."""
    unfounded_consents: int = 50
    """Choices of one device about what the policy does not ask for."""
    plain_requests: int = 20
    """Rights requests for one order that erase nothing, within ``budget_window``, from devices on which no code was
    entered; and as many from the others."""
    deletion_days: int = 30
    """A delayed deletion is promised within this many days."""
    purge_interval: int = 60
    recorded_requests: int = 1000
