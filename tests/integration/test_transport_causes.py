"""Whose fault it is that there was no answer: each peer fails in one way; the tests are named after the cause."""

from __future__ import annotations

import datetime
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import trustme
from support.calls import TurnableClock, api_at
from support.tls_peers import (
    answer,
    issued,
    pin_of,
    plain_peer,
    resetting,
    saying,
    self_signed,
    tls_peer,
    tunnelling,
    tunnelling_inside,
)

from rocketvpn_sdk.cli import codes, problems
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import (
    CertificateUntrusted,
    ConfigurationError,
    PinMismatch,
    RocketVPNError,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
)
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.transport import Api, tls_context

pytestmark = pytest.mark.usefixtures("no_pauses")

YEAR = datetime.timedelta(days=365)


def open_to(url: str, trust: Path | None, *, pins: tuple[str, ...] = (), **more: Any) -> Api:
    return api_at(url, tls_context(trust=trust, pins=pins), clock=TurnableClock(time.time()), **more)


def failure(url: str, trust: Path | None, **more: Any) -> RocketVPNError:
    """Make a call that fails, and check what every such error must be."""
    with closing(open_to(url, trust, **more)) as api, pytest.raises(RocketVPNError) as caught:
        api.call("server.keys", answer=dict)
    error = caught.value
    assert error.cause
    assert error.remedy
    assert problems.action(error)
    assert problems.exit_code(error) == codes.SERVER
    assert problems.described(error)["cause"] == error.cause
    assert not any(isinstance(link, ssl.SSLError | OSError) for link in (error.__cause__, error.__context__))
    return error


# ---------------------------------------------------------------- the clock


def dates(ca: trustme.CA, begins: datetime.timedelta, ends: datetime.timedelta) -> Callable[[ssl.SSLContext], None]:
    now = datetime.datetime.now(datetime.UTC)
    return issued(ca, not_before=now + begins, not_after=now + ends)


