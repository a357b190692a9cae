"""Between here and the server, and what it answers."""

from __future__ import annotations

from typing import Any, ClassVar

from rocketvpn_sdk.errors.base import MORE_FILES, RocketVPNError
from rocketvpn_sdk.wire import ProblemItem


class TransportError(RocketVPNError):
    """The base of what can be wrong between here and the server. ``host``."""

    code = "transport-error"


class ServerUnreachable(TransportError):
    """No connection: no network, the server is down, or something cut it."""

    code = "server-unreachable"
    MESSAGE = "{host} cannot be reached ({problem})."
    REMEDY = "Check the connection and try again; what was queued is kept."
    REMEDIES: ClassVar = {
        "network": "Check this device's connection to the internet and try again; what was queued is kept.",
        "captive_portal": "Open a web page to sign in to this network, or use another one; what was queued is kept.",
        "proxy": "Check the proxy that this app is set to use, or ask whoever runs it; what was queued is kept.",
        "server": "The server may be down: try again later; what was queued is kept.",
        "files": "Close other programs, and try again; what was queued is kept.",
        "firewall": "Allow this app in the firewall, or switch the kill switch off; what was queued is kept.",
        "tls": "Nothing was sent. Tell the makers of this app.",
    }
    HINTS: ClassVar = {
        "files": MORE_FILES,
        "tls": "Something replaces Python's ssl, such as eventlet, gevent or pip-system-certs: do without it.",
    }


class ServerTimeout(TransportError):
    """No whole answer in time."""

    code = "server-timeout"
    MESSAGE = "{host} did not answer within {seconds:g} seconds."
    REMEDY = "Try again later; what was queued is kept."
    REMEDIES: ClassVar = {
        "network": "Check this device's connection to the internet and try again; what was queued is kept.",
        "proxy": "Check the proxy that this app is set to use, or ask whoever runs it; what was queued is kept.",
        "server": "The server may be busy: try again later; what was queued is kept.",
    }


class CertificateUntrusted(TransportError):
    """The certificate's chain, name or dates do not hold; ``problem`` says which."""

    code = "certificate-untrusted"
    MESSAGE = "{host} showed a certificate that is not trusted ({problem}); nothing was sent."
    REMEDY = (
        "Check this device's clock. In a hotel or café, sign in to its network first. If you are signed in,"
        " someone may be listening."
    )
    REMEDIES: ClassVar = {
        "clock": "This device's clock may be wrong: set its date, time and time zone, then try again.",
        "interception": "Someone may be listening. In a hotel or café, sign in to its network first; or use another.",
        "wrong_host": "Another server answered. In a hotel or café, sign in to its network first; or use another.",
        "trust_store": "This computer lists no authorities to trust: update its operating system, and try again.",
        "server": "The server's certificate has to be renewed: try again later; if it stays, tell the operator.",
    }
    HINTS: ClassVar = {"trust_store": "Install ca-certificates, correct SSL_CERT_FILE, or pass Config(trust=...)."}


class PinMismatch(TransportError):
    """The chain is valid, yet none of its keys is pinned."""

    code = "pin-mismatch"
    MESSAGE = "{host} showed a valid certificate with a key that this app does not expect; nothing was sent."
    REMEDY = "Someone may be listening on this network: try another one; if it stays, update the app."


class ServerError(RocketVPNError):
    """The server failed, or its answer makes no sense; ``operation``, ``status`` and ``problem``."""

    code = "server-error"
    MESSAGE = "The server's answer cannot be used ({problem})."
    REMEDY = "Try again later; nothing was changed here."
    HINT = "It is the answer to {operation}."
    REMEDIES: ClassVar = {
        "captive_portal": "Something else may have answered: open a web page to sign in to this network; try again.",
    }


class AnswerTooLarge(ServerError):
    """The answer is longer than it may be; what came was dropped."""

    code = "answer-too-large"


class RequestRefused(RocketVPNError):
    """The server understood the request and refused it; ``operation``, ``reason`` (its problem code), ``items``."""

    code = "request-refused"
    MESSAGE = "The server refused this{details}."
    REMEDY = "Nothing was changed."
    HINT = "The operation is {operation}, and the server's code is {reason}."

    def __init__(
        self,
        *,
        operation: str,
        reason: str,
        items: tuple[ProblemItem, ...] = (),
        retry_at: float | None = None,
        **params: Any,
    ) -> None:
        self.items = tuple(items)
        params["details"] = "".join(f"; {item.pointer or '/'}: {item.detail}" for item in self.items)
        super().__init__(operation=operation, reason=reason, items=self.items, retry_at=retry_at, **params)


class Conflict(RequestRefused):
    """The value changed at the server since it was read; ``here`` and ``there`` are both values, by field."""

    code = "conflict"
    MESSAGE = "The data was changed elsewhere in the meantime."
    REMEDY = "Look at both values, and correct it again; nothing was changed."
    HINT = "error.here and error.there are both values, by field."

    def __init__(
        self,
        *,
        operation: str,
        reason: str = "precondition-failed",
        here: dict[str, Any] | None = None,
        there: dict[str, Any] | None = None,
        **params: Any,
    ) -> None:
        # Personal values: attributes for the app to show, not params that end in a log.
        self.here, self.there = here or {}, there or {}
        super().__init__(operation=operation, reason=reason, **params)

    def __reduce__(self) -> tuple[Any, ...]:
        make, (kind, params, *others), state = super().__reduce__()
        return make, (kind, params | {"here": self.here, "there": self.there}, *others), state


class IdempotencyKeyReused(RequestRefused):
    """The server knows the idempotency key of a write from another one: of other values, or another operation."""

    code = "idempotency-key-reused"
    MESSAGE = "The server has another request with the same number, and did not do this one."
    REMEDY = "Try again. If it happens again, tell the makers of this app."
    HINT = "A new request needs a new idempotency_key. To repeat the earlier one, call with the values that it had."


class RateLimited(RequestRefused):
    """Too many requests; ``retry_at`` says when to come back."""

    code = "rate-limited"
    MESSAGE = "The server asks to slow down."
    REMEDY = "Try again later."


class TicketRefused(RequestRefused):
    """A panic ticket that the server does not know, or that was used or revoked; it does not say which."""

    code = "ticket-refused"
    MESSAGE = "The server does not take this ticket: it was used or revoked, or was never known there."
    REMEDY = "If it was used, what it was for is erased. Else delete from a device that is still bound."
