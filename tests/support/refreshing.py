"""A process that refreshes its token again and again: ``python -m support.refreshing FOLDER SETTINGS TIMES``.

Says ``ready``, and begins when it is told to, so that several begin at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from rocketvpn_sdk import Config, RocketVPN
from rocketvpn_sdk.policy import bundled_policy
from support.crash import shared_secrets


def config(folder: Path, server: str, trust: str) -> Config:
    policy = bundled_policy().with_hosts("operator", ("localhost",))
    secrets = shared_secrets(folder)
    app = "org.example.vpn"
    return Config(server, app, data_dir=folder / "vault", secrets=secrets, trust=Path(trust), policy=policy)


def main(folder: str, server: str, trust: str, times: str) -> None:
    with RocketVPN.open(config(Path(folder), server, trust)) as rocket:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        for _ in range(int(times)):
            assert rocket.device.order().state == "active"
            rocket._components.api.session._token = None  # as after its fifteen minutes


if __name__ == "__main__":
    main(*sys.argv[1:])
