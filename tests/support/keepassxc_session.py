"""What a user does whose Secret Service is KeePassXC; run under ``run_keepassxc.sh``, prints what was said as JSON.

run_keepassxc.sh DATABASE python -m support.keepassxc_session FOLDER
"""

from __future__ import annotations

import json
import logging
import shutil
import sys
from pathlib import Path

from rocketvpn_sdk import Config, Limits, RocketVPN
from rocketvpn_sdk.doctor import examine
from rocketvpn_sdk.vault import KeyringSecrets


def main(folder: Path) -> None:
    config = Config(
        "https://api.rocketvpn.example",
        "org.example.vpn",
        data_dir=folder,
        secrets=KeyringSecrets(timeout=20),
        limits=Limits(keyring_settle=0.1),
    )
    with RocketVPN.open(config) as rocket:
        rocket.journal.handler().handle(logging.LogRecord("app", logging.WARNING, "", 0, "before", None, None))
        rocket.journal.flush()
    shutil.copytree(folder, folder.with_name("before"))
    with RocketVPN.open(config) as rocket:
        here = rocket.rights.delete(rocket.rights.plan_delete("logs")).here
        kept, owed = rocket.status().vault.keeps_deleted, rocket.status().vault.rotation_owed_since
    findings = {found.check: (found.state, found.message) for found in examine(config, online=False).findings}
    with RocketVPN.open(config) as rocket:
        gone = rocket.rights.delete(rocket.rights.plan_delete("account"))
    said = {"deleted": here.keeps_deleted, "status": kept, "owed": owed, "doctor": findings["keyring"]}
    sys.stdout.write(json.dumps(said | {"ended": gone.here.keeps_deleted, "problem": gone.server.problem}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
