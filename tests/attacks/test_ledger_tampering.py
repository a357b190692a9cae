"""Someone with the folder wants a call not to have happened: the ledger tells, and yields nothing before that."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from support.command_line import PASSPHRASE, CommandLine

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.cli import codes
from rocketvpn_sdk.errors import TransportError, VaultDamaged
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.testing import MemorySecrets
from rocketvpn_sdk.transport import SentEntry
from rocketvpn_sdk.vault import SecretStore, sealing

SERVER, APP = "https://localhost:9", "org.example.vpn"
CALLS = 50


def config(folder: Path, secrets: SecretStore) -> Config:
    policy = bundled_policy().with_hosts("operator", ("localhost",))
    return Config(
        SERVER, APP, data_dir=folder, secrets=secrets, policy=policy, limits=Limits(retry_attempts=1, connect_timeout=1)
    )


def fill(folder: Path, secrets: SecretStore) -> None:
    """Make a vault whose ledger has several blocks; no server listens, which is written down all the same."""
    with RocketVPN.open(config(folder, secrets)) as rocket:
        for _ in range(CALLS):
            with pytest.raises(TransportError):
                rocket.device.bind("RV-2026-0001")
        assert len(list(rocket.rights.sent())) == CALLS


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, MemorySecrets]:
    folder, secrets = tmp_path_factory.mktemp("ledger") / "vault", MemorySecrets()
    fill(folder, secrets)
    return (folder / "vault.db").read_bytes(), secrets


@pytest.fixture
def victim(kept: tuple[bytes, MemorySecrets], tmp_path: Path) -> Config:
    """A copy of that vault, at rest."""
    content, known = kept
    folder, secrets = tmp_path / "vault", MemorySecrets()
    secrets._entries.update(known._entries)
    folder.mkdir(mode=0o700)
    (folder / "vault.db").write_bytes(content)
    (folder / "vault.db").chmod(0o600)
    return config(folder, secrets)


def partition(db: sqlite3.Connection) -> tuple[int, list[tuple[int, bytes]]]:
    """Return the ledger's partition and its blocks' sequence numbers and digests."""
    ((number,),) = db.execute("SELECT id FROM lanes WHERE stream = 'sent'").fetchall()
    blocks = db.execute("SELECT sequence, digest FROM blocks WHERE lane = ? ORDER BY sequence", (number,)).fetchall()
    assert len(blocks) >= 3
    return number, blocks


def alter(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    ((sealed,),) = db.execute("SELECT sealed FROM blocks WHERE lane = ? AND sequence = ?", (number, blocks[1][0]))
    changed = sealed[:40] + bytes([sealed[40] ^ 1]) + sealed[41:]
    db.execute("UPDATE blocks SET sealed = ? WHERE lane = ? AND sequence = ?", (changed, number, blocks[1][0]))


def remove(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    db.execute("DELETE FROM blocks WHERE lane = ? AND sequence = ?", (number, blocks[1][0]))


def remove_and_close_the_gap(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    remove(db)
    for sequence, _ in blocks[2:]:
        db.execute("UPDATE blocks SET sequence = ? WHERE lane = ? AND sequence = ?", (sequence - 1, number, sequence))
    db.execute("UPDATE lanes SET next_sequence = next_sequence - 1 WHERE id = ?", (number,))


def exchange(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    for old, new in ((blocks[0][0], -1), (blocks[1][0], blocks[0][0]), (-1, blocks[1][0])):
        db.execute("UPDATE blocks SET sequence = ? WHERE lane = ? AND sequence = ?", (new, number, old))


def empty(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    db.execute("UPDATE blocks SET sealed = NULL WHERE lane = ? AND sequence = ?", (number, blocks[0][0]))


def cut(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    db.execute("DELETE FROM blocks WHERE lane = ? AND sequence = ?", (number, blocks[-1][0]))


def cut_with_a_matching_end(db: sqlite3.Connection) -> None:
    """As a program would that knows the format: the chain leads to its end again; only the code over it is wrong."""
    number, blocks = partition(db)
    cut(db)
    link = sealing.GENESIS
    for _, digest in blocks[:-1]:
        link = sealing.link(link, digest)
    db.execute("UPDATE lanes SET next_sequence = ?, link = ? WHERE id = ?", (blocks[-1][0], link, number))


def cut_at_the_front(db: sqlite3.Connection) -> None:
    number, blocks = partition(db)
    db.execute("DELETE FROM blocks WHERE lane = ? AND sequence = ?", (number, blocks[0][0]))
    link = sealing.link(sealing.GENESIS, blocks[0][1])
    db.execute("UPDATE lanes SET first_sequence = ?, first_link = ? WHERE id = ?", (blocks[1][0], link, number))


def remove_all_of_it(db: sqlite3.Connection) -> None:
    number, _ = partition(db)
    for table, column in (("blocks", "lane"), ("keys", "lane"), ("lanes", "id")):
        db.execute(f"DELETE FROM {table} WHERE {column} = ?", (number,))


def drop_its_key(db: sqlite3.Connection) -> None:
    number, _ = partition(db)
    db.execute("UPDATE keys SET wrapped = NULL WHERE lane = ?", (number,))


ATTACKS = (
    alter, remove, remove_and_close_the_gap, exchange, empty, cut, cut_with_a_matching_end, cut_at_the_front,
    remove_all_of_it, drop_its_key,
)  # fmt: skip


def attack(folder: Path, how: Callable[[sqlite3.Connection], None]) -> None:
    db = sqlite3.connect(folder / "vault.db", isolation_level=None)
    try:
        how(db)
    finally:
        db.close()


@pytest.mark.clause("A1")
@pytest.mark.parametrize("how", ATTACKS)
def test_attack_ledger_changed_at_rest(victim: Config, how: Callable[[sqlite3.Connection], None]) -> None:
    attack(victim.folder, how)
    seen: list[SentEntry] = []
    with pytest.raises(VaultDamaged), RocketVPN.open(victim) as rocket:
        seen += rocket.rights.sent()
    assert seen == []


@pytest.mark.clause("A1")
@pytest.mark.parametrize("how", ATTACKS)
def test_attack_ledger_changed_while_it_is_open(victim: Config, how: Callable[[sqlite3.Connection], None]) -> None:
    with RocketVPN.open(victim) as rocket:
        assert len(list(rocket.rights.sent())) == CALLS
        attack(victim.folder, how)
        seen: list[SentEntry] = []
        with pytest.raises(VaultDamaged):
            seen += rocket.rights.sent()
        assert seen == []


@pytest.mark.clause("A1")
def test_attack_ledger_cut_shows_at_the_command_line(tmp_path: Path) -> None:
    folder = tmp_path / "vault"
    fill(folder, PassphraseSecrets(PASSPHRASE))
    settings = tmp_path / "client.toml"
    settings.write_text(f'server = "{SERVER}"\napp_id = "{APP}"\nhosts = ["localhost"]\ndata_dir = "{folder}"\n')
    cli = CommandLine(settings)
    assert len(cli.json("sent", "--passphrase").document["sent"]) == CALLS
    attack(folder, cut_with_a_matching_end)
    done = cli.json("sent", "--passphrase")
    assert done.code == codes.DEVICE
    assert done.error["code"] == VaultDamaged.code
