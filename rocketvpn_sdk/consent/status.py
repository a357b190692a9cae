"""Says how it stands with everything that is optional."""

from __future__ import annotations

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.decisions import Decisions
from rocketvpn_sdk.consent.guardian import REQUEST, GuardianRequestState
from rocketvpn_sdk.consent.ledger import Ledger, LedgerEntry, key_of, parts_of
from rocketvpn_sdk.consent.notices import asked_about
from rocketvpn_sdk.consent.outcome import ConsentStatus, PurposeStatus, ServerKnows
from rocketvpn_sdk.consent.queued import PUT
from rocketvpn_sdk.policy import Policy


def consent_status(decisions: Decisions) -> ConsentStatus:
    """Return how it stands with everything that is optional; never asks the server.

    Raises:
        VaultLocked: unlock first.
    """
    ledger, newest, now = decisions.ledger(), decisions.policies[-1], decisions.vault.now()
    state, device = decisions.current_consents.state(), decisions.device()
    asked = decisions.vault.get(REQUEST, GuardianRequestState)
    waiting = {
        key_of(item.body["purpose"], item.body.get("recipient")) for item in decisions.unsent() if item.operation == PUT
    }
    shown = dict.fromkeys(key_of(*pair) for pair in asked_about(newest, decisions.events))
    # What was decided about things that the policy does not ask about any more stays visible.
    others = (key for key, entry in ledger.entries.items() if key not in shown and entry.state != "unset")

    def purpose_status(key: str) -> PurposeStatus:
        entry, (purpose, recipient) = ledger.entries.get(key), parts_of(key)
        return PurposeStatus(
            purpose=purpose,
            recipient=recipient,
            state=ledger.state(key, now),
            effective=(state.adult is True or state.guardian) and _counts(key, ledger, newest, now),
            since=utc(entry.at) if entry else None,
            until=utc(entry.until) if entry and entry.until is not None else None,
            policy_version=entry.policy_version if entry else None,
            server=_server_knows(entry, device, waits=key in waiting),
        )

    return ConsentStatus(
        adult=state.adult,
        guardian=state.guardian,
        guardian_asked=asked.about if asked else None,
        policy_version=newest.version,
        purposes=tuple(map(purpose_status, (*shown, *others))),
    )


def _counts(key: str, ledger: Ledger, policy: Policy, now: float) -> bool:
    """Whether the consent counts for somebody of age; a third party's only while the purpose itself holds, too."""
    entry, (purpose, recipient) = ledger.entries.get(key), parts_of(key)
    if entry is None or not entry.counts(now):
        return False
    if recipient is None:
        return True
    reason = policy.purposes.get(purpose)
    return reason is not None and (reason.necessity == "necessary" or ledger.state(purpose, now) == "granted")


def _server_knows(entry: LedgerEntry | None, device: str | None, *, waits: bool) -> ServerKnows:
    if entry is None or device is None or (entry.told != device and entry.state != "granted"):
        return "not_needed"
    return "waiting" if waits or entry.stale or entry.told != device else "told"
