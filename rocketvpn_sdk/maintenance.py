"""Recurring work: retention, dates of the policy, a pending key rotation, and delivery of the queue.

Touches: ``vault``, ``transport``. Start with ``Maintenance``.
"""

from __future__ import annotations

from contextlib import suppress

from rocketvpn_sdk._components import Components
from rocketvpn_sdk.background import CHECK_AGAIN, HOUR, Background, Every, Job, PolicyCheck
from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.errors import SecretStoreError, VaultBusy
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.wire import Order


class Maintenance:
    """Does what is due, for ``RocketVPN.sync`` and for the background worker.

    Args:
        components: those of one vault.
    """

    def __init__(self, components: Components) -> None:
        self._components = components

    def all(self) -> None:
        """Do everything that is due, and deliver what waits, ahead of its time; see ``RocketVPN.sync``."""
        components = self._components
        components.journal.purge_daily()
        if components.versions.in_force().pending is not None:
            components.policies.settle()
        with suppress(SecretStoreError, VaultBusy):  # stays pending, and status() shows it
            self.complete_rotation()
        if components.watch is not None:
            components.watch.save()
        self.deliver(ahead=True)

    def worker(self) -> Background:
        """Return the worker that does the same when it is due, and asks once a day for a new version of the policy."""
        components = self._components
        kept = Every(components.config.clock, HOUR, self.tidy)
        jobs = [
            Job("retention", kept.due, kept.run),
            Job("policy", lambda: components.versions.in_force().binds_at(), lambda: components.policies.settle()),
            Job("queue", lambda: components.queue.next_due(), lambda: self.deliver(ahead=False), paced=True),
            Job("rotation", self._rotation_due, self.complete_rotation),
        ]
        order = Every(components.config.clock, DAY, self._look_at_order)
        jobs.append(Job("order", order.due, order.run, least=CHECK_AGAIN))
        if components.config.resolved_root is not None:
            asked = PolicyCheck(components.vault, self._check)
            jobs.append(Job("policy-check", asked.due, asked.run, least=CHECK_AGAIN))
        return Background(jobs, components.config.clock)

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
        if components.device_id() is None or components.deleting():
            return
        with loading(components.vault.folder):
            from rocketvpn_sdk.transport.retries import one_try

        with one_try():
            components.api.call("order.read", answer=Order, interactive=False)

    def complete_rotation(self) -> None:
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

    def deliver(self, *, ahead: bool) -> None:
        """Take what waits for the server to it; ``ahead`` of its time where somebody asks for that."""
        with loading(self._components.vault.folder):
            from rocketvpn_sdk.groups import consent_delivery

        components = self._components
        components.decisions.settle()
        deleting = components.deleting()
        if not consent_delivery.prepare(components.decisions) and not deleting:
            return
        handlers = {
            **consent_delivery.handlers(components.queue, components.delivery),
            **(components.deletion.handlers() if deleting else {}),
        }
        components.delivery.deliver_due(components.config.clock.time(), handlers, ahead=ahead)

    def _rotation_due(self) -> float | None:
        return None if self._components.vault.status().rotation_owed_since is None else 0.0
