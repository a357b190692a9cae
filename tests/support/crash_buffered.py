"""A process that has buffered a record, waits until its stdin is closed, then records another one and flushes both.

python -m support.crash_buffered FOLDER
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import SealedLog
from support.crash import FORTNIGHT, open_shared

AROUND = 5.0
"""Seconds from each record to what the other process does meanwhile: more than two clocks can differ by."""


def main() -> None:
    clock = FakeClock(time.time() - AROUND)
    vault = open_shared(Path(sys.argv[1]), clock=clock)
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "buffered before")
    sys.stdout.write("buffered\n")
    sys.stdout.flush()
    sys.stdin.read()
    clock.advance(time.time() + AROUND - clock.time())
    log.append("service", FORTNIGHT, "after")
    log.commit()
    vault.close()


if __name__ == "__main__":
    main()
