"""Sealing: what opens, and above all what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.vault import sealing

KEY, OTHER_KEY = bytes(32), bytes([1]) * 32
VAULT, KEY_ID = bytes(16), bytes([2]) * 16
records = st.lists(st.tuples(st.integers(0, 2**40), st.text(max_size=20)).map(list), min_size=1, max_size=40)


def block_data(sequence: int = 0, previous: bytes = sealing.GENESIS) -> bytes:
    return sealing.block_data(VAULT, KEY_ID, sequence, previous)


@given(st.integers(0, 2**24))
def test_padded_sizes_are_enough_and_not_much_more(length: int) -> None:
    padded = sealing.padme(length)
    assert padded >= max(length, sealing.SMALLEST_BLOCK)
    assert padded <= max(length * 1.12, sealing.SMALLEST_BLOCK)


def test_padded_sizes_are_few() -> None:
    assert len({sealing.padme(length) for length in range(1, 65_536)}) < 200


@given(records)
def test_a_block_opens_to_what_was_sealed(content: list[object]) -> None:
    sealed = sealing.seal_block(KEY, block_data(), content)
    assert sealing.open_block(KEY, block_data(), sealed, part="block") == content


@given(records)
def test_equal_blocks_are_sealed_differently(content: list[object]) -> None:
    assert sealing.seal_block(KEY, block_data(), content) != sealing.seal_block(KEY, block_data(), content)


@pytest.mark.parametrize(
    ("key", "data"),
    [
        (OTHER_KEY, block_data()),
        (KEY, block_data(sequence=1)),
        (KEY, block_data(previous=bytes([9]) * 32)),
        (KEY, sealing.block_data(bytes([1]) * 16, KEY_ID, 0, sealing.GENESIS)),
        (KEY, sealing.block_data(VAULT, bytes(16), 0, sealing.GENESIS)),
        (KEY, sealing.document_data(VAULT, KEY_ID, bytes(16), 0)),
    ],
    ids=["key", "sequence", "previous link", "vault", "key id", "document"],
)
def test_a_block_opens_in_its_own_place_alone(key: bytes, data: bytes) -> None:
    sealed = sealing.seal_block(KEY, block_data(), [[1, "secret"]])
    with pytest.raises(VaultDamaged):
        sealing.open_block(key, data, sealed, part="block")


def test_every_flipped_byte_of_a_block_is_noticed() -> None:
    sealed = sealing.seal_block(KEY, block_data(), [[1, "secret"]])
    for position in range(len(sealed)):
        flipped = bytearray(sealed)
        flipped[position] ^= 1
        with pytest.raises(VaultDamaged):
            sealing.open_block(KEY, block_data(), bytes(flipped), part="block")


@given(st.binary(max_size=300))
def test_garbage_is_an_error_of_ours(garbage: bytes) -> None:
    with pytest.raises(VaultDamaged):
        sealing.open_block(KEY, block_data(), garbage, part="block")
    with pytest.raises(VaultDamaged):
        sealing.open_document(KEY, block_data(), garbage, part="document")


@given(st.binary(max_size=5000))
def test_a_document_opens_to_what_was_sealed_and_hides_its_length(payload: bytes) -> None:
    data = sealing.document_data(VAULT, KEY_ID, bytes(16), 1)
    sealed = sealing.seal_document(KEY, data, payload)
    assert sealing.open_document(KEY, data, sealed, part="document") == payload
    assert (len(sealed) - 12 - 16) % sealing.DOCUMENT_STEP == 0


def test_a_sealed_payload_that_is_no_block_is_an_error_of_ours() -> None:
    not_zstd = sealing.seal_document(KEY, block_data(), b"not compressed")
    with pytest.raises(VaultDamaged):
        sealing.open_block(KEY, block_data(), not_zstd, part="block")


def test_the_chain_depends_on_every_digest_and_their_order() -> None:
    one, two = sealing.digest(b"a", b"1"), sealing.digest(b"a", b"2")
    forwards = sealing.link(sealing.link(sealing.GENESIS, one), two)
    backwards = sealing.link(sealing.link(sealing.GENESIS, two), one)
    assert forwards != backwards
