"""What the relay and the gateway get to see, by every packet and every message: no content, and no client (U3, S1).

Client, relay and gateway run as processes of their own at 127.0.0.4, .2 and .3, in a network of their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SUPPORT = Path(__file__).parents[1] / "support"
CLIENT, RELAY, GATEWAY, SERVER = "127.0.0.4", "127.0.0.2", "127.0.0.3", "127.0.0.1"

pytestmark = [pytest.mark.component("own-network"), pytest.mark.clause("U3", "S1", "C2")]


@pytest.fixture(scope="module")
def seen() -> dict[str, Any]:
    paths = os.pathsep.join([str(SUPPORT.parent), *sys.path])
    done = subprocess.run(
        ["unshare", "-n", sys.executable, str(SUPPORT / "captured_report.py")],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def test_the_bytes_that_were_shown_are_the_bytes_that_the_gateway_opened(seen: dict[str, Any]) -> None:
    opened = [each["opened"] for each in seen["gateway"] if "opened" in each]
    assert opened == [seen["shown"], f'{{"erasure_handle":"{seen["handle"]}"}}']
    assert seen["arrived"] == [seen["shown"]]
    assert (seen["left"], seen["waiting"]) == (0, 0)


def test_the_relay_sees_no_content(seen: dict[str, Any]) -> None:
    assert len(seen["relay"]) == 2  # the report, and the request to erase it
    for each in seen["relay"]:
        assert each["client"] == CLIENT
        content = json.dumps({name: each[name] for name in ("line", "headers", "body", "answer")})
        for known in (seen["handle"], "resourceLogs", "app.crashed", "handshake", "/v1/logs", seen["server"]):
            assert known not in content
        assert seen["device"] not in content
        assert len(each["body"]) - 55 in (1024, 2048, 4096)  # a power of two, an encapsulated key and a tag


def test_the_gateway_sees_no_client(seen: dict[str, Any]) -> None:
    outer = [each for each in seen["gateway"] if "client" in each]
    assert len(outer) == 2
    for each in outer:
        assert each["client"] == RELAY
        assert CLIENT not in json.dumps(each)
        assert {name.lower() for name in each["headers"]} == {
            "host",
            "accept-encoding",
            "content-length",
            "content-type",
        }
    for each in seen["gateway"]:
        if "opened" in each:
            assert set(each["headers"]) == {"content-type", "accept", "idempotency-key"}
            assert seen["device"] not in json.dumps(each)


def test_no_packet_goes_between_client_and_gateway(seen: dict[str, Any]) -> None:
    ways = {tuple(way) for way in seen["ways"]}
    both = {(one, other) for pair in ((CLIENT, GATEWAY), (RELAY, SERVER)) for one, other in (pair, pair[::-1])}
    assert not ways & both
    assert {(CLIENT, RELAY), (RELAY, GATEWAY), (GATEWAY, SERVER), (CLIENT, SERVER)} <= ways
    assert {target for source, target in ways if source == CLIENT} <= {RELAY, SERVER, CLIENT}
    assert seen["to_relay"]
    assert seen["tls_on_the_wire"]
    assert not seen["plain_on_the_wire"]
