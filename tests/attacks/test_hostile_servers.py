"""A server with the right certificate and pin that answers as it should not: every call ends in time, with our error.

It stands in front of a real sandbox, over real TLS; what it does is set for one path at a time. After each attack the
vault, the ledger and the queue are whole, and the next good call works. Wrong certificates: ``test_tls_interception``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext

import pytest
from support.hostile_calls import Victim, victim_of
from support.hostile_server import Answer, Asked, Behaviour, Hostile, hostile_server
from support.world import tunnel_key

from rocketvpn_sdk.errors import (
    AnswerTooLarge,
    RocketVPNError,
    ServerError,
    ServerTimeout,
    ServerUnreachable,
)
from rocketvpn_sdk.transport.retries import Retries

PAUSE = Retries.pause

pytestmark = [pytest.mark.timeout(60), pytest.mark.usefixtures("no_pauses")]

PATHS = {"read": "/v1/order", "write": "/v1/tunnels"}
JSON = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
KINDS = ("read", "write")


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostile]:
    with hostile_server(tmp_path_factory.mktemp("hostile") / "server") as hostile:
        yield hostile


@pytest.fixture(scope="module")
def _bound(hostile: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    with victim_of(hostile, tmp_path_factory.mktemp("victim") / "vault") as victim:
        yield victim


@pytest.fixture
def victim(_bound: Victim) -> Iterator[Victim]:
    """One device for all attacks: none may leave a trace that the next one meets."""
    yield _bound
    _bound.hostile.be_good()


def says(*pieces: bytes) -> Behaviour:
    return lambda asked, answer: pieces


def body(content: bytes) -> bytes:
    return JSON + b"Content-Length: %d\r\n\r\n" % len(content) + content


# ---------------------------------------------------------------- bytes that are no answer

GARBAGE: dict[str, tuple[bytes, type[RocketVPNError]]] = {
    "nothing at all": (b"", ServerUnreachable),
    "half a header": (b"HTTP/1.1 200 OK\r\nContent-Ty", ServerUnreachable),
    "half a body": (JSON + b"Content-Length: 50\r\n\r\n{", ServerUnreachable),
    "half a chunk": (JSON + b"Transfer-Encoding: chunked\r\n\r\n50\r\n{", ServerUnreachable),
    "another protocol": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ServerError),
    "HTTP/2 frames": (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" * 4 + b"\r\n\r\n", ServerError),
    "a status of four digits": (b"HTTP/1.1 2000 OK\r\n\r\n", ServerError),
    "a status that is none": (b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n", ServerError),
    "an upgrade": (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: tcp\r\nConnection: upgrade\r\n\r\n", ServerError),
    "a length that is no number": (JSON + b"Content-Length: 0x10\r\n\r\n", ServerError),
    "two lengths": (JSON + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", ServerError),
    "a length in Arabic digits": (JSON + "Content-Length: ٢\r\n\r\n{}".encode(), ServerError),
    "a length of 20 digits": (JSON + b"Content-Length: " + b"9" * 20 + b"\r\n\r\n", AnswerTooLarge),
    "a length of 400 digits": (JSON + b"Content-Length: " + b"9" * 400 + b"\r\n\r\n", ServerError),
    "chunks of gzip": (JSON + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", ServerError),
    "a chunk of negative size": (JSON + b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", ServerError),
    "a chunk whose size has 100 digits": (
        JSON + b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 100 + b"\r\n{}\r\n",
        ServerError,
    ),
    "a header with a null byte": (b"HTTP/1.1 200 OK\r\nX-Null: a\x00b\r\nContent-Length: 2\r\n\r\n{}", ServerError),
    "a header without a name": (b"HTTP/1.1 200 OK\r\n: x\r\nContent-Length: 2\r\n\r\n{}", ServerError),
    "a header of a megabyte": (b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * (1 << 20) + b"\r\n\r\n", ServerError),
    "20,000 headers": (b"HTTP/1.1 200 OK\r\n" + b"X-More: x\r\n" * 20_000 + b"\r\n", ServerError),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_attack_what_is_no_http(victim: Victim, name: str) -> None:
    content, expected = GARBAGE[name]
    for kind in KINDS:
        victim.hostile.behave(PATHS[kind], says(content))
        assert type(victim.fails(getattr(victim, kind))) is expected, kind
    victim.whole()


# ---------------------------------------------------------------- without end, or nearly


def endless(head: bytes, piece: bytes, *, pause: float = 0.0) -> Callable[[Hostile], Behaviour]:
    def make(hostile: Hostile) -> Behaviour:
        def behave(asked: Asked, answer: Callable[[], Answer]) -> Iterable[bytes]:
            yield head
            while hostile.waited(pause):
                yield piece

        return behave

    return make


CHUNKED = JSON + b"Transfer-Encoding: chunked\r\n\r\n"
ENDLESS: dict[str, tuple[Callable[[Hostile], Behaviour], type[RocketVPNError]]] = {
    "silence": (endless(b"", b"", pause=0.1), ServerTimeout),
    "silence after the headers": (endless(JSON + b"Content-Length: 9\r\n\r\n", b"", pause=0.1), ServerTimeout),
    "slow headers": (endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", pause=0.05), ServerTimeout),
    "a slow status line": (endless(b"", b"H", pause=0.05), ServerTimeout),
    "a slow body": (endless(JSON + b"Content-Length: 99999\r\n\r\n", b" ", pause=0.05), ServerTimeout),
    "slow chunks": (endless(CHUNKED, b"1\r\n \r\n", pause=0.05), ServerTimeout),
    "a slow flood of 1xx": (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n", pause=0.05), ServerTimeout),
    "a flood of 1xx": (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 500), ServerTimeout),
    "endless headers": (endless(b"HTTP/1.1 200 OK\r\n", b"X-More: more\r\n" * 500), ServerError),
    "an endless header": (endless(b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 8192), ServerError),
    "an endless body": (endless(JSON + b"\r\n", b" " * 16384), AnswerTooLarge),
    "endless chunks": (endless(CHUNKED, b"2000\r\n" + b" " * 0x2000 + b"\r\n"), AnswerTooLarge),
    "endless chunks of one byte": (endless(CHUNKED, b"1\r\n \r\n" * 500), ServerTimeout),
    "an endless chunk extension": (endless(CHUNKED + b"1", b";x=y" * 2000), ServerError),
    "endless trailers": (endless(CHUNKED + b"2\r\n{}\r\n0\r\n", b"X-More: more\r\n" * 500), ServerError),
}


@pytest.mark.one_in(4)
@pytest.mark.parametrize("name", ENDLESS)
def test_attack_an_answer_without_end(victim: Victim, name: str) -> None:
    """Bounded in size and in time, over all tries together, however the bytes are dealt out."""
    make, expected = ENDLESS[name]
    for kind in KINDS:
        victim.hostile.behave(PATHS[kind], make(victim.hostile))
        with victim.hurried() if expected is ServerTimeout else nullcontext():
            error = type(victim.fails(getattr(victim, kind)))
        # One-byte chunks may reach the bound on size first, on a machine that is quick enough.
        assert error is expected or (name == "endless chunks of one byte" and error is AnswerTooLarge), kind
    victim.whole()


# ---------------------------------------------------------------- HTTP that is no JSON, JSON that is no answer

DEEP = b"[" * 50_000 + b"]" * 50_000
UNUSABLE: dict[str, bytes] = {
    "a page": JSON.replace(b"application/json", b"text/html") + b"Content-Length: 6\r\n\r\n<html>",
    "no content type": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
    "a content type twice": JSON + b"Content-Type: text/html\r\nContent-Length: 2\r\n\r\n{}",
    "a gzip bomb": JSON + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00",
    "gzip behind identity": JSON + b"Content-Encoding: identity, gzip\r\nContent-Length: 2\r\n\r\n{}",
    "a redirect to http": b"HTTP/1.1 301 -\r\nLocation: http://localhost/v1/order\r\nContent-Length: 0\r\n\r\n",
    "a redirect that keeps the method": b"HTTP/1.1 308 -\r\nLocation: /v1/keys\r\nContent-Length: 0\r\n\r\n",
    "a 304": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    "an error that is no problem": b"HTTP/1.1 500 -\r\nContent-Type: text/html\r\nContent-Length: 1\r\n\r\nx",
    "no JSON": body(b"{'state': 'active'}"),
    "JSON of 50,000 levels": body(DEEP),
    "JSON of 50,000 levels that never close": body(DEEP[:50_000]),
    "brackets in a string that never ends": body(b'"' + b"\\[" * 50_000),
    "UTF-8 that is none": body(b'{"state": "act\xffive"}'),
    "UTF-16": body('{"state": "active"}'.encode("utf-16")),
    "half a surrogate": body(b'{"state": "\\ud800"}'),
    "a byte order mark": body(b"\xef\xbb\xbf{}"),
    "two values": body(b"{}{}"),
    "NaN": body(b'{"state": NaN}'),
    "a number without end": body(b'{"state": ' + b"9" * 500_000 + b"}"),
    "an exponent without end": body(b'{"state": 1e' + b"9" * 500_000 + b"}"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_attack_an_answer_of_another_kind(victim: Victim, name: str) -> None:
    for kind in KINDS:
        victim.hostile.behave(PATHS[kind], says(UNUSABLE[name]))
        error = victim.fails(getattr(victim, kind))
        assert type(error) is ServerError, kind
        assert "active" not in str(error), "an error repeats what the contract names, and no value"
    victim.whole()


GOOD = {"state": "active", "paid_until": "2030-01-01", "devices_used": 1, "devices_allowed": 3}
WRONG: dict[str, bytes] = {
    "a wrong type": json.dumps(GOOD | {"devices_used": "1"}).encode(),
    "a boolean for a number": json.dumps(GOOD | {"devices_used": True}).encode(),
    "an unknown enum value": json.dumps(GOOD | {"state": "frozen"}).encode(),
    "a member missing": json.dumps({"state": "active"}).encode(),
    "nothing": b"",
    "a list": json.dumps([GOOD]).encode(),
    "a day that is none": json.dumps(GOOD | {"paid_until": "2030-02-30"}).encode(),
    "a fraction": json.dumps(GOOD | {"devices_used": 1.5}).encode(),
    "a number of 5,000 digits": json.dumps(GOOD).replace("3}", "9" * 5_000 + "}").encode(),
    "a wrong value, then the right one": b'{"state": "frozen", ' + json.dumps(GOOD).encode()[1:],
}


@pytest.mark.parametrize("name", WRONG)
def test_attack_an_answer_that_breaks_the_contract(victim: Victim, name: str) -> None:
    victim.hostile.behave("/v1/order", says(body(WRONG[name])))
    error = victim.fails(victim.read)
    assert type(error) is ServerError
    assert error.params["operation"] == "order.read"
    victim.whole()


# ---------------------------------------------------------------- more than was asked for


@pytest.mark.clause("C2")
def test_attack_cookies_are_neither_kept_nor_sent(victim: Victim) -> None:
    def with_cookies(asked: Asked, answer: Callable[[], Answer]) -> Iterable[bytes]:
        got = answer()
        got.headers += [("Set-Cookie", "track=1; Path=/; Secure"), ("Set-Cookie2", "t=1"), ("Set-Cookie", "b=2")]
        yield got.written()

    victim.hostile.behave("/", with_cookies, keep=True)
    for _ in range(3):
        victim.read()
        victim.write()
    victim.rocket.rights.view()
    assert len(victim.hostile.asked) >= 7
    assert not any(b"track" in asked.raw or b"cookie" in asked.raw.lower() for asked in victim.hostile.asked)
    victim.whole()


@pytest.mark.clause("S1", "T1")
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("kind", KINDS)
def test_attack_a_redirect_to_another_host_is_not_followed(victim: Victim, status: int, kind: str) -> None:
    """Not a byte goes there, though its certificate would be good."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        elsewhere.setblocking(False)
        place = f"https://localhost:{elsewhere.getsockname()[1]}/v1/order"
        head = f'HTTP/1.1 {status} -\r\nLocation: {place}\r\nRefresh: 0; url={place}\r\nAlt-Svc: h2="{place}"\r\n'
        victim.hostile.behave(PATHS[kind], says(head.encode() + b"Content-Length: 0\r\n\r\n"))
        assert type(victim.fails(getattr(victim, kind))) is ServerError
        with pytest.raises(BlockingIOError):
            elsewhere.accept()
    assert len(victim.hostile.asked_for(PATHS[kind])) == 1
    victim.whole()


