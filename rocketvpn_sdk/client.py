"""``RocketVPN``: opens the rooms and wires them; decides nothing itself."""

from __future__ import annotations

import atexit
import logging
import threading
import weakref
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from rocketvpn_sdk.config import Config
from rocketvpn_sdk.consent import Consent, Permit, Versions
from rocketvpn_sdk.consents import Consents
from rocketvpn_sdk.errors import (
    ConfigurationError,
    RocketVPNError,
    SecretStoreError,
    VaultBusy,
    VaultClosed,
    VaultLocked,
)
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.masking import mask
from rocketvpn_sdk.vault import Queue, SealedLog, Vault, VaultStatus

if TYPE_CHECKING:  # these bring httpx, and are loaded when a call first needs them
    from rocketvpn_sdk.device import Devices
    from rocketvpn_sdk.rights import Rights
    from rocketvpn_sdk.transport import Api
    from rocketvpn_sdk.updates import Policies, TrustedFiles

_OPERATOR = "operator"
_DELETION = "rights.request"

logging.getLogger("rocketvpn_sdk").addHandler(logging.NullHandler())  # our own logs go nowhere by default


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How things are on this device."""

    vault: VaultStatus
    bound: bool | None
    """``None``: the vault is locked, so it cannot be said."""
    order: str | None
    """The order number, masked."""
    policy_version: int
    waiting: int | None
    """Requests that the server has not confirmed yet; ``None``: the vault is locked."""


class RocketVPN:
    """Rocket VPN's privacy policy, enforced on this device. Thread-safe; use it as a context manager, or ``close`` it.

    Make it with ``RocketVPN.open(config)``.
    """

    def __init__(self, config: Config, vault: Vault) -> None:
        """Wire the rooms; called by ``open``."""
        self._config = config
        self._vault = vault
        self._loading = threading.RLock()
        self._api: Api | None = None
        self._devices: Devices | None = None
        self._rights: Rights | None = None
        self._policies: Policies | None = None
        self._trusted: TrustedFiles | None = None
        self.events = EventBus(config.dispatch)
        self._consent = Consent(
            vault,
            collect=config.collect,
            policies=lambda: self._versions.in_force().policies,
            device=self._device_id,
            on_shred=lambda: self.journal.shredded(),
        )
        self.consent = Consents(self._consent, connect=self._connect, queue=Queue(vault), events=self.events)
        self._versions = Versions(vault, config.resolved_policy)
        self._permit = Permit(self._versions.in_force, self.consent.state, self._now, self._changes)
        self._queue = Queue(vault)
        self._sent = SealedLog(vault, "sent", block_records=32)
        own_hosts = config.resolved_policy.recipients[_OPERATOR].hosts
        self.journal = Journal(
            vault, SealedLog(vault, "log"), self._permit, config.clock, config.limits, own_hosts=own_hosts
        )
        self.journal.register(config.events)
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
            SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt: the root key cannot be had.
            VaultError: the folder cannot be used; see the subclass.
        """
        vault = Vault(config.folder, config.resolved_secrets, config.clock, config.limits)
        try:
            rocket = cls(config, vault)
            if unlock:
                rocket.unlock()
        except BaseException:
            vault.close()
            raise
        return rocket

    def unlock(self) -> None:
        """Unlock the vault; the secret store may ask the user. Calling it again is fine.

        Raises:
            SecretStoreUnavailable, SecretStoreLocked, SecretMissing, SecretCorrupt: the root key cannot be had.
            VaultDamaged, VaultOutdated, VaultTooNew: see there.
        """
        self._vault.unlock()
        self._versions.unlocked()
        self.journal.unlocked()
        if self._versions.in_force().pending is not None:
            self.policy.announce()

    def close(self) -> None:
        """Flush and close; returns within ``limits.close_timeout`` and a disk's time. Calling it again is fine."""
        _open.discard(self)
        try:
            self.journal.close()
            with suppress(RocketVPNError):  # what is closing anyway; everything the user did is durable already
                self._sent.commit()
            if self._api is not None:
                self._api.close()
        finally:
            self._vault.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # ------------------------------------------------------------ the groups

    @property
    def device(self) -> Devices:
        """Order number ↔ device: ``bind``, ``binding``, ``order``, ``list``, ``unbind``."""
        with self._loading:
            if self._devices is None:
                from rocketvpn_sdk.device import Devices

                self._devices = Devices(
                    api=self._connect(),
                    documents=self._vault,
                    clock=self._config.clock,
                    app_id=self._config.app_id,
                    deleting=lambda: any(item.operation == _DELETION for item in self._queue.items()),
                )
            return self._devices

    @property
    def rights(self) -> Rights:
        """See, correct, delete: ``view``, ``correct``, ``plan_delete``, ``delete``, ``sent``."""
        with self._loading:
            if self._rights is None:
                self._rights = self._open_rights()
            return self._rights

    @property
    def policy(self) -> Policies:
        """``current``, ``pending``, ``check``, ``changes``, ``notice``, ``shown``, ``accept``, ``explain``."""
        with self._loading:
            if self._policies is None:
                from rocketvpn_sdk.updates.policies import Policies

                self._policies = Policies(self._versions, self._files, self.events, self._flush)
            return self._policies

    def call(self, operation: str, **fields: Any) -> Any:
        """Call one of the app's own operations that the policy declares; guarded, signed and recorded.

        Returns:
            The decoded JSON answer.

        Raises:
            OperationUndeclared: the policy does not declare it.
            EgressBlocked: a field, purpose, recipient or host that the policy does not allow; nothing was sent.
            NotBound, DeviceRevoked, AuthenticationError, TransportError, ServerError, RequestRefused: see there.
        """
        return self._connect().invoke(operation, fields)

    # ------------------------------------------------------------ the whole

    def status(self) -> Status:
        """Return how things are on this device; never asks the server.

        Asks the secret store in one case: when another process replaced the root key meanwhile.
        """
        vault = self._vault.status()
        bound = order = waiting = None
        if vault.state == "unlocked":
            from rocketvpn_sdk.identity import BINDING, Binding  # brings what reads keys; recording needs none of it

            with suppress(VaultLocked, VaultClosed):  # it was closed between the two looks
                binding = self._vault.get(BINDING, Binding)
                bound, waiting = binding is not None, len(self._queue.items())
                order = mask(binding.order_number) if binding else None
            vault = self._vault.status()
        return Status(
            vault=vault,
            bound=bound,
            order=order,
            policy_version=self._versions.in_force().binding.version,
            waiting=waiting,
        )

    def sync(self) -> Status:
        """Do what is due, here and at the server.

        Purge what is past its time, let a policy bind that was shown long enough, pay an owed rotation, tell the server
        what was decided here, and take pending deletions further.

        Never asks the user: what needs them emits ``UserNeeded``.

        Raises:
            VaultLocked: unlock first.
            ReceiptInvalid: the server's receipt for a deletion does not hold.
        """
        self.journal.purge_daily()
        if self._versions.in_force().pending is not None:
            self.policy.settle()
        with suppress(SecretStoreError, VaultBusy):  # stays owed, and status() shows it
            self._vault.settle()
            if self._vault.status().rotation_owed_since is not None:
                self._vault.rotate()
        self.consent.deliver()
        if any(item.operation == _DELETION for item in self._queue.items()):
            self.rights.resume(interactive=False)
        return self.status()

    @staticmethod
    def reset(config: Config) -> None:
        """Remove the vault of ``config``, whatever state it is in, and its secrets; needs no unlock.

        The server is not told: it goes on holding what it holds.

        Raises:
            SecretStoreError: the secret store cannot be used now; calling it again goes on.
        """
        from rocketvpn_sdk.updates.place import beside, remove

        remove(beside(config.folder))
        Vault.reset(config.folder, config.resolved_secrets, config.clock, config.limits)

    def __repr__(self) -> str:
        return f"RocketVPN({self._vault.status().state})"

    # ------------------------------------------------------------ wiring

    def _now(self) -> float:
        return self._vault.now()

    def _device_id(self) -> str | None:
        from rocketvpn_sdk.identity import CREDENTIALS, Credentials  # brings what reads keys

        credentials = self._vault.get(CREDENTIALS, Credentials)
        return credentials.device_id if credentials else None

    def _changes(self) -> int:
        return self.consent.changes + self._versions.changes

    def _flush(self) -> None:
        """Seal what waits in memory: it was given under the policy that still holds."""
        self.journal.flush()

    def _files(self) -> TrustedFiles:
        """Return the operator's signed files; loads what checks them at the first use."""
        with self._loading:
            if self._trusted is None:
                from rocketvpn_sdk.updates import TrustedFiles, beside

                root = self._config.resolved_root
                if root is None:
                    raise ConfigurationError(problem="signed files need trusted_root, the operator's TUF root metadata")
                self._trusted = TrustedFiles(
                    folder=beside(self._config.folder),
                    trusted_root=root,
                    fetch=self._connect().fetch,
                    now=self._now,
                    limits=self._config.limits,
                )
            return self._trusted

    def _connect(self) -> Api:
        """Return the calls; loads the network's part at the first use."""
        with self._loading:
            if self._api is None:
                from rocketvpn_sdk.transport import open_api, tls_context

                config = self._config
                self._api = open_api(
                    server=config.origin,
                    client_id=config.app_id,
                    permit=self._permit,
                    documents=self._vault,
                    stream=self._sent,
                    events=self.events,
                    clock=config.clock,
                    limits=config.limits,
                    context=tls_context(trust=config.trust, pins=config.pins),
                    authenticator=config.authenticator,
                    proxy=config.proxy,
                    agree=self._vault.agree,
                )
            return self._api

    def _open_rights(self) -> Rights:
        from rocketvpn_sdk.rights import Rights
        from rocketvpn_sdk.rights.correct import Correction
        from rocketvpn_sdk.rights.delete import Deletion
        from rocketvpn_sdk.rights.view import View
        from rocketvpn_sdk.transport.courier import Courier

        api, clock = self._connect(), self._config.clock
        return Rights(
            api=api,
            view=View(
                vault=self._vault, journal=self.journal, queue=self._queue, consent=self._consent, api=api, clock=clock
            ),
            correction=Correction(api, self._permit, clock),
            deletion=Deletion(
                vault=self._vault,
                journal=self.journal,
                api=api,
                queue=self._queue,
                courier=Courier(api, self._queue, self.events),
                clock=clock,
                events=self.events,
                files=self._files if self._config.resolved_root is not None else None,
            ),
            clock=clock,
        )


_open: weakref.WeakSet[RocketVPN] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for rocket in list(_open):
        rocket.close()
