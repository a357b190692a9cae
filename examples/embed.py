"""A small app that embeds the SDK: it binds, logs, looks, corrects, exports and deletes.

Start a server on this machine, then run this with the file that the server wrote:

    rocketvpn sandbox --folder sandbox
    python examples/embed.py sandbox/client.toml

Deleting the account asks for a code; the sandbox prints it where it runs. This keeps nothing, unless a folder is named
as well: then the data is in there, its key is in the keyring of the operating system, and the export stays.
"""

from __future__ import annotations

import base64
import logging
import os
import sys
import tempfile
import tomllib
from pathlib import Path

from rocketvpn_sdk import Config, Event, RocketVPN, SecretStore
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.testing.secrets import MemorySecrets


class SessionConnected(Event, name="session.connected", purpose="service"):
    """A tunnel came up; the policy declares each of these fields."""

    region: str
    protocol: str
    duration: int


def configure(client_file: Path, folder: Path, secrets: SecretStore | None) -> Config:
    """Return the configuration of this app for the sandbox that wrote ``client_file``."""
    client = tomllib.loads(client_file.read_text("utf-8"))
    return Config(
        server=client["server"],
        app_id=client["app_id"],
        data_dir=folder / "vault",
        trust=Path(client["trust"]),
        policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
        events=[SessionConnected],
        authenticator=lambda challenge: input(f"The code that was sent to {challenge.hint}: "),
        secrets=secrets,
    )


def use(rocket: RocketVPN, folder: Path) -> None:
    """Do what an app does in its life with a user."""
    print(rocket.policy.advice())  # before the user gives anything: who is under age asks a guardian first
    binding = rocket.device.bind("RV-2026-0001")
    print("Bound as device", binding.device_id[:8], "...")

    log = logging.getLogger("example")
    handler = rocket.journal.handler()
    log.addHandler(handler)
    log.warning("connected to %s as %s", "203.0.113.9", "kim@example.org")  # neither is stored
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

    exported = rocket.rights.export(folder / "my-data.zip")
    print("Exported", len(exported.members), "files into one")

    plan = rocket.rights.plan_delete("account")
    for kept in plan.stays:
        print("The server keeps", kept.field, "until", kept.until, "because of", kept.basis)
    outcome = rocket.rights.delete(plan)
    print("Gone here:", outcome.here.done)
    print("The server says:", outcome.server.state)


def main() -> None:
    """Run against the sandbox whose client file is the first argument; the second may be a folder for the data."""
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python examples/embed.py CLIENT_TOML [FOLDER]   (`rocketvpn sandbox` writes the first)")
    client_file, *named = map(Path, sys.argv[1:])
    with tempfile.TemporaryDirectory() as temporary:
        folder = named[0] if named else Path(temporary)
        # An app leaves `secrets` out, and the keyring of the operating system is used.
        secrets = None if named else MemorySecrets()
        with RocketVPN.open(configure(client_file, folder, secrets)) as rocket:
            use(rocket, folder)


if __name__ == "__main__":
    main()
