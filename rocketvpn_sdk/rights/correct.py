"""Correction (A2): declared fields only, checked here first, and never over somebody else's change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.consent import Permit
from rocketvpn_sdk.errors import (
    Conflict,
    NotAllowed,
    NotCorrectable,
    RocketVPNError,
    ServerError,
    ValueRefused,
    VaultError,
)
from rocketvpn_sdk.rights.outcome import Here, Outcome, Server
from rocketvpn_sdk.rights.report import Report
from rocketvpn_sdk.transport import Api, check_value

_GIVING = "service"
"""Putting in a value where there was none is giving information, not correcting it: M1 applies."""


class Correction:
    """Corrects what the server holds; this device keeps no copy of it.

    Args:
        api: the calls.
        permit: whether a minor may add what was not there.
        clock: the time.
    """

    def __init__(self, api: Api, permit: Permit, clock: Clock) -> None:
        self._api = api
        self._permit = permit
        self._clock = clock

    def correct(self, changes: Mapping[str, str | None], seen: Mapping[str, Any] | Report | None = None) -> Outcome:
        """Correct fields; see ``Rights.correct``."""
        self._check(changes)
        before = self._api.call("data.view", answer=wire.ServerData)
        held = {field.id: field.value for field in before.value.fields}
        if seen is not None:
            _check_seen(changes, _shown(seen), held)
        for field, value in changes.items():
            if value is not None and held.get(field) is None:
                self._check_giving(field)
        if before.etag is None:
            raise ServerError(operation="data.view", status=200, problem="it has no version to correct against")
        try:
            after = self._api.call(
                "data.correct",
                answer=wire.ServerData,
                body=dict(changes),
                media=wire.MERGE_PATCH_JSON,
                headers={"If-Match": before.etag},
            ).value
        except Conflict as conflict:
            raise self._conflict(changes, conflict) from None
        if not _holds(after, changes):
            raise ServerError(operation="data.correct", status=200, problem="it did not take the correction")
        server = self._read_back(changes, held)
        return Outcome(here=Here(done=True, at=utc(self._clock.time())), server=server)

    def _check(self, changes: Mapping[str, str | None]) -> None:
        policy = self._api.policy
        if not changes:
            raise ValueRefused(name="changes", problem="there is nothing in it")
        for field, value in changes.items():
            if field not in policy.correctable:
                raise NotCorrectable(field=field, correctable=", ".join(policy.correctable), contact=policy.contact)
            if value is None and not policy.fields[field].optional:
                raise ValueRefused(name=field, problem="it cannot be left empty")
            if value is not None:
                check_value(policy.fields[field], field, value)

    def _check_giving(self, field: str) -> None:
        decision = self._permit.field(field, _GIVING, self._api.policy.operations["data.correct"].recipient)
        if not decision.allowed:
            raise NotAllowed(rule=decision.rule, reason=decision.sentence)

    def _conflict(self, changes: Mapping[str, str | None], conflict: Conflict) -> Conflict:
        now = {field.id: field.value for field in self._api.call("data.view", answer=wire.ServerData).value.fields}
        there = {field: now.get(field) for field in changes}
        return Conflict(operation=str(conflict.params["operation"]), here=dict(changes), there=there)

    def _read_back(self, changes: Mapping[str, str | None], before: Mapping[str, Any]) -> Server:
        """Ask anew what the server holds: the answer to the correction itself is only its intention.

        Raises:
            Conflict: it holds a third value: somebody corrected it in the meantime.
            ServerError: it holds what it held before.
        """
        try:
            read = self._api.call("data.view", answer=wire.ServerData, interactive=False).value
        except VaultError:
            raise
        except RocketVPNError as error:
            return Server(state="in_progress", problem=error.code)  # it took the correction; nobody has seen it there
        if _holds(read, changes):
            return Server(state="confirmed")
        now = {field.id: field.value for field in read.fields}
        there = {field: now.get(field) for field in changes}
        if all(there[field] in (value, before.get(field)) for field, value in changes.items()):
            raise ServerError(operation="data.correct", status=200, problem="read back, it did not keep the correction")
        raise Conflict(operation="data.correct", here=dict(changes), there=there)


def _shown(seen: Mapping[str, Any] | Report) -> Mapping[str, Any]:
    return {field.field: field.value for field in seen.there} if isinstance(seen, Report) else seen


def _check_seen(changes: Mapping[str, str | None], seen: Mapping[str, Any], held: Mapping[str, Any]) -> None:
    """Refuse to overwrite what the user never saw.

    Raises:
        Conflict: a value is neither what was shown nor what is asked for.
    """
    there = {field: held.get(field) for field in changes}
    if any(there[field] not in (seen.get(field), value) for field, value in changes.items()):
        raise Conflict(operation="data.correct", here=dict(changes), there=there)


def _holds(data: wire.ServerData, changes: Mapping[str, str | None]) -> bool:
    held = {field.id: field.value for field in data.fields}
    return all(held.get(field) == value for field, value in changes.items())
