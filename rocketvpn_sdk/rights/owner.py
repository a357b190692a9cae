"""Seeing and deleting without a bound device: whose device is lost or was removed keeps these rights (A1, A3, A4)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Literal

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.errors import ReceiptInvalid, RocketVPNError, ValueRefused
from rocketvpn_sdk.rights.outcome import Here, Outcome, Receipt, Server
from rocketvpn_sdk.rights.receipts import ReceiptKeys, check_receipt, fetch_keys
from rocketvpn_sdk.rights.report import HeldValue
from rocketvpn_sdk.rights.report.describing import Describer
from rocketvpn_sdk.signed_files import TrustedFiles
from rocketvpn_sdk.transport import Api, Owner, check_value, deadline

Scope = Literal["account", "device"]
_ENDED = ("denied", "revoked", "expired")


@checks_arguments
class OwnerRights:
    """An order's owner, who proved it by the code that went to its e-mail address. Thread-safe.

    Good for minutes, for seeing and deleting at the server, and for nothing else. Neither the proof nor what it brings
    is kept on this device; only that something was sent is, as of every call. Made by ``rights.as_owner``.
    """

    def __init__(self, api: Api, owner: Owner, clock: Clock, files: Callable[[], TrustedFiles | None]) -> None:
        self._api = api
        self._owner = owner
        self._clock = clock
        self._files = files
        self._lock = threading.Lock()
        self._asked: dict[tuple[str, str | None], tuple[str, float]] = {}

    def view(self, language: str = "en") -> tuple[HeldValue, ...]:
        """Return everything that the server holds about the order and all its devices (A1).

        One device comes after the other; its ``device_id`` is what ``delete`` takes.

        Raises:
            AuthenticationFailed: the minutes are over; ask again with ``as_owner``.
            TransportError, ServerError, RateLimited, VaultError: as for any call.
        """
        held = self._api.call_as(self._owner, "owner.view", answer=wire.ServerData).fields
        return Describer(self._api.permit.policies, language).there(held, correctable=False)  # not by this way

    def delete(self, scope: Scope = "account", device_id: str | None = None) -> Outcome:
        """Delete at the server (A3): the whole account, or what is about one device. Nothing is deleted here.

        Calling it again asks for the same deletion once more, and not for another: where the connection failed, or it
        is ``in_progress``, do so while the minutes last. Afterwards nobody can: the key is gone, and perhaps the order,
        so a receipt that was not given by then cannot be had here.

        Args:
            scope: ``account`` or ``device``.
            device_id: which device, where the scope is ``device``.

        Returns:
            What the server said: ``confirmed`` with its receipt, checked; ``in_progress``; ``refused``.

        Raises:
            ValueRefused: no such scope, or a device missing or too many; nothing was sent.
            RequestRefused: the order has no such device.
            ReceiptInvalid: the server's receipt does not hold.
            AuthenticationFailed: the minutes are over; ask again with ``as_owner``.
            TransportError, ServerError, VaultError: as for any call; nothing was deleted, or it is not known.
        """
        if (scope == "device") != (device_id is not None):
            raise ValueRefused(name="device_id", problem="it goes with the scope 'device', and only with that")
        if device_id is not None:
            check_value(self._api.permit.policy.fields["device_id"], "device_id", device_id)
        with self._lock:
            key, asked_at = self._asked.setdefault(
                (scope, device_id), (str(uuid.uuid4()), self._api.session.server_clock.now())
            )
        body = wire.NewOwnerRequest(exercise="deletion", scope=scope, device_id=device_id)
        with deadline.within(self._api.limits.total_timeout):
            made = self._api.call_as(
                self._owner, "owner.delete", answer=wire.RightsRequest, body=body, idempotency_key=key
            )
            server = self._follow(made.request_id, scope, device_id or "", asked_at)
        return Outcome(here=Here(done=False, at=utc(self._clock.time())), server=server)

    def _follow(self, request_id: str, scope: Scope, device_id: str, asked_at: float) -> Server:
        try:
            path = {"request_id": request_id}
            status = self._api.call_as(self._owner, "owner.status", answer=wire.RightsRequest, path=path)
            if status.status in _ENDED:
                return Server(state="refused", problem=status.reason or status.status, request_id=request_id)
            if status.status != "fulfilled":
                return Server(state="in_progress", request_id=request_id)
            token = self._api.call_as(self._owner, "owner.receipt", answer=str, path=path)
            keys = fetch_keys(self._api, self._files())
        except ReceiptInvalid:
            raise
        except RocketVPNError as error:
            return Server(state="in_progress", problem=error.code, request_id=request_id)
        receipt = self._checked(token, keys, request_id, scope, device_id, asked_at)
        return Server(state="confirmed", request_id=request_id, receipt=receipt)

    def _checked(
        self, token: str, keys: ReceiptKeys, request_id: str, scope: Scope, device_id: str, asked_at: float
    ) -> Receipt:
        return check_receipt(
            token,
            keys.text,
            issuer=self._api.server,
            request_id=request_id,
            device_id=device_id,
            scope=scope,
            requested_at=asked_at,
            now=self._api.session.server_clock.now(),
            evidence=keys.evidence,
        )
