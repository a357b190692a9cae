"""Someone writes to the vault's files: every cell, every row, every page, and rows put back from an older copy.

The answer is an error of ours, or the same as before: never a wrong record, never a shorter log told as a whole one,
never a foreign exception, and never a key or a file removed because of it.

The long form (every byte of every cell, eight times the pages):

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_vault_tampering.py --timeout=3600
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.crash import FORTNIGHT
from support.forms import SOAK, form
from support.vaults import Note, UnreliableSecrets, open_vault

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import RocketVPNError, VaultDamaged
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.testing import FakeClock, MemorySecrets
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.header import update_header
from rocketvpn_sdk.vault.partitions import PartitionChoice
from rocketvpn_sdk.vault.sweeping import stored_bytes, sweep, trim
from rocketvpn_sdk.vault.verify import Verified, verify

TABLES = ("head", "lanes", "shreds", "keys", "blocks", "documents")
NOTES = tuple(f"note/{number}" for number in range(3))
LIMITS = Limits(busy_timeout=0.2)
Answer = tuple[Any, ...]


class Victim:
    """A vault at rest, its secrets, and what it answers."""

    def __init__(self, folder: Path, secrets: MemorySecrets) -> None:
        self.folder = folder
        self.entries = dict(secrets._entries)
        self.pristine = self.file.read_bytes()
        self.answer = self.ask()

    @property
    def file(self) -> Path:
        return self.folder / "vault.db"

    def restore(self, content: bytes | None = None) -> None:
        """Put the file back as it was (or as ``content``); nothing has it open."""
        for suffix in ("-wal", "-shm"):
            self.file.with_name(f"vault.db{suffix}").unlink(missing_ok=True)
        self.file.write_bytes(self.pristine if content is None else content)
        self.file.chmod(0o600)

    def alter(self, statement: str, values: Iterable[Any] = ()) -> bool:
        """Run SQL as an attacker would; return whether SQLite took it."""
        with attacking(self.file) as db:
            try:
                db.execute(statement, tuple(values))
            except sqlite3.IntegrityError:
                return False  # the schema itself refuses such a row
        return True

    def ask(self, *, purge: bool = False) -> Answer:
        """Open the vault and read all of it; the secrets that were there must be there afterwards."""
        secrets = MemorySecrets()
        secrets._entries.update(self.entries)
        vault = Vault(self.folder, secrets, FakeClock(), LIMITS)
        try:
            vault.unlock()
            if purge:
                with vault.write() as transaction:
                    sweep(transaction, most_bytes=1 << 20)
            return read_all(vault)
        finally:
            vault._shut("the test goes on")
            assert self.entries.items() <= secrets._entries.items(), "a secret was removed"

    def holds(self, what: str) -> bool:
        """Whether the altered file gives an error; any answer must be the one from before."""
        told = False
        for purge in (False, True):
            try:
                answer = self.ask(purge=purge)
            except RocketVPNError:
                told = True
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__} leaked: {error}") from error
            else:
                assert answer == self.answer, f"{what}: another answer{' after a purge' if purge else ''}"
        assert self.file.exists(), f"{what}: the file was removed"
        return told


def attacking(file: Path) -> Any:
    """Open the file past all of our code."""
    db = sqlite3.connect(file, isolation_level=None)
    db.execute("PRAGMA synchronous = OFF")
    return _Closing(db)


class _Closing:
    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    def __enter__(self) -> sqlite3.Connection:
        return self.db

    def __exit__(self, *_: object) -> None:
        self.db.close()


def read_all(vault: Vault) -> Answer:
    notes = tuple(vault.get(name, Note) for name in NOTES)
    return notes, *(list(SealedLog(vault, stream).read()) for stream in ("log", "sent"))


def fill(vault: Vault, clock: FakeClock, *, to: int = 6) -> None:
    log, sent = SealedLog(vault, "log", block_records=2), SealedLog(vault, "sent", block_records=2)
    for number in range(to):
        for purpose in ("service", "improvement"):
            log.append(purpose, FORTNIGHT, [purpose, number])
        sent.append("service", FORTNIGHT, number)
        log.commit()
        sent.commit()
    with (
        vault.write() as transaction
    ):  # unlike put(), this makes no rotation owed: opening must leave the root as it is
        for name in NOTES:
            transaction.put(name, Note(name))


@pytest.fixture(scope="module")
def secrets() -> MemorySecrets:
    return MemorySecrets()


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory, secrets: MemorySecrets) -> bytes:
    """The same vault, under the same root, a while before."""
    folder = tmp_path_factory.mktemp("victim") / "vault"
    clock = FakeClock()
    vault = open_vault(folder, secrets, clock)
    fill(vault, clock, to=4)
    vault.close()
    older = (folder / "vault.db").read_bytes()
    (folder.parent / "where").write_text(str(folder))
    return older


@pytest.fixture(scope="module")
def victim(older: bytes, secrets: MemorySecrets, tmp_path_factory: pytest.TempPathFactory) -> Victim:
    """A small vault with live keys, and tombstones whose blocks were emptied or not yet."""
    base = tmp_path_factory.getbasetemp()
    folder = next(Path(place.read_text()) for place in base.glob("victim*/where"))
    vault = open_vault(folder, secrets, FakeClock())
    with vault.write() as transaction:
        transaction.shred(PartitionChoice(purpose="improvement"))
    fill(vault, FakeClock())
    with vault.write() as transaction:
        sweep(transaction, most_bytes=1)
    vault.close()
    return Victim(folder, secrets)


@pytest.fixture(autouse=True)
def _restored(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "victim" in request.fixturenames:
        request.getfixturevalue("victim").restore()


# ---------------------------------------------------------------- cells


def other_values(value: Any, rng: random.Random) -> Iterator[Any]:
    """Yield what an attacker, or a bad disk, may make of a cell."""
    if value is None:
        yield from (bytes(16), bytes(40), 0.0)
    elif isinstance(value, bytes):
        step = 1 if SOAK else max(1, len(value) // form(2, 5, 1))
        for place in range(rng.randrange(step) if value else 0, len(value), step):
            yield value[:place] + bytes([value[place] ^ 1 << rng.randrange(8)]) + value[place + 1 :]
        yield from (value + b"\0", value[:-1], b"", bytes(len(value)), None)
    elif isinstance(value, str):
        yield from (value[:-1], value + "x", "", value.swapcase(), "\0")
    else:
        yield from (
            (value ^ 1, -value - 1, 0, 1, 2**62, -(2**63)) if isinstance(value, int) else (0.0, -1.0, 1e308, None)
        )
        yield from (value + 1, value - 1)


@pytest.mark.parametrize("table", TABLES)
def test_attack_every_cell_altered(victim: Victim, table: str) -> None:
    """Every value of every row becomes another one, byte for byte."""
    rng = random.Random(table)
    with attacking(victim.file) as db:
        db.execute("BEGIN")  # which also brings the file's own write-ahead log in
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        rows = db.execute(f"SELECT rowid, {', '.join(columns)} FROM {table}").fetchall()
    tried = told = 0
    for rowid, *cells in rows:
        for column, value in zip(columns, cells, strict=True):
            for other in other_values(value, rng):
                victim.restore()
                if other != value and victim.alter(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", (other, rowid)):
                    tried += 1
                    told += victim.holds(f"{table}.{column} of row {rowid} = {other!r:.80}")
    assert tried > (5 if table == "shreds" else 50)
    assert told == tried or table == "blocks"  # where a block's row stands in its table is nobody's business


# ---------------------------------------------------------------- rows


@pytest.mark.parametrize("table", TABLES)
def test_attack_every_row_removed_or_doubled(victim: Victim, table: str) -> None:
    with attacking(victim.file) as db:
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        numbers = [row[0] for row in db.execute(f"SELECT rowid FROM {table}")]
    rng = random.Random(table)
    for number in numbers:
        victim.restore()
        victim.alter(f"DELETE FROM {table} WHERE rowid = ?", (number,))
        assert victim.holds(f"{table} without row {number}")
    for number in numbers:
        # A second row must differ where the schema wants it to: then it is somebody else's place.
        keyed = {
            "lanes": "purpose",
            "shreds": "purpose",
            "keys": "key_id",
            "blocks": "sequence",
            "documents": "slot",
        }.get(table)
        if keyed is None:
            continue
        victim.restore()
        value = {"purpose": "'other'", "sequence": "sequence + 100"}.get(keyed, "randomblob(16)")
        taken = [f"{value} AS {name}" if name == keyed else name for name in columns if name != "id"]
        names = ", ".join(name for name in columns if name != "id")
        assert victim.alter(
            f"INSERT INTO {table} ({names}) SELECT {', '.join(taken)} FROM {table} WHERE rowid = ?", (number,)
        )
        assert victim.holds(f"{table} with row {number} twice")
    rng.shuffle(numbers)


def test_attack_rows_of_an_older_copy_put_back(victim: Victim, older: bytes, tmp_path: Path) -> None:
    """Every choice of tables is exchanged for those of an older copy made under the same root.

    All of them together are an older folder put back whole, which only a rotation makes worthless; and the log alone,
    with the MAC over its end, can be put back to where an earlier append had ended. docs/threat-model.md names both.
    """
    old = tmp_path / "old.db"
    old.write_bytes(older)
    victim.restore(older)
    earlier = victim.ask()
    for count in range(1, len(TABLES)):
        for tables in itertools.combinations(TABLES, count):
            victim.restore()
            with attacking(victim.file) as db:
                db.execute("ATTACH ? AS old", (str(old),))
                for table in tables:
                    db.execute(f"DELETE FROM main.{table}")
                    db.execute(f"INSERT INTO main.{table} SELECT * FROM old.{table}")
            assert victim.holds(f"{tables} from an older copy")
    assert earlier != victim.answer


@pytest.mark.parametrize("table", ["keys", "documents", "blocks", "lanes"])
def test_attack_every_row_of_an_older_copy_put_back(victim: Victim, older: bytes, tmp_path: Path, table: str) -> None:
    """One row at a time: a tombstone's key, a document's older version, a block before it was sealed again."""
    old = tmp_path / "old.db"
    old.write_bytes(older)
    with attacking(old) as db:
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
    for row in rows:
        victim.restore()
        marks = ", ".join("?" for _ in row)
        if victim.alter(f"REPLACE INTO {table} VALUES ({marks})", row):
            victim.holds(f"an older row of {table}")


def test_attack_log_put_back_to_an_earlier_end_is_a_beginning_of_the_log(
    victim: Victim, older: bytes, tmp_path: Path
) -> None:
    """The one thing that an older copy under the same root allows: a log that ends earlier, and holds nothing wrong."""
    old = tmp_path / "old.db"
    old.write_bytes(older)
    with attacking(victim.file) as db:
        db.execute("ATTACH ? AS old", (str(old),))
        db.execute("UPDATE main.head SET heads = (SELECT heads FROM old.head)")
        db.execute(
            "UPDATE main.lanes SET (next_sequence, link) ="
            " (SELECT next_sequence, link FROM old.lanes o WHERE o.id = main.lanes.id)"
        )
        db.execute("DELETE FROM main.blocks")
        db.execute("INSERT INTO main.blocks SELECT * FROM old.blocks")
    try:
        notes, log, sent = victim.ask()
    except RocketVPNError:
        return
    assert notes == victim.answer[0]
    assert log == victim.answer[1][: len(log)]
    assert sent == victim.answer[2][: len(sent)]


# ---------------------------------------------------------------- while it is open


@pytest.mark.parametrize(
    "statements",
    {
        "the end of a log cut off": (
            "DELETE FROM blocks WHERE sequence = 2 AND lane = 1",
            "UPDATE lanes SET next_sequence = 2, link = (SELECT link FROM ends) WHERE id = 1",
        ),
        "a block emptied": ("UPDATE blocks SET sealed = NULL WHERE sequence = 1 AND lane = 1",),
        "the first block emptied": ("UPDATE blocks SET sealed = NULL WHERE sequence = 0 AND lane = 1",),
        "a block of another key": ("UPDATE blocks SET key_id = randomblob(16) WHERE sequence = 0 AND lane = 1",),
        "a longer key id": ("UPDATE blocks SET key_id = CAST(key_id || x'00' AS BLOB) WHERE sequence = 0",),
        "two blocks exchanged": (
            "UPDATE blocks SET sequence = 99 WHERE sequence = 0 AND lane = 1",
            "UPDATE blocks SET sequence = 0 WHERE sequence = 1 AND lane = 1",
            "UPDATE blocks SET sequence = 1 WHERE sequence = 99 AND lane = 1",
        ),
    }.values(),
    ids=lambda statements: statements[0][:60],
)
@pytest.mark.parametrize("purge", [False, True], ids=["read", "purged"])
def test_attack_log_altered_while_the_vault_is_open(tmp_path: Path, statements: tuple[str, ...], purge: bool) -> None:
    """A reader and a purge that have the vault open already notice what was done behind their back."""
    clock = FakeClock()
    vault = open_vault(tmp_path / "vault", MemorySecrets(), clock)
    log = SealedLog(vault, "log", block_records=2)
    for number in range(6):
        log.append("service", FORTNIGHT, number)
        log.commit()
        if number == 3:
            with vault.read() as (transaction, _):
                end = transaction.db.execute("SELECT link FROM lanes").fetchone()[0]
    with attacking(vault.folder / "vault.db") as db:
        db.execute("CREATE TEMP TABLE ends (link BLOB)")
        db.execute("INSERT INTO ends VALUES (?)", (end,))
        for statement in statements:
            db.execute(statement)
    with pytest.raises(VaultDamaged):
        purged_and_read(vault, log, purge)
    vault.close()


def purged_and_read(vault: Vault, log: SealedLog, purge: bool) -> None:
    if purge:
        with vault.write() as transaction:
            sweep(transaction, most_bytes=1 << 20)
    list(log.read())


def test_attack_planned_root_named_as_the_one_in_force(tmp_path: Path) -> None:
    """Tidying up after a rotation must not be talked into destroying the root that opens the vault."""
    secrets = MemorySecrets()
    vault = open_vault(tmp_path / "vault", secrets)
    vault.put("note", Note("kept"))
    vault.close()
    before = dict(secrets._entries)
    with attacking(tmp_path / "vault" / "vault.db") as db:
        db.execute("UPDATE head SET planned = root_id")
    with pytest.raises(VaultDamaged):
        open_vault(tmp_path / "vault", secrets)
    assert secrets._entries == before


PLANTED = {
    "a planned root": "UPDATE head SET planned = randomblob(16)",
    "a retired root": "UPDATE head SET retired = randomblob(16), replaced_at = 1e12",
    "a debt that counts as paid": "UPDATE head SET replaced_at = 1e12",
    "a bridge": "UPDATE head SET bridge = randomblob(40)",
    "no bridge": "UPDATE head SET bridge = NULL, retired = NULL",
}


@pytest.mark.parametrize("statement", PLANTED.values(), ids=PLANTED)
@pytest.mark.parametrize("call", ["rotate", "settle", "open"])
def test_attack_state_of_a_rotation_altered(tmp_path: Path, statement: str, call: str) -> None:
    """What clears a debt, or says which secret goes, is believed only as it was written; no secret is touched."""
    secrets, clock = UnreliableSecrets(), FakeClock()
    vault = open_vault(tmp_path / "vault", secrets, clock)
    vault.rotate()
    vault.put("note", Note("one"))
    vault.put("note", Note("two"))
    before = dict(secrets._entries)
    if call == "open":
        vault.close()
    with attacking(tmp_path / "vault" / "vault.db") as db:
        db.execute(statement)
    clock.advance(60)
    secrets.calls.clear()
    if call == "settle" and statement == PLANTED["no bridge"]:
        vault.settle()  # there is nothing to do then, and nothing is done
    else:
        with pytest.raises(VaultDamaged):
            open_vault(tmp_path / "vault", secrets, clock) if call == "open" else getattr(vault, call)()
    assert secrets._entries == before
    assert set(secrets.calls) <= {"get"}
    assert call == "open" or vault.status().rotation_owed_since is not None
    vault._shut("the test goes on")


@pytest.mark.parametrize("number", range(6))
def test_attack_state_of_a_rotation_altered_in_its_middle(tmp_path: Path, number: int) -> None:
    """Just before the n-th call to the secret store: each step looks again, and signs nothing that it did not write."""
    secrets = UnreliableSecrets()
    vault = open_vault(tmp_path / "vault", secrets)
    vault.put("note", Note("one"))
    left = [number]

    def before(method: str, name: str) -> None:
        left[0] -= 1
        if left[0] == -1:
            with attacking(tmp_path / "vault" / "vault.db") as db:
                db.execute("UPDATE head SET owed_since = 1e9, replaced_at = 1e12")

    secrets.before = before
    with pytest.raises(VaultDamaged):
        vault.rotate()
    secrets.unlock()
    assert vault.status().rotation_owed_since is not None
    with pytest.raises(VaultDamaged):
        verify(vault)
    vault._shut("the test goes on")


@pytest.mark.parametrize("column", ["planned", "retired"])
def test_root_in_force_is_never_removed(tmp_path: Path, column: str) -> None:
    """Not even where our own code had sealed such a head."""
    secrets, clock = MemorySecrets(), FakeClock()
    vault = open_vault(tmp_path / "vault", secrets, clock)
    vault.rotate()
    before = dict(secrets._entries)
    with vault.write() as transaction:
        transaction.touch_manifest()
        update_header(transaction.db, **{column: vault._keyed_store.keys.root.root_id})
    with pytest.raises(VaultDamaged):
        vault.rotate()
    assert secrets._entries == before
    vault.close()


UNMADE = "UPDATE head SET generation = 0, planned = root_id, root_id = x''"
EMPTIED = tuple(f"DELETE FROM {table}" for table in TABLES[1:])


@pytest.mark.parametrize(
    "statements",
    [
        (UNMADE,),
        (UNMADE, *EMPTIED, "UPDATE head SET planned = NULL"),
        (UNMADE, *EMPTIED, "UPDATE head SET planned = x''"),
    ],
    ids=["and holds something", "and plans nothing", "and plans what is no id"],
)
def test_attack_vault_called_unfinished_is_refused(tmp_path: Path, statements: tuple[str, ...]) -> None:
    secrets = MemorySecrets()
    open_vault(tmp_path / "vault", secrets).close()
    before = dict(secrets._entries)
    with attacking(tmp_path / "vault" / "vault.db") as db:
        after(*statements)(db)
    with pytest.raises(VaultDamaged):
        open_vault(tmp_path / "vault", secrets)
    assert secrets._entries == before


def test_attack_vault_called_unfinished_and_emptied(tmp_path: Path) -> None:
    """Whoever can write the file can empty it; that must not take the root along, which opens the copy of before."""
    secrets, clock = MemorySecrets(), FakeClock()
    vault = open_vault(tmp_path / "vault", secrets, clock)
    vault.put("note", Note("kept"))
    vault.close()
    file = tmp_path / "vault" / "vault.db"
    pristine, before = file.read_bytes(), dict(secrets._entries)
    with attacking(file) as db:
        after(UNMADE, *EMPTIED)(db)
    emptied = open_vault(tmp_path / "vault", secrets, clock)
    assert emptied.get("note", Note) is None
    emptied.close()
    assert before.items() <= secrets._entries.items()
    file.write_bytes(pristine)
    again = open_vault(tmp_path / "vault", secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.close()


def test_attack_one_bit_says_that_the_vault_was_closed_for_good(tmp_path: Path) -> None:
    """A removal is only finished where it had begun: its mark and the end of the keys are one transaction."""
    secrets = MemorySecrets()
    vault = open_vault(tmp_path / "vault", secrets)
    vault.put("note", Note("kept"))
    vault.close()
    before = dict(secrets._entries)
    with attacking(tmp_path / "vault" / "vault.db") as db:
        db.execute("UPDATE head SET closed = 1")
    with pytest.raises(VaultDamaged):
        open_vault(tmp_path / "vault", secrets)
    assert secrets._entries == before
    with attacking(tmp_path / "vault" / "vault.db") as db:
        db.execute("UPDATE head SET closed = 0")
    again = open_vault(tmp_path / "vault", secrets)
    assert again.get("note", Note) == Note("kept")
    again.close()


# ---------------------------------------------------------------- pages


def test_attack_bytes_of_the_file_altered(victim: Victim) -> None:
    """Bytes of the raw file change, in headers, cells, indexes and free pages, at a stride that hits each in turn."""
    rng = random.Random(1)
    told = 0
    places = range(rng.randrange(61), len(victim.pristine), form(701, 241, 11))
    for place in places:
        content = bytearray(victim.pristine)
        content[place] ^= rng.choice((1 << rng.randrange(8), 0xFF))
        victim.restore(bytes(content))
        told += victim.holds(f"byte {place}")
    assert told > len(places) / 10


def test_attack_file_cut_short(victim: Victim) -> None:
    """The file ends early: in its header, at page ends and in between. Nothing is removed, and no new vault is made."""
    sizes = [1, 2, 15, 16, 99, 100, 511, *range(512, len(victim.pristine), form(4096, 2048, 511))]
    for size in sizes:
        victim.restore(victim.pristine[:size])
        told = victim.holds(f"cut to {size} bytes")
        assert told or size >= 512
        assert told is False or victim.file.read_bytes()[:size] == victim.pristine[:size]


def test_attack_file_emptied_beside_its_log(tmp_path: Path) -> None:
    """SQLite would take it for a new file and remove the log, in which everything may still stand."""
    secrets, clock = MemorySecrets(), FakeClock()
    vault = open_vault(tmp_path / "vault", secrets, clock)
    vault.put("note", Note("kept"))
    file, log = (tmp_path / "vault" / name for name in ("vault.db", "vault.db-wal"))
    content, written = file.read_bytes(), log.read_bytes()
    vault.close()
    file.write_bytes(b"")
    log.write_bytes(written)
    with pytest.raises(VaultDamaged):
        open_vault(tmp_path / "vault", secrets, clock)
    assert log.read_bytes() == written
    file.write_bytes(content)
    again = open_vault(tmp_path / "vault", secrets, clock)
    assert again.get("note", Note) == Note("kept")
    again.close()


@pytest.mark.parametrize("left", ["an empty file", "a log without its file"])
def test_what_a_crash_leaves_of_no_vault_is_a_new_one(tmp_path: Path, left: str) -> None:
    """Of one that was being made, or that was being removed."""
    folder = tmp_path / "vault"
    folder.mkdir(mode=0o700)
    (folder / "lock.db").touch(mode=0o600)
    if left == "an empty file":
        (folder / "vault.db").touch(mode=0o600)
    else:
        (folder / "vault.db-wal").write_bytes(b"old" * 100)
    vault = open_vault(folder, MemorySecrets())
    vault.put("note", Note("new"))
    assert vault.get("note", Note) == Note("new")
    verify(vault)
    vault.close()


def test_attack_bytes_of_the_write_ahead_log_altered(tmp_path: Path) -> None:
    """SQLite's checksums end the log at the wrong byte: what is read is an earlier state, and nothing wrong in it."""
    secrets, clock = MemorySecrets(), FakeClock()
    folder = tmp_path / "vault"
    vault = open_vault(folder, secrets, clock)
    log = SealedLog(vault, "log", block_records=2)
    for number in range(8):
        log.append("service", FORTNIGHT, number)
        log.commit()
    files = {name: (folder / name).read_bytes() for name in ("vault.db", "vault.db-wal")}
    vault.close()
    rng = random.Random(2)
    lengths = set()
    for place in range(rng.randrange(61), len(files["vault.db-wal"]), form(2503, 997, 97)):
        content = bytearray(files["vault.db-wal"])
        content[place] ^= 1 << rng.randrange(8)
        (folder / "vault.db-shm").unlink(missing_ok=True)
        (folder / "vault.db").write_bytes(files["vault.db"])
        (folder / "vault.db-wal").write_bytes(content)
        lengths.add(beginning(folder, secrets, clock))
    assert len(lengths) > 3


