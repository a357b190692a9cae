"""The root key: what it wraps, what it refuses, and that it does not show."""

from __future__ import annotations

import copy
import pickle

import pytest

from rocketvpn_sdk.errors import SecretCorrupt, VaultDamaged
from rocketvpn_sdk.vault.keys import RootKey, derive, new_id, new_key

VAULT = new_id()


def test_what_was_wrapped_unwraps() -> None:
    root, key = RootKey.new(VAULT), new_key()
    assert root.unwrap(root.wrap(key), part="key") == key
    assert key not in root.wrap(key)


def test_another_root_unwraps_nothing() -> None:
    wrapped = RootKey.new(VAULT).wrap(new_key())
    with pytest.raises(VaultDamaged):
        RootKey.new(VAULT).unwrap(wrapped, part="key")
    with pytest.raises(VaultDamaged):
        RootKey.new(VAULT).unwrap(b"short", part="key")


def test_a_stored_root_comes_back_as_the_same_root() -> None:
    root = RootKey.new(VAULT)
    again = RootKey.from_stored(VAULT, root.root_id, root.stored, store="store")
    assert again.mac(b"x", b"y") == root.mac(b"x", b"y")


@pytest.mark.parametrize("change", ["another vault", "another id", "cut", "flipped", "longer", "empty"])
def test_what_is_not_this_root_is_corrupt(change: str) -> None:
    root = RootKey.new(VAULT)
    vault, root_id, stored = VAULT, root.root_id, root.stored
    if change == "another vault":
        vault = new_id()
    elif change == "another id":
        root_id = new_id()
    else:
        flipped = bytes([stored[0] ^ 1]) + stored[1:]
        stored = {"cut": stored[:-1], "flipped": flipped, "longer": stored + b"0", "empty": b""}[change]
    with pytest.raises(SecretCorrupt):
        RootKey.from_stored(vault, root_id, stored, store="store")


def test_the_bridge_leads_to_the_next_root_and_only_from_the_last() -> None:
    old, new = RootKey.new(VAULT), RootKey.new(VAULT)
    bridge = old.bridge_to(new)
    assert old.cross(bridge, new.root_id).stored == new.stored
    with pytest.raises(VaultDamaged):
        RootKey.new(VAULT).cross(bridge, new.root_id)
    with pytest.raises(VaultDamaged):
        old.cross(b"", new.root_id)


def test_a_root_key_neither_shows_nor_travels() -> None:
    root = RootKey.new(VAULT)
    assert root.stored.hex()[:16] not in repr(root)
    for take in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            take(root)


def test_derived_keys_differ_by_purpose_and_salt() -> None:
    key = new_key()
    assert len({derive(key, b"", b"a"), derive(key, b"", b"b"), derive(key, b"s", b"a")}) == 3
    assert derive(key, b"", b"a") == derive(key, b"", b"a")
