"""A small asyncio app that embeds the SDK: it binds, records, calls, shows what is held, exports and deletes.

Start a server on this machine, then run this with the file that the server wrote:

    rocketvpn sandbox --folder sandbox
    python examples/async_app.py sandbox/client.toml

Deleting the account asks for a code; the sandbox prints it where it runs. Ctrl-C ends whatever it is at.
"""

from __future__ import annotations

import asyncio
import base64
import os
import sys
import tempfile
import tomllib
from pathlib import Path

from rocketvpn_sdk import Challenge, Config, Event
from rocketvpn_sdk.aio import AsyncRocketVPN
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.rights import DeletionConfirmed
from rocketvpn_sdk.testing.secrets import MemorySecrets


class SessionConnected(Event, name="session.connected", purpose="service"):
    """A tunnel came up; the policy declares each of these fields."""

    region: str
    protocol: str
    duration: int


def configure(client_file: Path, folder: Path) -> Config:
    """Return the configuration of this app for the sandbox that wrote ``client_file``."""
    client = tomllib.loads(client_file.read_text("utf-8"))
    return Config(
        server=client["server"],
        app_id=client["app_id"],
        data_dir=folder / "vault",
        trust=Path(client["trust"]),
        policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
        events=[SessionConnected],
        secrets=MemorySecrets(),  # an app leaves this out: its key is in the keyring
    )


async def ask(challenge: Challenge) -> str:
    """Ask the user for the code; the loop goes on meanwhile."""
    return await asyncio.to_thread(input, f"The code that was sent to {challenge.hint}: ")


async def use(rocket: AsyncRocketVPN, folder: Path) -> None:
    """Do what an app does in its life with a user."""
    rocket.events.subscribe(DeletionConfirmed, lambda told: print("Confirmed:", told.scope))
    binding = await rocket.device.bind("RV-2026-0001")
    print("Bound as device", binding.device_id[:8], "...")
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))

    key = base64.b64encode(os.urandom(32)).decode()  # a real app passes the public half of its tunnel's key
    async with asyncio.timeout(20):
        peer = await rocket.call("tunnel.register", public_key=key)
    print("Tunnel to", peer["endpoint"])

    report, requests = await asyncio.gather(rocket.rights.view(), rocket.rights.requests())
    print(
        "Held:", len(report.here), "fields here,", len(report.there), "at the server;", len(requests.requests), "asked"
    )
    exported = await rocket.rights.export(
        folder / "my-data.zip", progress=lambda done, total, _: print(done, "/", total)
    )
    print("Exported", len(exported.members), "files into one")

    outcome = await rocket.rights.delete(await rocket.rights.plan_delete("account"))
    print("The server says:", outcome.server.state)
    await rocket.reopen()  # the next user of this device begins with nothing
    print("Bound again:", (await rocket.status()).bound)


async def main() -> None:
    """Run against the sandbox whose client file is the first argument."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        config = configure(Path(sys.argv[1]), folder)
        async with await AsyncRocketVPN.open(config, authenticator=ask) as rocket:
            await use(rocket, folder)


if __name__ == "__main__":
    asyncio.run(main())
