"""What is due: retention, dates of the policy, a pending key rotation and the queue's delivery; and how things are."""

from __future__ import annotations

from contextlib import suppress

import msgspec

from rocketvpn_sdk._components import Components
from rocketvpn_sdk.clock import DAY, Age
from rocketvpn_sdk.consent.reports import ANSWER, RELAYED, REPORTS, SEND, SentReports, forget_old
from rocketvpn_sdk.consent.responses import SURVEYS, SurveyRecord, forget_old_responses
from rocketvpn_sdk.errors import SecretStoreError, VaultBusy, VaultClosed, VaultLocked
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.maintenance.safeguards import tell_of_blocked
from rocketvpn_sdk.maintenance.worker import (
    CHECK_AGAIN,
    HOUR,
    Background,
    BackgroundStatus,
    Every,
    Job,
    PolicyCheck,
)
from rocketvpn_sdk.masking import mask
from rocketvpn_sdk.policy.decide import blocked_recipients
from rocketvpn_sdk.policy_versions import OperatorNotice, held_notices
from rocketvpn_sdk.vault import VaultStatus
from rocketvpn_sdk.wire import Order, OrderChange


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things are on this device."""

    vault: VaultStatus
    bound: bool | None
    """``None``: the vault is locked, so it cannot be said."""
    order: str | None
    """The order number, masked."""
    policy_version: int
    """Of the version that binds."""
    policy_pending: int | None = None
    """A newer version that does not bind yet: ``policy.notice`` has what it changes, to be shown."""
    waiting: int | None
    """Requests that the server has not confirmed yet; ``None``: the vault is locked."""
    age: Age | None
    """How late it is, told by more than the wall clock; ``None``: the vault is locked."""
    background: BackgroundStatus | None = None
    """The worker of ``Config(background=True)``; ``None``: there is none."""
    notices: tuple[OperatorNotice, ...] = ()
    """The operator's notices that were not shown yet: show them prominently, then call ``policy.acknowledge``."""
    blocked: tuple[str, ...] = ()
    """Ids of the recipients to which nothing is sent, since their contract was not reviewed in time (S2)."""
    order_changes: tuple[OrderChange, ...] = ()
    """What waits for the order and can be called off here, as the server last said while the app runs: see
    ``OrderChangePending``."""


