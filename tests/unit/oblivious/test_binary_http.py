"""Binary HTTP against the examples of RFC 9292, and whatever is not binary HTTP."""

from __future__ import annotations

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from rocketvpn_sdk.oblivious import (
    BinaryRequest,
    BinaryResponse,
    NotOblivious,
    decode_request,
    decode_response,
    encode_request,
    encode_response,
)
from rocketvpn_sdk.oblivious.reading import Reader, integer

KNOWN_REQUEST = bytes.fromhex(
    "0003474554056874747073000a2f68656c6c6f2e747874406c0a757365722d6167656e74346375726c2f372e31362e33206c69626375726c"
    "2f372e31362e33204f70656e53534c2f302e392e376c207a6c69622f312e322e3304686f73740f7777772e6578616d706c652e636f6d0f61"
    "63636570742d6c616e677561676506656e2c206d690000"
)
"""RFC 9292, section 5.1, figure 8."""
OPEN_REQUEST = bytes.fromhex(
    "0203474554056874747073000a2f68656c6c6f2e7478740a757365722d6167656e74346375726c2f372e31362e33206c69626375726c2f37"
    "2e31362e33204f70656e53534c2f302e392e376c207a6c69622f312e322e3304686f73740f7777772e6578616d706c652e636f6d0f616363"
    "6570742d6c616e677561676506656e2c206d6900000000000000000000000000"
)
"""Figure 9: the same in the form of unknown length, with padding."""
OPEN_RESPONSE = bytes.fromhex(
    "0340660772756e6e696e670a22736c65657020313522004067046c696e6b233c2f7374796c652e6373733e3b2072656c3d7072656c6f6164"
    "3b2061733d7374796c65046c696e6b243c2f7363726970742e6a733e3b2072656c3d7072656c6f61643b2061733d7363726970740040c804"
    "646174651d4d6f6e2c203237204a756c20323030392031323a32383a353320474d5406736572766572064170616368650d6c6173742d6d6f"
    "6469666965641d5765642c203232204a756c20323030392031393a31353a353620474d5404657461671422333461613338372d642d313536"
    "3865623030220d6163636570742d72616e6765730562797465730e636f6e74656e742d6c656e67746802353104766172790f416363657074"
    "2d456e636f64696e670c636f6e74656e742d747970650a746578742f706c61696e003348656c6c6f20576f726c6421204d7920636f6e7465"
    "6e7420696e636c75646573206120747261696c696e672043524c462e0d0a0000"
)
"""Section 5.2, figure 11: of unknown length, after two informational ones."""
KNOWN_RESPONSE = bytes.fromhex(
    "0140c8001d5468697320636f6e74656e7420636f6e7461696e732043524c462e0d0a0d07747261696c65720474657874"
)
"""Figure 13: with a trailer."""

HELLO = BinaryRequest(
    method="GET",
    authority="",
    path="/hello.txt",
    headers=(
        ("user-agent", "curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3"),
        ("host", "www.example.com"),
        ("accept-language", "en, mi"),
    ),
)


def test_the_rfcs_request_is_written_byte_for_byte_and_read() -> None:
    assert encode_request(HELLO) == KNOWN_REQUEST
    assert decode_request(KNOWN_REQUEST) == HELLO


@pytest.mark.parametrize("cut", [0, 1, 5, 12])
def test_the_form_of_unknown_length_and_a_shortened_end_say_the_same(cut: int) -> None:
    """Section 3.8: padding, and parts at the end that are empty, can be left out."""
    assert decode_request(OPEN_REQUEST[: len(OPEN_REQUEST) - cut]) == HELLO
    assert decode_request(KNOWN_REQUEST[: len(KNOWN_REQUEST) - min(cut, 2)]) == HELLO


def test_the_rfcs_responses_are_read() -> None:
    """Informational ones are passed over, and trailers."""
    response = decode_response(OPEN_RESPONSE)
    assert response.status == 200
    assert ("etag", '"34aa387-d-1568eb00"') in response.headers
    assert response.body == b"Hello World! My content includes a trailing CRLF.\r\n"
    assert decode_response(KNOWN_RESPONSE).body == b"This content contains CRLF.\r\n"
    assert decode_response(bytes.fromhex("0140c8")) == BinaryResponse(status=200)


