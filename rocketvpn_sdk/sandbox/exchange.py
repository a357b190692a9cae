"""One request and its answer as frozen values; what a handler may raise instead of answering."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from rocketvpn_sdk import wire

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in, for tests: names and values of every header, and the whole body."""

    method: str
    path: str
    """With the query, where there is one."""
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header called ``name``, whatever its case."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request, read to its end and bounded."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    params: Mapping[str, str] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    address: str = ""
    """Where it comes from; for counting tries in memory, and written nowhere."""

    @property
    def writes(self) -> bool:
        """Whether the method changes something (RFC 9110 §9.2.1)."""
        return self.method in WRITES

    def all(self, name: str) -> list[str]:
        """Return every value of the header ``name`` (lower case)."""
        return [value for key, value in self.headers if key == name]

    def media_type(self) -> str:
        """Return the body's media type without parameters, in lower case."""
        return (self.all("content-type") or [""])[0].partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer."""

    status: int = 200
    body: bytes = b""
    media_type: str = wire.JSON
    headers: tuple[tuple[str, str], ...] = ()
    replay_for: int | None = None
    """How long the answer to this idempotency key is kept, where it is not the usual time."""
    kept: bool = True
    """False: a refusal that changed something all the same (a try was counted), worked out anew for the same key."""
    erased: bool = False
    """Rows were deleted that the database file must not keep either."""


def json_reply(value: object, *, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    """Return ``value`` as JSON."""
    return Reply(status=status, body=msgspec.json.encode(value), headers=headers)


class Refused(Exception):
    """A request refused with a problem (RFC 9457); ``code`` is one of ``problems.PROBLEMS``."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        headers: tuple[tuple[str, str], ...] = (),
        errors: tuple[wire.ProblemItem, ...] = (),
        devices: tuple[wire.Device, ...] = (),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail
        self.headers = headers
        self.errors = errors
        self.devices = devices


class OAuthRefused(Exception):
    """A request refused by an OAuth endpoint (RFC 6749 §5.2; first-party apps §5.2.2)."""

    def __init__(self, answer: wire.AuthorizationError, *, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(answer.error)
        self.answer = answer
        self.status = status
        self.retry_after = retry_after


def oauth_refused(error: str, description: str = "") -> OAuthRefused:
    """Return the refusal with nothing but an ``error`` and what a developer wants to know."""
    return OAuthRefused(wire.AuthorizationError(error=error, error_description=description))


def b64url(raw: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def digest(text: str) -> str:
    """Return the SHA-256 of ``text``, the form in which every secret is stored here."""
    return b64url(hashlib.sha256(text.encode()).digest())
