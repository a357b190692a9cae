"""From bytes to a typed answer or a typed error. Pure.

Only what the contract allows is taken: the content type, the nesting, every enum's values. Nothing of a server's text
reaches an error unless it is one of the contract's codes, or a problem's items that are there to be shown: those are
scrubbed as a log line is, since a server may repeat what it was sent, and errors end in logs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import (
    AuthenticationFailed,
    BrowserRequired,
    Conflict,
    DeviceExists,
    DeviceLimitReached,
    DeviceRevoked,
    IdempotencyKeyReused,
    OrderExpired,
    OrderNotFound,
    RateLimited,
    RequestRefused,
    RocketVPNError,
    ServerError,
)
from rocketvpn_sdk.journal.scrub import scrub
from rocketvpn_sdk.policy.document import Identity
from rocketvpn_sdk.transport.connections import HttpReply

T = TypeVar("T")

JSON_TYPES = (wire.JSON, "application/jwk-set+json")
FILE_TYPES = (wire.BYTES, wire.JSON)
_IMF_DATE = re.compile(r"[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_FAR_OFF = 221_845_392_000.0
"""The year 9000: no server's clock, and far enough from the end of ``datetime``."""
LONGEST_WAIT = 24 * 3600.0
"""A server may ask to wait longer; it is not believed."""
RETRIED_STATUSES = (429, 502, 503, 504)

_PAGES = ("text/html", "application/xhtml+xml")
_SIGN_IN = 511
"""Network Authentication Required (RFC 6585 §6)."""

_IN_PROGRESS = "idempotency-in-progress"

_ABOUT_THE_USER = frozenset({"access_denied", "insufficient_authorization", "invalid_grant", "invalid_session"})
"""OAuth's errors that say: what the user gave, or was given, will not do."""
_ABOUT_THE_PROOF = frozenset({"invalid_client", "invalid_dpop_proof", "unauthorized_client", "use_dpop_nonce"})
"""… and those that nothing of the user's changes."""
_FOR_THE_USER: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "key": frozenset(),
    "device": frozenset({"insufficient_user_authentication"}),
    "user": frozenset({"insufficient_scope", "insufficient_user_authentication", "invalid_token"}),
}
"""The errors of a 401 (RFC 6750 §3.1, RFC 9449 §7.1, RFC 9470 §3) that can be about the user, by identity.

A device's token is fetched without the user, and an owner's cannot be fetched again."""

_ESCAPED = re.compile(rb"\\.", re.DOTALL)
_STRINGS = re.compile(rb'"[^"]*+"?')
"""A JSON text whose escapes were taken out, or the rest of one that never ends."""
_BRACKETS = re.compile(rb"[\[\]{}]")
_CODE = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_MEDIA = re.compile(r"[a-z]{1,20}/[a-z0-9.+-]{1,60}")
_DPOP = re.compile(r"(?:^|,\s*)DPoP\s+(.*)", re.IGNORECASE)
_PARAMETER = re.compile(r'(?<![a-z_])(?:([a-z_]+)="((?:[^"\\]|\\.)*)"|([a-z_]+)=([^\s,"]+))')
"""Only from the beginning of a name: else a name without end would be tried from each of its letters."""
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{1,128}"')
_MOST_ITEMS, _LONGEST_ITEM = 20, 200
_MOST_DEVICES, _LONGEST_NAME = 100, 100


def decode(
    operation: str, reply: HttpReply, kind: type[T], *, max_depth: int, media: Collection[str] = JSON_TYPES
) -> T:
    """Return the body of ``reply`` as ``kind``.

    Raises:
        ServerError: another content type, nested too deep, or not what the contract says.
    """
    if reply.media not in media:
        raise _useless(operation, reply, f"it is {_kind(reply)}, not {' or '.join(media)}")
    check_depth(operation, reply, max_depth)
    try:
        return msgspec.json.decode(reply.body, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError):  # ValueError: UTF-8; the text would repeat values
        problem = "it does not follow the contract"
    raise _useless(operation, reply, problem)


def decode_text(operation: str, reply: HttpReply, *, media: str = wire.JWT) -> str:
    """Return the body of ``reply`` as ASCII text.

    Raises:
        ServerError: another content type, or not ASCII.
    """
    if reply.media != media:
        raise _useless(operation, reply, f"it is {_kind(reply)}, not {media}")
    if not reply.body.isascii():
        raise _useless(operation, reply, "it is not ASCII")
    return reply.body.decode("ascii").strip()


def require_file(operation: str, reply: HttpReply) -> None:
    """Check that ``reply`` is a file; anyone who asked for it checks what it says.

    Raises:
        ServerError: another content type, such as the page of a network that wants its user to sign in.
    """
    if reply.media not in FILE_TYPES:
        raise _useless(operation, reply, f"it is {_kind(reply)}, not {' or '.join(FILE_TYPES)}")


