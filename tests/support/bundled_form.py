"""Writes the form in which the bundled policy ships; run it after a change of ``rocketvpn.toml``."""

from __future__ import annotations

from pathlib import Path

import rocketvpn_sdk.policy
from rocketvpn_sdk.policy import load_policy

FOLDER = Path(rocketvpn_sdk.policy.__file__).parent


def form() -> bytes:
    """Return the canonical form of the text that people write."""
    return load_policy(FOLDER / "rocketvpn.toml").canonical_json()


if __name__ == "__main__":
    (FOLDER / "rocketvpn.json").write_bytes(form())
