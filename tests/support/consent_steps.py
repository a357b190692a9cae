"""Steps of consents for ``crash.Steps``: run in forks that may die at any statement.

The helper behind ``ConsentSteps``; see ``support.crash_steps``.
"""

from __future__ import annotations

from pathlib import Path

from rocketvpn_sdk.consent import CurrentConsents
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.policy import bundled_policy
from rocketvpn_sdk.testing import FakeClock
from rocketvpn_sdk.vault import Queue, SealedLog, Vault
from support import crash_steps
from support.consent_setup import offline
from support.crash import FORTNIGHT, Steps, open_shared, start

DEVICE = "A" * 52
PURPOSE = "improvement"
RECORDS = [f"optional {number}" for number in range(5)]
NECESSARY = "necessary"


class ConsentSteps(Steps):
    """``Steps`` with ``agree`` and ``withdraw``."""

    def __init__(self) -> None:
        self._helper = start("consent_steps")


def consent_on(vault: Vault) -> Consents:
    """Return the group for ``vault``, bound as ``DEVICE``, whose server cannot be reached."""
    current_consents = CurrentConsents(vault, collect=True, policies=lambda: (bundled_policy(),))
    decisions = Decisions(current_consents, Queue(vault), device=lambda: DEVICE)
    return Consents(decisions, connect=offline, delivery=offline)


def agree(folder: str) -> None:
    """Make a vault in which the user agreed, and something was kept for that."""
    vault = open_shared(Path(folder), clock=FakeClock())
    consent = consent_on(vault)
    consent.declare_age(adult=True)
    consent.grant(consent.notice(PURPOSE))
    log = SealedLog(vault, "log")
    for record in RECORDS:
        log.append(PURPOSE, FORTNIGHT, record)
    log.append("service", FORTNIGHT, NECESSARY)
    log.commit()
    vault.close()


def withdraw(folder: str, die_at: int | None = None, die_after: bool = False, statement: int | None = None) -> None:
    """Withdraw it."""
    vault = crash_steps._opened(folder, die_at, die_after, statement)
    consent_on(vault).withdraw(PURPOSE)


if __name__ == "__main__":
    crash_steps.STEPS.update(agree=agree, withdraw=withdraw)
    crash_steps.main()
