from __future__ import annotations

import inspect
import ssl
from collections.abc import Callable, Iterator

import httpx
import pytest
from support.calls import Line

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
from rocketvpn_sdk.transport import deadline, tls_context
from rocketvpn_sdk.transport.connections import Connections
from rocketvpn_sdk.transport.failures import Failure
from rocketvpn_sdk.transport.pins import PinnedKeyMissing

URL = "https://api.rocketvpn.example/v1/order"


def exchange(answer: Callable[[httpx.Request], httpx.Response], limits: Limits | None = None):
    connections = Connections(context=tls_context(), limits=limits or Limits(), transport=httpx.MockTransport(answer))
    request = httpx.Request("GET", URL, headers={"Authorization": "DPoP planted-token"})
    return connections.exchange(request, operation="order.read", nameless=False)


def failing(error: Exception, cause: BaseException | None = None) -> Failure:
    def answer(request: httpx.Request) -> httpx.Response:
        raise error from cause

    with pytest.raises(Failure) as caught:
        exchange(answer)
    return caught.value


def every_httpx_exception() -> dict[str, Exception]:
    request = httpx.Request("GET", URL)
    made: dict[str, Exception] = {}
    for name in httpx.__all__:
        kind = getattr(httpx, name)
        if inspect.isclass(kind) and issubclass(kind, Exception):
            if issubclass(kind, httpx.HTTPStatusError):
                made[name] = kind("planted", request=request, response=httpx.Response(500))
            elif issubclass(kind, httpx.StreamError) and kind is not httpx.StreamError:
                made[name] = kind()
            else:
                made[name] = kind("planted")
    return made


EXPECTED: dict[str, type[RocketVPNError]] = {
    "CloseError": ServerUnreachable,
    "ConnectError": ServerUnreachable,
    "ConnectTimeout": ServerTimeout,
    "CookieConflict": ServerError,
    "DecodingError": ServerError,
    "HTTPError": ServerError,
    "HTTPStatusError": ServerError,
    "InvalidURL": ServerError,
    "LocalProtocolError": ServerUnreachable,
    "NetworkError": ServerUnreachable,
    "PoolTimeout": ServerTimeout,
    "ProtocolError": ServerUnreachable,
    "ProxyError": ServerUnreachable,
    "ReadError": ServerUnreachable,
    "ReadTimeout": ServerTimeout,
    "RemoteProtocolError": ServerError,
    "RequestError": ServerError,
    "RequestNotRead": ServerError,
    "ResponseNotRead": ServerError,
    "StreamClosed": ServerError,
    "StreamConsumed": ServerError,
    "StreamError": ServerError,
    "TimeoutException": ServerTimeout,
    "TooManyRedirects": ServerError,
    "TransportError": ServerUnreachable,
    "UnsupportedProtocol": ServerUnreachable,
    "WriteError": ServerUnreachable,
    "WriteTimeout": ServerTimeout,
}


def test_the_table_names_every_exception_of_httpx() -> None:
    assert set(EXPECTED) == set(every_httpx_exception())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_no_exception_of_httpx_leaks(name: str) -> None:
    failure = failing(every_httpx_exception()[name])
    assert type(failure.error) is EXPECTED[name]
    assert "planted" not in str(failure.error)
    assert failure.__cause__ is None
    assert failure.__context__ is None


@pytest.mark.parametrize(
    "error", [RuntimeError("planted"), AssertionError("planted"), UnicodeError("planted"), OSError("planted")]
)
def test_no_other_exception_leaks_either(error: Exception) -> None:
    assert "planted" not in str(failing(error).error)


@pytest.mark.parametrize("error", every_httpx_exception().values(), ids=list(every_httpx_exception()))
def test_the_error_that_a_caller_sees_is_ours_and_bare(error: Exception) -> None:
    line = Line()
    line.router.get("/v1/order").mock(side_effect=error)
    with pytest.raises(RocketVPNError) as caught:
        line.api.call("order.read", answer=dict)
    links = [caught.value.__cause__, caught.value.__context__]
    assert not any(isinstance(link, httpx.HTTPError | httpx.StreamError) for link in links)
    line.api.close()


