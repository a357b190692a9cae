"""Why there was no answer, and whose fault that may be: from what a library raised to an error of ours. Pure.

A person who reads the error should know what to look at: their clock, their network, its sign-in page, their proxy,
somebody who listens, or nothing at all, because it is the server's fault.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable

import httpx
import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import CertificateUntrusted, PinMismatch, RocketVPNError, ServerTimeout, ServerUnreachable
from rocketvpn_sdk.files import NONE_LEFT, out_of_files
from rocketvpn_sdk.transport.pins import PinnedKeyMissing
from rocketvpn_sdk.transport.proven import Unproven
from rocketvpn_sdk.transport.racing import CUT

_NOT_YET_VALID, _EXPIRED = frozenset({9, -67819}), frozenset({10, -67818, 0x800B0101})
"""OpenSSL's codes (X509_V_ERR_*), macOS's (errSecCertificate*) and Windows' (CERT_E_EXPIRED, which is for both)."""
_WRONG_HOST = frozenset({62, 64, -67602, 0x800B010F})
_NO_TLS = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST", "PACKET_LENGTH_TOO_LONG"})
"""What OpenSSL says where something answers that does not speak TLS at all."""
_NO_AUTHORITY = frozenset({19, 20, 2})
"""Where a chain leads to nobody who is trusted: X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ..._UNABLE_TO_GET_ISSUER_..."""
_NETWORK_NAMES = """
    EADDRNOTAVAIL EAFNOSUPPORT ECONNABORTED EHOSTDOWN EHOSTUNREACH ENETDOWN ENETRESET ENETUNREACH ENOBUFS
"""
_NETWORK = frozenset(getattr(errno, name) for name in _NETWORK_NAMES.split())
"""What this device's side of the network says, not the other side."""
_FIREWALL = frozenset({errno.EPERM, errno.EACCES, getattr(errno, "WSAEACCES", errno.EACCES)})
_PROXY_WANTS_NAME = 407
_BEFORE = (httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ConnectError, httpx.ProxyError, httpx.UnsupportedProtocol)
"""What httpx raises before it has sent anything of a request."""


class Failure(Exception):
    """An exchange that brought no answer: the ``error`` to raise, and what may be done about it.

    Args:
        error: what the caller gets, should nothing help.
        sent: some of the request may have reached the server.
        retry: trying again may help.

    ``dead_end``: it was lost to a connection or to addresses that were kept from an earlier call (``progress.py``).
    """

    def __init__(self, error: RocketVPNError, *, sent: bool, retry: bool) -> None:
        self.error, self.sent, self.retry = error, sent, retry
        self.dead_end = False
        super().__init__(error.code)


class FailureContext(msgspec.Struct, frozen=True, kw_only=True):
    """What is known about a failed exchange besides the exception."""

    host: str
    seconds: float
    """The call's time limit."""
    proxied: bool
    """Whether the connection goes to a proxy first."""
    now: float
    """The device's clock, in seconds since the epoch."""
    trusted_time: Callable[[], float | None]
    """Returns the time according to the server or the vault; ``None``: unknown."""
    named: bool = False
    """Whether a user name and a password were sent to the proxy."""
    trusts_nobody: Callable[[], bool] = lambda: False
    """Returns whether this device has no trusted certificate authority at all."""


def was_sent(error: Exception) -> bool:
    """Whether some of the request may have reached the server."""
    return not isinstance(error, _BEFORE)


def timed_out(error: httpx.TimeoutException, context: FailureContext) -> Failure:
    """Return the failure of a call whose time ran out."""
    connected = was_sent(error)
    cause = "server" if connected else "proxy" if context.proxied else "network"
    return Failure(ServerTimeout(host=context.host, seconds=context.seconds, cause=cause), sent=connected, retry=True)


def unreachable(error: Exception, context: FailureContext) -> Failure:
    """Return the failure of a connection; the reasons of TLS lie somewhere down the chain of causes."""
    sent = was_sent(error)
    for link in _chain(error):
        if isinstance(link, Unproven):
            problem = f"another library changed Python's TLS: {link.problem}"
            return Failure(ServerUnreachable(host=context.host, problem=problem, cause="tls"), sent=False, retry=False)
        if isinstance(link, PinnedKeyMissing):
            return Failure(PinMismatch(host=context.host, cause="interception"), sent=False, retry=False)
        if isinstance(link, ssl.SSLCertVerificationError):
            return Failure(_untrusted(link, context), sent=False, retry=False)
        if isinstance(link, ssl.SSLError) and not sent:
            return _no_handshake(link, context)
        if isinstance(link, OSError) and link.filename is not None:  # a file's; truststore looks for authorities
            return _unread(link, context)
    cause, problem = _blame(error, context)
    return Failure(ServerUnreachable(host=context.host, problem=problem, cause=cause), sent=sent, retry=True)


