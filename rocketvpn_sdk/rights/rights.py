"""``rocket.rights``: see, correct, delete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import Clock, utc
from rocketvpn_sdk.errors import RocketVPNError, ValueRefused, VaultError
from rocketvpn_sdk.rights.correct import Correction
from rocketvpn_sdk.rights.delete import Deletion
from rocketvpn_sdk.rights.outcome import Outcome, Server
from rocketvpn_sdk.rights.plan import CONSEQUENCES, DeletionPlan, KeptField, places_of, stays_with_the_order
from rocketvpn_sdk.rights.report import Report
from rocketvpn_sdk.rights.ticket import PanicTicket, new_ticket
from rocketvpn_sdk.rights.view import View
from rocketvpn_sdk.transport import Api, SentEntry


class Rights:
    """The user's rights over their data (policy clauses A1 to A4, R2).

    Args:
        api: the calls.
        view, correction, deletion: the parts.
        clock: the time.
    """

    def __init__(self, *, api: Api, view: View, correction: Correction, deletion: Deletion, clock: Clock) -> None:
        self._api = api
        self._view = view
        self._correction = correction
        self._deletion = deletion
        self._clock = clock

    def view(self) -> Report:
        """Return everything held about the user, on this device and at the server (A1).

        Works offline: ``server_answered`` is then false, and ``server_problem`` says why.

        Raises:
            VaultLocked: unlock first.
            VaultDamaged: what is held here is not what was written.
        """
        return self._view.view()

    def correct(self, changes: Mapping[str, str | None]) -> Outcome:
        """Correct fields at the server (A2); ``None`` removes an optional one.

        Raises:
            NotCorrectable: the policy does not let this field be corrected; the error lists those it does.
            ValueRefused: a value does not fit; nothing was sent.
            NotAllowed: a minor would add what was not there (M1).
            Conflict: it was changed elsewhere meanwhile; the error has both values.
            NotBound, AuthenticationError, TransportError, ServerError: as for any call; nothing was changed.
        """
        return self._correction.correct(changes)

    def plan_delete(self, scope: wire.Scope) -> DeletionPlan:
        """Return what a deletion would do, without doing it.

        Args:
            scope: ``logs`` (the app's log), ``device`` (everything about this device), ``account`` (everything).

        Raises:
            ValueRefused: no such scope.
            VaultLocked: unlock first.
        """
        if scope not in CONSEQUENCES:
            raise ValueRefused(name="scope", problem=f"it must be one of {', '.join(CONSEQUENCES)}")
        said = self._ask_server(scope)
        return DeletionPlan(
            scope=scope,
            made_at=utc(self._clock.time()),
            goes=places_of(self._api.policy, scope),
            stays=said.stays,
            other_devices=said.devices,
            server_asked=said.asked,
            consequences=CONSEQUENCES[scope],
            service_ends=scope == "account",
            paid_until=said.paid_until,
        )

    def delete(self, plan: DeletionPlan) -> Outcome:
        """Delete (A3): everything in scope is destroyed here at once, offline too; then the server is told.

        Until the server has confirmed, a sealed erasure ticket stays (the request and what signs it). ``sync()`` takes
        it further; ``forget_now()`` drops it. Once ``account`` or ``device`` is confirmed, the vault is gone: folder
        and secrets.

        Raises:
            VaultError: nothing was deleted.
            ReceiptInvalid: the server's receipt does not hold; the deletion here is done, the ticket stays.
        """
        return self._deletion.delete(plan)

    def resume(self, *, interactive: bool = True) -> tuple[Server, ...]:
        """Take every deletion that the server has not confirmed yet a step further; return where each stands.

        Raises:
            ReceiptInvalid: as for ``delete``.
        """
        answers: list[Server] = []
        for ticket in self._deletion.tickets():
            answers.append(self._deletion.follow(ticket, interactive=interactive))
            if answers[-1].state == "confirmed" and ticket.body["scope"] != "logs":
                break  # the vault is gone, and with it every narrower request
        return tuple(answers)

    def forget_now(self) -> None:
        """Drop the erasure ticket of a deletion without waiting for the server; nothing is left here then.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
        """
        self._deletion.forget_now()

    def make_ticket(self, scope: wire.TicketScope = "account") -> PanicTicket:
        """Make a ticket with which the data can be erased once, without this device or the app. Show it now: only once.

        The server is sent its fingerprint, and this device keeps nothing of it. It cannot do anything but erase.

        Args:
            scope: what it erases: ``account`` (everything; needs a code from an e-mail, as the deletion does) or
                ``device`` (what is about this device, which ends when it is unbound).

        Raises:
            ValueRefused: no such scope.
            RequestRefused: the order has enough tickets (``too-many-tickets``); revoke one first.
            NotBound, AuthenticationError, TransportError, ServerError, VaultError: as for any call.
        """
        ticket = new_ticket(self._api.server, scope)
        wanted = wire.NewErasureTicket(ticket_id=ticket.ticket_id, scope=scope)
        self._api.call("tickets.make", answer=wire.ErasureTicket, body=wanted)
        return ticket

    def tickets(self) -> tuple[wire.ErasureTicket, ...]:
        """Return the order's tickets that can still be used, whichever device made them: numbers, never codes.

        Raises:
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        return tuple(self._api.call("tickets.list", answer=wire.ErasureTicketList).value.tickets)

    def revoke_ticket(self, ticket_id: str) -> None:
        """Make a ticket of the order worthless.

        Raises:
            RequestRefused: the order has no such ticket (``ticket-not-found``).
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        self._api.call("tickets.revoke", path={"ticket_id": ticket_id})

    def sent(self) -> Iterator[SentEntry]:
        """Yield what left this device through this component, oldest first: field names, never values."""
        return self._view.sent()

    def _ask_server(self, scope: wire.Scope) -> _Said:
        if scope == "logs":
            return _Said()
        try:
            held = self._api.call("data.view", answer=wire.ServerData, interactive=False).value.fields
            devices = self._api.call("devices.list", answer=wire.DeviceList, interactive=False).value.devices
            order = self._api.call("order.read", answer=wire.Order, interactive=False).value
        except VaultError:
            raise
        except RocketVPNError:
            return _Said(asked=False)
        stays = tuple(
            KeptField(field.id, self._sentence(field.id), field.hold.basis, field.hold.until)
            for field in held
            if field.hold is not None
        )
        if scope == "device":
            named = {field.field for field in stays}
            own = frozenset(field.id for field in held) - named
            return _Said(stays=(*stays, *stays_with_the_order(self._api.policy, own)))
        others = tuple(device.name for device in devices if not device.current)
        return _Said(stays=stays, devices=others, paid_until=order.paid_until)

    def _sentence(self, field: str) -> str:
        declared = self._api.policy.fields.get(field)
        return declared.sentence["en"] if declared else ""


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    """What the server said about a deletion that is being planned."""

    asked: bool = True
    stays: tuple[KeptField, ...] = ()
    devices: tuple[str, ...] = ()
    paid_until: date | None = None
