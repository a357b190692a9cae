"""A script for a timer: it writes a copy of everything that is held about you, and says what left this device since.

    python examples/script.py CLIENT_TOML ORDER_NUMBER FOLDER

The first time it binds this device to the order. The key of the data is sealed by a passphrase, which is read from the
variable ROCKETVPN_PASSPHRASE; a script of your own could leave ``secrets`` out, and use the keyring.
"""

from __future__ import annotations

import os
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rocketvpn_sdk import Config, PassphraseSecrets, RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.policy import bundled_policy


def configure(client_file: Path, folder: Path) -> Config:
    """Return the configuration for the server whose client file this is (`rocketvpn sandbox` writes one)."""
    client = tomllib.loads(client_file.read_text("utf-8"))
    return Config(
        server=client["server"],
        app_id=client["app_id"],
        data_dir=folder / "vault",
        trust=Path(client["trust"]),
        policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
        secrets=PassphraseSecrets(os.environ["ROCKETVPN_PASSPHRASE"]),
    )


def run(rocket: RocketVPN, order_number: str, folder: Path) -> None:
    """Export, and show the ledger of the last day."""
    if rocket.device.binding is None:
        rocket.device.bind(order_number)
    rocket.sync()
    today = datetime.now(UTC)
    exported = rocket.rights.export(folder / f"my-data-{today:%Y-%m-%d}.zip", overwrite=True)
    print(exported.path, exported.size, "bytes,", exported.server_problem or "complete")
    for entry in rocket.rights.sent(since=today - timedelta(days=1)):
        print(entry.operation, entry.purpose, " ".join(entry.fields) or "-", entry.outcome)


def main() -> int:
    """Return the exit code: 0, or 1 with a sentence about what went wrong."""
    client_file, order_number, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    try:
        with RocketVPN.open(configure(client_file, folder)) as rocket:
            run(rocket, order_number, folder)
    except RocketVPNError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
