"""An app that logs a line every few milliseconds until its stdin is closed, and notes when each call returned.

Prints a dot for each line, and at the end what it counted.

python -m support.storm_app FOLDER NAME
"""

from __future__ import annotations

import json
import logging
import os
import select
import sys
import time
from pathlib import Path

from rocketvpn_sdk import Config, RocketVPN
from support.crash import shared_secrets

EVERY = 0.003


def opened(folder: Path) -> RocketVPN:
    """Return the client on ``folder``."""
    config = Config(
        *("https://api.rocketvpn.example", "org.example.vpn"),
        data_dir=folder / "vault",
        secrets=shared_secrets(folder),
    )
    return RocketVPN.open(config)


def main() -> None:
    folder, name = Path(sys.argv[1]), sys.argv[2]
    rocket = opened(folder)
    logger = logging.getLogger(name)
    logger.propagate = False
    logger.setLevel(logging.INFO)
    handler = rocket.journal.handler()
    logger.addHandler(handler)
    returned = os.open(folder / f"{name}.returned", os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)
    number = 0
    while not select.select([sys.stdin], [], [], EVERY)[0]:
        number += 1
        logger.info("line %d", number)
        os.write(returned, b"%d %.9f\n" % (number, time.monotonic()))
        sys.stdout.write(".")
        sys.stdout.flush()
    rocket.journal.flush()
    stats = rocket.journal.stats()
    sys.stdout.write(json.dumps({"lines": number, "counted": stats.dropped + stats.refused + handler.failed}))
    rocket.close()


if __name__ == "__main__":
    main()
