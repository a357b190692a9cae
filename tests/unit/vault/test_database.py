"""How the vault's file is opened: what is switched on and off in it, and that nothing stays open where that fails."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.errors import VaultDamaged, VaultError
from rocketvpn_sdk.vault.folder import DATABASE

PRAGMAS = {
    "trusted_schema": 0,
    "cell_size_check": 1,
    "journal_mode": "wal",
    "auto_vacuum": 2,
    "wal_autocheckpoint": 0,
    "fullfsync": 1,
    "encoding": "UTF-8",
}


@pytest.mark.parametrize("again", [False, True])
def test_the_file_is_used_as_the_format_says_from_the_first_time_on(tmp_path: Path, again: bool) -> None:
    secrets = UnreliableSecrets()
    if again:
        open_vault(tmp_path / "vault", secrets).close()
    with closing(open_vault(tmp_path / "vault", secrets)) as vault, vault.read() as (transaction, _):
        found = {name: transaction.db.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
    assert found == PRAGMAS


def open_files(folder: Path) -> list[str]:
    """Return which files below ``folder`` this process has open."""
    links = (str(each.readlink()) for each in Path("/proc/self/fd").iterdir() if each.is_symlink())
    return [link for link in links if link.startswith(str(folder))]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the system does not list open files")
@pytest.mark.parametrize("damage", ["no database", "half a database"])
def test_a_file_that_cannot_be_used_is_not_kept_open(tmp_path: Path, damage: str) -> None:
    secrets, folder = UnreliableSecrets(), tmp_path / "vault"
    with closing(open_vault(folder, secrets)) as vault:
        vault.put("note", Note("one"))
        assert open_files(tmp_path)
    assert open_files(tmp_path) == []
    whole = (folder / DATABASE).read_bytes()
    (folder / DATABASE).write_bytes(b"no database" * 500 if damage == "no database" else whole[: len(whole) // 2])
    with pytest.raises(VaultError) as failed:
        open_vault(folder, secrets)
    assert isinstance(failed.value, VaultDamaged)
    assert open_files(tmp_path) == []
