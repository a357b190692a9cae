"""Somebody who may write to the folder plants a schema, an index that lies or a pragma: at rest, or while we are open.

What then happens is ``VaultDamaged``, with every secret still there, or no difference at all to a run in which nothing
was planted: neither in what the calls answer nor in what the keys that are left still open.

Fifteen are planted, 150 with CI=true, 6,000 in the long form (ROCKETVPN_SOAK=1, which also says how many were refused).
"""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from support.forms import form
from support.planted import attacked, behind_its_index, plant
from support.reach import reachable
from support.vaults import open_vault

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.doctor import examine
from rocketvpn_sdk.errors import VaultDamaged
from rocketvpn_sdk.testing import FakeClock, MemorySecrets

PLANTED = form(15, 150, 6_000)
SEED = int(os.environ.get("ROCKETVPN_SEED", "12"))
SECRET = "the line that is deleted"
Step = Callable[["Run"], Any]


@dataclass
class Run:
    """One user, one folder; what the calls answered."""

    folder: Path
    secrets: MemorySecrets
    clock: FakeClock = field(default_factory=FakeClock)
    rocket: RocketVPN | None = None
    answers: list[Any] = field(default_factory=list)

    @property
    def config(self) -> Config:
        return Config(
            "https://api.rocketvpn.example",
            "org.example.vpn",
            data_dir=self.folder,
            secrets=self.secrets,
            clock=self.clock,
        )

    @property
    def open(self) -> RocketVPN:
        assert self.rocket is not None
        return self.rocket

    def close(self) -> None:
        if self.rocket is not None:
            with suppress(VaultDamaged):
                self.rocket.close()
            self.rocket = None


def opening(run: Run) -> None:
    run.close()
    run.rocket = RocketVPN.open(run.config)


def status(run: Run) -> Any:
    found = run.open.status().vault
    return found.state, found.generation, found.rotation_owed_since


def logging_(run: Run) -> None:
    record = logging.LogRecord("app", logging.WARNING, "", 0, SECRET, None, None)
    run.open.journal.handler().handle(record)
    run.open.journal.flush()


def reading(run: Run) -> Any:
    return [entry.fields["message"] for entry in run.open.journal.read()]


def granting(run: Run) -> Any:
    return run.open.consent.grant(run.open.consent.notice("improvement")).state


def withdrawing(run: Run) -> Any:
    return run.open.consent.withdraw("improvement").state


def minor(run: Run) -> Any:
    run.open.consent.declare_age(adult=False)
    found = run.open.consent.status()
    return found.adult, [(each.purpose, each.effective) for each in found.purposes]


def deleting_logs(run: Run) -> Any:
    here = run.open.rights.delete(run.open.rights.plan_delete("logs")).here
    return here.done, here.keys_destroyed, here.rotation_owed


def verifying(run: Run) -> Any:
    found = run.open.verify()
    return found.partitions, found.blocks, found.records, found.documents


def settling(run: Run) -> Any:
    run.clock.advance(60)
    run.open.sync()


STEPS: tuple[Step, ...] = (
    *(opening, status, reading, logging_, withdrawing, verifying, granting, reading, deleting_logs, reading, minor),
    *(settling, verifying, status, opening, reading, status),
)


def template(folder: Path) -> Run:
    """A vault with something to lose."""
    run = Run(folder, MemorySecrets())
    opening(run)
    run.open.consent.declare_age(adult=True)
    granting(run)
    logging_(run)
    run.clock.advance(3 * 86400)
    logging_(run)
    run.close()
    return run


def copied(run: Run, folder: Path) -> Run:
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(run.folder, folder)
    secrets = MemorySecrets()
    secrets._entries.update(run.secrets._entries)
    return Run(folder, secrets, FakeClock(run.clock.time()))


def steps(run: Run, upto: int, begin: int = 0) -> None:
    for step in STEPS[begin:upto]:
        run.answers.append(step(run))


