"""A small app that embeds the SDK: it binds, logs, looks, corrects and deletes.

Start a server on this machine, then run this with the file that the server wrote:

    rocketvpn sandbox --folder sandbox
    python examples/embed.py sandbox/client.toml

Deleting the account asks for a code; the sandbox prints it where it runs.
"""

from __future__ import annotations

import base64
import logging
import os
import sys
import tempfile
import tomllib
from pathlib import Path

from rocketvpn_sdk import Config, Event, RocketVPN
from rocketvpn_sdk.policy import bundled_policy
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
        data_dir=folder,
        trust=Path(client["trust"]),
        policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
        events=[SessionConnected],
        authenticator=lambda challenge: input(f"The code that was sent to {challenge.hint}: "),
        # This run is thrown away. An app leaves `secrets` out, and the keyring of the operating system is used.
        secrets=MemorySecrets(),
    )


def use(rocket: RocketVPN) -> None:
    """Do what an app does in its life with a user."""
    print(rocket.policy.advice())  # before the user gives anything: who is under age asks a guardian first
    binding = rocket.device.bind("RV-2026-0001")
    print("Bound as device", binding.device_id[:8], "...")

    log = logging.getLogger("example")
    handler = rocket.journal.handler()
    log.addHandler(handler)
    log.warning("connected to 203.0.113.9 as kim@example.org")  # neither is stored
    log.removeHandler(handler)
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
    for entry in rocket.journal.read():
        print("Stored:", entry.event, entry.fields)

    key = base64.b64encode(os.urandom(32)).decode()  # a real app passes the public half of its tunnel's key
    peer = rocket.call("tunnel.register", public_key=key)
    print("Tunnel to", peer["endpoint"])

    report = rocket.rights.view()
    print("Held:", len(report.here), "fields here,", len(report.there), "at the server")

    rocket.rights.correct({"contact_email": "new@example.org"})
    print("Corrected the e-mail address")

    plan = rocket.rights.plan_delete("account")
    for kept in plan.stays:
        print("The server keeps", kept.field, "until", kept.until, "because of", kept.basis)
    outcome = rocket.rights.delete(plan)
    print("Gone here:", outcome.here.done)
    print("The server says:", outcome.server.state)


def main() -> None:
    """Run against the sandbox whose client file is the first argument."""
    if len(sys.argv) != 2:
        sys.exit("usage: python examples/embed.py CLIENT_TOML   (`rocketvpn sandbox` writes one and says where)")
    with tempfile.TemporaryDirectory() as folder:
        config = configure(Path(sys.argv[1]), Path(folder) / "vault")
        with RocketVPN.open(config) as rocket:
            use(rocket)


if __name__ == "__main__":
    main()
