"""Seeing (A1): what this device holds, what the server says it holds, and what left."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, time
from typing import Any

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.consent import Consent
from rocketvpn_sdk.consent.ledger import key_of
from rocketvpn_sdk.errors import NotBound, RocketVPNError, VaultError
from rocketvpn_sdk.identity import BINDING, CREDENTIALS, Binding, Credentials, DeviceKey
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.journal.compiled import TIME_FIELD
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.rights.report import HeldValue, Report, SentSummary, describe
from rocketvpn_sdk.transport import Api, SentEntry
from rocketvpn_sdk.vault import Queue, Vault


class _Seen(msgspec.Struct):
    """A field of the journal, counted."""

    count: int = 0
    first: float = math.inf
    last: float = 0.0


class View:
    """Puts the report together.

    Args:
        vault, journal, queue, consent: what this device holds.
        api: the calls, and the ledger of what left.
        clock: the time.
    """

    def __init__(
        self, *, vault: Vault, journal: Journal, queue: Queue, consent: Consent, api: Api, clock: Clock
    ) -> None:
        self._vault = vault
        self._consent = consent
        self._journal = journal
        self._queue = queue
        self._api = api
        self._clock = clock

    def view(self) -> Report:
        """Return everything held; see ``Rights.view``."""
        policy = self._api.policy
        there, problem = self._there(policy)
        sent = _summarise(policy, self._api.sent.entries())
        return Report(
            made_at=utc(self._clock.time()),
            policy_id=policy.document.policy_id,
            policy_version=policy.version,
            contact=policy.contact,
            here=tuple(self._here(policy, sum(group.times for group in sent))),
            there=there,
            server_answered=problem is None,
            server_problem=problem,
            sent=sent,
        )

    def sent(self) -> Iterator[SentEntry]:
        """Yield what left this device, oldest first."""
        return self._api.sent.entries()

    def _there(self, policy: Policy) -> tuple[tuple[HeldValue, ...], str | None]:
        if self._vault.get(CREDENTIALS, Credentials) is None:
            return (), NotBound.code
        try:
            held = self._api.call("data.view", answer=wire.ServerData).value.fields
        except VaultError:
            raise
        except RocketVPNError as error:
            return (), error.code
        return tuple(
            describe(
                policy,
                field.id,
                "server",
                value=field.value,
                since=field.since,
                until=field.until,
                recipients=tuple(field.recipients),
                correctable=field.correctable,
                hold=field.hold,
            )
            for field in held
        ), None

    def _here(self, policy: Policy, sent: int) -> Iterator[HeldValue]:
        yield from self._account(policy)
        yield from self._choices(policy)
        yield from self._log(policy)
        waiting = len(self._queue.items())
        if sent:
            yield describe(policy, "sent_record", "device", value=None, count=sent)
        if waiting:
            yield describe(policy, "queue_item", "device", value=None, count=waiting)
        yield describe(policy, "clock_mark", "device", value=utc(self._vault.now()))

    def _account(self, policy: Policy) -> Iterator[HeldValue]:
        binding, credentials = self._vault.get(BINDING, Binding), self._vault.get(CREDENTIALS, Credentials)
        if binding is not None:
            since = datetime.combine(binding.bound_on, time(), UTC)
            values: dict[str, Any] = {"order_number": binding.order_number, "bound_on": binding.bound_on}
            for field, value in values.items():
                yield describe(policy, field, "device", value=value, since=since)
        if credentials is not None:
            public = DeviceKey.from_bytes(credentials.private_key).thumbprint
            yield describe(policy, "device_id", "device", value=credentials.device_id)
            yield describe(policy, "device_public_key", "device", value=public)
            yield describe(policy, "device_key", "device", value=None)
            yield describe(policy, "session_token", "device", value=None)

    def _choices(self, policy: Policy) -> Iterator[HeldValue]:
        adult = self._consent.state().adult
        if adult is not None:
            yield describe(policy, "age_flag", "device", value=adult)
        guardian = self._consent.guardians.guardian()
        if guardian is not None:
            value = f"version {guardian.version}: agreed"
            yield describe(policy, "guardian_confirmation", "device", value=value, since=utc(guardian.at))
        records = len(self._consent.receipts())
        if records:  # ``consent.receipts`` has the records themselves
            said = [part for part in self._consent.status().purposes if part.state != "unset"]
            states = ", ".join(f"{key_of(part.purpose, part.recipient)}: {part.state}" for part in said)
            yield describe(policy, "consent_record", "device", value=states or None, count=records)

    def _log(self, policy: Policy) -> Iterator[HeldValue]:
        """Yield the fields that the journal holds, with counts; ``journal.read`` has the entries themselves."""
        seen: dict[str, _Seen] = {}
        for entry in self._journal.read():
            at = entry.at.timestamp()
            for field in (
                TIME_FIELD,
                "event_name",
                *(name for name, value in entry.fields.items() if value is not None),
            ):
                facts = seen.setdefault(field, _Seen())
                facts.count, facts.first, facts.last = facts.count + 1, min(facts.first, at), max(facts.last, at)
        for field, facts in sorted(seen.items()):
            kept = policy.fields[field].retention.device if field in policy.fields else None
            until = utc(facts.last + kept.seconds) if kept and math.isfinite(kept.seconds) else None
            yield describe(policy, field, "device", value=None, count=facts.count, since=utc(facts.first), until=until)


def _summarise(policy: Policy, entries: Iterable[SentEntry]) -> tuple[SentSummary, ...]:
    """Group the ledger by operation, in one pass and without keeping it in memory."""
    groups: dict[str, SentSummary] = {}
    for entry in entries:
        known = policy.operations.get(entry.operation)
        before = groups.get(entry.operation)
        groups[entry.operation] = SentSummary(
            operation=entry.operation,
            sentence=known.sentence["en"] if known else entry.operation,
            purpose=entry.purpose,
            recipient=entry.recipient,
            fields=tuple(sorted({*entry.fields, *(before.fields if before else ())})),
            times=(before.times if before else 0) + 1,
            last=utc(entry.at),
        )
    return tuple(group for _, group in sorted(groups.items()))
