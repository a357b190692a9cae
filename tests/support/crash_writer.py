"""A process that writes, deletes and rotates in a shared vault until it is killed, told to end, or its time is over.

    python -m support.crash_writer FOLDER NAME SEED FIRST SECONDS

It says ``ready`` on stdout, keeps a diary in ``FOLDER/NAME.diary`` and, when it ends by itself, writes how long its
appends took to ``FOLDER/NAME.latencies``. Records are numbers from FIRST on; its partition and its documents bear its
name.
"""

from __future__ import annotations

import json
import random
import sys
import time
from pathlib import Path

from rocketvpn_sdk.vault import SealedLog, Vault
from rocketvpn_sdk.vault.partitions import PartitionChoice
from support.crash import FORTNIGHT, Diary, open_shared
from support.vaults import Note

DOCUMENTS = 4
SHARED = "shared"


class Writer:
    """One process's part."""

    def __init__(self, vault: Vault, folder: Path, name: str, seed: int, first: int) -> None:
        self.vault = vault
        self.name = name
        self.number = first
        self.rng = random.Random(seed)
        self.log = SealedLog(vault, "log", block_records=self.rng.choice((4, 32, 256)), durable=seed % 2 == 0)
        self.diary = Diary(folder / f"{name}.diary")
        self.shared = Diary(folder / f"{name}.shared")
        self.latencies: list[float] = []

    def step(self) -> None:
        """Do one thing, picked at random."""
        steps = (self.append, self.put, self.drop, self.rotate, self.shred, self.read, self.share, self.shred_shared)
        self.rng.choices(steps, (50, 12, 4, 3, 2, 4, 12, 1))[0]()

    def append(self) -> None:
        """Append some records and wait until they are stored."""
        numbers = [self._next() for _ in range(self.rng.choice((1, 2, 5, 40)))]
        self.diary.intend("records", numbers)
        for number in numbers:
            self.log.append(self.name, FORTNIGHT, number)
        begun = time.perf_counter()
        self.log.commit()
        self.latencies.append(time.perf_counter() - begun)
        self.diary.done()

    def put(self) -> None:
        """Write a document."""
        name, value = self._document(), str(self._next())
        self.diary.intend("put", name, value)
        self.vault.put(name, Note(value))
        self.diary.done()

    def drop(self) -> None:
        """Delete a document."""
        name = self._document()
        self.diary.intend("drop", name)
        self.vault.drop(name)
        self.diary.done()

    def rotate(self) -> None:
        """Replace the root, and take down what an earlier replacement left."""
        self.diary.intend("rotate")
        self.vault.rotate()
        self.vault.settle()
        self.diary.done()

    def shred(self) -> None:
        """Delete everything of this process's partition."""
        self.diary.intend("shred")
        with self.vault.shredding() as transaction:
            transaction.shred(PartitionChoice(purpose=self.name))
        self.log.forget_ended()
        self.diary.done()

    def read(self) -> None:
        """Read everything; what is wrong raises."""
        for _ in self.log.read():
            pass

    def share(self) -> None:
        """Append to the partition of both processes; noted are the moments around it."""
        number = self._next()
        begun = time.time()
        self.log.append(SHARED, FORTNIGHT, number)
        buffered = time.time()
        self.log.commit()
        self.shared.intend("record", number, begun, buffered)

    def shred_shared(self) -> None:
        """Delete the partition of both processes."""
        begun = time.time()
        with self.vault.shredding() as transaction:
            transaction.shred(PartitionChoice(purpose=SHARED))
        self.shared.intend("shred", begun, time.time())

    def _next(self) -> int:
        self.number += 1
        return self.number

    def _document(self) -> str:
        return f"{self.name}/{self.rng.randrange(DOCUMENTS)}"


def main() -> None:
    folder, name, seed, first, seconds = sys.argv[1:]
    vault = open_shared(Path(folder))
    writer = Writer(vault, Path(folder), name, int(seed), int(first))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        writer.step()
    vault.close()
    (Path(folder) / f"{name}.latencies").write_text(json.dumps(writer.latencies))


if __name__ == "__main__":
    main()
