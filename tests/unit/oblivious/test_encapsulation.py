"""Oblivious HTTP against the example of RFC 9458, appendix A; and sealed messages that were altered or swapped."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.oblivious import (
    BinaryRequest,
    BinaryResponse,
    GatewayKey,
    KeyConfiguration,
    NotOblivious,
    decode_request,
    decode_response,
    seal_request,
)
from rocketvpn_sdk.oblivious.key_configuration import SUITES, decode_key, encode_keys, first_key

GATEWAY = bytes.fromhex("3c168975674b2fa8e465970b79c8dcf09f1c741626480bd4c6162fc5b6a98e1a")
CONFIGURATION = bytes.fromhex(
    "01002031e1f05a740102115220e9af918f738674aec95f54db6e04eb705aae8e79815500080001000100010003"
)
ONCE = X25519PrivateKey.from_private_bytes(
    bytes.fromhex("bc51d5e930bda26589890ac7032f70ad12e4ecb37abb1b65b1256c9c48999c73")
)
REQUEST = bytes.fromhex("00034745540568747470730b6578616d706c652e636f6d012f")
SEALED = bytes.fromhex(
    "010020000100014b28f881333e7c164ffc499ad9796f877f4e1051ee6d31bad19dec96c208b4726374e469135906992e1268c594d2a10c69"
    "5d858c40a026e7965e7d86b83dd440b2c0185204b4d63525"
)
RESPONSE = bytes.fromhex("0140c8")
NONCE = bytes.fromhex("c789e7151fcba46158ca84b04464910d")
SEALED_RESPONSE = bytes.fromhex("c789e7151fcba46158ca84b04464910d86f9013e404feea014e7be4a441f234f857fbd")


def test_the_rfcs_key_configuration() -> None:
    read = decode_key(CONFIGURATION)
    assert read is not None
    assert (read.key_id, read.suites) == (1, SUITES)
    assert read.encoded() == CONFIGURATION
    assert GatewayKey(1, GATEWAY).configuration == read
    assert first_key(encode_keys([read])) == read


def test_the_rfcs_exchange_byte_for_byte() -> None:
    configuration = decode_key(CONFIGURATION)
    assert configuration is not None
    sealed = seal_request(REQUEST, configuration, ephemeral=ONCE)
    assert sealed.content == SEALED
    opened = GatewayKey(1, GATEWAY).open_request(SEALED)
    assert opened.content == REQUEST
    assert decode_request(opened.content) == BinaryRequest(method="GET", authority="example.com", path="/")
    assert opened.seal_response(RESPONSE, NONCE) == SEALED_RESPONSE
    assert sealed.open_response(SEALED_RESPONSE) == RESPONSE
    assert decode_response(RESPONSE) == BinaryResponse(status=200)


def test_the_other_suite_goes_there_and_back() -> None:
    key = GatewayKey(7, GATEWAY)
    chacha = KeyConfiguration(key_id=7, public_key=key.configuration.public_key, suites=(SUITES[1],))
    sealed = seal_request(b"a question", chacha)
    opened = key.open_request(sealed.content)
    assert opened.content == b"a question"
    assert sealed.open_response(opened.seal_response(b"an answer")) == b"an answer"


def test_two_requests_have_nothing_in_common() -> None:
    configuration = GatewayKey(1, GATEWAY).configuration
    one, other = seal_request(REQUEST, configuration), seal_request(REQUEST, configuration)
    assert one.content[:7] == other.content[:7]
    assert one.content[7:39] != other.content[7:39]
    answer = GatewayKey(1, GATEWAY).open_request(one.content).seal_response(RESPONSE)
    with pytest.raises(NotOblivious):  # a response that belongs to another request
        other.open_response(answer)


@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_request_that_was_altered_anywhere_is_not_opened(at: int, by: int) -> None:
    altered = bytearray(SEALED)
    altered[at] ^= by
    with pytest.raises(NotOblivious):
        GatewayKey(1, GATEWAY).open_request(bytes(altered))


@given(st.integers(0, len(SEALED_RESPONSE) - 1), st.integers(1, 255))
def test_a_response_that_was_altered_anywhere_is_not_opened(at: int, by: int) -> None:
    sealed = seal_request(REQUEST, GatewayKey(1, GATEWAY).configuration, ephemeral=ONCE)
    altered = bytearray(SEALED_RESPONSE)
    altered[at] ^= by
    with pytest.raises(NotOblivious):
        sealed.open_response(bytes(altered))


@given(st.binary(max_size=120))
def test_garbage_is_refused(content: bytes) -> None:
    sealed = seal_request(REQUEST, GatewayKey(1, GATEWAY).configuration, ephemeral=ONCE)
    for read in (GatewayKey(1, GATEWAY).open_request, sealed.open_response):
        with pytest.raises(NotOblivious):
            read(content)


def test_another_gateway_opens_nothing() -> None:
    sealed = seal_request(REQUEST, GatewayKey(1, GATEWAY).configuration)
    with pytest.raises(NotOblivious):
        GatewayKey(1, bytes(range(32))).open_request(sealed.content)
    with pytest.raises(NotOblivious, match="another key"):
        GatewayKey(2, GATEWAY).open_request(sealed.content)


@pytest.mark.parametrize("key", [bytes(32), b"short", (1).to_bytes(32, "little")])
def test_nothing_is_sealed_for_a_key_that_is_none(key: bytes) -> None:
    """A point of low order would give a secret that everybody knows (RFC 7748, section 6.1)."""
    with pytest.raises(NotOblivious):
        seal_request(REQUEST, KeyConfiguration(key_id=1, public_key=key))


@given(st.binary(max_size=100))
def test_lists_of_keys_that_are_none(content: bytes) -> None:
    with pytest.raises(NotOblivious):
        first_key(content)


def test_keys_of_other_kinds_are_passed_over() -> None:
    other = bytes.fromhex("050010") + bytes(65) + bytes.fromhex("000400010002")
    weak = KeyConfiguration(key_id=3, public_key=bytes(range(32)), suites=((1, 2),))
    ours = KeyConfiguration(key_id=4, public_key=bytes(range(32)))
    listed = len(other).to_bytes(2, "big") + other + encode_keys([weak, ours])
    assert first_key(listed) == ours
    with pytest.raises(NotOblivious):
        first_key(encode_keys([weak]))
    with pytest.raises(NotOblivious):
        seal_request(REQUEST, weak)


def test_nothing_shows_or_copies_what_opens_a_message() -> None:
    key = GatewayKey(1, GATEWAY)
    opened = key.open_request(SEALED)
    assert "2f" not in repr(opened)
    assert "content" in repr(opened)
    for held in (key, opened, seal_request(REQUEST, key.configuration)):
        with pytest.raises(TypeError):
            held.__reduce_ex__(4)