SECOND = body(json.dumps(GOOD | {"devices_allowed": 666}).encode())


@pytest.mark.parametrize("first", ["with a length", "chunked", "204 with a body", "304 with a body"])
def test_attack_two_answers_at_once_are_not_two_answers(victim: Victim, first: str) -> None:
    """What came before it was asked for is not taken as the answer to the next call."""
    good = json.dumps(GOOD).encode()
    heads = {
        "with a length": body(good),
        "chunked": CHUNKED + b"%x\r\n%b\r\n0\r\n\r\n" % (len(good), good),
        "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\n",
        "304 with a body": b"HTTP/1.1 304 Not Modified\r\n\r\n",
    }
    victim.hostile.behave("/v1/order", says(heads[first] + SECOND), times=1, keep=True)
    if first.startswith(("204", "304")):
        victim.fails(victim.read)
    else:
        assert victim.read().devices_allowed == 3
    assert victim.read().devices_allowed == 3
    assert victim.write()["dns"]
    assert victim.rocket.rights.view().server_answered
    victim.whole()


def test_attack_an_answer_to_a_write_that_came_with_an_earlier_one(
    victim: Victim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion cannot be confirmed by what came before it was asked for."""
    forged = {"peer_public_key": "forged", "endpoint": "evil:1", "address": "10.0.0.1", "dns": []}
    forged |= {"allowed_ips": [], "keepalive": 1}
    second = body(json.dumps(forged).encode())
    victim.hostile.behave("/v1/order", says(body(json.dumps(GOOD).encode()) + second), times=1, keep=True)
    # The server may still be at the first try when the second one comes, and asks to wait: so this one waits.
    monkeypatch.setattr(Retries, "pause", PAUSE)
    victim.calm.device.order()
    assert victim.calm.call("tunnel.register", public_key=tunnel_key())["peer_public_key"] != "forged"
    assert len({asked.headers["idempotency-key"] for asked in victim.hostile.asked_for("/v1/tunnels")}) == 1
    victim.whole()


BEHIND: dict[str, bytes] = {
    "words": b"and more\r\n\r\n",
    "one byte": b"\n",
    "the head of another answer, which the next one would end": b"HTTP/1.1 200 OK\r\nX-Swallowed: ",
    "another answer, whose body the next one would be": JSON + b"Content-Length: 300\r\n\r\n",
    "half a status line": b"HTTP/1.1 2",
    "an early hint": b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n",
}


@pytest.mark.parametrize("behind", BEHIND)
@pytest.mark.parametrize("kind", KINDS)
def test_attack_more_after_the_answer_than_it_announced(victim: Victim, behind: str, kind: str) -> None:
    """It is dropped with its connection: the next call has a new one, and meets nothing of it."""
    victim.hostile.behave("/v1/order", says(body(json.dumps(GOOD).encode()) + BEHIND[behind]), times=1, keep=True)
    assert victim.read().state == "active"
    before = victim.hostile.connections
    getattr(victim, kind)()  # it needs no second try: nothing was wrong with its connection
    assert [entry.tries for entry in victim.sent()][-1] == 1
    assert victim.hostile.connections == before + 1
    assert victim.read().state == "active"
    assert victim.hostile.connections == before + 1
    victim.whole()


@pytest.mark.parametrize("length", [0, 5])
def test_attack_a_body_longer_than_it_announced(victim: Victim, length: int) -> None:
    good = json.dumps(GOOD).encode()
    victim.hostile.behave("/v1/order", says(JSON + b"Content-Length: %d\r\n\r\n" % length + good), times=1, keep=True)
    assert type(victim.fails(victim.read)) is ServerError
    assert victim.read().state == "active"
    victim.whole()


def test_a_connection_that_gave_an_answer_and_no_more_is_used_again(victim: Victim) -> None:
    victim.read()
    before = victim.hostile.connections
    victim.write()
    victim.read()
    assert victim.hostile.connections == before


def test_attack_an_answer_in_a_version_that_was_not_spoken(victim: Victim) -> None:
    good = body(json.dumps(GOOD).encode())
    victim.hostile.behave("/v1/order", says(good.replace(b"HTTP/1.1", b"HTTP/2.0")), times=1)
    assert type(victim.fails(victim.read)) is ServerError
    victim.whole()
