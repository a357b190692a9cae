"""``rocket.rights``: see, correct, take along, delete, and know who was told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import Any

from rocketvpn_sdk import wire
from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.cancelling import CancelToken, cancelled_by
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.progress import Progress
from rocketvpn_sdk.rights.correct import Correction
from rocketvpn_sdk.rights.delete import Deletion
from rocketvpn_sdk.rights.disclosures import Disclosure, read_disclosures
from rocketvpn_sdk.rights.export import Export, ExportResult
from rocketvpn_sdk.rights.local import LocalData
from rocketvpn_sdk.rights.outcome import Outcome, Server
from rocketvpn_sdk.rights.owner import OwnerRights
from rocketvpn_sdk.rights.plan import DeletionPlan
from rocketvpn_sdk.rights.planning import Planning
from rocketvpn_sdk.rights.recovery import RecoveryCode, make_recovery_code
from rocketvpn_sdk.rights.report import Report
from rocketvpn_sdk.rights.requests import DataRequest, DataRequests, RequestList
from rocketvpn_sdk.rights.ticket import PanicTicket
from rocketvpn_sdk.rights.view import View
from rocketvpn_sdk.signed_files import TrustedFiles
from rocketvpn_sdk.transport import Api, SentEntry, checked_order_number, deadline
from rocketvpn_sdk.witness import Witnessed


@checks_arguments
class Rights:
    """The user's rights over their data (policy clauses A1 to A4, R2).

    Args:
        context, local: what this device holds.
        api: the calls.
        deletion: carries deletions through.
        files: returns the operator's signed files; ``None``: there are none.
        new_ticket: makes a panic ticket for what it erases.
    """

    def __init__(
        self,
        context: Context,
        local: LocalData,
        api: Api,
        deletion: Deletion,
        files: Callable[[], TrustedFiles | None],
        new_ticket: Callable[[wire.TicketScope], PanicTicket],
    ) -> None:
        self._context = context
        self._local = local
        self._api = api
        self._deletion = deletion
        self._requests = DataRequests(context, api)
        self._view = View(context, local, api, self._requests)
        self._planning = Planning(context, api, self._view)
        self._correction = Correction(context, api)
        self._export = Export(context, local, api, self._view, self._requests)
        self._files = files
        self._new_ticket = new_ticket

    def view(
        self,
        samples: int = 0,
        language: str = "en",
        *,
        with_code: bool = False,
        progress: Progress | None = None,
        cancel: CancelToken | None = None,
    ) -> Report:
        """Return everything held about the user, on this device and at the server (A1).

        Works offline: ``server_answered`` is then false, and ``server_problem`` says why.

        The order's number alone binds a device, so the server withholds from it what is not the device's own: the
        order's e-mail address, payments, tickets, and to whom something was disclosed. ``Report.withheld`` names
        those, and ``with_code=True`` shows them.

        Args:
            samples: so many of the newest entries of the log, 0 to 1000; without them it is counted.
            language: BCP 47, of the sentences in it; English where the policy lacks it.
            with_code: have ``Config(authenticator=...)`` ask the user for a code first, which is sent to the order's
                e-mail address, unless they gave one within the last minutes.
            progress: called with the steps that are done, with all, and with what was done last; what it raises ends
                the call.
            cancel: ends the call from another thread.

        Raises:
            ValueRefused: ``samples`` is no such number.
            AuthenticationError: ``with_code`` was asked for, and the user gave no code, or not the right one.
            CallbackFailed: ``progress`` raised something.
            CallCancelled: ``cancel`` ended it.
            VaultLocked: unlock first.
            VaultDamaged: what is held here is not what was written.
        """
        with cancelled_by(cancel):
            return self._view.view(samples, language, with_code=with_code, progress=progress)

    def correct(self, changes: Mapping[str, str | None], seen: Mapping[str, Any] | Report | None = None) -> Outcome:
        """Correct fields at the server (A2); ``None`` removes an optional one.

        It is read back: ``server.state`` is ``confirmed`` once the server, asked again, holds what was asked for, and
        ``in_progress`` where it took it and could not be asked again (``problem`` says why). This device keeps no copy.

        A new ``contact_email`` counts once a code that goes there is given back: the user is asked for it within this
        call. Where they cannot be, or do not answer, the state is ``waiting_for_user``, the former one still counts,
        and ``confirm_address`` goes on within a day. The first address of an order counts a week after that
        (``in_progress``, ``waits_until``); until then each of its devices is told, and calls it off with ``None``.

        Args:
            changes: the new value of each field; ``None`` has it removed.
            seen: what the user was shown, by field, or the report they looked at; what is not in it was not there. Give
                it: without it only a change during this very call is noticed.

        Raises:
            NotCorrectable: the policy does not let this field be corrected; the error lists those it does.
            ValueRefused: a value does not fit; nothing was sent.
            NotAllowed: a minor would add what was not there (M1).
            Conflict: it was changed elsewhere meanwhile, or since it was ``seen``; the error has both values.
            ServerError: the server did not take it, or did not keep it.
            NotBound, AuthenticationError: as for any call; nothing was changed.
            TransportError, VaultError: as for any call; where the answer was lost, or could not be written down, it may
                be changed all the same. Correcting it again ends right either way.
        """
        with self._one_call():
            return self._correction.correct(changes, seen)

    def confirm_address(self) -> Outcome:
        """Have a code sent to the address that ``correct`` asked for, and give it back, so that the address counts.

        For where ``correct`` ended with ``waiting_for_user``: nobody could be asked then, or the code came too late.
        ``server.state`` is ``confirmed``, or ``in_progress`` with ``waits_until`` for the first address of an order:
        that counts after a week, unless a device of the order calls it off by correcting ``contact_email`` to ``None``.

        Raises:
            RequestRefused: no address that this device asked for waits (``address-not-pending``); correct it again.
            AuthenticationRequired, AuthenticationFailed: the code was not given, or not the right one.
            RateLimited: too many codes were asked for.
            NotBound, TransportError, ServerError, VaultError: as for any call.
        """
        with self._one_call():
            return self._correction.confirm_address()

    def make_recovery_code(self) -> RecoveryCode:
        """Make a recovery code, to be printed or written down, for the day when the mailbox is lost. Show it now: once.

        It needs a code from an e-mail. Later it can be given in place of one, to whatever asks for it on a device that
        is bound to the order: once, and it cannot do anything else. The order's former one is worth nothing any more,
        and its owner is told by e-mail. The server is sent a fingerprint, and this device keeps nothing of it.

        Where the answer got lost, neither the former code nor this one may hold: call it again.

        Raises:
            BrowserRequired: the order has no confirmed address.
            NotBound, AuthenticationError, TransportError, ServerError, VaultError: as for any call.
        """
        return make_recovery_code(self._api)

    def plan_delete(self, scope: wire.Scope, *, with_code: bool = False) -> DeletionPlan:
        """Return what a deletion would do, without doing it.

        Where this device is not bound, the server would not be told (``server_told``): only what is here goes, and the
        order's owner has the rest deleted with ``as_owner``.

        Args:
            scope: ``logs`` (the app's log), ``device`` (everything about this device), ``account`` (everything).
            with_code: as for ``view``. Without it, the plan for the account does not say what a law holds back of the
                fields that the server withholds, or which other devices it reaches.

        Raises:
            ValueRefused: no such scope.
            AuthenticationError: ``with_code`` was asked for, and the user gave no code, or not the right one.
            VaultLocked: unlock first.
        """
        with self._one_call():
            return self._planning.plan(scope, with_code=with_code)

    def delete(
        self, plan: DeletionPlan, *, progress: Progress | None = None, cancel: CancelToken | None = None
    ) -> Outcome:
        """Delete (A3): everything in scope is destroyed here at once, offline too; then the server is told.

        Of ``plan`` only the scope counts: what came after it was made goes as well. On this device ``device`` and
        ``account`` destroy the same; they differ at the server.

        Until the server has confirmed, the sealed request and what signs it stay. ``sync()`` takes it further;
        ``forget_now()`` drops it. Once ``account`` or ``device`` is confirmed, the vault is gone: folder and secrets.

        Args:
            plan: from ``plan_delete``.
            progress: called with the steps that are done, with all (2), and with where the next one is: ``here``, then
                ``server``. What it raises at the first call ends the deletion before it begins; later it ends nothing.
            cancel: ends the call from another thread. What is destroyed here stays destroyed; the server is then told
                later, as if it could not be reached (``server.problem`` is ``call-cancelled``).

        Raises:
            CallbackFailed, CallCancelled: nothing was deleted.
            VaultError: nothing was deleted. (Where only the server could not be told, ``server.problem`` says why.)
            ReceiptInvalid: the server's receipt does not hold; the deletion here is done, the request stays queued.
        """
        with cancelled_by(cancel):
            return self._deletion.delete(plan, progress)

    def resume(self, *, interactive: bool = True) -> tuple[Server, ...]:
        """Take every deletion that the server has not confirmed yet a step further; return where each stands.

        Raises:
            ReceiptInvalid: as for ``delete``.
        """
        answers: list[Server] = []
        for pending in self._context.deletions():
            answers.append(self._deletion.follow(pending, interactive=interactive))
            if answers[-1].state == "confirmed" and pending.body["scope"] != "logs":
                break  # the vault is gone, and with it every narrower request
        return tuple(answers)

    def forget_now(self) -> None:
        """Drop every deletion that the server has not confirmed yet, without waiting for it.

        Where more than the log was deleted, nothing is left here then.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
        """
        self._deletion.forget_now()

    def sent(self, *, since: datetime | None = None, until: datetime | None = None) -> Iterator[SentEntry]:
        """Yield what left this device through this component, oldest first: field names, never values (A1).

        Args:
            since: calls that began at this time or later; with a time zone.
            until: calls that began before this time; with a time zone.

        Raises:
            VaultDamaged: while it is iterated, before the first entry: the ledger is not what was written.
            VaultLocked: unlock first.
        """
        return self._api.sent.entries(since=_seconds(since), until=_seconds(until))

    def sent_matches(self, entry: SentEntry, body: bytes) -> bool:
        """Return whether ``body`` is byte for byte what ``entry`` says was sent.

        The ledger holds no body, only its HMAC-SHA256, by a key that never leaves the vault. Someone with a body, from
        the app's own memory or from the server, can so have it held against the ledger; nobody can guess one from it.
        False where it was another body, and where the key was destroyed since, with the device's data.

        Raises:
            VaultLocked: unlock first.
            VaultDamaged: the key is not what was written.
        """
        return self._api.sent.matches(entry, body)

    def witnessed(self) -> Witnessed:
        """Return where else the app's own Python code connected to, as far as ``Config(witness=True)`` saw it (A1).

        Host, port, module, how often, first and last day. What it cannot see is in ``Witnessed.caveats``: code that is
        not Python, other processes, connections from before it was switched on, and names where the app used addresses.

        Raises:
            VaultDamaged: it is not what was written.
            VaultLocked: unlock first.
        """
        return self._local.witness.read()

    def as_owner(self, order_number: str) -> OwnerRights:
        """Let an order's owner see and delete without a bound device: theirs is lost, or was removed (A1, A3, A4).

        A code goes to the order's e-mail address, and ``Config(authenticator=...)`` asks the user for it. Whether
        there is such an order is not said: where there is none, no code comes and none is right.

        Args:
            order_number: as the confirmation of the purchase has it; spaces, dashes and small letters do no harm.

        Raises:
            ValueRefused: the number does not look like one; nothing was sent.
            AuthenticationRequired: nobody can be asked, or gave an answer.
            AuthenticationFailed: the code was not accepted.
            BrowserRequired: the server wants this done on its web pages.
            RateLimited: too many codes were asked for.
            TransportError, ServerError, VaultError: as for any call; try again.
        """
        order_number = checked_order_number(self._context.permit.policy, order_number)
        with self._one_call():
            owner = self._api.session.owner(order_number)
        return OwnerRights(self._api, owner, self._context.clock, self._files)

    def disclosures(self) -> tuple[Disclosure, ...]:
        """Return what the server says it gave to others, oldest first.

        Each says to whom, on which basis (S1, S3) and under which safeguard (S2). What the policy does not know is
        shown as the server says it, and named in ``undeclared``. The server is asked each time; nothing is kept here.
        It wants a code from an e-mail first, for which ``Config(authenticator=...)`` asks the user.

        Raises:
            NotBound, DeviceRevoked, AuthenticationError, TransportError, ServerError: as for any call; it cannot be
                said then.
        """
        return read_disclosures(self._api)

    def requests(self) -> RequestList:
        """Return every data rights request of this device: those at the server, until it forgets them, and those here.

        Works offline: ``server_answered`` is then false, and the list has what waits here.

        Raises:
            VaultLocked: unlock first.
        """
        return self._requests.all()

    def request(self, request_id: str) -> DataRequest:
        """Return how far a request is, asking the server where it has it.

        Raises:
            ValueRefused: this device has no such request.
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        return self._requests.one(request_id)

    def cancel(self, request_id: str) -> DataRequest:
        """Call a request off while nobody works on it; what a deletion destroyed here stays destroyed.

        A deletion of the account that waits (``waits_until``) can be called off by each device of the order, whichever
        of them asked for it, and all that wait are called off with it.

        One that still waits here is dropped, and the server is not told. Where the answer to an earlier try was lost,
        the server may have it all the same; ``requests`` shows it then.

        Raises:
            ValueRefused: this device has no such request.
            RequestRefused: ``request-begun`` (it is being carried out) or ``request-closed`` (it is over).
            NotBound, DeviceRevoked, TransportError, ServerError, VaultError: as for any call; the server may have
                called it off all the same, where its answer was lost. Calling this again goes on.
        """
        return self._requests.cancel(request_id)

    def export(
        self,
        path: str | Path,
        *,
        passphrase: str | None = None,
        progress: Progress | None = None,
        overwrite: bool = False,
        with_code: bool = False,
        cancel: CancelToken | None = None,
    ) -> ExportResult:
        """Write everything that is held into one file to take along (A1): a ZIP of JSON, CSV and JSON-LD.

        Works offline: the server's part is missing then, and the file says so. The file is there whole or not at all,
        readable by its owner alone.

        Args:
            path: the file to write, outside the vault's folder; what is there and no file (a link, a device, a pipe) is
                never replaced.
            passphrase: encrypts the whole file for ``age`` (age-encryption.org); ``.age`` is added to its name. Without
                one, anyone who can read the file can read what is in it.
            progress: told how many of how many steps are done, and what is being written.
            overwrite: replace a file that is there.
            with_code: as for ``view``; without it, what the server withholds is named in the file and not in it.
            cancel: ends the call from another thread; nothing is left of the file.

        Raises:
            AuthenticationError: ``with_code`` was asked for, and the user gave no code, or not the right one.
            ValueRefused: the name or the passphrase cannot be used; nothing was written.
            ExportFailed: the file could not be written; nothing is left of it.
            CallbackFailed: ``progress`` raised something; nothing is left of the file.
            CallCancelled: ``cancel`` ended it; nothing is left of the file.
            ConfigurationError: a passphrase needs the extra ``age``.
            VaultLocked, VaultDamaged: as for ``view``.
        """
        with cancelled_by(cancel):
            if with_code:
                self._view.verify()
            return self._export.write(Path(path), passphrase=passphrase, progress=progress, overwrite=overwrite)

    def make_ticket(self, scope: wire.TicketScope = "account") -> PanicTicket:
        """Make a ticket with which the data can be erased once, without this device or the app. Show it now: only once.

        The server is sent its fingerprint, and this device keeps nothing of it. It cannot do anything but erase.

        Args:
            scope: what it erases: ``account`` (everything; needs a code from an e-mail, as the deletion does) or
                ``device`` (what is about this device, which ends when it is unbound).

        Raises:
            ValueRefused: no such scope.
            ConfigurationError: ``Config`` has more pins than a ticket has room for (8).
            RequestRefused: the order has enough tickets (``too-many-tickets``); revoke one first.
            NotBound, AuthenticationError, TransportError, ServerError, VaultError: as for any call.
        """
        ticket = self._new_ticket(scope)
        self._api.remember((ticket.code,))
        wanted = wire.NewErasureTicket(ticket_id=ticket.ticket_id, scope=scope)
        self._api.call("tickets.make", answer=wire.ErasureTicket, body=wanted)
        return ticket

    def tickets(self, *, with_code: bool = False) -> tuple[wire.ErasureTicket, ...]:
        """Return the tickets that can still be used, as numbers, never as codes: those that this device made.

        Args:
            with_code: as for ``view``; then it is all of the order's, whichever device made them.

        Raises:
            AuthenticationError: ``with_code`` was asked for, and the user gave no code, or not the right one.
            NotBound, DeviceRevoked, TransportError, ServerError: as for any call.
        """
        if with_code:
            self._api.verify("tickets.list")
        return tuple(self._api.call("tickets.list", answer=wire.ErasureTicketList).value.tickets)

    def revoke_ticket(self, ticket_id: str) -> None:
        """Make a ticket of the order worthless.

        One that this device made for itself needs nothing else; any other one, and one for the account, needs a code
        from an e-mail.

        Raises:
            RequestRefused: the order has no such ticket (``ticket-not-found``).
            NotBound, DeviceRevoked, AuthenticationError, TransportError, ServerError: as for any call.
        """
        self._api.call("tickets.revoke", path={"ticket_id": ticket_id})

    def _one_call(self) -> AbstractContextManager[None]:
        """Bound all the requests inside to the time of one call, the user's own apart."""
        return deadline.within(self._api.limits.total_timeout)


def _seconds(at: datetime | None) -> float | None:
    return None if at is None else at.timestamp()
