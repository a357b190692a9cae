"""A user at their machine: a running sandbox, a folder, and a config that fits both."""

from __future__ import annotations

import base64
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rocketvpn_sdk import Challenge, Config, Limits
from rocketvpn_sdk.sandbox import Sandbox
from rocketvpn_sdk.testing import MemorySecrets
from support.app_events import SessionConnected

PATIENT = Limits(connect_timeout=60, read_timeout=60, write_timeout=60, total_timeout=60)
"""Bounds that a server on this machine never reaches, unless it means to."""


@dataclass
class World:
    """One user's machine. ``asked`` are the challenges that the user answered."""

    sandbox: Sandbox
    folder: Path
    secrets: MemorySecrets = field(default_factory=MemorySecrets)
    asked: list[Challenge] = field(default_factory=list)
    app_id: str = "org.example.vpn"

    def config(self, **changes: Any) -> Config:
        """Return a config; ``changes`` are ``Config``'s own arguments."""
        arguments: dict[str, Any] = {
            "data_dir": self.folder,
            "secrets": self.secrets,
            "trust": self.sandbox.ca_file,
            "trusted_root": self.sandbox.trusted_root,
            "policy": self.sandbox.policy,
            "events": [SessionConnected],
            "authenticator": self.read_mail,
            "app_version": "1.0",
        }
        server = changes.pop("server", self.sandbox.url)
        return Config(server, self.app_id, **(arguments | changes))

    def read_mail(self, challenge: Challenge) -> str | None:
        """Answer a challenge as the user does: with the code from the newest e-mail."""
        self.asked.append(challenge)
        return self.sandbox.mail.last_code()

    def neighbour(self, folder: Path) -> World:
        """Return another device of the same user (another app on this machine, which counts as one)."""
        return World(self.sandbox, folder, app_id=f"org.example.{folder.name}")


def tunnel_key() -> str:
    """Return a WireGuard public key."""
    return base64.b64encode(os.urandom(32)).decode()


def bytes_of(folder: Path) -> bytes:
    """Return every byte of every file under ``folder``."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
