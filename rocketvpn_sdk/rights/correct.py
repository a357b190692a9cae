"""Correction (A2): declared fields only, checked here first, and never over somebody else's change."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from typing import Any

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import (
    AuthenticationError,
    AuthenticationRequired,
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
from rocketvpn_sdk.transport import Api, ApiAnswer, check_value

_GIVING = "service"
"""Putting in a value where there was none is giving information, not correcting it: M1 applies."""


class Correction:
    """Corrects what the server holds; this device keeps no copy of it.

    Args:
        context: says what time it is, and whether a minor may add what was not there.
        api: the calls.
    """

    def __init__(self, context: Context, api: Api) -> None:
        self._context = context
        self._api = api

    def correct(self, changes: Mapping[str, str | None], seen: Mapping[str, Any] | Report | None = None) -> Outcome:
        """Correct fields; see ``Rights.correct``."""
        self._check(changes)
        before = self._seen(changes)
        held = _values(before.value)
        if seen is not None:
            _check_seen(changes, _shown(seen), held)
        for field, value in changes.items():
            if value is not None and held.get(field) is None:
                self._check_giving(field)
        try:
            after = self._patch(changes, before)
        except Conflict as conflict:
            now = self._seen(changes)
            there = {field: _values(now.value).get(field) for field in changes}
            if any(there[field] != held.get(field) for field in changes):
                operation = str(conflict.params["operation"])
                raise Conflict(operation=operation, here=dict(changes), there=there) from None
            after = self._patch(changes, now)  # something else changed: a recovery code that was used for this goes
        if not _holds(after, changes):
            raise ServerError(operation="data.correct", status=200, problem="it did not take the correction")
        shown = set(changes) - _withheld(after)
        pending = _pending(after, changes)
        server = self._confirmed(changes, held, shown) if pending else self._read_back(changes, held, shown=shown)
        return Outcome(here=Here(done=True, at=utc(self._context.clock.time())), server=server)

    def confirm_address(self) -> Outcome:
        """Have a code sent to the address that waits for one, and give it back; see ``Rights.confirm_address``."""
        self._api.session.confirm_address()
        return Outcome(here=Here(done=True, at=utc(self._context.clock.time())), server=self._current_consents())

    def _confirmed(
        self, changes: Mapping[str, str | None], before: Mapping[str, Any], shown: AbstractSet[str]
    ) -> Server:
        """Ask the user for the code that goes to the new address, where they can be asked."""
        try:
            self._api.session.confirm_address()
        except AuthenticationError as error:
            return Server(state="waiting_for_user", problem=error.code)
        waiting = self._current_consents()
        return waiting if waiting.state != "confirmed" else self._read_back(changes, before, shown=shown)

    def _current_consents(self) -> Server:
        """Return whether the address counts, or until when it waits."""
        read = self._api.call("data.view", answer=wire.ServerData, interactive=False).value
        pending = next((field.pending for field in read.fields if field.pending), None)
        if pending is None:
            return Server(state="confirmed")
        return Server(state="in_progress", waits_until=pending.until)

    def _check(self, changes: Mapping[str, str | None]) -> None:
        policy = self._context.permit.policy
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
        decision = self._context.permit.field(
            field, _GIVING, self._context.permit.policy.operations["data.correct"].recipient
        )
        if not decision.allowed:
            raise NotAllowed(rule=decision.rule, reason=decision.sentence)

    def _seen(self, changes: Mapping[str, str | None]) -> ApiAnswer[wire.ServerData]:
        """Return what the server holds, with what is to be corrected: where that is withheld, after a code.

        Raises:
            AuthenticationError: it is withheld, and the user gave no code. (Correcting it needs the code as well.)
        """
        seen = self._api.call("data.view", answer=wire.ServerData)
        if not _withheld(seen.value).intersection(changes):
            return seen
        self._api.verify("data.view", "data.correct")
        return self._api.call("data.view", answer=wire.ServerData)

    def _patch(self, changes: Mapping[str, str | None], before: ApiAnswer[wire.ServerData]) -> wire.ServerData:
        if before.etag is None:
            raise ServerError(operation="data.view", status=200, problem="it has no version to correct against")
        return self._api.call(
            "data.correct",
            answer=wire.ServerData,
            body=dict(changes),
            media=wire.MERGE_PATCH_JSON,
            headers={"If-Match": before.etag},
        ).value

    def _read_back(
        self, changes: Mapping[str, str | None], before: Mapping[str, Any], *, shown: AbstractSet[str]
    ) -> Server:
        """Ask again what the server holds: the answer to the correction itself is only its intention.

        What was ``shown`` in that answer and is withheld now was corrected by somebody else meanwhile.

        Raises:
            Conflict: it holds a third value: somebody corrected it in the meantime.
            ServerError: it holds what it held before.
        """
        try:
            read = self._api.call("data.view", answer=wire.ServerData, interactive=False).value
            if _withheld(read) & shown:
                read = self._seen(changes).value
        except VaultError:
            raise
        except RocketVPNError as error:
            return Server(state="in_progress", problem=error.code)  # it took the correction; nobody has seen it there
        if _withheld(read).intersection(changes):
            return Server(state="in_progress", problem=AuthenticationRequired.code)
        if _holds(read, changes):
            return Server(state="confirmed")
        now = _values(read)
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
    """Whether each value is there, or waits for its code, as far as it is not withheld."""
    held = {field.id: (field.value, *([field.pending.value] if field.pending else [])) for field in data.fields}
    return all(value in held.get(field, (None,)) for field, value in changes.items() if field not in _withheld(data))


def _values(data: wire.ServerData) -> dict[str, Any]:
    return {field.id: field.value for field in data.fields}


def _pending(data: wire.ServerData, changes: Mapping[str, str | None]) -> bool:
    return any(field.pending is not None and field.pending.value == changes.get(field.id) for field in data.fields)


def _withheld(data: wire.ServerData) -> set[str]:
    return {field.id for field in data.fields if field.code_needed}