@pytest.mark.parametrize("content", [KNOWN_REQUEST, OPEN_REQUEST, KNOWN_RESPONSE, OPEN_RESPONSE, bytes.fromhex("05")])
def test_a_request_is_no_response(content: bytes) -> None:
    reads = decode_request if content[0] % 2 or content[0] == 5 else decode_response
    with pytest.raises(NotOblivious):
        reads(content)


def test_integers_of_variable_length() -> None:
    """RFC 9000, appendix A.1."""
    for value, written in (
        (151288809941952652, "c2197c5eff14e88c"),
        (494878333, "9d7f3e7d"),
        (15293, "7bbd"),
        (37, "25"),
    ):
        assert integer(value).hex() == written
        assert Reader(bytes.fromhex(written)).integer() == value
    assert Reader(bytes.fromhex("4025")).integer() == 37
    with pytest.raises(NotOblivious):
        integer(1 << 62)


def test_padding_hides_the_length() -> None:
    request = encode_request(BinaryRequest(method="POST", authority="a.example", path="/", body=b"x" * 40), padded=1024)
    assert len(request) == 1024
    assert decode_request(request).body == b"x" * 40
    with pytest.raises(NotOblivious):
        decode_request(request[:-1] + b"\1")


NAMES = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=20)
VALUES = st.from_regex(r"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True)
HEADERS = st.lists(st.tuples(NAMES, VALUES), max_size=8).map(tuple)


@given(path=st.from_regex(r"/[!-~]{0,60}", fullmatch=True), headers=HEADERS, body=st.binary(max_size=300))
def test_a_request_comes_back_as_it_was(path: str, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    request = BinaryRequest(method="POST", authority="api.example:8443", path=path, headers=headers, body=body)
    assert decode_request(encode_request(request, padded=512)) == request


@given(status=st.integers(200, 599), headers=HEADERS, body=st.binary(max_size=300))
def test_a_response_comes_back_as_it_was(status: int, headers: tuple[tuple[str, str], ...], body: bytes) -> None:
    response = BinaryResponse(status=status, headers=headers, body=body)
    assert decode_response(encode_response(response, padded=512)) == response


@given(st.one_of(st.binary(max_size=80), st.sampled_from([KNOWN_REQUEST, OPEN_REQUEST, KNOWN_RESPONSE])), st.data())
def test_garbage_is_refused_or_read_and_nothing_else(content: bytes, data: st.DataObject) -> None:
    altered = bytearray(content)
    if altered:
        altered[data.draw(st.integers(0, len(altered) - 1))] = data.draw(st.integers(0, 255))
    for read in (decode_request, decode_response):
        try:
            read(bytes(altered))
        except NotOblivious:
            continue


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "GE T"},
        {"path": "hello"},
        {"path": "/a b"},
        {"path": "/ü"},
        {"authority": "a\r\nb"},
        {"headers": (("Host", "a"),)},
        {"headers": ((":method", "POST"),)},
        {"headers": (("x", "a\r\nb: c"),)},
        {"headers": (("x", " a"),)},
        {"headers": (("x", "\u20ac"),)},
    ],
)
def test_what_is_no_request_is_not_written(changes: dict[str, object]) -> None:
    request = BinaryRequest(method="GET", authority="a.example", path="/")
    with pytest.raises(NotOblivious):
        encode_request(structs.replace(request, **changes))


def test_headers_are_bounded() -> None:
    many = tuple((ascii_lowercase[at % 26], "x") for at in range(65))
    with pytest.raises(NotOblivious, match="too many"):
        decode_request(encode_request(BinaryRequest(method="GET", authority="", path="/", headers=many)))


def test_a_length_that_lies_is_refused_before_anything_is_made() -> None:
    with pytest.raises(NotOblivious, match="cut off"):
        decode_request(bytes.fromhex("00034745540568747470730001 2f ffffffffffffffff"))
