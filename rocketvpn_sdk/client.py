"""``RocketVPN``: opens and closes the components and offers the public groups; decides nothing itself.

Touches: ``vault``, ``transport``. Start with ``RocketVPN``.
"""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rocketvpn_sdk._components import Components
from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.errors import RocketVPNError
from rocketvpn_sdk.events import EventBus, Notification, Subscriptions
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.groups.queue import WaitingRequests
from rocketvpn_sdk.journal.journal import hand_over
from rocketvpn_sdk.maintenance import Maintenance, Status
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.policy_versions import OperatorNotice, PolicyNotice, held_notices
from rocketvpn_sdk.vault import Removal, Vault
from rocketvpn_sdk.wire import ServerMetadata

if TYPE_CHECKING:  # these are loaded when a call first needs them; most bring httpx
    from rocketvpn_sdk.features import Features
    from rocketvpn_sdk.groups.consent import Consents
    from rocketvpn_sdk.groups.device import Devices
    from rocketvpn_sdk.groups.diagnostics import Diagnostics
    from rocketvpn_sdk.groups.offers import Offers
    from rocketvpn_sdk.groups.policy import Policies
    from rocketvpn_sdk.groups.surveys import Surveys
    from rocketvpn_sdk.groups.updates import Updates
    from rocketvpn_sdk.rights import Rights
    from rocketvpn_sdk.vault.verify import Verified

logger = logging.getLogger(__name__)

_GRACE = 0.5
"""Seconds for a thread whose wait the deadline ended to put back what it could not write."""

logging.getLogger("rocketvpn_sdk").addHandler(logging.NullHandler())  # our own logs go nowhere by default


class Closed(Notification, frozen=True, kw_only=True):
    """What came of closing; also told to subscribers where something was lost."""

    unsealed: int = 0
    """Records of the log, outcomes of calls and notes of the witness that could not be written in time: they are gone.

    Another process held the file, the disk was full, or the vault was never unlocked. What the user decided is not
    among them: that is durable before the call for it returns.
    """


