"""What every handler is given: the server's parts, wired once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.sandbox.faults import Faults
from rocketvpn_sdk.sandbox.mail import Outbox
from rocketvpn_sdk.sandbox.nonces import Nonces
from rocketvpn_sdk.sandbox.proofs import ProofChecker
from rocketvpn_sdk.sandbox.receipts import ReceiptSigner
from rocketvpn_sdk.sandbox.settings import Settings
from rocketvpn_sdk.sandbox.store import Store
from rocketvpn_sdk.sandbox.tries import Tries
from rocketvpn_sdk.sandbox.tuf_repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The server's parts."""

    base: str
    """``https://localhost:PORT``, the issuer."""
    tunnel_key: str
    """The public key of the sandbox's VPN server, base64."""
    settings: Settings
    policy: Policy
    clock: Clock
    store: Store
    nonces: Nonces
    proofs: ProofChecker
    receipts: ReceiptSigner
    repository: Repository
    faults: Faults
    tries: Tries
    mail: Outbox

    def now(self) -> int:
        """Return the time in whole seconds."""
        return int(self.clock.time())

    def today(self) -> date:
        """Return the day, in UTC."""
        return utc(self.clock.time()).date()

    def moment(self) -> datetime:
        """Return the time as users see it."""
        return utc(self.now())