def root_of(run: Run) -> str:
    """Return the entry that the file names; with it, whoever has the file of before the planting opens it."""
    with attacked(run.folder / "vault.db") as db:
        vault_id, root_id = db.execute("SELECT vault_id, root_id FROM head NOT INDEXED").fetchone()
        return f"{vault_id.hex()}/{root_id.hex()}"


def left(run: Run, before: Run) -> bytes:
    """What the folder of before and that of now hold for whoever has the secret store of now."""
    copy = run.folder.with_name("looked-at")
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(run.folder, copy)
    return reachable([before.folder / "vault.db", copy / "vault.db"], dict(run.secrets._entries))


@dataclass
class World:
    """The vault as it was, and how a run goes in which nothing is planted."""

    pristine: Run
    untouched: Run
    refused: int = 0
    harmless: list[str] = field(default_factory=list)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("schemas")
    pristine = template(folder / "pristine")
    untouched = copied(pristine, folder / "untouched")
    steps(untouched, len(STEPS))
    untouched.close()
    world = World(pristine, untouched)
    yield world
    print(f"planted {PLANTED}: {world.refused} refused, without effect: {sorted(set(world.harmless))}")  # noqa: T201 - the count is asked for


def test_the_oracle_sees_what_is_there(world: World) -> None:
    """Before the deletion the line can be opened; after it, nothing that is left opens it."""
    before = world.pristine
    assert SECRET.encode() in reachable([before.folder / "vault.db"], dict(before.secrets._entries))
    assert SECRET.encode() not in left(world.untouched, before)
    assert world.untouched.answers[2] == [SECRET] * 2
    assert [answer for answer in world.untouched.answers if answer == []]  # the log was deleted


@pytest.mark.clause("S1")
@pytest.mark.parametrize("part", range(10))
def test_attack_planted_schemas(world: World, tmp_path: Path, part: int) -> None:
    for number in range(part, PLANTED, 10):
        random = Random(f"{SEED}/{number}")
        at = 0 if random.random() < 0.5 else random.randrange(1, len(STEPS))
        run = copied(world.pristine, tmp_path / "vault")
        steps(run, at)
        kept = set(run.secrets.names())
        what = [plant(run.folder / "vault.db", random) for _ in range(random.choice([1, 1, 2]))]
        said = f"seed {SEED}/{number}, before step {at}: {what}"
        try:
            steps(run, len(STEPS), at)
        except VaultDamaged:
            world.refused += 1
            # Either nothing went, or what the user asked for was done: a rotation put the root in force in its place.
            assert set(run.secrets.names()) == kept or root_of(run) in run.secrets.names(), said
        else:
            world.harmless.append(str(what[0])[:60])
            assert run.answers == world.untouched.answers, said
            run.close()
            assert SECRET.encode() not in left(run, world.pristine), said
        finally:
            run.close()
        assert run.answers == world.untouched.answers[: len(run.answers)], said


@pytest.mark.parametrize("look", ["open", "status", "reset", "doctor"])
def test_attack_an_endless_view_holds_up_nobody(world: World, tmp_path: Path, look: str) -> None:
    run = copied(world.pristine, tmp_path / "vault")
    with attacked(run.folder / "vault.db") as db:
        db.execute("ALTER TABLE head RENAME TO head0")
        db.execute(
            "CREATE VIEW head AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c)"
            " SELECT head0.* FROM head0 WHERE (SELECT count(*) FROM c) > 0"
        )
    before = set(run.secrets.names())
    if look == "reset":
        assert RocketVPN.reset(run.config).unknown
        assert not run.folder.exists()
    elif look == "doctor":
        (finding, *_) = examine(run.config, online=False).findings
        assert (finding.state, finding.code) == ("problem", VaultDamaged.code)
    else:
        with pytest.raises(VaultDamaged):
            RocketVPN.open(run.config, unlock=look == "open").status()
    assert set(run.secrets.names()) == before


STASHES = {
    "keys": "INSERT INTO keys SELECT randomblob(16), 0, 0, wrapped FROM keys WHERE lane > 0",
    "documents": "INSERT INTO documents SELECT randomblob(16), key_id, version, wrapped, sealed FROM documents",
    "lanes": "INSERT INTO lanes SELECT NULL, stream, 'x', retention, 0, first_link, 0, first_link FROM lanes LIMIT 1",
}


