"""Files through the one way out: bounded, as bytes, and without a name."""

from __future__ import annotations

import httpx
import pytest
from support.calls import Line, problem

from rocketvpn_sdk._version import __version__
from rocketvpn_sdk.errors import (
    AnswerTooLarge,
    OperationUndeclared,
    RateLimited,
    RequestRefused,
    ServerError,
    ValueRefused,
)

URL = "/tuf/metadata/timestamp.json"
FILE = {"file": "timestamp.json"}


def fetch(line: Line, at_most: int = 100) -> bytes | None:
    return line.api.fetch("tuf.metadata", path=FILE, at_most=at_most)


@pytest.mark.parametrize("media", ["application/json", "application/octet-stream", "Application/JSON; charset=utf-8"])
def test_a_file_comes_as_it_is(line: Line, media: str) -> None:
    route = line.router.get(URL).respond(content=b"\x00\xff", headers={"Content-Type": media})
    assert fetch(line) == b"\x00\xff"
    headers = route.calls.last.request.headers
    assert set(headers) == {"host", "accept", "accept-encoding", "user-agent", "sec-gpc"}
    assert headers["accept"] == "application/octet-stream, application/json, application/problem+json"
    assert headers["user-agent"] == f"rocketvpn-sdk/{__version__}"


@pytest.mark.parametrize("size", [0, 99, 100])
def test_up_to_its_bound(line: Line, size: int) -> None:
    line.router.get(URL).respond(content=bytes(size), headers={"Content-Type": "application/octet-stream"})
    assert fetch(line) == bytes(size)


@pytest.mark.clause("X1")
@pytest.mark.parametrize("announced", [True, False])
def test_not_one_byte_more(line: Line, announced: bool) -> None:
    headers = {"Content-Type": "application/octet-stream"} | ({"Content-Length": "101"} if announced else {})
    line.router.get(URL).mock(return_value=httpx.Response(200, headers=headers, stream=httpx.ByteStream(bytes(101))))
    with pytest.raises(AnswerTooLarge, match="larger than 100 bytes"):
        fetch(line)
    assert line.sent("tuf.metadata")[0].outcome == "unusable answer: answer-too-large"
    assert len(line.requests()) == 1, "it is not tried again"


@pytest.mark.parametrize("status", [403, 404])
def test_what_is_not_there_is_none(line: Line, status: int) -> None:
    line.router.get(URL).mock(return_value=problem(status, "not-found"))
    assert fetch(line, at_most=1) is None, "the bound is the file's, not that of a refusal"


@pytest.mark.parametrize(
    ("status", "kind"), [(302, ServerError), (400, RequestRefused), (429, RateLimited), (500, ServerError)]
)
def test_refusals(line: Line, status: int, kind: type[Exception]) -> None:
    line.router.get(URL).mock(return_value=problem(status, "server-error"))
    with pytest.raises(kind):
        fetch(line)


def test_a_page_is_no_file(line: Line) -> None:
    line.router.get(URL).respond(content=b"<html>", headers={"Content-Type": "text/html"})
    with pytest.raises(ServerError, match="text/html"):
        fetch(line)


@pytest.mark.clause("S1")
@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a%2fb", "a?b", "a b", ".hidden", "x" * 129])
def test_a_name_stays_one_segment_of_the_path(line: Line, name: str) -> None:
    for path in ({"folder": name, "file": "a.json"}, {"folder": "a", "file": name}):
        with pytest.raises(ValueRefused):
            line.api.fetch("tuf.target", path=path, at_most=1)
    assert not line.requests()


def test_operations_that_say_who_asks_fetch_no_files(line: Line) -> None:
    for operation in ("order.read", "rights.receipt", "tunnel.register", "unknown"):
        with pytest.raises(OperationUndeclared):
            line.api.fetch(operation, path={}, at_most=1)
    assert not line.requests()