@pytest.mark.clause("T1")
def test_the_reasons_of_tls_are_found_down_the_chain() -> None:
    pins = failing(httpx.ConnectError("x"), PinnedKeyMissing("no"))
    assert isinstance(pins.error, PinMismatch)
    untrusted = ssl.SSLCertVerificationError(1, "self-signed")
    untrusted.verify_message = "self-signed certificate."
    chain = failing(httpx.ConnectError("x"), untrusted)
    assert isinstance(chain.error, CertificateUntrusted)
    assert "(self-signed certificate);" in str(chain.error)
    bare = ssl.SSLCertVerificationError(1, "x")
    bare.verify_message = ""
    assert isinstance(failing(httpx.ConnectError("x"), bare).error, CertificateUntrusted)
    for failure in (pins, chain):
        assert not failure.retry
        assert not failure.sent


def test_a_handshake_that_fails_is_not_tried_again() -> None:
    failure = failing(httpx.ConnectError("x"), ssl.SSLError(1, "[SSL: TLSV1_ALERT_PROTOCOL_VERSION] x"))
    assert isinstance(failure.error, ServerUnreachable)
    assert not failure.retry


def test_the_operating_systems_words_are_shown() -> None:
    failure = failing(httpx.ConnectError("x"), ConnectionRefusedError(111, "Connection refused"))
    assert "Connection refused" in str(failure.error)
    assert failure.retry
    assert not failure.sent


@pytest.mark.parametrize(
    ("error", "sent"),
    [
        (httpx.ConnectError("x"), False),
        (httpx.ConnectTimeout("x"), False),
        (httpx.PoolTimeout("x"), False),
        (httpx.ProxyError("x"), False),
        (httpx.ReadError("x"), True),
        (httpx.WriteError("x"), True),
        (httpx.ReadTimeout("x"), True),
        (httpx.RemoteProtocolError("Server disconnected without sending a response."), True),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), True),
    ],
)
def test_a_failure_knows_whether_something_may_have_arrived(error: Exception, sent: bool) -> None:
    failure = failing(error)
    assert failure.sent is sent
    assert failure.retry


def test_not_http_is_garbage() -> None:
    failure = failing(httpx.RemoteProtocolError("illegal status line: planted"))
    assert isinstance(failure.error, ServerError)
    assert not failure.retry
    assert "planted" not in str(failure.error)


GARBAGE = [
    httpx.RemoteProtocolError("illegal status line: planted"),
    httpx.DecodingError("planted"),
    RuntimeError("planted"),
]


@pytest.mark.parametrize("error", GARBAGE, ids=lambda error: type(error).__name__)
def test_what_cannot_be_read_is_the_server_s_fault_and_may_have_done_something(error: Exception) -> None:
    failure = failing(error)
    assert (failure.sent, failure.retry, failure.dead_end) == (True, False, False)
    assert failure.error.params["operation"] == "order.read"
    assert failure.error.params["cause"] == "server"