def beginning(folder: Path, secrets: MemorySecrets, clock: FakeClock) -> int:
    """Return how many records are left; they must be the first ones."""
    copied = MemorySecrets()
    copied._entries.update(secrets._entries)
    vault = Vault(folder, copied, clock, LIMITS)
    try:
        vault.unlock()
        records = [record for _, record in SealedLog(vault, "log").read()]
    except RocketVPNError:
        return -1
    finally:
        vault._shut("the test goes on")
    assert records == list(range(len(records)))
    return len(records)


# ---------------------------------------------------------------- verify names the piece


@pytest.fixture
def open_victim(tmp_path: Path) -> Iterator[Vault]:
    vault = open_vault(tmp_path / "vault", MemorySecrets())
    fill(vault, FakeClock())
    yield vault
    vault.close()


def test_verify_counts_what_it_checked(open_victim: Vault) -> None:
    assert verify(open_victim) == Verified(partitions=3, blocks=9, records=18, documents=4)


def after(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def run(db: sqlite3.Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return run


NAMED = {
    "a block is missing": (after("DELETE FROM blocks WHERE lane = 1 AND sequence = 1"), "block 1 of .* is missing"),
    "the last block is missing": (after("DELETE FROM blocks WHERE lane = 1 AND sequence = 2"), "cut off"),
    "the first block is missing": (after("DELETE FROM blocks WHERE lane = 1 AND sequence = 0"), "block 0 .* missing"),
    "blocks are reordered": (
        after(
            "UPDATE blocks SET sequence = 99 WHERE lane = 1 AND sequence = 0",
            "UPDATE blocks SET sequence = 0 WHERE lane = 1 AND sequence = 1",
            "UPDATE blocks SET sequence = 1 WHERE lane = 1 AND sequence = 99",
        ),
        "block 0 of .* was altered",
    ),
    "a block is altered": (
        after("UPDATE blocks SET sealed = zeroblob(length(sealed)) WHERE lane = 1 AND sequence = 2"),
        "block 2 of .* was altered",
    ),
    "a block is altered with its digest": (
        after("UPDATE blocks SET sealed = zeroblob(300), digest = zeroblob(32) WHERE lane = 1 AND sequence = 2"),
        "block 2 of .* was altered",
    ),
    "a block is exchanged": (
        after(
            "UPDATE blocks SET (key_id, digest, sealed) ="
            " (SELECT key_id, digest, sealed FROM blocks WHERE lane = 2 AND sequence = 1)"
            " WHERE lane = 1 AND sequence = 1"
        ),
        "block 1 of .* was altered",
    ),
    "a block is cut": (
        after("UPDATE blocks SET sealed = substr(sealed, 1, 100) WHERE lane = 1 AND sequence = 2"),
        "block 2 of .* was altered",
    ),
    "a block is emptied": (
        after("UPDATE blocks SET sealed = NULL WHERE lane = 1 AND sequence = 2"),
        "block 2 of the 'log' stream for 'service' was emptied",
    ),
    "a block is added": (
        after(
            "INSERT INTO blocks SELECT 999, lane, 3, key_id, digest, sealed FROM blocks WHERE lane = 1 AND sequence = 2"
        ),
        "was altered",
    ),
    "a lane is missing": (after("DELETE FROM lanes WHERE id = 1"), "a log is missing"),
    "a lane ends earlier": (
        after(
            "DELETE FROM blocks WHERE lane = 1",
            "UPDATE lanes SET next_sequence = 0, link = first_link WHERE id = 1",
        ),
        "does not end where",
    ),
    "a key is missing": (
        after("DELETE FROM keys WHERE lane = 1"),
        "the key of block 0 of the 'log' stream for 'service'",
    ),
    "a key is altered": (
        after("UPDATE keys SET wrapped = zeroblob(40) WHERE lane = 1"),
        "a key of the 'log' stream for 'service'",
    ),
    "a key is exchanged": (
        after("UPDATE keys SET wrapped = (SELECT wrapped FROM keys WHERE lane = 2) WHERE lane = 1"),
        "block 0 of the 'log' stream for 'service'",
    ),
    "a key is made a tombstone": (after("UPDATE keys SET wrapped = NULL WHERE lane = 1"), "list of keys and documents"),
    "a key is added": (
        after("INSERT INTO keys SELECT randomblob(16), lane, epoch, wrapped FROM keys WHERE lane = 1"),
        "list of keys and documents",
    ),
    "the index key is missing": (after("DELETE FROM keys WHERE lane = 0"), "list of keys and documents"),
    "a document is missing": (
        after("DELETE FROM documents WHERE slot = (SELECT min(slot) FROM documents)"),
        "list of keys and documents",
    ),
    "a document is altered": (
        after("UPDATE documents SET sealed = zeroblob(1052) WHERE slot = (SELECT min(slot) FROM documents)"),
        "the document in slot",
    ),
    "a document's key is altered": (
        after("UPDATE documents SET wrapped = zeroblob(40) WHERE slot = (SELECT min(slot) FROM documents)"),
        "the key of the document in slot",
    ),
    "a document's version is altered": (
        after("UPDATE documents SET version = -1 WHERE slot = (SELECT min(slot) FROM documents)"),
        "the document in slot",
    ),
    "documents are exchanged": (
        after(
            "UPDATE documents SET (key_id, version, wrapped, sealed) ="
            " (SELECT key_id, version, wrapped, sealed FROM documents ORDER BY slot DESC LIMIT 1)"
            " WHERE slot = (SELECT min(slot) FROM documents)"
        ),
        "the document in slot",
    ),
    "what is owed is forgiven": (after("UPDATE head SET owed_since = 1.0"), "list of keys and documents"),
}


@pytest.mark.parametrize(("tamper", "named"), NAMED.values(), ids=NAMED)
def test_attack_verify_names_the_piece(
    open_victim: Vault, tamper: Callable[[sqlite3.Connection], None], named: str
) -> None:
    with attacking(open_victim.folder / "vault.db") as db:
        tamper(db)
    with pytest.raises(VaultDamaged, match=named):
        verify(open_victim)


def test_verify_takes_destroyed_keys_for_what_they_are(open_victim: Vault) -> None:
    """Tombstones, emptied blocks, and ciphertext that is not yet removed are no damage."""
    with open_victim.shredding() as transaction:
        transaction.shred(PartitionChoice(purpose="improvement"))
    assert verify(open_victim) == Verified(partitions=3, blocks=9, records=12, documents=4)
    with open_victim.write() as transaction:
        sweep(transaction, most_bytes=1)
    assert verify(open_victim).records == 12
    with open_victim.write() as transaction:
        sweep(transaction, most_bytes=1 << 20)
    assert verify(open_victim) == Verified(partitions=3, blocks=6, records=12, documents=4)


def test_verify_holds_while_the_cap_takes_block_after_block(tmp_path: Path) -> None:
    """Also if processes told the time differently: a partition's epochs are out of order, and keys died early."""
    secrets, clock = MemorySecrets(), FakeClock()
    ahead = open_vault(tmp_path / "vault", secrets, clock)
    with ahead.write() as transaction:
        transaction.partition(SealedLog(ahead, "log").partition("service", FORTNIGHT))
    clock.turn(5 * DAY)
    ahead.now()
    clock.turn(-5 * DAY)
    behind = open_vault(tmp_path / "vault", secrets, clock)
    logs = [SealedLog(vault, "log", block_records=1) for vault in (ahead, behind)]
    for number in range(12):
        logs[number % 2].append("service", FORTNIGHT, number)
        logs[number % 2].commit()
    with behind.write() as transaction:
        keys = transaction.db.execute("SELECT epoch FROM keys WHERE lane = 1 ORDER BY epoch").fetchall()
        assert len(keys) == 2
    removed = 0
    while (left := verify(behind).records) > 0:
        assert left == 12 - removed
        with behind.write() as transaction:
            removed += trim(transaction, "log", most_bytes=stored_bytes(transaction, "log") - 1)
        assert [record for _, record in logs[1].read()] == list(range(removed, 12))
    ahead.close()
    behind.close()
