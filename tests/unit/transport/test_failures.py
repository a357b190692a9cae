"""Whose fault it may be that there was no answer: for each thing that libraries and systems say, one cause."""

from __future__ import annotations

import errno
import socket
import ssl
from typing import Any

import httpx
import pytest

from rocketvpn_sdk.transport import failures
from rocketvpn_sdk.transport.failures import Failure, FailureContext
from rocketvpn_sdk.transport.pins import PinnedKeyMissing
from rocketvpn_sdk.transport.proven import Unproven

NOW = 1_800_000_000.0  # 2027-01-15


def context(**more: Any) -> FailureContext:
    given = {"host": "h.example", "seconds": 30.0, "proxied": False, "now": NOW, "trusted_time": lambda: None} | more
    return FailureContext(**given)


def caused(error: Exception, by: BaseException) -> Exception:
    error.__cause__ = by
    return error


def told(failure: Failure) -> tuple[str, str, bool, bool]:
    """Return the code, the cause, whether it was sent, whether to try again."""
    assert failure.error.params["host"] == "h.example"
    assert not failure.dead_end
    return failure.error.code, failure.error.params["cause"], failure.sent, failure.retry


def unverified(code: int, message: str = "") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = code, message
    return error


def tls(reason: str, kind: type[ssl.SSLError] = ssl.SSLError) -> ssl.SSLError:
    error = kind(1, "x")
    error.reason = reason
    return error


# ---------------------------------------------------------------- time


@pytest.mark.parametrize(
    ("error", "proxied", "cause", "sent"),
    [
        (httpx.ConnectTimeout("x"), False, "network", False),
        (httpx.ConnectTimeout("x"), True, "proxy", False),
        (httpx.PoolTimeout("x"), False, "network", False),
        (httpx.ReadTimeout("x"), False, "server", True),
        (httpx.ReadTimeout("x"), True, "server", True),
        (httpx.WriteTimeout("x"), True, "server", True),
    ],
)
def test_time_ran_out(error: httpx.TimeoutException, proxied: bool, cause: str, sent: bool) -> None:
    failure = failures.timed_out(error, context(proxied=proxied))
    assert told(failure) == ("server-timeout", cause, sent, True)
    assert failure.error.params["seconds"] == 30.0


# ---------------------------------------------------------------- certificates


def untrusted(error: ssl.SSLCertVerificationError, **more: Any) -> tuple[str, str]:
    failure = failures.unreachable(caused(httpx.ConnectError("x"), error), context(**more))
    code, cause, sent, again = told(failure)
    assert (code, sent, again) == ("certificate-untrusted", False, False)
    return cause, failure.error.params["problem"]


@pytest.mark.parametrize("code", [9, -67819])
def test_a_certificate_of_the_future_says_that_the_clock_is_wrong(code: int) -> None:
    assert untrusted(unverified(code, "too early.")) == ("clock", "too early; this device's clock says 2027-01-15")


@pytest.mark.parametrize("code", [10, -67818, 0x800B0101])
def test_a_certificate_that_has_run_out_is_the_server_s(code: int) -> None:
    assert untrusted(unverified(code)) == ("server", "it does not verify; this device's clock says 2027-01-15")


@pytest.mark.parametrize(
    ("trusted_time", "cause"),
    [(99.0, "server"), (100.0, "clock"), (150.0, "clock"), (200.0, "clock"), (201.0, "server")],
)
@pytest.mark.parametrize("code", [9, 10])
def test_dates_that_hold_by_another_word_than_the_clock_s_are_the_clock_s_fault(
    code: int, trusted_time: float, cause: str
) -> None:
    error = unverified(code)
    error.period = (100.0, 200.0)  # type: ignore[attr-defined] # as the handshake notes it
    assert untrusted(error, trusted_time=lambda: trusted_time)[0] == cause


@pytest.mark.parametrize("code", [62, 64, -67602, 0x800B010F])
def test_a_certificate_of_another_host(code: int) -> None:
    assert untrusted(unverified(code, "Hostname mismatch")) == ("wrong_host", "Hostname mismatch")


@pytest.mark.parametrize("code", [2, 19, 20])
def test_a_chain_to_nobody_is_interception_unless_nobody_is_trusted_at_all(code: int) -> None:
    assert untrusted(unverified(code, "self-signed")) == ("interception", "self-signed")
    nobody = untrusted(unverified(code, "self-signed"), trusts_nobody=lambda: True)
    assert nobody == ("trust_store", "this device has no usable list of authorities to trust")
    assert untrusted(unverified(18, "x"), trusts_nobody=lambda: True)[0] == "interception"


def test_a_pin_that_is_missing_and_tls_that_was_changed_are_told_from_the_rest() -> None:
    missing = failures.unreachable(caused(httpx.ConnectError("x"), PinnedKeyMissing("x")), context())
    assert told(missing) == ("pin-mismatch", "interception", False, False)
    changed = failures.unreachable(caused(httpx.ReadError("x"), Unproven("odd")), context())
    assert told(changed) == ("server-unreachable", "tls", False, False)
    assert changed.error.params["problem"] == "another library changed Python's TLS: odd"


