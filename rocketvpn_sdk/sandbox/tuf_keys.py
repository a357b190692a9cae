"""The keys of the sandbox's TUF repository: Ed25519, made in its folder, one file each, named by key id."""

from __future__ import annotations

import re
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from securesystemslib.signer import CryptoSigner

from rocketvpn_sdk.files import write_private

_KEY_ID = re.compile(r"[0-9a-f]{64}")


class RepositoryKeys:
    """The keys in ``folder``. An operator keeps those of the root offline; here they lie beside the others."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._signers: dict[str, CryptoSigner] = {}

    def new(self) -> CryptoSigner:
        """Make a key and keep it."""
        signer = CryptoSigner.generate_ed25519()
        self._folder.mkdir(mode=0o700, exist_ok=True)
        write_private(self._folder / f"{signer.public_key.keyid}.pem", signer.private_bytes)
        self._signers[signer.public_key.keyid] = signer
        return signer

    def signer(self, key_id: str) -> CryptoSigner:
        """Return the key ``key_id``.

        Raises:
            LookupError: it was not made here.
        """
        path = self._folder / f"{key_id}.pem"
        if key_id not in self._signers:
            if not _KEY_ID.fullmatch(key_id) or not path.exists():
                raise LookupError("no key by that id was made in this sandbox")
            self._signers[key_id] = CryptoSigner(load_pem_private_key(path.read_bytes(), password=None))
        return self._signers[key_id]
