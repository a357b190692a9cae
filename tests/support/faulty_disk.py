"""A process that goes on using its vault while the disk fails, and notes what was acknowledged; run it under strace.

    python -m support.faulty_disk FOLDER STEPS

Errors of ours are what it expects; any other one ends it with a traceback and status 1.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path

from rocketvpn_sdk.errors import RocketVPNError
from support.crash import open_shared
from support.crash_writer import Writer


def main() -> None:
    folder, steps = Path(sys.argv[1]), int(sys.argv[2])
    errors: Counter[str] = Counter()
    try:
        vault = open_shared(folder)
    except RocketVPNError as error:
        sys.stdout.write(f"{error.code} 1\n")
        return
    writer = Writer(vault, folder, "anna", 1, 0)
    plan = [writer.append, writer.put, writer.append, writer.rotate, writer.drop, writer.append, writer.shred]
    for number in range(steps):
        try:
            plan[number % len(plan)]()
        except RocketVPNError as error:
            errors[error.code] += 1
    try:
        vault.close()
    except RocketVPNError as error:
        errors[error.code] += 1
    sys.stdout.write("".join(f"{code} {count}\n" for code, count in errors.items()))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
