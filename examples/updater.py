"""Get an update of an app and hand it to an installer: downloaded, verified, and only then started.

Start a server, publish something, and run this with the file that the server wrote:

    rocketvpn sandbox --folder sandbox
    rocketvpn sandbox publish app-1.1.bin 1.1 --folder sandbox
    python examples/updater.py sandbox/client.toml 1.0 -- echo install

What follows ``--`` is started with the path of the file behind it. In an app that is one of:

    Velopack   Update.exe apply --package                  the package is a full .nupkg
    Windows    msiexec /i                                  an .msi
    macOS      installer -target CurrentUserHomeDirectory -pkg

Velopack has no feed to look at then: this SDK is what finds and verifies the release, and Velopack applies the file.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.testing.secrets import MemorySecrets


def configure(client_file: Path, installed: str, folder: Path) -> Config:
    """Return the configuration of this app for the sandbox that wrote ``client_file``."""
    client = tomllib.loads(client_file.read_text("utf-8"))
    return Config(
        server=client["server"],
        app_id=client["app_id"],
        app_version=installed,
        data_dir=folder / "vault",
        secrets=MemorySecrets(),  # an app leaves this out: its key is in the keyring
        trust=Path(client["trust"]),
        trusted_root=Path(client["trusted_root"]),
        policy=bundled_policy().with_hosts("operator", tuple(client["hosts"])),
    )


def show(have: int, length: int) -> bool:
    """Show how far it is; an app returns False here if its user cancelled."""
    print(f"\r{100 * have // length} %", end="", flush=True)
    return True


def update(rocket: RocketVPN, folder: Path, installer: list[str]) -> int:
    """Get what is offered and start ``installer`` with it; return its exit code."""
    found = rocket.updates.check()
    if found.withdrawn:
        print(f"Version {found.installed} was withdrawn: do not use it any more.")
    if found.release is None:
        print("There is nothing newer for this device.")
        return 0
    file = rocket.updates.download(found.release, folder, show)
    print(f"\nVersion {found.release.version}: {file.name}")
    # Once more, right before it runs: since the download, others may have had access to the folder.
    # The version counts as well: a package of an older one, which has a hole by now, was signed too.
    if rocket.updates.certify(file).version != found.release.version:
        print("Another version took the place of the download: nothing was started.", file=sys.stderr)
        return 1
    return subprocess.run([*installer, str(file)], check=False).returncode  # noqa: S603 - what the app named


def main() -> int:
    """Update in a temporary folder."""
    client_file, installed, _, *installer = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with RocketVPN.open(configure(Path(client_file), installed, folder)) as rocket:
            try:
                return update(rocket, folder, installer)
            except RocketVPNError as error:
                print(f"\n{error}", file=sys.stderr)
                return 1


if __name__ == "__main__":
    sys.exit(main())
