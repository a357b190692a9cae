"""Seeing (A1): what this device holds, what the server says it holds, and what left."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
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
        vault, journal, queue: what this device holds.
        api: the calls, and the ledger of what left.
        clock: the time.
    """

    def __init__(self, *, vault: Vault, journal: Journal, queue: Queue, api: Api, clock: Clock) -> None:
        self._vault = vault
        self._journal = journal
        self._queue = queue
        self._api = api
        self._clock = clock

    def view(self) -> Report:
        """Return everything held; see ``Rights.view``."""
        policy = self._api.policy
        there, problem = self._there(policy)
        return Report(
            made_at=utc(self._clock.time()),
            policy_id=policy.document.policy_id,
            policy_version=policy.version,
            contact=policy.contact,
            here=tuple(self._here(policy)),
            there=there,
            server_answered=problem is None,
            server_problem=problem,
            sent=self._sent(policy),
        )

    def sent(self) -> Iterator[SentEntry]:
        """Yield what left this device, oldest first."""
        return self._api.sent.entries()

    def _there(self, policy: Policy) -> tuple[tuple[HeldValue, ...], str | None]:
        try:
            held = self._api.call("data.view", answer=wire.ServerData).value.fields
        except (VaultError, NotBound) as error:
            if isinstance(error, VaultError):
                raise
            return (), error.code
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

    def _here(self, policy: Policy) -> Iterator[HeldValue]:
        yield from self._account(policy)
        yield from self._log(policy)
        sent = sum(1 for _ in self._api.sent.entries())
        waiting = len(self._queue.items())
        if sent:
            yield describe(policy, "sent_record", "device", value=None, count=sent)
        if waiting:
            yield describe(policy, "queue_item", "device", value=None, count=waiting)
        yield describe(policy, "clock_mark", "device", value=utc(self._vault.now()))

    def _account(self, policy: Policy) -> Iterator[HeldValue]:
        binding, credentials = self._vault.get(BINDING, Binding), self._vault.get(CREDENTIALS, Credentials)
        if binding is not None:
            since = utc(binding.bound_at)
            values: dict[str, Any] = {"order_number": binding.order_number, "bound_on": since.date()}
            for field, value in values.items():
                yield describe(policy, field, "device", value=value, since=since)
        if credentials is not None:
            public = DeviceKey.from_bytes(credentials.private_key).thumbprint
            yield describe(policy, "device_id", "device", value=credentials.device_id)
            yield describe(policy, "device_public_key", "device", value=public)
            yield describe(policy, "device_key", "device", value=None)
            yield describe(policy, "session_token", "device", value=None)

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

    def _sent(self, policy: Policy) -> tuple[SentSummary, ...]:
        groups: dict[str, list[SentEntry]] = {}
        for entry in self._api.sent.entries():
            groups.setdefault(entry.operation, []).append(entry)
        return tuple(
            SentSummary(
                operation=operation,
                sentence=policy.operations[operation].sentence["en"] if operation in policy.operations else operation,
                purpose=entries[-1].purpose,
                recipient=entries[-1].recipient,
                fields=tuple(sorted({field for entry in entries for field in entry.fields})),
                times=len(entries),
                last=utc(entries[-1].at),
            )
            for operation, entries in sorted(groups.items())
        )
