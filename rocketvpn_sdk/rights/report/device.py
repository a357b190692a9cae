"""What rests on this device, document by document of the vault; each one is some field of the policy."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, datetime, time
from typing import Any

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.age import PERSON, Person
from rocketvpn_sdk.consent.guardian import GUARDIAN, REQUEST, Guardian, GuardianRequestState
from rocketvpn_sdk.consent.ledger import key_of
from rocketvpn_sdk.consent.offers import OFFERS, OfferRecord
from rocketvpn_sdk.consent.reports import FIELD, REPORTS, SentReports
from rocketvpn_sdk.consent.responses import SURVEYS, SurveyRecord
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.identity import BINDING, CREDENTIALS, PENDING, Binding, Credentials, DeviceKey, Pending
from rocketvpn_sdk.journal.inventory import Inventory
from rocketvpn_sdk.policy_versions import PolicyState, held_notices
from rocketvpn_sdk.rights.report.describing import Describer
from rocketvpn_sdk.rights.report.model import HeldValue, Place
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.transport.tally import SentTally
from rocketvpn_sdk.updates.rollout import ROLLOUT, RolloutNumber
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.witness import Witnessed

_HERE: Place = "device"


def account(say: Describer, vault: Vault) -> Iterator[HeldValue]:
    """Yield what ties this device to an order."""
    binding, credentials = vault.get(BINDING, Binding), vault.get(CREDENTIALS, Credentials)
    since = None if binding is None else datetime.combine(binding.bound_on, time(), UTC)
    if binding is not None:
        yield say.held("order_number", _HERE, value=binding.order_number, since=since)
        yield say.held("bound_on", _HERE, value=binding.bound_on, since=since)
    pending = vault.get(PENDING, Pending) if binding is None else None
    if pending is not None:  # an answer was lost: the server may have the device
        key = DeviceKey.from_bytes(pending.private_key)
        yield say.held("order_number", _HERE, value=pending.order_number)
        yield say.held("device_id", _HERE, value=pending.device_id)
        yield say.held("device_public_key", _HERE, value=key.thumbprint)
        yield say.held("device_key", _HERE, value=None)
    if credentials is not None:
        values: dict[str, Any] = {
            "device_id": credentials.device_id,
            "device_public_key": DeviceKey.from_bytes(credentials.private_key).thumbprint,
            "device_key": None,
            "session_token": None,
        }
        for field, value in values.items():
            yield say.held(field, _HERE, value=value, since=since)


def choices(say: Describer, vault: Vault, consent: Consents) -> Iterator[HeldValue]:
    """Yield what the user, and a guardian, decided."""
    person, guardian = vault.get(PERSON, Person), vault.get(GUARDIAN, Guardian)
    asked = vault.get(REQUEST, GuardianRequestState)
    if person is not None:
        yield say.held("age_flag", _HERE, value=person.adult, since=utc(person.at) if person.at else None)
    if guardian is not None:
        agreed = translate("version {}: agreed").format(guardian.version)
        yield say.held("guardian_confirmation", _HERE, value=agreed, since=utc(guardian.at))
    if asked is not None:
        waits = translate("version {}: asked, not answered yet").format(asked.version)
        yield say.held("guardian_confirmation", _HERE, value=waits, until=utc(asked.expires_at))
    records = len(consent.receipts())
    if records:
        said = [part for part in consent.status().purposes if part.state != "unset"]
        states = ", ".join(f"{key_of(part.purpose, part.recipient)}: {part.state}" for part in said)
        since = min((part.since for part in said if part.since), default=None)
        yield say.held("consent_record", _HERE, value=states or None, count=records, since=since)


def versions(say: Describer, held: PolicyState) -> Iterator[HeldValue]:
    """Yield which versions of the policy are known here, and which were shown when."""
    known = [translate("version {} applies").format(held.binding.version)]
    if held.pending is not None:
        known.append(translate("version {} is announced").format(held.pending.version))
    if held.accepted:
        known.append(translate("what it newly needs was accepted ahead of its date"))
    yield say.held("policy_state", _HERE, value=", ".join(known))
    for shown in held.shown:
        value = translate("version {}, in the language {}").format(shown.version, shown.language)
        yield say.held("notice_record", _HERE, value=value, since=utc(shown.at))


def notices(say: Describer, vault: Vault) -> Iterator[HeldValue]:
    """Yield which notices of the operator were shown when."""
    for shown in held_notices(vault).shown:
        value = translate("{}, in the language {}").format(shown.id, shown.language)
        yield say.held("notice_record", _HERE, value=value, since=utc(shown.at))


def log(say: Describer, held: Inventory) -> Iterator[HeldValue]:
    """Yield the fields that the journal holds, counted."""
    for field, facts in sorted(held.fields.items()):
        kept = say.kept(field, _HERE)
        until = utc(facts.last + kept.seconds) if kept and math.isfinite(kept.seconds) else None
        yield say.held(field, _HERE, value=None, count=facts.count, since=utc(facts.first), until=until)


def records(say: Describer, sent: SentTally, waiting: int, now: float) -> Iterator[HeldValue]:
    """Yield what this software keeps so that it can be checked."""
    calls = sent.operations.values()
    if calls:
        first, times = min(call.first for call in calls), sum(call.times for call in calls)
        yield say.held("sent_record", _HERE, value=None, count=times, since=utc(first))
    if waiting:
        yield say.held("queue_item", _HERE, value=None, count=waiting)
    yield say.held("clock_mark", _HERE, value=utc(now))


def rollout(say: Describer, vault: Vault) -> Iterator[HeldValue]:
    """Yield the number by which this device decides when it takes an update."""
    held = vault.get(ROLLOUT, RolloutNumber)
    if held is not None:
        yield say.held("rollout_number", _HERE, value=held.number)


def reports(say: Describer, vault: Vault) -> Iterator[HeldValue]:
    """Yield the random numbers that went with reports without a name."""
    held = vault.get(REPORTS, SentReports)
    for handle in held.handles if held is not None else ():
        yield _handle(say, handle.value, handle.since)


def surveys(say: Describer, vault: Vault) -> Iterator[HeldValue]:
    """Yield what is remembered of surveys, and the random numbers that went with answers."""
    held = vault.get(SURVEYS, SurveyRecord)
    if held is None:
        return
    answered = [translate("{}: answered").format(each.survey) for each in held.answered]
    declined = [translate("{}: declined").format(survey) for survey in held.declined]
    number = translate("the number {}").format(held.number)
    yield say.held("survey_record", _HERE, value=", ".join((number, *answered, *declined)))
    for each in held.answered:
        if each.handle:
            yield _handle(say, each.handle, each.at)


def offers(say: Describer, vault: Vault) -> Iterator[HeldValue]:
    """Yield what is remembered of offers of other services."""
    held = vault.get(OFFERS, OfferRecord)
    if held is not None:
        number = translate("the number {}").format(held.number)
        yield say.held("offer_record", _HERE, value=", ".join((number, *held.settled)))


def _handle(say: Describer, value: str, at: float) -> HeldValue:
    kept = say.kept(FIELD, _HERE)
    until = utc(at + kept.seconds) if kept and math.isfinite(kept.seconds) else None
    return say.held(FIELD, _HERE, value=value, since=utc(at), until=until)


def witnessed(say: Describer, seen: Witnessed) -> Iterator[HeldValue]:
    """Yield what was noted of the app's other connections; ``rights.witnessed`` has them one by one."""
    if seen.connections:
        first = min(connection.first for connection in seen.connections)
        since = datetime.combine(first, time(), UTC)
        yield say.held("witness_record", _HERE, value=None, count=len(seen.connections), since=since)
