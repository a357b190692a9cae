"""Begins an export and waits in the middle of it, to be killed: ``python export_slowly.py FOLDER FILE``."""

from __future__ import annotations

import sys
from pathlib import Path

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.testing import MemorySecrets


def wait(done: int, total: int, what: str) -> None:
    if what == "requests.json":
        sys.stdout.write("in the middle\n")
        sys.stdout.flush()
        sys.stdin.read()


folder, file = map(Path, sys.argv[1:])
config = Config("https://localhost:9", "org.example.vpn", data_dir=folder, secrets=MemorySecrets())
with RocketVPN.open(config) as rocket:
    rocket.rights.export(file, progress=wait)
