"""Sends a report and has it erased, in a network of its own, and prints what relay, gateway and the wire got to see.

Run as root under ``unshare -n``: client, relay and gateway have addresses of their own, and every packet is captured.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from base64 import b64decode, b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from rocketvpn_sdk.oblivious import GatewayKey, encode_keys
from rocketvpn_sdk.sandbox import Sandbox, server_keys
from rocketvpn_sdk.sandbox.gateway import KEY_ID
from rocketvpn_sdk.wire import OBLIVIOUS_TARGET, ObliviousGateway
from support.capture import Capture
from support.reporting import agree, crash, reporting
from support.world import World

RELAY, GATEWAY, CLIENT, SERVER = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.1"


def main() -> None:
    """Do it, and print one JSON document."""
    for command in (
        "link set lo up",
        f"route replace local {RELAY} dev lo src {CLIENT} table local",
        f"route replace local {SERVER} dev lo src {CLIENT} table local",
    ):
        subprocess.run(["ip", *command.split()], check=True)
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(json.dumps(seen_of_a_report(Path(folder))) + "\n")


def seen_of_a_report(place: Path) -> dict[str, Any]:
    """Return what was shown, and what each of the others saw."""
    with Capture() as capture, Sandbox(place / "sandbox", relay_hosts=(RELAY,)) as sandbox:
        key = GatewayKey(KEY_ID, server_keys.gateway_key(sandbox.folder)).configuration
        with (
            _recorded(place, "gateway", sandbox.folder, GATEWAY, sandbox.local_url) as gateway,
            _recorded(place, "relay", sandbox.folder, RELAY, f"https://{GATEWAY}:{gateway}") as relay,
        ):
            keys = b64encode(encode_keys([key])).decode()
            target = ObliviousGateway(relay=f"https://{RELAY}:{relay}", keys=keys)
            sandbox.publish_target(OBLIVIOUS_TARGET, msgspec.json.encode(target))
            with reporting(World(sandbox, place / "client")) as rocket:
                rocket.device.bind("RV-2026-0001")
                agree(rocket)
                crash(rocket, "dns", "handshake")
                report = rocket.diagnostics.prepare()
                assert report is not None
                rocket.diagnostics.send(report)
                rocket.sync()
                there = sandbox.reports
                rocket.consent.withdraw("improvement")
                rocket.sync()
                waiting = rocket.status().waiting
            left = len(sandbox.reports)
    wire = b"".join(packet.content for packet in capture.packets)
    return {
        "shown": report.body.decode(),
        "handle": report.handle.value,
        "device": next(iter(sandbox_devices(sandbox)), ""),
        "server": urlsplit(sandbox.url).netloc if there else "",
        "arrived": there,
        "left": left,
        "waiting": waiting,
        "relay": _lines(place / "relay.jsonl"),
        "gateway": _lines(place / "gateway.jsonl"),
        "ways": sorted({(packet.source, packet.target) for packet in capture.packets}),
        "to_relay": sum(packet.target_port == relay and len(packet.content) for packet in capture.packets),
        "plain_on_the_wire": report.handle.value.encode() in wire or b"resourceLogs" in wire,
        "tls_on_the_wire": b"\x16\x03\x01" in wire,
    }


def sandbox_devices(sandbox: Sandbox) -> list[str]:
    """Return the numbers of the devices that the server knows."""
    return [row["id"] for row in sandbox.rows()["devices"]]


@contextmanager
def _recorded(place: Path, name: str, folder: Path, address: str, calls: str) -> Iterator[int]:
    script = Path(__file__).parent / "recorded_passing.py"
    command = [sys.executable, str(script), name, str(place / f"{name}.jsonl"), str(folder), address, calls]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.stdin.close()


def _lines(file: Path) -> list[dict[str, Any]]:
    seen = [json.loads(line) for line in file.read_text().splitlines()]
    for each in seen:
        for name in ("body", "answer"):
            if name in each:
                each[name] = b64decode(each[name]).decode("latin-1")
    return seen


if __name__ == "__main__":
    main()
