"""Starts the relay and the gateway beside a sandbox, each as a process of its own."""

from __future__ import annotations

import subprocess
import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.oblivious import GatewayKey, encode_keys
from rocketvpn_sdk.sandbox import server_keys
from rocketvpn_sdk.sandbox.gateway import KEY_ID

LOOPBACK = "127.0.0.1"
_STOP_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """A relay and a gateway that run."""

    relay: str
    """The relay's origin."""
    gateway: str
    """The gateway's origin."""
    pids: tuple[int, int]
    """Of relay and gateway."""
    keys: bytes
    """The gateway's, as ``application/ohttp-keys``."""

    @property
    def target(self) -> wire.ObliviousGateway:
        """What is signed: the same for every device."""
        return wire.ObliviousGateway(relay=self.relay, keys=b64encode(self.keys).decode())


@contextmanager
def running_relay(folder: Path, server: str, relay: str, gateway: str) -> Iterator[Relayed]:
    """Run both while the block runs.

    Args:
        folder: the sandbox's.
        server: its origin.
        relay: the address that the relay listens and calls on.
        gateway: the gateway's.

    Raises:
        ConfigurationError: one of them did not start.
    """
    key = GatewayKey(KEY_ID, server_keys.gateway_key(folder))
    with ExitStack() as running:
        second, gateway_origin = running.enter_context(_process("gateway", folder, gateway, server))
        first, relay_origin = running.enter_context(_process("relay", folder, relay, gateway_origin))
        yield Relayed(
            relay=relay_origin,
            gateway=gateway_origin,
            pids=(first, second),
            keys=encode_keys([key.configuration]),
        )


@contextmanager
def _process(name: str, folder: Path, address: str, calls: str) -> Iterator[tuple[int, str]]:
    """Run one of them; yield its process id and its origin."""
    begin = f"import sys; from rocketvpn_sdk.sandbox.{name} import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", begin, str(folder), address, calls]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        try:
            port = process.stdout.readline().strip() if process.stdout else b""
            if not port:
                raise ConfigurationError(problem=f"the sandbox's {name} did not start")
            host = "localhost" if address == LOOPBACK else address
            yield process.pid, f"https://{host}:{int(port)}"
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
