"""A process that has buffered a record, waits until its stdin is closed, then records another one and flushes both.

python -m support.crash_buffered FOLDER
"""

from __future__ import annotations

import sys
from pathlib import Path

from rocketvpn_sdk.vault import SealedLog
from support.crash import FORTNIGHT, open_shared


def main() -> None:
    vault = open_shared(Path(sys.argv[1]))
    log = SealedLog(vault, "log")
    log.append("service", FORTNIGHT, "buffered before")
    sys.stdout.write("buffered\n")
    sys.stdout.flush()
    sys.stdin.read()
    log.append("service", FORTNIGHT, "after")
    log.commit()
    vault.close()


if __name__ == "__main__":
    main()
