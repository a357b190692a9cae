"""The power goes at any moment: what the user did is there afterwards, and of the log at most the newest is not.

    ROCKETVPN_SOAK=1 python -m pytest tests/attacks/test_vault_power_cut.py -s --timeout=3600

The disk is real ext4 on a loop device, shut down without its journal being flushed: what no ``fsync`` had ordered onto
it is gone. The secret store and the diary of what was acknowledged lie elsewhere.
"""

from __future__ import annotations

import gc
import random
import threading
from contextlib import AbstractContextManager, suppress
from pathlib import Path

import pytest
from support.crash import LIMITS, Diary, FileSecrets, Promised
from support.crash_writer import DOCUMENTS, Writer
from support.forms import form, say
from support.power import Disk
from support.vaults import Crash, Note

from rocketvpn_sdk.clock import SystemClock
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.verify import verify

pytestmark = [pytest.mark.component("ext4"), pytest.mark.clause("T1"), pytest.mark.clause("A3")]

NAME = "anna"


class Powered(FileSecrets):
    """A secret store on the same machine: without power it does nothing."""

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path)
        self._disk = disk

    def _dying(self) -> AbstractContextManager[None]:
        if not self._disk.on:
            raise Crash
        return super()._dying()


class PoweredDiary(Diary):
    """Notes nothing as acknowledged that was so without power."""

    def __init__(self, path: Path, disk: Disk) -> None:
        super().__init__(path)
        self._disk = disk

    def done(self) -> None:
        if not self._disk.on:
            raise Crash
        super().done()


def opened(disk: Disk, folder: Path) -> Vault:
    vault = Vault(disk.path / "vault", Powered(folder / "secrets.json", disk), SystemClock(), LIMITS)
    vault.unlock()
    return vault


def use_until_the_power_goes(vault: Vault, folder: Path, disk: Disk, seed: int, *, durable: bool) -> None:
    """Write, delete and rotate; somewhere in between, the power is cut from another thread."""
    rng = random.Random(seed)
    writer = Writer(vault, folder, NAME, seed, 0)
    writer.diary = PoweredDiary(folder / f"{NAME}.diary", disk)
    writer.log = SealedLog(vault, "log", block_records=4, durable=durable)
    cut = threading.Timer(rng.uniform(0.0, 0.4), disk.cut_power)
    for _ in range(rng.randrange(3, 12)):
        writer.append()
        writer.put()
    cut.start()
    steps = (writer.append, writer.append, writer.put, writer.drop, writer.rotate, writer.shred)
    with suppress(RocketVPNError, Crash):  # any other error is a foreign one, and fails the test
        while True:
            rng.choice(steps)()
    cut.join()
    with suppress(RocketVPNError, Crash):
        vault.close()
    gc.collect()  # a cursor in a traceback would keep the file open


def held(vault: Vault) -> tuple[list[int], dict[str, str | None]]:
    """Return what is there, checked."""
    verify(vault)
    names = [f"{NAME}/{number}" for number in range(DOCUMENTS)]
    notes = {name: vault.get(name, Note) for name in names}
    records = [record for _, record in SealedLog(vault, "log").read()]
    return records, {name: note and note.text for name, note in notes.items()}


@pytest.mark.parametrize("seed", range(form(2, 5, 60)))
def test_a_power_cut_loses_nothing_that_was_acknowledged_as_durable(tmp_path: Path, seed: int) -> None:
    with Disk(tmp_path) as disk:
        use_until_the_power_goes(opened(disk, tmp_path), tmp_path, disk, seed, durable=True)
        disk.start_again()
        vault = opened(disk, tmp_path)
        promised = Promised(tmp_path / f"{NAME}.diary")
        promised.check(*held(vault))
        vault.put("afterwards", Note("it goes on"))
        vault.rotate()
        verify(vault)
        vault.close()
        say(f"{promised.calls} acknowledged calls, none lost")


@pytest.mark.parametrize("seed", range(100, 100 + form(2, 5, 60)))
def test_a_power_cut_loses_of_a_plain_log_at_most_its_newest_records(tmp_path: Path, seed: int) -> None:
    with Disk(tmp_path) as disk:
        use_until_the_power_goes(opened(disk, tmp_path), tmp_path, disk, seed, durable=False)
        disk.start_again()
        vault = opened(disk, tmp_path)
        promised = Promised(tmp_path / f"{NAME}.diary")
        records, documents = held(vault)
        lost = promised.records - set(records)
        assert not lost or min(lost) > max(records, default=0), "a hole in the log"
        promised.records -= lost
        promised.check(records, documents)
        vault.close()
        say(f"{len(lost)} of {len(lost) + len(records)} records lost")
