"""Order number ↔ device: bind, look, unbind (policy clause C1)."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.errors import AlreadyBound, DeletionPending, DeviceRevoked, NotBound, RocketVPNError, ServerError
from rocketvpn_sdk.identity import (
    BINDING,
    CREDENTIALS,
    Binding,
    Credentials,
    DeviceKey,
    device_id,
    read_machine_id,
    read_os_user,
)
from rocketvpn_sdk.transport import Api, Documents, check_value

_ORDER_NUMBER = "order_number"


class Devices:
    """The devices of the order, this one first of all: ``rocket.device``. Thread-safe.

    Args:
        api: the calls.
        documents: where the binding and the credentials rest.
        clock: the time.
        app_id: the app's id; part of the device's number.
        machine_id: returns the machine's own number, or ``None``.
        os_user: returns what the operating system calls the user.
        deleting: whether a deletion still needs the credentials that are here.
        tell_anew: called before a new binding is written: the server knows nothing any more of what it was told before.
    """

    def __init__(
        self,
        *,
        api: Api,
        documents: Documents,
        clock: Clock,
        app_id: str,
        machine_id: Callable[[], str | None] = read_machine_id,
        os_user: Callable[[], str] = read_os_user,
        deleting: Callable[[], bool] = lambda: False,
        tell_anew: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._documents = documents
        self._clock = clock
        self._app_id = app_id
        self._machine_id = machine_id
        self._os_user = os_user
        self._deleting = deleting
        self._tell_anew = tell_anew
        self._lock = threading.Lock()

    @property
    def binding(self) -> Binding | None:
        """What this device is bound to; ``None``: nothing."""
        return self._documents.get(BINDING, Binding)

    def bind(self, order_number: str, replace: str | None = None) -> Binding:
        """Bind this device to an order. Sends the order number, the device's number and a public key, no more.

        Show ``rocket.policy.advice()`` first: a minor reads the policy with a guardian before giving anything (M1, M2).

        Args:
            order_number: as the confirmation of the purchase has it.
            replace: the id of a device whose place this one takes.

        Raises:
            ValueRefused: the number does not look like one; nothing was sent.
            AlreadyBound: this profile is bound.
            DeletionPending: what it was bound to before is still being deleted.
            OrderNotFound, OrderExpired: the server's reasons.
            DeviceLimitReached: with the list of the order's devices; choose one for ``replace``.
            AuthenticationRequired, AuthenticationFailed, BrowserRequired: the server wants the user.
            TransportError, ServerError, RequestRefused, VaultError: as for any call.
        """
        check_value(self._api.policy.fields[_ORDER_NUMBER], _ORDER_NUMBER, order_number)
        with self._lock:
            if self.binding is not None:
                raise AlreadyBound
            if self._deleting():
                raise DeletionPending
            key = DeviceKey.generate()
            number = device_id(
                self._machine_id(), app_id=self._app_id, os_user=self._os_user(), order_number=order_number
            )
            wanted = {_ORDER_NUMBER: order_number, "device_id": number}
            if replace is not None:
                wanted["replace"] = replace
            grants = self._api.session.grants
            token = grants.redeem(key, grants.authorize(key, wanted))
            if token.refresh_token is None:
                raise ServerError(operation="token.issue", status=200, problem="it has no refresh token")
            credentials = Credentials(
                device_id=number,
                private_key=key.to_bytes(),
                refresh_token=token.refresh_token,
                client_id=grants.client_id,
            )
            self._api.session.adopt(credentials, token)
            return self._keep(order_number, credentials)

    def order(self) -> wire.Order:
        """Return the order: how long it runs, how many devices it allows.

        Raises:
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        return self._api.call("order.read", answer=wire.Order).value

    def list(self) -> tuple[wire.Device, ...]:
        """Return every device of the order.

        Raises:
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        return tuple(self._api.call("devices.list", answer=wire.DeviceList).value.devices)

    def unbind(self, device_id: str | None = None) -> None:
        """Take a device off the order: this one, or another by its id.

        The server is told first; only then this device's binding and key are destroyed here.

        Raises:
            NotBound: this device is not bound.
            RequestRefused: the order has no such device.
            ServerUnreachable, ServerTimeout: offline; nothing changed.
            TransportError, ServerError, AuthenticationError: as for any call.
        """
        with self._lock:
            binding = self.binding
            if binding is None:
                raise NotBound
            target = device_id or binding.device_id
            try:
                self._api.call("devices.unbind", path={"device_id": target})
            except DeviceRevoked:
                if target != binding.device_id:
                    raise
                # The server knows this device no longer: what was asked for is so (or an answer was lost on the way).
            if target == binding.device_id:
                self._documents.drop(BINDING, CREDENTIALS)
                self._api.session.forget()

    def _keep(self, order_number: str, credentials: Credentials) -> Binding:
        """Store what the server granted; where that fails, give the place at the server back."""
        today = utc(self._clock.time()).date()
        binding = Binding(order_number=order_number, device_id=credentials.device_id, bound_on=today)
        try:
            self._tell_anew()
            self._documents.put_all({CREDENTIALS: credentials, BINDING: binding})
        except RocketVPNError:
            self._undo(credentials)
            raise
        self._api.bound_anew()
        return binding

    def _undo(self, credentials: Credentials) -> None:
        for step in (
            lambda: self._documents.drop(BINDING, CREDENTIALS),
            lambda: self._api.call("devices.unbind", path={"device_id": credentials.device_id}, interactive=False),
        ):
            try:
                step()
            except RocketVPNError:
                continue  # the first error is the one to report; a later bind finds the device and asks by e-mail
        self._api.session.forget()
