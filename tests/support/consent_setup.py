"""Consent state in a vault of its own, whose clock, secret store, policies and binding a test can change."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NoReturn

from rocketvpn_sdk.consent import CurrentConsents
from rocketvpn_sdk.consent import ledger as ledgers
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.guardian import GuardianRequestState
from rocketvpn_sdk.consent.minors import Minors
from rocketvpn_sdk.consent.record import EVENTS
from rocketvpn_sdk.errors import ServerUnreachable
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.policy import Duration, Policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Queue, SealedLog, Vault
from support.policies import sharing_policy
from support.vaults import UnreliableSecrets, open_vault

DEVICE = "A" * 52
MONTH = Duration("P30D")


def offline() -> NoReturn:
    """Stand in for a server that cannot be reached."""
    raise ServerUnreachable(host="h", problem="p")


class ConsentSetup:
    """Consent state in a vault of its own, bound as ``DEVICE``; everything around it can be changed."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.secrets = UnreliableSecrets()
        self.vault: Vault = open_vault(folder, self.secrets, self.clock)
        self.policies: tuple[Policy, ...] = (sharing_policy(),)
        self.device: str | None = DEVICE
        self.shredded = 0
        self.states_before_opening: list[dict[str, str]] = []
        """What held at each call of ``before_opening``."""
        self.queue = Queue(self.vault)
        self.log = SealedLog(self.vault, "log")
        self.decisions = Decisions(
            CurrentConsents(self.vault, collect=True, policies=lambda: self.policies),
            self.queue,
            device=lambda: self.device,
            on_shred=self._note,
            before_opening=lambda: self.states_before_opening.append(self.states()),
        )
        self.minors = Minors(self.decisions)
        self.consent = Consents(self.decisions, connect=offline, delivery=offline)

    def _note(self) -> None:
        self.shredded += 1

    def agree(self, purpose: str = "improvement", recipient: str | None = None, **more: Any) -> None:
        self.consent.grant(self.consent.notice(purpose, recipient=recipient), **more)

    def states(self) -> dict[str, str]:
        return {key: held.state for key, held in self.consent.state().consents.items()}

    def told(self) -> list[tuple[str, str]]:
        """Return what waits for the server: about what, and the state."""
        return [
            (ledgers.key_of(item.body["purpose"], item.body.get("recipient")), item.body["state"])
            for item in self.queue.items()
            if item.operation == "consents.put"
        ]

    def events(self) -> list[str]:
        """Return the events of the newest record."""
        document = self.consent.receipts()[-1].document["dpv:hasRecordOfActivity"]
        return [event["@type"].removeprefix("dpv:Consent") for event in document[EVENTS]]

    def fill(self, *purposes: str) -> None:
        for purpose in purposes:
            self.log.append(purpose, MONTH, f"about {purpose}")
        self.log.commit()

    def kept(self) -> list[str]:
        self.log.forget_ended()
        return [record for _, record in self.log.read()]


def confirm(setup: ConsentSetup, *, about: Any = "agreement") -> None:
    policy = setup.policies[-1]
    setup.minors.note_asked(
        GuardianRequestState(
            request="r", about=about, version=policy.version, sha256=policy.sha256, expires_at=2e9, key="k"
        )
    )
    setup.minors.confirm(setup.minors.answerable())
