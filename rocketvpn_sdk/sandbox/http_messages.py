"""One request and its answer as frozen values; what a handler may raise instead of answering."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeVar

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.mail import Message

Headers = tuple[tuple[str, str], ...]
"""Names and values."""
HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{1,15})?")
WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})

Body = TypeVar("Body", bound=msgspec.Struct)


class RecordedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request as it came in, for tests: names and values of every header, and the whole body."""

    method: str
    path: str
    """With the query, where there is one."""
    headers: Headers
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first header called ``name``, whatever its case."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerRequest:
    """A request, read to its end and bounded."""

    method: str
    path: str
    """As sent, still percent-encoded, without the query."""
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Headers = ()
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


class About(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer is about: if it is kept for its idempotency key, it is deleted with these rows."""

    order_number: str | None = None
    device_id: str | None = None
    device_row: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class FileBody:
    """A part of a file, which is read while it is sent."""

    path: Path
    first: int
    length: int

    @classmethod
    def response(cls, path: Path, size: int, wanted: str) -> ServerResponse:
        """Return the answer to a GET of the file, with the header ``Range`` that came with it.

        One range is served; of several, or in another form, the whole file (RFC 9110 §14.2 allows it).

        Raises:
            Refused: the range begins behind the end of the file.
        """
        found = _RANGE.fullmatch(wanted)
        headers = (("Accept-Ranges", "bytes"),)
        if found is None:
            return ServerResponse(file=cls(path, 0, size), media_type=wire.BYTES, headers=headers)
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        if first > last:
            raise Refused("range-not-satisfiable", headers=(("Content-Range", f"bytes */{size}"),))
        part = ("Content-Range", f"bytes {first}-{last}/{size}")
        body = cls(path, first, last - first + 1)
        return ServerResponse(status=206, file=body, media_type=wire.BYTES, headers=(*headers, part))


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResponse:
    """An answer."""

    status: int = 200
    body: bytes = b""
    file: FileBody | None = None
    """In place of ``body``."""
    media_type: str = wire.JSON
    headers: Headers = ()
    replay_for: int | None = None
    """How long the answer to this idempotency key is kept, where it is not the usual time."""
    kept: bool = True
    """False: a refusal that changed something all the same (a try was counted), made again for the same key."""
    about: About | None = None
    """What it is about, where that is not the caller."""
    erased: bool = False
    """Rows were deleted that the database file must not keep either."""
    by_code: bool = False
    """It was given after an e-mailed code, and is given again to nobody without one."""
    mails: tuple[Message, ...] = ()
    """What is sent once the change is stored."""


def json_response(value: object, *, status: int = 200, headers: Headers = ()) -> ServerResponse:
    """Return ``value`` as JSON."""
    return ServerResponse(status=status, body=msgspec.json.encode(value), headers=headers)


@dataclass(eq=False)
class Refused(Exception):
    """A request refused with a problem (RFC 9457); ``code`` is one of ``problems.PROBLEMS``."""

    code: str
    detail: str = ""
    _: KW_ONLY
    headers: Headers = ()
    errors: tuple[wire.ProblemItem, ...] = ()
    devices: tuple[wire.Device, ...] = ()


@dataclass(eq=False)
class OAuthRefused(Exception):
    """A request refused by an OAuth endpoint (RFC 6749 §5.2; first-party apps §5.2.2)."""

    answer: wire.AuthorizationError
    _: KW_ONLY
    status: int = 400
    retry_after: int | None = None


def invalid(detail: str, pointer: str = "") -> Refused:
    """Return the refusal of one value; ``pointer`` says where it is in the body (RFC 6901)."""
    return Refused("validation-failed", errors=(wire.ProblemItem(detail=detail, pointer=pointer),))


def rate_limited(seconds: int) -> Refused:
    """Return the refusal of a client that has to wait."""
    return Refused("rate-limited", headers=(("Retry-After", str(seconds)),))


def oauth_refused(error: str, description: str = "") -> OAuthRefused:
    """Return the refusal with nothing but an ``error`` and what a developer wants to know."""
    return OAuthRefused(wire.AuthorizationError(error=error, error_description=description))


def b64url(raw: bytes) -> str:
    """Return base64url without padding (RFC 7515 §2)."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def digest(text: str) -> str:
    """Return the SHA-256 of ``text``, the form in which every secret is stored here."""
    return b64url(hashlib.sha256(text.encode()).digest())


def read_body(request: ServerRequest, kind: type[Body]) -> Body:
    """Return the JSON body as ``kind``; members that it does not declare are refused, for they might be personal.

    Raises:
        Refused: another media type, no JSON, or not what is declared.
    """
    if request.media_type() != wire.JSON:
        raise Refused("unsupported-media-type", headers=(("Accept", wire.JSON),))
    try:
        raw = msgspec.json.decode(request.body)
    except (ValueError, RecursionError):
        raise Refused("malformed") from None
    unknown = sorted(set(raw) - set(kind.__struct_fields__)) if isinstance(raw, dict) else []
    if unknown:
        items = (wire.ProblemItem(detail="is not declared", pointer=pointer_to(name)) for name in unknown)
        raise Refused("validation-failed", errors=tuple(items))
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        raise invalid(message, where.rstrip("`").replace(".", "/")) from None


def pointer_to(name: str) -> str:
    """Return the JSON pointer to a member of the body (RFC 6901 §3)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")
