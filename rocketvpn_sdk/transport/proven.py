"""Whether a TLS connection is what it should be: ours, verified, for this host, with a pinned key (policy clause T1).

Other code in the process may have put something else in the place of Python's ``ssl``, which then ignores our trust,
our pins, or both (truststore, pip-system-certs and eventlet do). So nothing is asked here that Python code can replace:
the answers are those of ``_ssl``, whose types nobody can change.
"""

from __future__ import annotations

import _ssl
import ssl
from collections.abc import Collection
from typing import Any

from rocketvpn_sdk.transport.pins import check_pins

_Context: Any = _ssl._SSLContext  # noqa: SLF001 - no other name leads to it
_Connection: Any = _ssl._SSLSocket  # type: ignore[attr-defined]  # noqa: SLF001 - as above; typeshed has it not
_HOST_FLAGS = _ssl.HOSTFLAG_NEVER_CHECK_SUBJECT | _ssl.HOSTFLAG_NO_PARTIAL_WILDCARDS
"""Only subjectAltName counts (RFC 9525 §2), and ``*`` only as a whole label (§6.3)."""


class Unproven(ssl.SSLError):
    """Something else than Python's own TLS made the connection, or it was not checked as it has to be."""

    def __init__(self, problem: str) -> None:
        super().__init__(1, problem)
        self.problem = problem


def plain_context(minimum: ssl.TLSVersion) -> ssl.SSLContext:
    """Return a new context for a client: Python's own, whatever has taken its place in ``ssl``.

    Its defaults are that a chain is required and the host name is checked.
    """
    kind = next(each for each in type.__subclasses__(_Context) if each.__module__ == "ssl")
    context: ssl.SSLContext = kind(ssl.PROTOCOL_TLS_CLIENT)
    settings = {
        "minimum_version": minimum,
        "options": context.options | ssl.OP_NO_RENEGOTIATION,  # TLS 1.2 could change keys after they were checked
        "_host_flags": _HOST_FLAGS,
    }
    for name, value in settings.items():  # not by Python's setters, which look up what took its place
        getattr(_Context, name).__set__(context, value)
    return context


def prove(end: Any, context: ssl.SSLContext, pins: Collection[str], *, by_system: bool) -> None:
    """Check a connection whose handshake is over; nothing of a request was sent on it so far.

    Args:
        end: an ``SSLSocket`` or ``SSLObject``.
        context: the one that it has to come from.
        pins: as ``parse_pins`` returned them.
        by_system: the operating system verified chain and host name (macOS, Windows), and OpenSSL did not.

    Raises:
        Unproven: it was not checked as it has to be.
        PinnedKeyMissing: its key is none of ``pins``.
    """
    inner = inside(end)
    if inner.context is not context:
        raise Unproven("it was made by another TLS context than this app's")
    if inner.version() is None or not inner.getpeercert(True):
        raise Unproven("its handshake did not take place")
    if not by_system:
        _require_checks(context)
    check_pins(inner, pins, leaf_only=by_system)


def require_proven(end: Any, host: str | None) -> None:
    """Check that ``prove`` ran for ``end``, the very thing that will carry the request, and that it is about ``host``.

    Raises:
        Unproven: it did not, or it is not.
    """
    inner: Any = inside(end)
    checked: Any = getattr(end, "proven", None)
    if checked is not inner:
        raise Unproven("it was not checked after its handshake")
    if inner.server_hostname != host:
        raise Unproven("it is for another host")


def inside(end: Any) -> Any:
    """Return what OpenSSL's side of a connection is.

    Raises:
        Unproven: there is none.
    """
    inner = getattr(end, "_sslobj", None)
    if type(inner) is not _Connection:
        raise Unproven("it is not a connection of Python's own TLS")
    return inner


def _require_checks(context: ssl.SSLContext) -> None:
    required = _Context.verify_mode.__get__(context) == ssl.CERT_REQUIRED
    named = _Context.check_hostname.__get__(context)
    if not (required and named):
        raise Unproven("its chain or its host name was not checked")
    if _Context._host_flags.__get__(context) != _HOST_FLAGS:  # noqa: SLF001 - as above
        raise Unproven("its host name may have been checked by the wrong name")
