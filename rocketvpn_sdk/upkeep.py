"""What is due from time to time: retention, the policy's dates, an owed rotation, and what waits for the server."""

from __future__ import annotations

from contextlib import suppress

from rocketvpn_sdk.background import CHECK_AGAIN, HOUR, Background, Every, Job, PolicyCheck
from rocketvpn_sdk.errors import SecretStoreError, VaultBusy
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.rooms import Rooms


class Upkeep:
    """Does what is due, for ``RocketVPN.sync`` and for the background worker.

    Args:
        rooms: what there is to keep up.
    """

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms

    def all(self) -> None:
        """Do everything that is due, and deliver what waits, ahead of its time; see ``RocketVPN.sync``."""
        rooms = self._rooms
        rooms.journal.purge_daily()
        if rooms.versions.in_force().pending is not None:
            rooms.policies.settle()
        with suppress(SecretStoreError, VaultBusy):  # stays owed, and status() shows it
            self.pay_rotation()
        if rooms.watch is not None:
            rooms.watch.save()
        self.deliver(ahead=True)

    def worker(self) -> Background:
        """Return the worker that does the same when it is due, and asks once a day for a new version of the policy."""
        rooms = self._rooms
        kept = Every(rooms.config.clock, HOUR, self.tidy)
        jobs = [
            Job("retention", kept.due, kept.run),
            Job("policy", lambda: rooms.versions.in_force().binds_at(), lambda: rooms.policies.settle()),
            Job("queue", lambda: rooms.queue.next_due(), lambda: self.deliver(ahead=False), paced=True),
            Job("rotation", self._rotation_due, self.pay_rotation),
        ]
        if rooms.config.resolved_root is not None:
            asked = PolicyCheck(rooms.vault, self._check)
            jobs.append(Job("policy-check", asked.due, asked.run, least=CHECK_AGAIN))
        return Background(jobs, rooms.config.clock)

    def _check(self) -> None:
        with loading(self._rooms.vault.folder):
            from rocketvpn_sdk.transport.retries import one_try

        with one_try():
            self._rooms.policies.check()

    def pay_rotation(self) -> None:
        """Replace the root key where that is owed.

        Raises:
            SecretStoreError, VaultBusy: it stays owed.
        """
        vault = self._rooms.vault
        vault.settle()
        if vault.status().rotation_owed_since is not None:
            vault.rotate()

    def tidy(self) -> None:
        """Destroy what is past its retention, end the consents that have expired, and write down how late it is."""
        self._rooms.journal.purge_daily()
        self._rooms.vault.save_clock()  # so that a process that is killed forgets an hour at most
        self._rooms.consent.settle()

    def deliver(self, *, ahead: bool) -> None:
        """Take what waits for the server to it; ``ahead`` of its time where somebody asks for that."""
        with loading(self._rooms.vault.folder):
            from rocketvpn_sdk.consents.delivery import Delivery

        rooms = self._rooms
        rooms.consent.settle()
        delivery, deleting = Delivery(rooms.consent, rooms.queue), rooms.deleting()
        if not delivery.prepare() and not deleting:
            return
        handlers = {**delivery.handlers(rooms.courier), **(rooms.deletion.handlers() if deleting else {})}
        rooms.courier.deliver_due(rooms.config.clock.time(), handlers, ahead=ahead)

    def _rotation_due(self) -> float | None:
        return None if self._rooms.vault.status().rotation_owed_since is None else 0.0
