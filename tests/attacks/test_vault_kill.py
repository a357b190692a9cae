"""The power button of a process: ``kill -9`` at random points while two processes write to one vault.

The long form, 250 rounds:

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_vault_kill.py -s --timeout=3600
"""

from __future__ import annotations

import random
from pathlib import Path

from support.crash import Promised, kill_somewhere, open_shared, shared_secrets, start
from support.crash_writer import DOCUMENTS
from support.forms import SOAK, form, say
from support.vaults import Note

from rocketvpn_sdk.vault import SealedLog
from rocketvpn_sdk.vault.verify import verify


def test_attack_kill_9_of_two_writers_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """Two processes append, write documents, delete and rotate; both are killed, again and again, in the same vault."""
    seed = 20260101
    rng = random.Random(seed)
    first, acknowledged = 0, 0
    open_shared(tmp_path).close()
    for number in range(form(3, 6, 250)):
        writers = []
        for name in ("anna", "bert"):
            for suffix in ("diary", "shared"):
                (tmp_path / f"{name}.{suffix}").touch()
            writers.append(start("crash_writer", tmp_path, name, rng.randrange(1 << 30), first, 60))
        for writer in writers:
            assert writer.stdout.readline() == "ready\n"
        for writer in rng.sample(writers, 2):
            kill_somewhere(writer, 0.5, rng)
        promised = {name: Promised(tmp_path / f"{name}.diary") for name in ("anna", "bert")}
        first = max(first, *(each.highest for each in promised.values())) + 1000
        acknowledged = sum(each.calls for each in promised.values())
        check_promises(tmp_path, promised, f"seed {seed}, round {number}")
    assert acknowledged > 20, "they were killed before they did anything"
    if SOAK:
        say(f"{acknowledged} acknowledged calls, none lost")


def check_promises(folder: Path, promised: dict[str, Promised], where: str) -> None:
    vault = open_shared(folder)
    verify(vault)
    log = SealedLog(vault, "log")
    for name, each in promised.items():
        documents = [f"{name}/{number}" for number in range(DOCUMENTS)]
        found = {document: vault.get(document, Note) for document in documents}
        each.check(
            [record for _, record in log.read(purpose=name)],
            {document: note.text if note else None for document, note in found.items()},
        )
    vault.rotate()
    verify(vault)
    # A replaced root may have to wait for its bridge, never a planned one or one from before.
    assert len(shared_secrets(folder).roots()) == 1, where
    vault.close()