def _untrusted(error: ssl.SSLCertVerificationError, context: FailureContext) -> CertificateUntrusted:
    code = getattr(error, "verify_code", 0)
    problem = (getattr(error, "verify_message", "") or "it does not verify").rstrip(".")
    cause = "interception"
    if code in _NOT_YET_VALID | _EXPIRED:
        cause = "clock" if _clock_is_wrong(error, context) else "server"
        problem = f"{problem}; this device's clock says {utc(context.now).date()}"
    elif code in _WRONG_HOST:
        cause = "wrong_host"
    elif code in _NO_AUTHORITY and context.trusts_nobody():
        problem, cause = "this device has no usable list of authorities to trust", "trust_store"
    return CertificateUntrusted(host=context.host, problem=problem, cause=cause)


def _unread(error: OSError, context: FailureContext) -> Failure:
    if out_of_files() is not None:
        unreached = ServerUnreachable(host=context.host, problem=NONE_LEFT, cause="files")
        return Failure(unreached, sent=False, retry=True)
    problem = f"this device's list of authorities to trust cannot be read: {error.strerror}"
    return Failure(
        CertificateUntrusted(host=context.host, problem=problem, cause="trust_store"), sent=False, retry=False
    )


def _clock_is_wrong(error: ssl.SSLCertVerificationError, context: FailureContext) -> bool:
    """Whether dates that do not hold are more likely the device's fault than the certificate's.

    It is, where they hold at the time that something else than the device's clock vouches for. Where nothing does: a
    server whose certificate has run out is common, one with a certificate of the future is not.
    """
    period, trusted_time = getattr(error, "period", None), context.trusted_time()
    if trusted_time is not None and period is not None:
        return bool(period[0] <= trusted_time <= period[1])
    return error.verify_code in _NOT_YET_VALID


def _no_handshake(error: ssl.SSLError, context: FailureContext) -> Failure:
    # ssl sets these attributes on the errors that OpenSSL gave it, and on no others.
    reason = getattr(error, "reason", "") or type(error).__name__
    if reason in _NO_TLS:
        problem, cause = "what answers there does not speak TLS", "captive_portal"
    else:
        problem, cause = f"TLS: {reason.replace('_', ' ').lower()}", "server"
    retry = isinstance(error, CUT)
    return Failure(ServerUnreachable(host=context.host, problem=problem, cause=cause), sent=False, retry=retry)


def _blame(error: Exception, context: FailureContext) -> tuple[str, str]:
    """Return whose fault a connection's failure may be, and what happened: never in a library's own words."""
    if isinstance(error, httpx.ProxyError):
        return "proxy", _refused(str(error).partition(" ")[0], context)
    found = (link for link in _chain(error) if isinstance(link, OSError) and link.strerror)
    system = next((link for link in found if not isinstance(link, ssl.SSLError)), None)  # those are OpenSSL's words
    if system is not None and out_of_files() is not None:  # a look-up of names would say something else
        return "files", NONE_LEFT
    problem = (system.strerror if system else None) or _IN_WORDS.get(type(error), "no connection")
    number = system.errno if system is not None else None
    if number in _FIREWALL:
        return "firewall", f"something on this device does not let it through: {problem}"
    if context.proxied and isinstance(error, httpx.ConnectError):
        return "proxy", f"the proxy cannot be reached: {problem}"
    if isinstance(system, socket.gaierror):
        return "network", f"its name cannot be looked up: {problem}"
    return ("network" if number in _NETWORK else "server"), problem


def _refused(status: str, context: FailureContext) -> str:
    """Return what it means that a proxy answered with ``status`` in place of opening a tunnel."""
    if status == str(_PROXY_WANTS_NAME):
        taken = "does not take the name and the password that it was given"
        return f"the proxy {taken if context.named else 'wants a name and a password'}"
    return f"the proxy refused, status {status}" if status.isdecimal() else "the proxy refused"


_IN_WORDS: dict[type[Exception], str] = {
    httpx.RemoteProtocolError: "the connection was cut",
    httpx.ReadError: "the connection was cut",
    httpx.WriteError: "the connection was cut",
}


def _chain(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in found:
        found.append(link)
        link = link.__cause__ or link.__context__
    return found