def check_depth(operation: str, reply: HttpReply, max_depth: int) -> None:
    """Check how deep the JSON in ``reply`` nests, before anything parses it.

    Raises:
        ServerError: deeper than ``max_depth``.
    """
    if reply.body.count(b"[") + reply.body.count(b"{") <= max_depth:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", _ESCAPED.sub(b"", reply.body))):
        depth += 1 if bracket in b"[{" else -1
        if depth > max_depth:
            raise _useless(operation, reply, f"it nests deeper than {max_depth}")


def refusal(
    operation: str, reply: HttpReply, *, now: float, max_depth: int, identity: Identity = "none"
) -> RocketVPNError:
    """Return the error that ``reply``, which is no success, stands for; RFC 9457 problems, else the status alone.

    ``identity`` is that of the operation: who was asked for proof, and so whom a 401 can be about.
    """
    status = reply.status
    if status < 400:
        return _useless(operation, reply, "it is a redirect, and none is followed" if status >= 300 else "unexpected")
    if status == _SIGN_IN:
        return _useless(operation, reply, "this network wants its user to sign in")
    problem = _problem(operation, reply, max_depth)
    code = problem.code if problem and _CODE.fullmatch(problem.code) else ""
    known = named(code, problem.devices if problem else [])
    if known is not None:
        return known
    items = tuple(map(_shown, problem.errors[:_MOST_ITEMS])) if problem else ()
    wait = retry_after(reply, now)
    retry_at = None if wait is None else now + wait
    if status == 401:
        return _unproven(operation, reply, code, identity)
    if status == 412:
        return Conflict(operation=operation)
    if code == _IN_PROGRESS:  # no refusal: the server has it, from a try whose answer was lost, and may yet do it
        said = "an earlier try is still being worked on"
        return ServerError(operation=operation, status=status, problem=said, retry_at=retry_at)
    if status == 429:
        return RateLimited(operation=operation, reason="rate-limited", retry_at=retry_at)
    if status < 500:
        kind = IdempotencyKeyReused if code == IdempotencyKeyReused.code else RequestRefused
        return kind(operation=operation, reason=code or str(status), items=items, retry_at=retry_at)
    return ServerError(operation=operation, status=status, problem=code or f"status {status}", retry_at=retry_at)


def oauth_refusal(operation: str, reply: HttpReply, *, now: float, max_depth: int) -> RocketVPNError:
    """Return the error behind an OAuth endpoint's refusal (RFC 6749 §5.2)."""
    error = oauth_error(operation, reply, max_depth)
    if error is None:
        return refusal(operation, reply, now=now, max_depth=max_depth)
    if error.error == "redirect_to_web":
        return BrowserRequired()
    if error.error in _ABOUT_THE_USER:
        return AuthenticationFailed(reason=error.error)
    if error.error in _ABOUT_THE_PROOF:
        return _at_fault(operation, reply, error.error)
    reason = error.error if _CODE.fullmatch(error.error) else "unknown"
    return named(error.error.replace("_", "-"), error.devices) or RequestRefused(operation=operation, reason=reason)


def oauth_error(operation: str, reply: HttpReply, max_depth: int) -> wire.AuthorizationError | None:
    """Return what an OAuth endpoint's refusal says; ``None`` where it is no such refusal."""
    if reply.status not in (400, 401, 403) or reply.media not in JSON_TYPES:
        return None
    try:
        return decode(operation, reply, wire.AuthorizationError, max_depth=max_depth)
    except ServerError:
        return None


def named(code: str, devices: Collection[wire.Device] = ()) -> RocketVPNError | None:
    """Return the error for one of the contract's own codes."""
    listing = {kind.code: kind for kind in (DeviceLimitReached, DeviceExists)}
    if code in listing:
        return listing[code](devices=tuple(map(_listed, list(devices)[:_MOST_DEVICES])))
    kinds = {kind.code: kind for kind in (OrderNotFound, OrderExpired, DeviceRevoked)}
    return kinds[code]() if code in kinds else None


def challenge_parameters(reply: HttpReply) -> dict[str, str]:
    """Return the parameters of a ``WWW-Authenticate: DPoP …`` (RFC 9449 §7.1, RFC 9470 §3); none for another scheme."""
    challenge = _DPOP.search(reply.headers.get("www-authenticate", ""))
    if challenge is None:
        return {}
    found = ((name or bare, value or plain) for name, value, bare, plain in _PARAMETER.findall(challenge[1]))
    return {name: value for name, value in found if len(value) <= 512}


def _challenged(reply: HttpReply) -> str:
    """Return the challenge's error; ``unknown`` for what is no code: it may be anything that the server was sent."""
    error = challenge_parameters(reply).get("error", "")
    return error if not error or _CODE.fullmatch(error) else "unknown"


