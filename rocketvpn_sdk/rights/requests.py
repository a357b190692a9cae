"""Data rights requests: those that the server has, in the Data Rights Protocol's words, and those that wait here."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import (
    CallCancelled,
    NotBound,
    NotCancellable,
    RequestRefused,
    RocketVPNError,
    ValueRefused,
    VaultError,
)
from rocketvpn_sdk.groups.queue import why_not
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.text import translate
from rocketvpn_sdk.transport import Api
from rocketvpn_sdk.vault import QueueItem

RequestStatus = Literal[
    "waiting", "waiting_for_user", "refused", "open", "in_progress", "fulfilled", "revoked", "denied", "expired"
]
"""The first three: here, and the server has not confirmed it. The others: the server's word (DRP 1.0)."""

_HERE: dict[str, RequestStatus] = {"waiting_for_user": "waiting_for_user", "refused": "refused"}
_UNKNOWN = "not-found"
_CLOSED = "request-closed"


class DataRequest(MaskedRepr, frozen=True, kw_only=True):
    """A data rights request, wherever it is."""

    __masked__: ClassVar[tuple[str, ...]] = ("results_url",)

    id: str
    """The server's, or this device's own while the server has given it none."""
    exercise: str
    """``deletion`` or ``access``."""
    scope: str
    """``logs``, ``device`` or ``account``."""
    status: RequestStatus
    waits_here: bool = False
    """Whether this device still carries it to the server, or waits for its receipt."""
    problem: str | None = None
    """The code of what kept it from going on, where it waits here."""
    asked_at: datetime | None = None
    """When it was asked for here; ``None``: this device keeps no note of it."""
    received_at: datetime | None = None
    """When the server received it; ``None``: it has not said so."""
    expected_by: datetime | None = None
    reason: str | None = None
    """Why the server refused it, in its words."""
    processing_details: str = ""
    results_url: str | None = None
    expires_at: datetime | None = None
    """Until when the server keeps this entry (R1)."""
    waits_until: datetime | None = None
    """It is carried out then, since nobody could be asked for a code; until then each device of the order can call it
    off with ``cancel``, whichever asked for it."""
    by_another: bool = False
    """Another device of the order asked for it."""


class RequestList(msgspec.Struct, frozen=True, kw_only=True):
    """Every request, oldest first."""

    requests: tuple[DataRequest, ...]
    server_answered: bool
    server_problem: str | None
    """Why the server's part is missing, as an error's code."""


class DataRequests:
    """Lists, looks up and calls off.

    Args:
        context: says whether this device is bound, and what waits here.
        api: the calls.
    """

    def __init__(self, context: Context, api: Api) -> None:
        self._context = context
        self._api = api

    def all(self) -> RequestList:
        """Return every request; see ``Rights.requests``."""
        if self._context.credentials() is None:
            return self.with_waiting((), NotBound.code)
        try:
            return self.with_waiting(self.there(), None)
        except (VaultError, CallCancelled):
            raise
        except RocketVPNError as error:
            return self.with_waiting((), error.code)

    def there(self) -> tuple[DataRequest, ...]:
        """Return those that the server has, oldest first.

        Raises:
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        ours = {item.reference: item for item in self._context.deletions()}
        said = self._api.call("rights.list", answer=wire.RightsRequests).value.requests
        return tuple(_there(each, ours.get(each.request_id)) for each in said)

    def with_waiting(self, there: tuple[DataRequest, ...], problem: str | None) -> RequestList:
        """Return ``there`` and what waits here; ``problem``: why the server's part is missing."""
        known = {each.id for each in there}
        found = [*there, *(_here(item) for item in self._context.deletions() if item.reference not in known)]
        found.sort(key=_when)
        return RequestList(requests=tuple(found), server_answered=problem is None, server_problem=problem)

    def one(self, request_id: str) -> DataRequest:
        """Return one request as it stands now; see ``Rights.request``."""
        item = self._item(request_id)
        if item is not None and item.reference is None:
            return _here(item)
        return self._ask("rights.status", request_id, item)

    def cancel(self, request_id: str) -> DataRequest:
        """Call a request off; see ``Rights.cancel``."""
        item = self._item(request_id)
        if item is None or item.reference is not None:
            done = self._call_off(request_id, item)
        else:
            reason = why_not(item)
            if reason:
                raise NotCancellable(rule="A3", reason=translate(reason))
            done = msgspec.structs.replace(_here(item), status="revoked", problem=None)
        if item is not None:
            self._context.queue.remove(item)
        return msgspec.structs.replace(done, waits_here=False)

    def _call_off(self, request_id: str, item: QueueItem | None) -> DataRequest:
        try:
            return self._ask("rights.cancel", request_id, item)
        except RequestRefused as refused:
            if item is None or refused.params["reason"] != _CLOSED:
                raise
            found = self._ask("rights.status", request_id, item)
            if found.status != "revoked":
                raise
            return found  # by an earlier try, whose answer was lost or could not be written down here

    def _ask(self, operation: str, request_id: str, item: QueueItem | None) -> DataRequest:
        try:
            said = self._api.call(operation, answer=wire.RightsRequest, path={"request_id": request_id}).value
        except RequestRefused as error:
            if error.params["reason"] == _UNKNOWN:
                raise ValueRefused(name="request_id", problem="this device has no such request") from None
            raise
        return _there(said, item)

    def _item(self, request_id: str) -> QueueItem | None:
        return next((item for item in self._context.deletions() if request_id == (item.reference or item.id)), None)


def _here(item: QueueItem) -> DataRequest:
    return DataRequest(
        id=item.reference or item.id,
        exercise=str(item.body["exercise"]),
        scope=str(item.body["scope"]),
        status=_HERE.get(item.state, "waiting"),
        waits_here=True,
        problem=item.problem,
        asked_at=utc(item.created_at),
    )


def _there(said: wire.RightsRequest, item: QueueItem | None) -> DataRequest:
    return DataRequest(
        id=said.request_id,
        exercise=said.exercise,
        scope=said.scope,
        status=said.status,
        waits_here=item is not None,
        problem=item.problem if item else None,
        asked_at=utc(item.created_at) if item else None,
        received_at=said.received_at,
        expected_by=said.expected_by,
        reason=said.reason,
        processing_details=said.processing_details,
        results_url=said.results_url,
        expires_at=said.expires_at,
        waits_until=said.waits_until,
        by_another=said.asked_by == "another_device",
    )


def _when(request: DataRequest) -> tuple[float, str]:
    at = request.asked_at or request.received_at
    return (at.timestamp() if at else 0.0, request.id)
