"""Erasure receipts: compact JWS by a key that the server publishes (RFC 7515, RFC 7517)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from rocketvpn_sdk import wire
from rocketvpn_sdk.files import write_private

KEY_FILE = "receipt-key.jwk"
TYPE = "erasure-receipt+jwt"
"""The header's ``typ``, so that no other JWT of this server can pass for a receipt (RFC 8725 §3.11)."""
_ALGORITHM = "ES256"


class ReceiptSigner:
    """Signs receipts with the key in ``folder``, made there the first time."""

    def __init__(self, folder: Path) -> None:
        path = folder / KEY_FILE
        if path.exists():
            self._key = ECKey.import_key(json.loads(path.read_bytes()))
        else:
            self._key = ECKey.generate_key("P-256")
            write_private(path, json.dumps(self._key.as_dict(private=True)).encode())
        self.kid = self._key.thumbprint()

    def sign(self, receipt: wire.ReceiptClaims) -> str:
        """Return ``receipt`` as a compact JWS."""
        header = {"typ": TYPE, "alg": _ALGORITHM, "kid": self.kid}
        return jws.serialize_compact(header, msgspec.json.encode(receipt), self._key, algorithms=[_ALGORITHM])

    def key_set(self) -> dict[str, Any]:
        """Return the public JWK Set (RFC 7517 §5)."""
        public = self._key.as_dict(private=False)
        members = {name: public[name] for name in ("kty", "crv", "x", "y")}
        return {"keys": [{**members, "kid": self.kid, "use": "sig", "alg": _ALGORITHM}]}
