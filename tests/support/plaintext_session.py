"""A session of ``attacks.test_vault_plaintext`` with the Secret Service of this D-Bus session; says what it found.

tests/support/run_secret_service.sh python -m support.plaintext_session FOLDER
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from attacks.test_vault_plaintext import Session, files, found

from rocketvpn_sdk.vault import KeyringSecrets


def main() -> None:
    session = Session(Path(sys.argv[1]), KeyringSecrets(timeout=60))
    session.bind()
    session.run(500, seed=1)
    session.rocket.journal.flush()
    session.search()
    session.rocket._components.vault.rotate()
    session.search()
    root = session.rocket._components.vault._keyed_store.keys.root.stored[:32]
    session.close()
    session.search()
    keyrings = files(Path(os.environ["XDG_DATA_HOME"]) / "keyrings")
    hits = found(keyrings, [*session.values])
    ours = files(session.folder)
    if root in keyrings or root in ours or root.hex().encode() in ours:
        hits.append("the root key")
    said = {"keyring_bytes": len(keyrings), "found": hits, "searched": session.searched}
    sys.stdout.write(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
