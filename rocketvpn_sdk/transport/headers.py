"""The short list of headers: which may leave, and in which form. Pure; no by default.

None of them tells about the machine or the person. What signs a call comes after the rest was passed, and is checked
for itself: a call that must not say who is asking carries neither token nor proof.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from rocketvpn_sdk import wire
from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.errors import EgressBlocked
from rocketvpn_sdk.policy import Operation

USER_AGENT = f"rocketvpn-sdk/{__version__}"
"""And nothing about the machine."""

ACCEPTED = frozenset({wire.BYTES, wire.JSON, wire.JWT, wire.OHTTP_RESPONSE, wire.PROBLEM_JSON})
"""Every content type that is asked for."""

SEALED = "sealed_message"
"""The field that a call to a relay carries, and nothing else."""

_WRITES = frozenset({"DELETE", "PATCH", "POST", "PUT"})
_CARRYING = frozenset({"PATCH", "POST", "PUT"})
_SIGNED: Mapping[str, frozenset[str]] = {
    "none": frozenset(),
    "key": frozenset({"dpop"}),
    "device": frozenset({"authorization", "dpop"}),
    "user": frozenset({"authorization", "dpop"}),
}
"""What a signature adds, by identity (RFC 9449 §5 and §7.1)."""
_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e]{0,128}"')
_RANGE = re.compile(r"bytes=[1-9][0-9]{0,14}-")
_UUID = re.compile(r'"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"')


def check_content(operation: Operation, *, carries: bool) -> None:
    """Check that content goes only with a method that has a meaning for it (RFC 9110 §9.3).

    Raises:
        EgressBlocked: it has none.
    """
    if carries and operation.method not in _CARRYING:
        reason = f"A {operation.method} carries nothing but its path."
        raise EgressBlocked(operation=operation.id, rule="U7", reason=reason)


def check_headers(operation: Operation, headers: Mapping[str, str]) -> None:
    """Hold each header that a call sets against the list.

    Raises:
        EgressBlocked: it is not on the list, or not in the form that it must have for this operation.
    """
    for name, value in headers.items():
        rule = _RULES.get(name.lower())
        if rule is None:
            raise EgressBlocked(operation=operation.id, rule="C2", reason=f"The header {name!r} is not on the list.")
        if not rule(operation, value):
            reason = f"The header {name!r} is not of the form in which it may leave with this."
            raise EgressBlocked(operation=operation.id, rule="C2", reason=reason)


def check_signature(operation: Operation, headers: Mapping[str, str]) -> None:
    """Check that what signs a call is what its identity says, no more and no less.

    Raises:
        EgressBlocked: it is not.
    """
    if {name.lower() for name in headers} != _SIGNED[operation.identity]:
        reason = f"It would not say who is asking as identity {operation.identity!r} does."
        raise EgressBlocked(operation=operation.id, rule="U2", reason=reason)


def _is(text: str) -> Callable[[Operation, str], bool]:
    return lambda _operation, value: value == text


def _accept(_operation: Operation, value: str) -> bool:
    return ACCEPTED.issuperset(part.strip() for part in value.split(","))


def _media(operation: Operation, value: str) -> bool:
    """RFC 6749 is spoken in forms; merge patches (RFC 7396 §4) and sealed messages have types; the rest is JSON."""
    if operation.identity == "key":
        return value == wire.FORM
    if value == wire.OHTTP_REQUEST:
        return operation.identity == "none" and operation.fields == (SEALED,)
    return value == wire.JSON or (operation.method == "PATCH" and value == wire.MERGE_PATCH_JSON)


def _idempotency(operation: Operation, value: str) -> bool:
    """A quoted UUID (draft-ietf-httpapi-idempotency-key-header §2.2): any other text could tell something."""
    return operation.method in _WRITES and _UUID.fullmatch(value) is not None


def _if_match(operation: Operation, value: str) -> bool:
    """An entity tag (RFC 9110 §13.1.1); the server chose it, so it never goes where nobody says who is asking."""
    return operation.method in _WRITES and operation.identity != "none" and _ETAG.fullmatch(value) is not None


def _range(operation: Operation, value: str) -> bool:
    """What is missing of a file (RFC 9110 §14.2): how far an earlier try came, and nothing else."""
    return (operation.method, operation.identity) == ("GET", "none") and _RANGE.fullmatch(value) is not None


_RULES: Mapping[str, Callable[[Operation, str], bool]] = {
    "accept": _accept,
    "accept-encoding": _is("identity"),
    "content-type": _media,
    "idempotency-key": _idempotency,
    "if-match": _if_match,
    "range": _range,
    "sec-gpc": _is("1"),
    "user-agent": _is(USER_AGENT),
}

HEADERS = frozenset({*_RULES, *_SIGNED["device"], "content-length", "host"})
"""Every header that may leave: those above, those that sign, and the two that HTTP/1.1 needs (RFC 9112 §3.2, §6.2)."""
