"""Order number ↔ device: bind, look, unbind (policy clause C1)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from rocketvpn_sdk import platforms, wire
from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.errors import (
    AlreadyBound,
    AuthenticationError,
    BindingError,
    DeletionPending,
    DeviceRevoked,
    NotBound,
    OrderExpired,
    RateLimited,
    RequestRefused,
    RocketVPNError,
    ServerError,
    ServerTimeout,
)
from rocketvpn_sdk.identity import (
    BINDING,
    CREDENTIALS,
    PENDING,
    Binding,
    Credentials,
    DeviceKey,
    Pending,
    device_id,
    read_machine_id,
)
from rocketvpn_sdk.transport import Api, Documents, checked_order_number, deadline

_ORDER_NUMBER = "order_number"


@checks_arguments
class Devices:
    """The devices of the order, this one first of all: ``rocket.device``. Thread-safe.

    Args:
        api: the calls.
        documents: where the binding and the credentials rest.
        clock: the time.
        machine_id: returns the machine's own number, or ``None``.
        os_user: returns what the operating system calls the user.
        deleting: whether a deletion still needs the credentials that are here.
        notify_again: called before a new binding is written: the server has forgotten this device's consents.
    """

    def __init__(
        self,
        *,
        api: Api,
        documents: Documents,
        clock: Clock,
        machine_id: Callable[[], str | None] = read_machine_id,
        os_user: Callable[[], str] = platforms.os_user,
        deleting: Callable[[], bool] = lambda: False,
        notify_again: Callable[[], None] = lambda: None,
    ) -> None:
        self._api = api
        self._documents = documents
        self._clock = clock
        self._machine_id = machine_id
        self._os_user = os_user
        self._deleting = deleting
        self._notify_again = notify_again
        self._lock = threading.Lock()
        self._begun: Pending | None = None
        """The number and key of a binding whose answer got lost; the next try uses them again."""

    @property
    def binding(self) -> Binding | None:
        """What this device is bound to; ``None``: nothing."""
        return self._documents.get(BINDING, Binding)

    def bind(self, order_number: str, replace: str | None = None, *, another: bool = False) -> Binding:
        """Bind this device to an order. Sends the order number, the device's number and a public key, no more.

        Show ``rocket.policy.advice()`` first: a minor reads the policy with a guardian before giving anything (M1, M2).

        Where an answer gets lost, the server may have the device all the same. The key is kept then, sealed, until it
        is known, and calling this again for the same order goes on with it.

        Args:
            order_number: as the confirmation of the purchase has it; spaces, dashes and small letters do no harm.
            replace: the id that ``DeviceLimitReached`` lists for the device whose place this one takes. It needs a code
                from an e-mail. With the id that ``DeviceExists`` lists, this device is that one, installed again.
            another: this machine is a copy of another one: bind it as a device of its own, under a random id.

        Raises:
            ValueRefused: the number does not look like one; nothing was sent.
            AlreadyBound: this profile is bound.
            DeletionPending: what it was bound to before is still being deleted.
            OrderNotFound, OrderExpired: the server's reasons.
            DeviceLimitReached: with the list of the order's devices; choose one for ``replace``.
            DeviceExists: the order has a device by this machine's number; ask the user which of the two this is.
            AuthenticationRequired, AuthenticationFailed, BrowserRequired: the server wants the user.
            ServerTimeout: also where another thread binds or unbinds and does not end in time (it may ask the user).
            TransportError, ServerError, RequestRefused, VaultError: as for any call.
        """
        order_number = checked_order_number(self._api.permit.policy, order_number)
        with self._alone():
            if self.binding is not None:
                raise AlreadyBound
            if self._deleting():
                raise DeletionPending
            pending = self._pending(order_number, another=another)
            try:
                return self._bind(pending, replace)
            except (AuthenticationError, BindingError, RequestRefused) as refused:
                if not isinstance(refused, OrderExpired | RateLimited):  # those say nothing about the device
                    self._documents.drop(PENDING)
                raise

    def _own_id(self, order_number: str, machine: str | None) -> str:
        app_id = self._api.session.grants.client_id
        return device_id(machine, app_id=app_id, os_user=self._os_user(), order_number=order_number)

    def _by_machine(self, number: str, order_number: str) -> bool:
        machine = self._machine_id()
        return machine is not None and number == self._own_id(order_number, machine)

    def _pending(self, order_number: str, *, another: bool) -> Pending:
        """Return what an earlier try for the same order left, or a new number and key."""
        left = self._documents.get(PENDING, Pending) or self._begun
        goes_on = left is not None and left.order_number == order_number
        if left is not None and goes_on and not (another and self._by_machine(left.device_id, order_number)):
            return left
        number = self._own_id(order_number, None if another else self._machine_id())
        key = DeviceKey.generate().to_bytes()
        return Pending(order_number=order_number, device_id=number, private_key=key)

    def _bind(self, pending: Pending, replace: str | None) -> Binding:
        wanted = {_ORDER_NUMBER: pending.order_number, "device_id": pending.device_id}
        if replace is not None:
            wanted["replace"] = replace
        grants, key = self._api.session.grants, DeviceKey.from_bytes(pending.private_key)
        try:
            code = grants.authorize(key, wanted)
        except RocketVPNError as error:
            self._begun = pending if error.unsure else None
            raise
        self._begun = None
        self._documents.put(PENDING, pending)  # from here on the server may give the device its place
        token = grants.redeem(key, code)
        if token.refresh_token is None:
            raise ServerError(operation="token.issue", status=200, problem="it has no refresh token")
        credentials = Credentials(
            device_id=pending.device_id,
            private_key=pending.private_key,
            refresh_token=token.refresh_token,
            client_id=grants.client_id,
        )
        self._api.session.adopt(credentials, token)
        return self._keep(pending.order_number, credentials)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other threads out; all that is asked of the server inside has one call's time, the user's apart."""
        total = self._api.limits.total_timeout
        with deadline.within(total):
            if not self._lock.acquire(timeout=deadline.remaining(total)):
                host = self._api.server.removeprefix("https://")
                raise ServerTimeout(host=host, seconds=total, cause="server")
            try:
                yield
            finally:
                self._lock.release()

    def order(self) -> wire.Order:
        """Return the order: how long it runs, how many devices it allows.

        Raises:
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        return self._api.call("order.read", answer=wire.Order).value

    def list(self) -> tuple[wire.Device, ...]:
        """Return every device of the order; of another one, ``id`` is what ``unbind`` takes, and not its device ID.

        The server wants a code from an e-mail first, for which ``Config(authenticator=...)`` asks the user.

        Raises:
            NotBound, DeviceRevoked, AuthenticationError, TransportError, ServerError: as for any call.
        """
        return tuple(self._api.call("devices.list", answer=wire.DeviceList).value.devices)

    def unbind(self, device_id: str | None = None) -> None:
        """Take a device off the order: this one, or another by the id that ``list`` has for it.

        Another one needs a code from an e-mail. The server is told first; only then this device's binding and key are
        destroyed here.

        Raises:
            NotBound: this device is not bound.
            RequestRefused: the order has no such device.
            ServerUnreachable, ServerTimeout: offline; nothing changed.
            TransportError, ServerError, AuthenticationError: as for any call.
        """
        with self._alone():
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
                self._documents.drop(BINDING, CREDENTIALS, PENDING)
                self._api.session.forget()

    def _keep(self, order_number: str, credentials: Credentials) -> Binding:
        """Store what the server granted; where that fails, give the place at the server back."""
        today = utc(self._clock.time()).date()
        binding = Binding(
            order_number=order_number,
            device_id=credentials.device_id,
            bound_on=today,
            by_machine=self._by_machine(credentials.device_id, order_number),
        )
        try:
            self._notify_again()
            self._documents.put_all({CREDENTIALS: credentials, BINDING: binding})
        except RocketVPNError:
            self._undo(credentials)
            raise
        with suppress(RocketVPNError):  # the device is bound; what stays goes when it is unbound
            self._documents.drop(PENDING)
        self._api.revocation.bound_again()
        return binding

    def _undo(self, credentials: Credentials) -> None:
        """Go back as far as that is possible; the error that led here is the one to report."""
        with suppress(RocketVPNError):
            self._documents.drop(BINDING, CREDENTIALS)
        with suppress(RocketVPNError):  # offline: a later bind goes on with the pending key
            self._api.call("devices.unbind", path={"device_id": credentials.device_id}, interactive=False)
            self._documents.drop(PENDING)
        self._api.session.forget()
