"""The relay, as a process of its own: passes sealed messages on, and tells nobody whom they came from (RFC 9458 §6).

It has no key: it cannot read what it passes on.
"""

from __future__ import annotations

from pathlib import Path

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.passing import Caller, Passed, PassingServer, listen, serve

PATH = "/oblivious"


def server(folder: Path, address: str, gateway: str) -> PassingServer:
    """Return a relay that listens at ``address`` and passes on to the origin ``gateway``."""
    caller = Caller(gateway, folder, address)

    def answer(message: bytes) -> Passed:
        return caller.post("/", {"Content-Type": wire.OHTTP_REQUEST}, message)

    return listen(folder, address, PATH, wire.OHTTP_REQUEST, answer)


def main(folder: str, address: str, gateway: str) -> None:
    """Serve until standard input ends."""
    serve(server(Path(folder), address, gateway))
