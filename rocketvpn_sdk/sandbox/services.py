"""What every handler is given: the server's services, made once at each start."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox import server_keys
from rocketvpn_sdk.sandbox.attempts import AttemptCounter
from rocketvpn_sdk.sandbox.certificates import load_ca
from rocketvpn_sdk.sandbox.database import ServerDatabase
from rocketvpn_sdk.sandbox.mail import Message, Outbox
from rocketvpn_sdk.sandbox.nonces import Nonces
from rocketvpn_sdk.sandbox.proofs import ProofChecker
from rocketvpn_sdk.sandbox.receipts import ReceiptSigner
from rocketvpn_sdk.sandbox.reverse_proxy import Front
from rocketvpn_sdk.sandbox.seeds import seed
from rocketvpn_sdk.sandbox.settings import ServerSettings
from rocketvpn_sdk.sandbox.tuf_repository import POLICY, RECEIPT_KEYS, Repository

if TYPE_CHECKING:  # they are given the services
    from rocketvpn_sdk.sandbox.faults import Faults
    from rocketvpn_sdk.sandbox.schedule import ScheduledChanges


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """Where a server is, and what it goes by."""

    base: str
    """What clients call, the issuer: ``https://localhost:PORT`` unless there is a proxy in front."""
    local_url: str
    """``https://localhost:PORT``."""
    front: Front
    settings: ServerSettings
    policy: Policy
    clock: Clock


class Services:
    """The server's services. Of several processes that start on one ``database``, one makes what is made once."""

    def __init__(
        self,
        config: ServerConfig,
        folder: Path,
        database: ServerDatabase,
        *,
        mail: Outbox,
        faults: Faults,
        schedule: ScheduledChanges,
    ) -> None:
        self.base, self.local_url, self.front = config.base, config.local_url, config.front
        self.folder = folder
        self.settings, self.policy, self.clock = config.settings, config.policy, config.clock
        self.database, self.mail, self.faults, self.schedule = database, mail, faults, schedule
        with database.alone() as db:
            seed(db, self.policy, self.today())
            load_ca(folder)
            self.receipts = ReceiptSigner(folder)
            self.tunnel_key = server_keys.tunnel_key(folder)
            """The public key of the sandbox's VPN server, base64."""
            self.code_key = server_keys.code_key(folder)
            """Makes the long codes and hides whose tries a row counts; in the folder, and never in the database."""
            self.repository = Repository(folder / "tuf", self.clock)
            self.repository.renew()
            receipt_keys = msgspec.json.encode(self.receipts.key_set())
            self.repository.publish({POLICY: self.policy.canonical_json(), RECEIPT_KEYS: receipt_keys})
        self.nonces = Nonces(self.settings, database)
        self.proofs = ProofChecker(self.base, self.settings, self.nonces)
        self.attempts = AttemptCounter(self.settings.ticket_tries, self.settings.ticket_window)

    def now(self) -> int:
        """Return the time in whole seconds."""
        return int(self.clock.time())

    def today(self) -> date:
        """Return the day, in UTC."""
        return utc(self.clock.time()).date()

    def message(self, to: str, text: str, code: str = "") -> Message:
        """Return an e-mail that is sent now."""
        return Message(to=to, code=code, sent_at=utc(self.now()), text=text)

    def kept_until(self, field: str) -> int:
        """Return until when the policy lets the server keep a value of ``field`` that comes in now."""
        kept = self.policy.fields[field].retention.server
        return self.now() + (int(kept.seconds) if kept else 0)
