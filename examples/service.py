"""A service without a window: it records what happens, and the SDK does by itself what is due, until it is stopped.

systemd starts it: see ``rocketvpn-example.service`` beside this file, which says where its data is, and gives it the
passphrase that seals them. By hand:

    mkdir state credentials && printf 'a long passphrase' > credentials/passphrase
    STATE_DIRECTORY=$PWD/state CREDENTIALS_DIRECTORY=$PWD/credentials python examples/service.py sandbox/client.toml

Nobody can be asked for a code here. What needs the user waits, and is said in the log.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import tomllib
from pathlib import Path

from rocketvpn_sdk import Config, Event, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.policy import bundled_policy

log = logging.getLogger("example.service")


class SessionConnected(Event, name="session.connected", purpose="service"):
    """A tunnel came up; the policy declares each of these fields."""

    region: str
    protocol: str
    duration: int


def configure(client_file: Path) -> Config:
    """Return the configuration for the server whose client file this is (`rocketvpn sandbox` writes one)."""
    client = tomllib.loads(client_file.read_text("utf-8"))
    passphrase = Path(os.environ["CREDENTIALS_DIRECTORY"]) / "passphrase"
    return Config(
        server=client["server"],
        app_id=client["app_id"],
        data_dir=Path(os.environ["STATE_DIRECTORY"]) / "vault",
        trust=Path(client["trust"]),
        policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
        events=[SessionConnected],
        secrets=PassphraseSecrets(lambda: passphrase.read_text("utf-8").strip()),
        background=True,  # purges, delivers and looks for a new policy when that is due
    )


def serve(rocket: RocketVPN, stop: threading.Event) -> None:
    """Work until somebody stops it; a real service would bring tunnels up here."""
    logging.getLogger().addHandler(rocket.journal.handler(logging.INFO))
    rocket.journal.record(SessionConnected(region="de-fra", protocol="wireguard", duration=12))
    status = rocket.status()
    log.info("running, policy version %d, %d requests wait", status.policy_version, status.waiting or 0)
    stop.wait()
    log.info("stopping")


def main() -> int:
    """Return the exit code: 0 when it was stopped, 1 with a sentence in the log if it could not start."""
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")  # on stderr: systemd's journal
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        with RocketVPN.open(configure(Path(sys.argv[1]))) as rocket:
            serve(rocket, stop)
    except RocketVPNError as error:
        log.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
