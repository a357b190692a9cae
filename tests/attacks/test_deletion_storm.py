"""Deletions at random moments, while two other processes log every few milliseconds: no line from before is left.

ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_deletion_storm.py -s --timeout=36000
"""

from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest
from support.crash import start
from support.forms import GATE, SOAK, form, say
from support.storm_app import opened

DELETIONS = form(10, 200, 2_000)
NAMES = ("gui", "service")


def returned(folder: Path, name: str) -> dict[int, float]:
    """Return when each logging call of a process had returned, by the machine's monotonic clock."""
    file = folder / f"{name}.returned"
    text = file.read_text() if file.exists() else ""
    lines = text[: text.rfind("\n") + 1].splitlines()
    return {int(number): float(at) for number, at in (line.split() for line in lines)}


@pytest.mark.clause("A3")
@pytest.mark.timeout(36_000 if SOAK else 600)
def test_attack_deletions_while_other_processes_log(tmp_path: Path) -> None:
    rng = random.Random(12)
    rocket = opened(tmp_path)
    apps = {name: start("storm_app", tmp_path, name) for name in NAMES}
    plan = rocket.rights.plan_delete("logs")
    deleted_at, left = 0.0, []

    def look() -> set[tuple[str, int]]:
        times = {name: returned(tmp_path, name) for name in NAMES}
        found = {(entry.fields["logger"], int(entry.fields["message"].split()[1])) for entry in rocket.journal.read()}
        left.extend(line for line in found if times[line[0]].get(line[1], deleted_at) < deleted_at)
        return found

    def wait(lines: int) -> None:
        """Until each app has logged so many more lines."""
        for app in apps.values():
            assert app.stdout is not None
            assert app.stdout.read(lines) == "." * lines

    while not look():  # there has to be something to delete
        wait(1)
    for _ in range(DELETIONS):
        wait(rng.randint(0, 300 if GATE else 60))
        look()
        deleted_at = time.monotonic()
        rocket.rights.delete(plan)
        look()
    wait(10)
    told = {name: json.loads(app.communicate(timeout=60)[0].lstrip(".")) for name, app in apps.items()}
    found = look()
    rocket.close()
    lines = sum(each["lines"] for each in told.values())
    say(f"{DELETIONS} deletions, {lines} lines, left from before one: {len(left)}")
    assert left == []
    for name, each in told.items():
        after = {number for number, at in returned(tmp_path, name).items() if at > deleted_at}
        missing = after - {number for where, number in found if where == name}
        assert len(missing) <= each["counted"]