class Maintenance:
    """Does what is due, for ``RocketVPN.sync`` and for the background worker.

    Args:
        components: those of one vault.
    """

    def __init__(self, components: Components) -> None:
        self._components = components
        self.background = Background(self._jobs(), components.config.clock)
        """Does the same when it is due, once it is started."""

    def status(self) -> Status:
        """Return how things are; see ``RocketVPN.status``."""
        components, vault = self._components, self._components.vault.status()
        bound = order = waiting = None
        notices: tuple[OperatorNotice, ...] = ()
        in_force = components.versions.in_force()
        if vault.state == "unlocked":
            with suppress(VaultLocked, VaultClosed):  # it was closed between the two looks
                binding = components.context.binding()
                bound, waiting = binding is not None, len(components.queue.items())
                order = mask(binding.order_number) if binding else None
                notices = held_notices(components.vault).told("en", in_force.newest.contact)
            vault = components.vault.status()
        held = components.permit.held()
        return Status(
            vault=vault,
            bound=bound,
            order=order,
            policy_version=in_force.binding.version,
            policy_pending=in_force.pending.version if in_force.pending else None,
            notices=tuple(notice for notice in notices if not notice.shown),
            waiting=waiting,
            age=components.vault.age() if vault.state == "unlocked" else None,
            background=self.background.status() if components.config.background else None,
            blocked=tuple(part.id for part in blocked_recipients(held.policies, held.now)),
            order_changes=api.order_changes.newest if (api := components.opened("api")) else (),
        )

    def all(self) -> None:
        """Do everything that is due, and deliver what waits, ahead of its time; see ``RocketVPN.sync``."""
        components = self._components
        components.journal.purge_daily()
        tell_of_blocked(self._components.context)
        if components.versions.in_force().pending is not None:
            components.policies.settle()
        with suppress(SecretStoreError, VaultBusy):  # stays pending, and status() shows it
            self._complete_rotation()
        if components.watch is not None:
            components.watch.save()
        self._deliver(ahead=True)

    def _jobs(self) -> list[Job]:
        """Return what the worker does; it also asks once a day for a new version of the policy, and for the order."""
        components, clock = self._components, self._components.config.clock
        kept, order = Every(clock, HOUR, self.tidy), Every(clock, DAY, self._look_at_order)
        jobs = [
            Job("retention", kept.due, kept.run),
            Job("policy", lambda: components.versions.in_force().binds_at(), lambda: components.policies.settle()),
            Job("queue", components.queue.next_due, lambda: self._deliver(ahead=False), paced=True),
            Job("rotation", self._rotation_due, self._complete_rotation),
            Job("order", order.due, order.run, least=CHECK_AGAIN),
        ]
        if components.config.resolved_root is not None:
            asked = PolicyCheck(components.vault, self._check)
            jobs.append(Job("policy-check", asked.due, asked.run, least=CHECK_AGAIN))
        return jobs

    def _check(self) -> None:
        with loading(self._components.vault.folder):
            from rocketvpn_sdk.transport.retries import one_try

        with one_try():
            self._components.policies.check()

    def _look_at_order(self) -> None:
        """Learn what waits for the order: an app that makes no call of its own would not.

        Raises:
            RocketVPNError: it is asked again tomorrow.
        """
        components = self._components
        if components.device_id() is None or components.context.deletions():
            return
        with loading(components.vault.folder):
            from rocketvpn_sdk.transport.retries import one_try

        with one_try():
            components.api.call("order.read", answer=Order, interactive=False)

    def _complete_rotation(self) -> None:
        """Replace the root key if a rotation is pending.

        Raises:
            SecretStoreError, VaultBusy: it stays pending.
        """
        vault = self._components.vault
        vault.settle()
        if vault.status().rotation_owed_since is not None:
            vault.rotate()

    def tidy(self) -> None:
        """Destroy what is past its retention, end the consents that have expired, and write down how late it is."""
        self._components.journal.purge_daily()
        self._components.vault.save_clock()  # so that a process that is killed forgets an hour at most
        self._components.decisions.settle()
        self._forget_handles()
        tell_of_blocked(self._components.context)

    def _forget_handles(self) -> None:
        components = self._components
        vault, policy = components.vault, components.versions.in_force().binding
        held, record, now = vault.get(REPORTS, SentReports), vault.get(SURVEYS, SurveyRecord), vault.now()
        old_reports = held is not None and held.fresh(now, policy) != held
        old_answers = record is not None and record.fresh(now, policy) != record
        if old_reports or old_answers:
            with vault.write() as transaction:
                forgot = forget_old(transaction, now, policy)
                if forget_old_responses(transaction, components.queue, now, policy) or forgot:
                    transaction.request_rotation(components.config.clock.time())

    def _deliver(self, *, ahead: bool) -> None:
        """Take what waits for the server to it; ``ahead`` of its time where somebody asks for that."""
        with loading(self._components.vault.folder):
            from rocketvpn_sdk.groups import consent_delivery

        components = self._components
        components.decisions.settle()
        deleting = components.context.deletions()
        if consent_delivery.prepare(components.decisions) or deleting:
            handlers = {
                **consent_delivery.handlers(components.queue, components.delivery),
                **(components.deletion.handlers() if deleting else {}),
            }
            components.delivery.deliver_due(components.config.clock.time(), handlers, ahead=ahead)
        if components.vault.closed:  # a deletion came to its end
            return
        if any(item.operation in RELAYED for item in components.queue.items()):
            self._deliver_sealed(ahead=ahead)

    def _deliver_sealed(self, *, ahead: bool) -> None:
        """Take reports, answers and erasures through the relay; no report or answer goes before its random time.

        Apart from all else: that the relay is away says nothing about the server.
        """
        with loading(self._components.vault.folder):
            from rocketvpn_sdk.diagnostics import otlp
            from rocketvpn_sdk.diagnostics.delivery import Format, SealedDelivery
            from rocketvpn_sdk.surveys import answers

        components = self._components
        formats = {SEND: Format(otlp.decode, otlp.encode), ANSWER: Format(answers.decode, answers.encode)}
        sealed = SealedDelivery(components.queue, components.api.oblivious, lambda: components.files, formats)
        handlers = sealed.handlers(components.delivery)
        components.delivery.deliver_due(components.config.clock.time(), handlers, ahead=ahead)

    def _rotation_due(self) -> float | None:
        return None if self._components.vault.status().rotation_owed_since is None else 0.0