@pytest.mark.parametrize("opened", [False, True])
@pytest.mark.parametrize("table", STASHES)
def test_attack_rows_that_an_index_hides_are_not_carried_over_to_the_next_root(
    world: World, tmp_path: Path, table: str, opened: bool
) -> None:
    """Whoever looks by the index does not see them; a rotation, which goes row by row, would wrap them anew."""
    run = copied(world.pristine, tmp_path / "vault")
    if opened:
        opening(run)
    before = set(run.secrets.names())
    with behind_its_index(run.folder / "vault.db", table) as db:
        db.execute(STASHES[table])
    with pytest.raises(VaultDamaged, match="index"):
        deleting_logs(run) if opened else opening(run)
    assert set(run.secrets.names()) == before
    run.close()


def test_a_trigger_planted_while_it_is_open_is_noticed_by_the_very_next_call(world: World, tmp_path: Path) -> None:
    run = copied(world.pristine, tmp_path / "vault")
    opening(run)
    with attacked(run.folder / "vault.db") as db:
        db.execute("CREATE TRIGGER t BEFORE DELETE ON documents BEGIN SELECT RAISE(IGNORE); END")
    for look in (run.open.status, run.open.verify, lambda: run.open.consent.withdraw("improvement")):
        with pytest.raises(VaultDamaged):
            look()
    with attacked(run.folder / "vault.db") as db:
        db.execute("DROP TRIGGER t")
    assert run.open.verify().documents > 0  # nothing was wiped, and nothing has to be opened anew
    run.close()


def test_a_version_of_the_schema_that_comes_again_is_looked_at_again(world: World, tmp_path: Path) -> None:
    """SQLite counts changes to a schema in the file, where anybody can turn them back."""
    run = copied(world.pristine, tmp_path / "vault")
    opening(run)
    with attacked(run.folder / "vault.db") as db:
        (version,) = db.execute("PRAGMA schema_version").fetchone()
        db.execute("CREATE TRIGGER t AFTER UPDATE ON keys BEGIN SELECT 1; END")
    with pytest.raises(VaultDamaged):
        run.open.status()
    with attacked(run.folder / "vault.db") as db:
        db.execute(f"PRAGMA schema_version = {version}")
    with pytest.raises(VaultDamaged):
        run.open.status()
    run.close()


@pytest.mark.parametrize("name", ["lock.db", "courier.lock", "updates/lock.db"])
def test_a_schema_in_a_lock_has_no_effect(world: World, tmp_path: Path, name: str) -> None:
    """They are empty, and used as locks alone: what is planted while they are open is never read."""
    run = copied(world.pristine, tmp_path / "vault")
    opening(run)
    file = run.folder / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with closing(sqlite3.connect(file, isolation_level=None)) as db:
        db.execute("CREATE TABLE head (x)")
        db.execute("CREATE TRIGGER t AFTER INSERT ON head BEGIN DELETE FROM head; END")
        db.execute("CREATE VIEW v AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT * FROM c")
    assert deleting_logs(run)[0]
    run.open.sync()
    assert reading(run) == []
    opening(run)
    assert verifying(run)
    run.close()


@pytest.mark.parametrize(
    "pragmas",
    ["PRAGMA user_version = 7", "PRAGMA application_id = 7", "PRAGMA auto_vacuum = NONE; VACUUM"],
)
def test_attack_a_pragma_that_is_kept_in_the_file(tmp_path: Path, pragmas: str) -> None:
    secrets = MemorySecrets()
    open_vault(tmp_path / "vault", secrets).close()
    with closing(sqlite3.connect(tmp_path / "vault" / "vault.db", isolation_level=None)) as db:
        db.executescript(pragmas)
    with pytest.raises(VaultDamaged, match="the database file"):
        open_vault(tmp_path / "vault", secrets)
    assert secrets.names()
