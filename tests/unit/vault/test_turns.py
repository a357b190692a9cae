"""Turns: one at a time, and a lock that cannot be used is one of our errors."""

from __future__ import annotations

from pathlib import Path

import pytest

from rocketvpn_sdk.errors import VaultClosed, VaultReadOnly
from rocketvpn_sdk.vault.turns import turn


def test_one_at_a_time(tmp_path: Path) -> None:
    with turn(tmp_path, "lock", 0) as first, turn(tmp_path, "lock", 0) as second:
        assert (first, second) == (True, False)
    with turn(tmp_path, "lock", 0) as third:
        assert third


def test_an_error_gives_the_turn_back(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), turn(tmp_path, "lock", 0):
        raise ZeroDivisionError
    with turn(tmp_path, "lock", 0) as ours:
        assert ours


@pytest.mark.parametrize("spoil", ["folder", "garbage"])
def test_a_lock_that_cannot_be_used_is_one_of_our_errors(tmp_path: Path, spoil: str) -> None:
    if spoil == "folder":
        (tmp_path / "lock").mkdir()
    else:
        (tmp_path / "lock").write_bytes(b"garbage" * 1000)
    with pytest.raises(VaultReadOnly), turn(tmp_path, "lock", 0):
        pass


def test_a_vault_that_is_gone_is_not_made_again(tmp_path: Path) -> None:
    with pytest.raises(VaultClosed), turn(tmp_path / "gone", "lock", 0):
        pass
    assert not (tmp_path / "gone").exists()