def test_clock_is_behind_the_certificate(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(dates(ca, YEAR, 2 * YEAR)) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (CertificateUntrusted, "clock")
    assert f"this device's clock says {datetime.datetime.now(datetime.UTC).date()}" in str(error)
    assert "set its date, time and time zone" in error.remedy


def test_clock_is_behind_what_the_vault_saw(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(dates(ca, YEAR, 2 * YEAR)) as peer:
        error = failure(peer.url, trust, trusted_time=lambda: time.time() + 400 * DAY)
    assert error.cause == "clock"


def test_clock_is_ahead_of_what_the_vault_believes(ca: trustme.CA, trust: Path) -> None:
    """The clock leapt; the certificate has run out by it, and is valid at the time that the vault believes."""
    with tls_peer(dates(ca, -2 * YEAR, -YEAR)) as peer:
        error = failure(peer.url, trust, trusted_time=lambda: time.time() - 500 * DAY)
    assert (type(error), error.cause) == (CertificateUntrusted, "clock")


def test_server_has_an_expired_certificate(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(dates(ca, -2 * YEAR, -YEAR)) as peer:
        for more in ({}, {"trusted_time": time.time}):
            error = failure(peer.url, trust, **more)
            assert (type(error), error.cause) == (CertificateUntrusted, "server")
            assert "expired" in str(error)
            assert "tell the operator" in error.remedy


def test_server_has_a_certificate_of_the_future(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(dates(ca, YEAR, 2 * YEAR)) as peer:
        assert failure(peer.url, trust, trusted_time=time.time).cause == "server"


# ---------------------------------------------------------------- somebody in between


@pytest.mark.clause("T1")
def test_interception_by_an_unknown_ca(trust: Path) -> None:
    with tls_peer(issued(trustme.CA())) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (CertificateUntrusted, "interception")
    assert "listening" in error.remedy


@pytest.mark.clause("T1")
def test_interception_by_a_self_signed_certificate(trust: Path, tmp_path: Path) -> None:
    with tls_peer(self_signed(tmp_path)) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (CertificateUntrusted, "interception")


@pytest.mark.clause("T1")
def test_interception_by_a_ca_that_the_device_trusts(ca: trustme.CA, trust: Path) -> None:
    pins = tuple(pin_of(trustme.CA().cert_pem.bytes()) for _ in range(2))
    with tls_peer(issued(ca)) as peer:
        error = failure(peer.url, trust, pins=pins)
    assert (type(error), error.cause) == (PinMismatch, "interception")


def test_wrong_host(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(issued(ca, "portal.example")) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (CertificateUntrusted, "wrong_host")
    assert "sign in" in error.remedy


PORTALS = {
    "redirect": b"HTTP/1.1 302 Found\r\nLocation: https://portal.example/\r\nContent-Length: 0\r\n\r\n",
    "page": b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 6\r\n\r\n<html>",
    "sign-in": b"HTTP/1.1 511 Network Authentication Required\r\nContent-Length: 0\r\n\r\n",
}


@pytest.mark.parametrize("said", PORTALS.values(), ids=PORTALS)
def test_captive_portal_answers_in_the_servers_place(ca: trustme.CA, trust: Path, said: bytes) -> None:
    with tls_peer(issued(ca), serve=answer(said)) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (ServerError, "captive_portal")
    assert "sign in" in error.remedy


@pytest.mark.parametrize("said", [*PORTALS.values(), b"SSH-2.0-portal\r\n"], ids=[*PORTALS, "no http"])
def test_captive_portal_speaks_plain_http_where_tls_was_expected(trust: Path, said: bytes) -> None:
    with plain_peer(saying(said)) as peer:
        error = failure(peer.url, trust)
        assert len(peer.heard) == 1, "it is not tried again"
    assert (type(error), error.cause) == (ServerUnreachable, "captive_portal")
    assert "does not speak TLS" in str(error)


# ---------------------------------------------------------------- the network


def test_network_cannot_look_up_the_name(trust: Path) -> None:
    error = failure("https://no-such-host.invalid:443", trust)
    assert (type(error), error.cause) == (ServerUnreachable, "network")
    assert "cannot be looked up" in str(error)


HERE = ["ENETUNREACH", "ENETDOWN", "EADDRNOTAVAIL", "EAFNOSUPPORT", "EHOSTUNREACH", "ENOBUFS"]


def said_while_connecting(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    def connect(*_: Any) -> None:
        raise OSError(getattr(errno, name), os.strerror(getattr(errno, name)))

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.mark.parametrize("name", HERE)
def test_network_is_not_there(trust: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    said_while_connecting(monkeypatch, name)
    error = failure("https://localhost:1", trust)
    assert (type(error), error.cause) == (ServerUnreachable, "network")
    assert os.strerror(getattr(errno, name)) in str(error)
    assert "connection to the internet" in error.remedy


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:3128"])
@pytest.mark.parametrize("name", ["EPERM", "EACCES"])
def test_firewall_of_this_device(trust: Path, monkeypatch: pytest.MonkeyPatch, name: str, proxy: str | None) -> None:
    """As a kill switch on Linux says no: neither the server's nor the proxy's fault."""
    said_while_connecting(monkeypatch, name)
    error = failure("https://localhost:1", trust, proxy=proxy)
    assert (type(error), error.cause) == (ServerUnreachable, "firewall")
    assert "kill switch" in error.remedy


@pytest.mark.clause("T1")
@pytest.mark.parametrize("gone", ["the folder and the file", "the file that SSL_CERT_FILE names"])
def test_trust_store_is_missing(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: str) -> None:
    """A container without ca-certificates, an AppImage that moved: nobody listens."""
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem") if "names" in gone else "")
    monkeypatch.setenv("SSL_CERT_DIR", str(empty))
    monkeypatch.setattr("truststore._openssl._CA_FILE_CANDIDATES", [])
    with tls_peer(issued(ca)) as peer:
        error = failure(peer.url, None)
    assert (type(error), error.cause) == (CertificateUntrusted, "trust_store")
    assert "ca-certificates" in error.hint


@pytest.mark.clause("T1")
def test_trust_store_that_may_not_be_read(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system's word for it is the same as a firewall's, and it is none."""

    def refused(folder: object) -> list[str]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(folder))

    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gone.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    monkeypatch.setattr("truststore._openssl.os.listdir", refused)
    with tls_peer(issued(ca)) as peer:
        error = failure(peer.url, None)
    assert (type(error), error.cause) == (CertificateUntrusted, "trust_store")
    assert "cannot be read: Permission denied" in str(error)
    assert bytes(peer.received) == b""


def test_a_trust_store_that_does_not_have_the_authority_is_not_called_missing(
    ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    with tls_peer(issued(ca)) as peer:
        error = failure(peer.url, None)
    assert (type(error), error.cause) == (CertificateUntrusted, "interception")


def test_network_swallows_everything(trust: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: Any, **__: Any) -> socket.socket:
        raise TimeoutError

    monkeypatch.setattr(socket.socket, "connect", never)
    error = failure("https://localhost:1", trust)
    assert (type(error), error.cause) == (ServerTimeout, "network")


# ---------------------------------------------------------------- the server


def test_server_is_down(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(issued(ca)) as peer:
        pass
    error = failure(peer.url, trust)
    assert (type(error), error.cause) == (ServerUnreachable, "server")
    assert "refused" in str(error)


def test_server_resets_the_handshake(trust: Path) -> None:
    with plain_peer(resetting) as peer:
        error = failure(peer.url, trust)
        assert len(peer.heard) == Limits().retry_attempts, "nothing was sent, so it is tried again"
    assert (type(error), error.cause) == (ServerUnreachable, "server")


def test_server_resets_the_answer(ca: trustme.CA, trust: Path) -> None:
    def cut(connection: ssl.SSLSocket, _done: object) -> None:
        resetting(connection)
        connection.close()

    with tls_peer(issued(ca), serve=cut) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (ServerUnreachable, "server")


def test_server_is_silent(ca: trustme.CA, trust: Path) -> None:
    limits = Limits(connect_timeout=60, read_timeout=0.05, total_timeout=60)
    with tls_peer(issued(ca), serve=lambda *_: None) as peer:
        error = failure(peer.url, trust, limits=limits)
    assert (type(error), error.cause) == (ServerTimeout, "server")


def test_server_knows_only_an_older_tls(ca: trustme.CA, trust: Path) -> None:
    with tls_peer(issued(ca), newest=ssl.TLSVersion.TLSv1_2) as peer:
        error = failure(peer.url, trust)
    assert (type(error), error.cause) == (ServerUnreachable, "server")


# ---------------------------------------------------------------- the proxy

SECRET = "hunter2"


def behind(port: int) -> str:
    return f"http://kim:{SECRET}@127.0.0.1:{port}"


WANTS = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"


def test_proxy_that_wants_a_password_and_got_none(trust: Path) -> None:
    with plain_peer(saying(WANTS)) as proxy:
        error = failure("https://localhost:443", trust, proxy=f"http://127.0.0.1:{proxy.port}")
    assert (type(error), error.cause) == (ServerUnreachable, "proxy")
    assert "wants a name and a password" in str(error)


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (WANTS, "does not take the name and the password"),
        (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "refused, status 403"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "refused, status 502"),
    ],
    ids=["407", "403", "502"],
)
def test_proxy_refuses(trust: Path, said: bytes, problem: str) -> None:
    with plain_peer(saying(said)) as proxy:
        error = failure("https://localhost:443", trust, proxy=behind(proxy.port))
        assert proxy.heard[0].startswith(b"CONNECT localhost:443 HTTP/1.1\r\n")
    assert (type(error), error.cause) == (ServerUnreachable, "proxy")
    assert problem in str(error)
    assert SECRET not in str(error) + repr(error.params)


def test_proxy_is_not_there(trust: Path) -> None:
    with plain_peer(resetting) as proxy:
        pass
    error = failure("https://localhost:443", trust, proxy=behind(proxy.port))
    assert (type(error), error.cause) == (ServerUnreachable, "proxy")
    assert "the proxy cannot be reached" in str(error)
    assert SECRET not in str(error)


def test_proxy_asked_for_before_every_call(ca: trustme.CA, trust: Path) -> None:
    urls: list[str | None] = []

    with tls_peer(issued(ca)) as server, plain_peer(tunnelling(server.url)) as one:
        with plain_peer(tunnelling(server.url)) as other:
            answers = iter([behind(one.port), None, f"http://127.0.0.1:{other.port}", None])
            with closing(open_to(server.url, trust, proxy=lambda: urls.append(None) or next(answers))) as api:
                for _ in range(4):
                    api.call("server.keys", answer=dict)
        assert len(urls) == 4
        assert [len(one.heard), len(other.heard)] == [1, 1]
        assert b"proxy-authorization: basic" in one.heard[0].lower()
        assert b"proxy-authorization" not in other.heard[0].lower()
        assert server.connections == 4
        assert b"proxy-authorization" not in bytes(server.received).lower()


@pytest.mark.parametrize("given", ["ftp://p", "http://", "p:3128", "http://p/path", "http://p?q", 7, b"http://p", ""])
@pytest.mark.clause("T1")
def test_proxy_that_is_none_sends_nothing_past_it(ca: trustme.CA, trust: Path, given: Any) -> None:
    with tls_peer(issued(ca)) as peer, closing(open_to(peer.url, trust, proxy=lambda: given)) as api:
        with pytest.raises(ConfigurationError, match="proxy"):
            api.call("server.keys", answer=dict)
        assert peer.connections == 0


@pytest.mark.clause("T1")
def test_proxy_whose_asking_fails_shows_no_password(ca: trustme.CA, trust: Path) -> None:
    def ask() -> str:
        raise RuntimeError(SECRET)

    with tls_peer(issued(ca)) as peer, closing(open_to(peer.url, trust, proxy=ask)) as api:
        with pytest.raises(ConfigurationError, match="RuntimeError") as caught:
            api.call("server.keys", answer=dict)
        assert peer.connections == 0
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.clause("T1")
def test_calls_go_inside_a_proxys_tls_and_are_checked_there_too(ca: trustme.CA, trust: Path) -> None:
    pins = (pin_of(ca.cert_pem.bytes()), pin_of(trustme.CA().cert_pem.bytes()))
    wrong = (pin_of(trustme.CA().cert_pem.bytes()), pin_of(trustme.CA().cert_pem.bytes()))
    with tls_peer(issued(ca)) as server, tls_peer(issued(ca), serve=tunnelling_inside(server.url)) as proxy:
        more: dict[str, Any] = {"proxy": proxy.url, "proxy_context": lambda: tls_context(trust=trust)}
        with closing(open_to(server.url, trust, pins=pins, **more)) as api:
            for _ in range(2):
                assert api.call("server.keys", answer=dict).value == {}
        seen = bytes(server.received)
        assert (seen.count(b"GET /"), proxy.connections) == (2, server.connections)
        assert bytes(proxy.received).startswith(b"CONNECT localhost:")
        assert b"GET /" not in bytes(proxy.received)
        error = failure(server.url, trust, pins=wrong, **more)
        assert (type(error), bytes(server.received)) == (PinMismatch, seen)


def test_proxy_over_tls(ca: trustme.CA, trust: Path, tmp_path: Path) -> None:
    """The proxy's own certificate is verified, and pins are the server's: they say nothing about the proxy."""
    pins = (pin_of(ca.cert_pem.bytes()), pin_of(trustme.CA().cert_pem.bytes()))
    said = answer(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    with tls_peer(issued(ca), serve=said) as proxy:
        more: dict[str, Any] = {"proxy": proxy.url, "proxy_context": lambda: tls_context(trust=trust)}
        assert "status 403" in str(failure("https://localhost:443", trust, pins=pins, **more))
    with tls_peer(self_signed(tmp_path), serve=said) as proxy:
        error = failure("https://localhost:443", trust, proxy=proxy.url, proxy_context=lambda: tls_context(trust=trust))
        assert isinstance(error, CertificateUntrusted)
        assert bytes(proxy.received) == b""
