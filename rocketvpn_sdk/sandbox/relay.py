"""The relay, as a process of its own: passes sealed messages on, and tells nobody whom they came from (RFC 9458 §6).

It has no key: it cannot read what it passes on.
"""

from __future__ import annotations

from pathlib import Path

from rocketvpn_sdk import wire
from rocketvpn_sdk.sandbox.passing import Caller, Passed, serve

PATH = "/oblivious"


def main(folder: str, address: str, gateway: str) -> None:
    """Serve until standard input ends."""
    caller = Caller(gateway, Path(folder), address)

    def answer(message: bytes) -> Passed:
        return caller.post("/", {"Content-Type": wire.OHTTP_REQUEST}, message)

    serve(Path(folder), address, PATH, wire.OHTTP_REQUEST, answer)
