"""What the demo plays on: a temporary folder, a server, a secret store, the SDK; all gone at the end."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from rocketvpn_sdk import Challenge
from rocketvpn_sdk.cli.demo.checks import Checks
from rocketvpn_sdk.cli.demo.narrator import Narrator
from rocketvpn_sdk.cli.demo.session_lines import KEPT, PERSONAL
from rocketvpn_sdk.cli.demo.store import WatchedSecrets, choose
from rocketvpn_sdk.client import RocketVPN
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.journal import Event
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.sandbox import Sandbox

ORDER = "RV-2026-0001"
OLD_EMAIL = "kim@example.org"
NEW_EMAIL = "kim.berger@mail.example.net"
INSTALLED = "1.0"
"""The version of the app that the demo plays."""
_APP_ID = "org.example.vpn"


class SessionConnected(Event, name="session.connected", purpose="service"):
    """A tunnel came up."""

    region: str
    protocol: str
    duration: int


class SessionDisconnected(Event, name="session.disconnected", purpose="service"):
    """A tunnel went down."""

    region: str
    duration: int
    traffic: int


class AppFailed(Event, name="app.failed", purpose="improvement"):
    """Something did not work."""

    failure: str


@dataclass
class Stage:
    """The parts, and what the acts learn on the way."""

    folder: Path
    sandbox: Sandbox
    secrets: WatchedSecrets
    reason: str
    """Why this secret store."""
    checks: Checks
    narrator: Narrator
    device_id: str = ""
    entries: int = 0
    """How many the journal holds before the deletion."""
    mailed_to: list[str] = field(default_factory=list)

    @property
    def device(self) -> Path:
        """Everything of this device: the vault, and the passphrase store's file where there is one."""
        return self.folder / "device"

    @property
    def copy(self) -> Path:
        """A copy of the vault, taken before it is deleted."""
        return self.folder / "copy"

    @property
    def taken(self) -> Path:
        """What the user saved: plain files, beside the device."""
        return self.folder / "taken"

    @property
    def config(self) -> Config:
        """The SDK's configuration, as an app would have it."""
        return Config(
            self.sandbox.url,
            _APP_ID,
            data_dir=self.device / "vault",
            secrets=self.secrets,
            trust=self.sandbox.ca_file,
            trusted_root=self.sandbox.trusted_root,
            policy=self.sandbox.policy,
            events=(SessionConnected, SessionDisconnected, AppFailed),
            authenticator=self._read_mail,
            app_version=INSTALLED,
            limits=Limits(report_delay=0.0),  # nobody wants to wait for hours here
        )

    @property
    def stored(self) -> dict[str, str]:
        """Values that this device keeps, sealed."""
        return {
            "order number": ORDER,
            "device number": self.device_id,
            "kind of event": SessionConnected.__event__[0],
            "log line": KEPT,
        }

    @property
    def personal(self) -> dict[str, str]:
        """Values that the app logs or the server is told, and that this device does not keep in its log."""
        return {**PERSONAL, "contact e-mail": OLD_EMAIL, "new contact e-mail": NEW_EMAIL}

    def _read_mail(self, challenge: Challenge) -> str:
        message = next(each for each in reversed(self.sandbox.mail) if each.code)
        self.mailed_to.append(message.to)
        self.narrator.say(
            f"The server e-mailed a code to {challenge.hint}. The demo reads it from the server's outbox, in the place"
            " of you reading your e-mail."
        )
        return message.code


@contextmanager
def set_up(checks: Checks, narrator: Narrator, *, keep: bool) -> Iterator[Stage]:
    """Put the stage up, and take it down again, whatever happened on it; ``keep`` leaves the folder."""
    folder = Path(tempfile.mkdtemp(prefix="rocketvpn-demo-"))
    try:
        device = folder / "device"
        device.mkdir(mode=0o700)
        secrets, reason = choose(device)
        with Sandbox(folder / "server") as sandbox:
            stage = Stage(folder, sandbox, secrets, reason, checks, narrator)
            try:
                yield stage
            finally:
                _clear(stage)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


def _clear(stage: Stage) -> None:
    """Remove what a run that failed left in the secret store: nothing of it may stay on this machine."""
    with suppress(RocketVPNError):
        if stage.config.folder.exists():
            RocketVPN.reset(stage.config)
    with suppress(RocketVPNError):
        stage.secrets.clear()