def test_a_list_of_authorities_that_cannot_be_read() -> None:
    error = caused(httpx.ConnectError("x"), PermissionError(errno.EACCES, "Permission denied", "/etc/ca.pem"))
    failure = failures.unreachable(error, context())
    assert told(failure) == ("certificate-untrusted", "trust_store", False, False)
    assert failure.error.params["problem"].endswith("cannot be read: Permission denied")
    assert "/etc" not in str(failure.error)


# ---------------------------------------------------------------- connections


@pytest.mark.parametrize("reason", ["WRONG_VERSION_NUMBER", "HTTP_REQUEST", "HTTPS_PROXY_REQUEST"])
def test_what_does_not_speak_tls_is_a_page_to_sign_in_at(reason: str) -> None:
    failure = failures.unreachable(caused(httpx.ConnectError("x"), tls(reason)), context())
    assert told(failure) == ("server-unreachable", "captive_portal", False, False)
    assert failure.error.params["problem"] == "what answers there does not speak TLS"


def test_a_handshake_that_fails_is_the_server_s_and_tried_again_only_if_it_was_cut() -> None:
    failure = failures.unreachable(caused(httpx.ConnectError("x"), tls("SSLV3_ALERT_HANDSHAKE_FAILURE")), context())
    assert told(failure) == ("server-unreachable", "server", False, False)
    assert failure.error.params["problem"] == "TLS: sslv3 alert handshake failure"
    cut = failures.unreachable(caused(httpx.ConnectError("x"), ssl.SSLEOFError(8, "EOF")), context())
    assert told(cut) == ("server-unreachable", "server", False, True)
    assert cut.error.params["problem"] == "TLS: ssleoferror"


def test_tls_that_breaks_once_something_was_sent_is_a_connection_that_was_cut() -> None:
    failure = failures.unreachable(caused(httpx.ReadError("x"), tls("WRONG_VERSION_NUMBER")), context())
    assert told(failure) == ("server-unreachable", "server", True, True)
    assert failure.error.params["problem"] == "the connection was cut"


@pytest.mark.parametrize(
    ("error", "proxied", "cause", "problem"),
    [
        (OSError(errno.ENETUNREACH, "unreachable"), False, "network", "unreachable"),
        (OSError(errno.EHOSTUNREACH, "no route"), False, "network", "no route"),
        (OSError(errno.ECONNREFUSED, "refused"), False, "server", "refused"),
        (OSError(errno.ECONNREFUSED, "refused"), True, "proxy", "the proxy cannot be reached: refused"),
        (OSError(errno.EPERM, "no"), False, "firewall", "something on this device does not let it through: no"),
        (OSError(errno.EACCES, "no"), True, "firewall", "something on this device does not let it through: no"),
        (socket.gaierror(-2, "unknown"), False, "network", "its name cannot be looked up: unknown"),
        (socket.gaierror(-2, "unknown"), True, "proxy", "the proxy cannot be reached: unknown"),
        (RuntimeError("x"), False, "server", "no connection"),
    ],
)
def test_a_connection_that_fails(error: Exception, proxied: bool, cause: str, problem: str) -> None:
    failure = failures.unreachable(caused(httpx.ConnectError("planted"), error), context(proxied=proxied))
    assert told(failure) == ("server-unreachable", cause, False, True)
    assert failure.error.params["problem"] == problem


@pytest.mark.parametrize("kind", [httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError])
@pytest.mark.parametrize("proxied", [True, False])
def test_a_connection_that_is_cut_is_the_server_s_also_behind_a_proxy(kind: type[Exception], proxied: bool) -> None:
    failure = failures.unreachable(kind("planted"), context(proxied=proxied))
    assert told(failure) == ("server-unreachable", "server", True, True)
    assert failure.error.params["problem"] == "the connection was cut"


@pytest.mark.parametrize(
    ("said", "named", "problem"),
    [
        ("407 Proxy Authentication Required", False, "the proxy wants a name and a password"),
        ("407 x", True, "the proxy does not take the name and the password that it was given"),
        ("503 planted", False, "the proxy refused, status 503"),
        ("planted", True, "the proxy refused"),
    ],
)
def test_a_proxy_that_refuses(said: str, named: bool, problem: str) -> None:
    failure = failures.unreachable(httpx.ProxyError(said), context(proxied=True, named=named))
    assert told(failure) == ("server-unreachable", "proxy", False, True)
    assert failure.error.params["problem"] == problem


def test_causes_that_lead_in_a_circle_end() -> None:
    one, other = httpx.ConnectError("x"), OSError(errno.ENETDOWN, "down")
    one.__cause__, other.__context__ = other, one
    assert told(failures.unreachable(one, context()))[1] == "network"
