"""The sandbox's own bounds, in one frozen value."""

from __future__ import annotations

import msgspec


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Lifetimes in seconds, sizes in bytes."""

    # DPoP (RFC 9449).
    proof_window: int = 60
    """A proof's ``iat`` may be this far from the server's clock, either way (§4.3, step 11)."""
    nonce_period: int = 60
    """A new nonce is handed out this often …"""
    nonce_lifetime: int = 300
    """… and taken this long (§8)."""
    proof_bytes: int = 8192
    replay_entries: int = 100_000

    # Authorization.
    session_lifetime: int = 600
    """An e-mailed code and the session it belongs to; the policy allows the server 15 minutes."""
    code_tries: int = 5
    live_challenges: int = 10
    """E-mailed codes that one key has at a time for an order, spent ones counted: else a new session would give five
    new guesses."""
    order_challenges: int = 50
    """The same of all keys together, but those of the order's own devices: a stranger's must not lock them out."""
    address_challenges: int = 200
    """Codes that one address asks for within a session's lifetime and nobody answers."""
    owner_tries: int = 20
    """Wrong codes of an order's owner in a day; after that they have twelve digits, which nobody guesses."""
    unknown_orders: int = 100
    """Orders that do not exist, asked for by one address within …"""
    unknown_window: int = 3600
    code_lifetime: int = 60
    """An authorization code (RFC 6749 §4.1.2 recommends at most ten minutes)."""
    access_lifetime: int = 900
    step_up_lifetime: int = 300

    # Guardians.
    guardian_lifetime: int = 7 * 24 * 3600
    """A guardian's code: a parent may read the e-mail days later."""
    guardian_memory: int = 30 * 24 * 3600
    """How long a spent or expired request is known as such; the policy allows the server 37 days for both."""
    guardian_live: int = 5
    """Requests of one order whose codes could still be used, spent ones counted: each sends an e-mail to somebody."""

    # Erasure tickets.
    live_tickets: int = 10
    """Of one order."""
    ticket_tries: int = 20
    """Wrong tickets from one address, within …"""
    ticket_window: int = 3600

    # Resources.
    body_bytes: int = 64 << 10
    drain_bytes: int = 1 << 20
    """A body that is too large is read this far before it is refused, so that the client sees the answer."""
    replay_lifetime: int = 24 * 3600
    """How long the answer to an idempotency key is kept."""
    removed_key_lifetime: int = 90 * 24 * 3600
    """How long a removed device can still learn that it was removed."""
    deletion_days: int = 30
    """A delayed deletion is promised within this many days."""
    purge_interval: int = 60
    recorded_requests: int = 1000
