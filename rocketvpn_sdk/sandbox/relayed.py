"""Starts the relay and the gateway beside a sandbox, each as a process of its own (in a frozen program: a thread)."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from rocketvpn_sdk import wire
from rocketvpn_sdk.errors import ConfigurationError
from rocketvpn_sdk.oblivious import GatewayKey, encode_keys
from rocketvpn_sdk.sandbox import gateway, relay, server_keys
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
def running_relay(folder: Path, server: str, at: tuple[str, str]) -> Iterator[Relayed]:
    """Run both while the block runs.

    Args:
        folder: the sandbox's.
        server: its origin.
        at: the addresses that relay and gateway listen and call on.

    Raises:
        ConfigurationError: one of them did not start.
    """
    key = GatewayKey(KEY_ID, server_keys.gateway_key(folder))
    with ExitStack() as running:
        second, gateway_origin = running.enter_context(_process("gateway", folder, at[1], server))
        first, relay_origin = running.enter_context(_process("relay", folder, at[0], gateway_origin))
        yield Relayed(
            relay=relay_origin,
            gateway=gateway_origin,
            pids=(first, second),
            keys=encode_keys([key.configuration]),
        )


@contextmanager
def _process(name: str, folder: Path, address: str, calls: str) -> Iterator[tuple[int, str]]:
    """Run one of them; yield its process id and its origin."""
    if getattr(sys, "frozen", False) or "__compiled__" in globals():  # a frozen program starts nothing but itself
        with _thread(name, folder, address, calls) as port:
            yield os.getpid(), _origin(address, port)
        return
    begin = f"import sys; from rocketvpn_sdk.sandbox.{name} import main; main(*sys.argv[1:])"
    command = [sys.executable, "-c", begin, str(folder), address, calls]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603 - our own
        try:
            said = process.stdout.readline().strip() if process.stdout else b""
            if not said:
                raise ConfigurationError(problem=f"the sandbox's {name} did not start")
            yield process.pid, _origin(address, int(said))
        finally:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


@contextmanager
def _thread(name: str, folder: Path, address: str, calls: str) -> Iterator[int]:
    """Run one of them in a thread; yield its port."""
    server = {"relay": relay.server, "gateway": gateway.server}[name](folder, address, calls)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.port
    finally:
        server.shutdown()
        server.server_close()


def _origin(address: str, port: int) -> str:
    host = "localhost" if address == LOOPBACK else address
    return f"https://{host}:{port}"