def passing(operation: str, reply: HttpReply, max_depth: int) -> bool:
    """Whether ``reply`` is a refusal that passes by itself: another try of the same request may get an answer."""
    if reply.status == 409:  # our own earlier try is still being worked on
        problem = _problem(operation, reply, max_depth)
        return problem is not None and problem.code == _IN_PROGRESS
    return reply.status in RETRIED_STATUSES


def entity_tag(reply: HttpReply) -> str | None:
    """Return the version that ``reply`` names (RFC 9110 §8.8.3); ``None`` for what could not go back in a header."""
    found = reply.headers.get("etag", "")
    return found if _ETAG.fullmatch(found) else None


def retry_after(reply: HttpReply, now: float) -> float | None:
    """Return the seconds that ``Retry-After`` asks for, in either form (RFC 9110 §10.2.3); at most a day.

    ``now`` is the device's clock, for an answer that does not tell the server's.
    """
    text = reply.headers.get("retry-after", "").strip()
    if not text:
        return None
    if text.isdecimal() and text.isascii():
        return min(float(text[:12]), LONGEST_WAIT)
    at = http_date(text)
    told = server_date(reply)
    return None if at is None else min(max(0.0, at - (now if told is None else told)), LONGEST_WAIT)


def server_date(reply: HttpReply) -> float | None:
    """Return the server's clock as ``reply`` tells it; ``None`` for an answer that tells none, or that of another time.

    Only the one form that servers write (RFC 9110 §5.6.7), and once: a form without a zone would be read in this
    machine's. An ``Age`` (RFC 9111 §5.1) says that the answer was kept somewhere on its way, and a redirection is
    nobody's answer to the call.
    """
    text = reply.headers.get("date", "")
    if "age" in reply.headers or 300 <= reply.status < 400 or not _IMF_DATE.fullmatch(text):
        return None
    at = http_date(text)
    return at if at is not None and 0 < at < _FAR_OFF else None


def http_date(text: str) -> float | None:
    """Return an HTTP date as seconds since the epoch; ``None`` for anything else."""
    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def describe(operation: str, reply: HttpReply, max_depth: int) -> str:
    """Return what the ledger says of ``reply``: its status and, where it has one, its problem's code."""
    problem = _problem(operation, reply, max_depth) if reply.status >= 400 else None
    return f"{reply.status} {problem.code}" if problem and _CODE.fullmatch(problem.code) else str(reply.status)


def _kind(reply: HttpReply) -> str:
    return reply.media if _MEDIA.fullmatch(reply.media) else "of another type"


def clean(text: str, at_most: int) -> str:
    """Return a server's ``text``, cut, without what could steer a terminal or begin a new line in a log."""
    return "".join(letter if letter.isprintable() else "?" for letter in text[:at_most])


def _shown(item: wire.ProblemItem) -> wire.ProblemItem:
    detail, pointer = (clean(scrub(text[:_LONGEST_ITEM]), _LONGEST_ITEM) for text in (item.detail, item.pointer))
    return wire.ProblemItem(detail=detail, pointer=pointer)


def _listed(device: wire.Device) -> wire.Device:
    return msgspec.structs.replace(device, name=clean(device.name, _LONGEST_NAME))


def _problem(operation: str, reply: HttpReply, max_depth: int) -> wire.Problem | None:
    if reply.media != wire.PROBLEM_JSON:
        return None
    try:
        return decode(operation, reply, wire.Problem, max_depth=max_depth, media=(wire.PROBLEM_JSON,))
    except ServerError:
        return None


def _unproven(operation: str, reply: HttpReply, code: str, identity: Identity) -> RocketVPNError:
    said = _challenged(reply)
    if said in _FOR_THE_USER[identity]:
        return AuthenticationFailed(reason=said)
    return _at_fault(operation, reply, said or code)


def _at_fault(operation: str, reply: HttpReply, said: str) -> ServerError:
    """Return the error for a refused proof that is not the user's: no code and no new binding would change that."""
    said = said or "no reason that is known"
    return ServerError(
        operation=operation,
        status=reply.status,
        problem=f"it does not accept this device's proof: {said}",
        cause="server",
        hint=f"The server answered {reply.status} ({said}), and nothing that the user does would change that:"
        " look at its clock, its store of used proofs, its tokens, and the app_id that it knows.",
    )


def _useless(operation: str, reply: HttpReply, problem: str) -> ServerError:
    # A page for people or a way to one: what networks put in the place of an answer until their user has signed in.
    portal = 300 <= reply.status < 400 or reply.status == _SIGN_IN or reply.media in _PAGES
    cause = "captive_portal" if portal else "server"
    return ServerError(operation=operation, status=reply.status, problem=problem, cause=cause)