@checks_arguments
class RocketVPN(OneHolder):
    """Rocket VPN's privacy policy, enforced on this device. Thread-safe; use it as a context manager, or ``close`` it.

    Make it with ``RocketVPN.open(config)``.
    """

    def __init__(self, config: Config, vault: Vault) -> None:
        """Connect the components; called by ``open``."""
        self._reopening = threading.Lock()
        self._connect(config, vault)

    def _connect(self, config: Config, vault: Vault, events: EventBus | None = None) -> None:
        components = Components(config, vault, lambda: self._maintenance.background.poke(), events)
        components.journal.register(config.events)
        self._components = components
        self._maintenance = Maintenance(components)
        self._closed: Closed | None = None
        self.events = Subscriptions(components.events)
        self.journal = components.journal
        self.queue = WaitingRequests(components.queue, lambda: components.versions.in_force().newest)
        _open.add(self)

    @classmethod
    def open(cls, config: Config, unlock: bool = True) -> Self:
        """Open (or make) the vault for ``config``.

        Args:
            config: what the app decides.
            unlock: ``False`` does not talk to the secret store, which may ask the user: a GUI opens, shows its window,
                and calls ``unlock()`` in a worker.

        Raises:
            ConfigurationError: an event class or a value of ``config`` cannot work.
            SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt, MadeWithPassphrase,
                MadeWithoutPassphrase: the root key cannot be had.
            VaultError: the folder cannot be used; see the subclass.
        """
        vault = _vault(config)
        try:
            rocket = cls(config, vault)
            if unlock:
                rocket.unlock()
        except BaseException:  # an interrupt too: no file stays open
            vault.close()
            raise
        return rocket

    def unlock(self) -> None:
        """Unlock the vault; the secret store may ask the user. Calling it again is fine.

        Raises:
            SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt, MadeWithPassphrase,
                MadeWithoutPassphrase: the root key cannot be had.
            VaultDamaged, VaultOutdated, VaultTooNew: see there.
        """
        components = self._components
        components.vault.unlock()
        components.versions.unlocked()
        components.journal.unlocked()
        if components.versions.in_force().pending is not None or held_notices(components.vault).listed:
            components.policies.announce()
        components.changes.vault()
        if components.config.background:
            self._maintenance.background.start()

    def close(self) -> Closed:
        """Flush and close; calling it again is fine.

        It takes ``limits.close_timeout`` and half a second at most, also while another process holds the file: all
        threads that wait stop at that deadline. Only a disk that does not answer can take longer.

        A call that another thread is in ends with ``VaultClosed``; what came of it is in the ledger, as of any other.

        Returns:
            How much could not be written; ``Closed`` is also emitted, for who closes with ``with``, if it is anything.
        """
        _open.discard(self)
        components, limit = self._components, self._components.config.limits.close_timeout
        until = time.monotonic() + limit
        components.vault.end_within(limit)
        self._maintenance.background.end()
        api = components.opened("api")
        if api is not None:
            api.interrupt()
        try:
            components.journal.close(max(0.0, until - time.monotonic()) + _GRACE)
            self._maintenance.background.join(max(0.0, until - time.monotonic()))
            if api is not None:
                api.close(max(0.0, until - time.monotonic()))
            with suppress(RocketVPNError):  # what is closing anyway; everything the user did is durable already
                components.sent.commit()
            if components.watch is not None:
                with suppress(RocketVPNError):
                    components.watch.close()
        finally:
            first, closed = self._closed is None, self._closed or Closed(unsealed=components.unsealed)
            self._closed = closed
            components.vault.close()
        if first:
            components.changes.vault()
        if first and closed.unsealed:
            logger.warning("closed, and %d records could not be written", closed.unsealed)
            components.events.emit(closed)
        return closed

    def reopen(self, unlock: bool = True) -> None:
        """Open the vault again after ``close``, or make a new one after it was deleted; one that is open stays so.

        Subscriptions to events stay, and log handlers record into it. What the app recorded in between is lost, and
        counted in ``journal.stats().dropped``. A group or a journal that the app keeps in a variable is the former
        vault's: take it from here again.

        Args:
            unlock: as for ``open``.

        Raises:
            SecretStoreError, VaultError: as for ``open``; calling it again is fine.
        """
        with self._reopening:
            before = self._components
            if before.vault.status().state == "closed":
                self._open_again(before)
        if unlock:
            self.unlock()

    def _open_again(self, before: Components) -> None:
        self.close()
        if (api := before.opened("api")) is not None:
            api.revocation.bound_again()  # what held of the former vault is not told any more
        for kind in (PolicyNotice, OperatorNotice):
            before.events.settle(kind)
        vault = _vault(before.config)
        try:
            self._connect(before.config, vault, before.events)
        except BaseException:  # an interrupt too: no file stays open
            vault.close()
            raise
        hand_over(before.journal, self.journal)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ the groups

    @property
    def consent(self) -> Consents:
        """What is optional, age and guardians: ``status``, ``notice``, ``grant``, ``deny``, ``withdraw`` and more."""
        return self._components.consents

    @property
    def device(self) -> Devices:
        """Order number ↔ device: ``bind``, ``binding``, ``order``, ``list``, ``unbind``."""
        return self._components.devices

    @property
    def rights(self) -> Rights:
        """See, correct, take along, delete: ``view``, ``correct``, ``export``, ``plan_delete``, ``delete``, more."""
        return self._components.rights

    @property
    def policy(self) -> Policies:
        """``current``, ``pending``, ``check``, ``changes``, ``notice``, ``shown``, ``accept``, ``explain``.

        And ``advice``, which is to be shown before ``device.bind``.
        """
        return self._components.policies

    @property
    def features(self) -> Features:
        """Which features work, and which choice would make one work: ``status``."""
        return self._components.features

    @property
    def diagnostics(self) -> Diagnostics:
        """Reports that do not say who you are: ``prepare``, ``send``."""
        return self._components.diagnostics

    @property
    def offers(self) -> Offers:
        """Offers of the operator's other services, chosen on this device: ``available``, ``take``, ``hide``."""
        return self._components.offers

    @property
    def surveys(self) -> Surveys:
        """Surveys, answered without your name: ``available``, ``prepare``, ``answer``, ``decline``, ``erase``."""
        return self._components.surveys

    @property
    def updates(self) -> Updates:
        """Releases of the app: ``check``, ``known``, ``download``, ``certify``."""
        return self._components.updates

    def call(self, operation: str, *, idempotency_key: str | None = None, **fields: Any) -> Any:
        """Call one of the app's own operations that the policy declares; guarded, signed and recorded.

        Args:
            operation: its id.
            idempotency_key: makes a write safe to repeat: called again with the same key and the same fields, also
                after a crash, the server does it once and gives the same answer. Keep the key before you call. 1 to 255
                characters of printable ASCII without quotation mark and backslash; a random UUID is best. Another text
                never leaves this device: a UUID made of it does. ``None``: a random one.
            fields: what goes along, by the names that the policy has for them.

        Returns:
            The decoded JSON answer.

        Raises:
            OperationUndeclared: the policy does not declare it.
            ValueRefused: ``idempotency_key`` cannot be one, or the operation only reads and takes none.
            EgressBlocked: a field, purpose, recipient or host that the policy does not allow; nothing was sent.
            IdempotencyKeyReused: the server has the key from a request with other fields.
            NotBound, DeviceRevoked, AuthenticationError, TransportError, ServerError, RequestRefused: see there. Where
                the server may have done it, ``idempotency_key`` of the error is the key to repeat it with.
        """
        return self._components.api.invoke(operation, fields, idempotency_key)

    # ------------------------------------------------------------ the whole

    def status(self) -> Status:
        """Return how things are on this device; never asks the server.

        Asks the secret store in one case: when another process replaced the root key meanwhile.
        """
        return self._maintenance.status()

    def verify(self) -> Verified:
        """Open every block and document, walk every chain, check every seal; return how many there are.

        Raises:
            VaultLocked: unlock first.
            VaultDamaged: something is not what was written; it is named.
        """
        with loading(self._components.vault.folder):
            from rocketvpn_sdk.vault.verify import verify

        self.journal.flush()
        return verify(self._components.vault)

    def ask_server(self) -> float | None:
        """Ask the server for its public metadata, without saying who asks; return its clock, where it told it.

        In seconds since the epoch. It shows that the server can be reached and trusted.

        Raises:
            EgressBlocked, TransportError, ServerError, VaultError: as for any call.
        """
        return self._components.api.call("server.metadata", answer=ServerMetadata).date

    def network_changed(self) -> None:
        """Say that the device's network is another one now: a tunnel went up or down, another Wi-Fi, a new route.

        The next call then makes a new connection. Without this, it would wait for an answer on one that the old network
        took along. Calls under way go on. Costs nothing where nothing is open; may be called at any time.
        """
        api = self._components.opened("api")
        if api is not None:
            api.network_changed()

    def sync(self) -> Status:
        """Do what is due, here and at the server.

        Purge what is past its time, let a policy bind that was shown long enough, pay an owed rotation, tell the server
        what was decided here, and take pending deletions further.

        Never asks the user: what needs them emits ``UserNeeded``.

        Raises:
            VaultLocked: unlock first.
            ReceiptInvalid: the server's receipt for a deletion does not hold.
        """
        self._maintenance.all()
        return self.status()

    @staticmethod
    def reset(config: Config) -> Removal:
        """Remove the vault of ``config``, whatever state it is in, and its secrets; needs no unlock.

        Only what is ours goes, by its name and never through a link; the folder stays if anything else is in it. Of the
        secret store only what the file proves to be its own: what it merely names may be another vault's, stays, and is
        in the answer. The server is not told: it goes on holding what it holds.

        Raises:
            MadeWithPassphrase, MadeWithoutPassphrase: its key is in another kind of secret store; nothing was removed.
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
            VaultError: the folder or a file in it cannot be used or removed; see the subclass.
        """
        with loading(config.folder):
            from rocketvpn_sdk.signed_files.folder import beside, remove
            from rocketvpn_sdk.vault.resetting import reset_vault

        folder, secrets = config.folder, config.resolved_secrets
        return reset_vault(folder, secrets, config.clock, config.limits, also=lambda: remove(beside(folder)))

    def __repr__(self) -> str:
        return f"RocketVPN({self._components.vault.status().state})"


def _vault(config: Config) -> Vault:
    return Vault(config.folder, config.resolved_secrets, config.clock, config.limits)


_open: weakref.WeakSet[RocketVPN] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for rocket in list(_open):
        rocket.close()