def test_a_call_gives_its_bounds_to_each_step_and_never_more_than_is_left() -> None:
    seen: list[dict[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.extensions["timeout"])
        return httpx.Response(200)

    limits = Limits(connect_timeout=3.0, read_timeout=4.0, write_timeout=5.0, total_timeout=6.0)
    exchange(answer, limits)
    with deadline.within(0.0), pytest.raises(Failure):
        exchange(answer, limits)
    assert seen[0] == {"connect": 3.0, "read": 4.0, "write": 5.0, "pool": 6.0}
    assert max(seen[1].values()) <= 0.001


# ---------------------------------------------------------------- what comes back


class Flood(httpx.SyncByteStream):
    def __init__(self) -> None:
        self.taken = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        while True:
            self.taken += 1024
            yield b"x" * 1024

    def close(self) -> None:
        self.closed = True


def test_an_endless_answer_is_cut_at_the_bound_and_closed() -> None:
    flood = Flood()
    with pytest.raises(Failure) as caught:
        exchange(lambda request: httpx.Response(200, stream=flood), Limits(max_response_bytes=10_000))
    assert "larger than 10000 bytes" in str(caught.value.error)
    assert flood.taken < 12_000
    assert flood.closed


def test_an_answer_that_goes_on_past_the_calls_time_is_cut() -> None:
    flood = Flood()
    with deadline.within(0.0), pytest.raises(Failure) as caught:
        exchange(lambda request: httpx.Response(200, stream=flood))
    assert isinstance(caught.value.error, ServerTimeout)
    assert flood.taken == 1024
    assert flood.closed


@pytest.mark.parametrize(("status", "longest"), [(200, 20), (304, 20), (400, 10), (503, 10)])
@pytest.mark.parametrize("announced", [True, False])
def test_a_success_may_be_as_long_as_was_asked_for_and_anything_else_as_all_answers(
    status: int, longest: int, announced: bool
) -> None:
    def ask(length: int) -> bytes:
        headers = {"Content-Length": str(length)} if announced else {}
        body = httpx.ByteStream(b"x" * length)
        answer = httpx.MockTransport(lambda request: httpx.Response(status, headers=headers, stream=body))
        limits = Limits(max_response_bytes=10)
        connections = Connections(context=tls_context(), limits=limits, transport=answer)
        return connections.exchange(httpx.Request("GET", URL), operation="o", nameless=True, at_most=20).body

    assert len(ask(longest)) == longest
    with pytest.raises(Failure) as caught:
        ask(longest + 1)
    assert (caught.value.sent, caught.value.retry) == (True, False)
    assert caught.value.error.params["status"] == status
    assert f"larger than {longest} bytes" in str(caught.value.error)


def test_an_announced_flood_is_not_even_read() -> None:
    flood = Flood()
    headers = {"Content-Length": "9" * 30}
    with pytest.raises(Failure):
        exchange(lambda request: httpx.Response(200, headers=headers, stream=flood))
    assert flood.taken == 0
    assert flood.closed


@pytest.mark.parametrize("encoding", ["gzip", "br", "zstd", "deflate"])
def test_an_encoded_answer_is_refused_unopened(encoding: str) -> None:
    flood = Flood()
    with pytest.raises(Failure, match="server-error"):
        exchange(lambda request: httpx.Response(200, headers={"Content-Encoding": encoding}, stream=flood))
    assert flood.taken == 0


@pytest.mark.clause("C2")
def test_only_headers_that_are_looked_at_are_kept_and_bounded() -> None:
    headers = [
        ("Set-Cookie", "planted=1"),
        ("Server", "x"),
        ("ETag", '"a"'),
        ("WWW-Authenticate", "Bearer"),
        ("WWW-Authenticate", "DPoP"),
        ("DPoP-Nonce", "n" * 10_000),
    ]
    reply = exchange(lambda request: httpx.Response(200, headers=headers, content=b"ok"))
    assert {name for name in reply.headers if name != "content-length"} == {"etag", "www-authenticate", "dpop-nonce"}
    assert reply.headers["www-authenticate"] == "Bearer, DPoP"
    assert len(reply.headers["dpop-nonce"]) == 4096
    assert reply.body == b"ok"


@pytest.mark.parametrize("proxy", ["not a url", "ftp://x", "socks5://localhost:1"])
def test_a_proxy_that_cannot_be_used_is_a_configuration_error(proxy: str) -> None:
    with pytest.raises(ConfigurationError, match="proxy"):
        Connections(context=tls_context(), limits=Limits(), proxy=proxy)


def test_a_proxy_is_taken() -> None:
    Connections(context=tls_context(), limits=Limits(), proxy="http://localhost:3128").pools.close()
