"""Whether a TLS connection is what it should be: ours, verified, for this host, with a pinned key (policy clause T1).

Other code in the process may have put something else in the place of Python's ``ssl``, which then ignores our trust,
our pins, or both (truststore, pip-system-certs and eventlet do). So nothing is asked here that Python code can replace:
the answers are those of ``_ssl``, whose types nobody can change.
"""

from __future__ import annotations

import _ssl
import base64
import re
import ssl
from collections.abc import Collection
from typing import Any

from rocketvpn_sdk.transport.pins import check_pins

_Context: Any = _ssl._SSLContext  # noqa: SLF001 - no other name leads to it
_Connection: Any = _ssl._SSLSocket  # type: ignore[attr-defined]  # noqa: SLF001 - as above; typeshed has it not
_HOST_FLAGS = _ssl.HOSTFLAG_NEVER_CHECK_SUBJECT | _ssl.HOSTFLAG_NO_PARTIAL_WILDCARDS
"""Only subjectAltName counts (RFC 9525 §2), and ``*`` only as a whole label (§6.3)."""

_PEM = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.*?)-----END", re.DOTALL)


class Unproven(ssl.SSLError):
    """Something else than Python's own TLS made the connection, or it was not checked as it has to be."""

    def __init__(self, problem: str) -> None:
        super().__init__(1, problem)
        self.problem = problem


def plain_context(minimum: ssl.TLSVersion, *, by_system: bool = False) -> ssl.SSLContext:
    """Return a new context for a client: Python's own, whatever has taken its place in ``ssl``.

    Its defaults are that a chain is required and the host name is checked.

    Args:
        minimum: the oldest version to accept.
        by_system: the operating system verifies chain and host name (macOS, Windows), and OpenSSL does not.
    """
    kind = next(each for each in type.__subclasses__(_Context) if each.__module__ == "ssl")
    context: Any = _Context.__new__(
        _sealed(kind, by_system), ssl.PROTOCOL_TLS_CLIENT
    )  # runs nothing that could be replaced
    context.minimum_version = minimum
    context.options |= ssl.OP_NO_RENEGOTIATION  # TLS 1.2 could change keys after they were checked
    context._host_flags = _HOST_FLAGS  # noqa: SLF001 - no other name leads to it
    context.settings = _settings(context)
    return context  # type: ignore[no-any-return] # a subclass of ssl's


def _sealed(kind: Any, by_system: bool) -> Any:
    """Return a class of contexts without anything that was put into ``ssl.SSLContext``: all is from ``_ssl`` itself.

    What ``wrap_socket`` and ``wrap_bio`` of ``ssl`` do is one line, which is here instead of what may have replaced it.
    A connection takes over its context's settings when OpenSSL makes it: so they are looked at in that very moment, and
    ``born`` tells such a connection from one that was made past this.
    """

    def wrap_socket(self: Any, sock: Any, **given: Any) -> Any:
        return self.sslsocket_class._create(sock=sock, context=self, **given)  # noqa: SLF001 - what ssl's does

    def wrap_bio(self: Any, incoming: Any, outgoing: Any, **given: Any) -> Any:
        return self.sslobject_class._create(incoming, outgoing, context=self, **given)  # noqa: SLF001 - as above

    def making(make: Any) -> Any:
        def made(self: Any, *given: Any, owner: Any = None, **named: Any) -> Any:
            if _settings(self) != self.settings:
                raise Unproven("its settings were changed")
            inner = make(self, *given, owner=owner, **named)
            owner.born = inner
            return inner

        return made

    members = {name: value for name, value in vars(_Context).items() if not name.startswith("__")}
    members |= {name: making(members[name]) for name in ("_wrap_socket", "_wrap_bio")}
    members |= {"wrap_socket": wrap_socket, "wrap_bio": wrap_bio}
    members |= {"sslsocket_class": kind.sslsocket_class, "sslobject_class": kind.sslobject_class}
    return type("Context", (kind,), members | {"by_system": by_system})


def certificates_in(pem: bytes) -> tuple[bytes, ...]:
    """Return the certificates of a file as DER, each with what OpenSSL's own form adds behind it.

    Raises:
        ValueError: they are damaged.
    """
    return tuple(base64.b64decode(body) for body in _PEM.findall(pem))


def prove(end: Any, context: Any, pins: Collection[str], anchors: Collection[bytes] | None) -> None:
    """Check a connection whose handshake is over; nothing of a request was sent on it so far.

    Args:
        end: an ``SSLSocket`` or ``SSLObject``.
        context: the one that it has to come from, from ``plain_context``.
        pins: as ``parse_pins`` returned them.
        anchors: the only certificates that a chain may lead to, from ``certificates_in``; ``None``: the system's.

    Raises:
        Unproven: it was not checked as it has to be.
        PinnedKeyMissing: its key is none of ``pins``.
    """
    inner: Any = require_made_by(context, end)
    if inner.version() is None or not inner.getpeercert(True):
        raise Unproven("its handshake did not take place")
    if _settings(context) != context.settings:
        raise Unproven("its settings were changed")
    if anchors is not None:
        last = [each.public_bytes(_ssl.ENCODING_DER) for each in inner.get_verified_chain() or ()][-1:]
        if not any(anchor.startswith(last[0]) for anchor in anchors if last):
            raise Unproven("its chain leads to somebody whom this app was not told to trust")
    check_pins(inner, pins, leaf_only=context.by_system)


def require_made_by(context: Any, end: Any) -> Any:
    """Return OpenSSL's side of ``end``, which ``context`` has to have made.

    Raises:
        Unproven: it did not.
    """
    inner: Any = inside(end)
    if inner.context is not context or end.born is not inner:
        raise Unproven("it was made by another TLS context than this app's")
    return inner


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


def _settings(context: Any) -> tuple[Any, ...]:
    names: tuple[str, ...] = ("minimum_version", "options", "verify_flags", "_host_flags", "keylog_filename")
    if not context.by_system:  # there, truststore switches these off while the system verifies
        names += ("verify_mode", "check_hostname")
    return tuple(getattr(_Context, name).__get__(context) for name in names)
