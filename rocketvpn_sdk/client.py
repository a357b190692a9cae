"""``RocketVPN``: opens the rooms and wires them; decides nothing itself."""

from __future__ import annotations

import atexit
import logging
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec

from rocketvpn_sdk.background import HOUR, Background, BackgroundStatus, Every, Job, PolicyCheck
from rocketvpn_sdk.clock import Age
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.consent import Permit, Standing, Versions
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
from rocketvpn_sdk.waiting import Requests as WaitingRequests
from rocketvpn_sdk.wire import ServerMetadata

if TYPE_CHECKING:  # these are loaded when a call first needs them; most bring httpx
    from rocketvpn_sdk.consent import Consent
    from rocketvpn_sdk.consents import Consents
    from rocketvpn_sdk.device import Devices
    from rocketvpn_sdk.rights import Rights
    from rocketvpn_sdk.rights.delete import Deletion
    from rocketvpn_sdk.transport import Api
    from rocketvpn_sdk.updates import Policies, TrustedFiles
    from rocketvpn_sdk.vault.verify import Verified
    from rocketvpn_sdk.witness import WitnessRecord

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
    age: Age | None
    """How late it is, told by more than the wall clock; ``None``: the vault is locked."""
    background: BackgroundStatus | None = None
    """The worker of ``Config(background=True)``; ``None``: there is none."""


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
        self._consent: Consent | None = None
        self._consents: Consents | None = None
        self._devices: Devices | None = None
        self._rights: Rights | None = None
        self._deletion: Deletion | None = None
        self._policies: Policies | None = None
        self._trusted: TrustedFiles | None = None
        self.events = EventBus(config.dispatch)
        self._versions = Versions(vault, config.resolved_policy)
        self._standing = Standing(vault, collect=config.collect, policies=lambda: self._versions.in_force().policies)
        self._permit = Permit(self._versions.in_force, self._standing.state, self._now, self._changes)
        self._background = self._make_background() if config.background else None
        self._queue = Queue(vault, self._background.poke if self._background else lambda: None)
        self.queue = WaitingRequests(self._queue, lambda: self._versions.in_force().newest)
        self._sent = SealedLog(vault, "sent", block_records=32)
        self._witness = self._watch() if config.witness else None
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
        if self._background is not None:
            self._background.start()

    def close(self) -> None:
        """Flush and close; returns within ``limits.close_timeout`` and a disk's time. Calling it again is fine.

        A call that another thread has in a pause between two tries ends with ``VaultClosed``.
        """
        _open.discard(self)
        until = time.monotonic() + self._config.limits.close_timeout
        if self._background is not None:
            self._background.end()
        if self._api is not None:
            self._api.interrupt()
        try:
            self.journal.close()
            if self._background is not None:
                self._background.join(max(0.0, until - time.monotonic()))
            with suppress(RocketVPNError):  # what is closing anyway; everything the user did is durable already
                self._sent.commit()
            if self._witness is not None:
                with suppress(RocketVPNError):
                    self._witness.close()
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
    def consent(self) -> Consents:
        """What is optional, age and guardians: ``status``, ``notice``, ``grant``, ``deny``, ``withdraw`` and more."""
        with self._loading:
            if self._consents is None:
                from rocketvpn_sdk.consents import Consents

                room = self._open_consent()
                self._consents = Consents(room, connect=self._connect, queue=self._queue, events=self.events)
            return self._consents

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
        """See, correct, take along, delete: ``view``, ``correct``, ``export``, ``plan_delete``, ``delete``, more."""
        with self._loading:
            if self._rights is None:
                self._rights = self._open_rights()
            return self._rights

    @property
    def policy(self) -> Policies:
        """``current``, ``pending``, ``check``, ``changes``, ``notice``, ``shown``, ``accept``, ``explain``.

        And ``advice``, which is to be shown before ``device.bind``.
        """
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
            age=self._vault.age() if vault.state == "unlocked" else None,
            background=self._background.status() if self._background else None,
        )

    def verify(self) -> Verified:
        """Open every block and document, walk every chain, check every seal; return how many there are.

        Raises:
            VaultLocked: unlock first.
            VaultDamaged: something is not what was written; it is named.
        """
        from rocketvpn_sdk.vault.verify import verify

        self.journal.flush()
        return verify(self._vault)

    def ask_server(self) -> float | None:
        """Ask the server for its public metadata, without saying who asks; return its clock, where it told it.

        In seconds since the epoch. It shows that the server can be reached and trusted.

        Raises:
            EgressBlocked, TransportError, ServerError, VaultError: as for any call.
        """
        return self._connect().call("server.metadata", answer=ServerMetadata).date

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
            self._pay_rotation()
        if self._witness is not None:
            self._witness.save()
        self._deliver(ahead=True)
        return self.status()

    def _pay_rotation(self) -> None:
        self._vault.settle()
        if self._vault.status().rotation_owed_since is not None:
            self._vault.rotate()

    def _make_background(self) -> Background:
        """Return the worker for what ``sync`` does, and for asking once a day for a new version of the policy."""
        clock, vault = self._config.clock, self._vault
        kept = Every(clock, HOUR, self._tidy)
        jobs = [
            Job("retention", kept.due, kept.run),
            Job("policy", lambda: self._versions.in_force().binds_at(), lambda: self.policy.settle()),
            Job("queue", lambda: self._queue.next_due(), lambda: self._deliver(ahead=False)),
            Job("rotation", lambda: None if vault.status().rotation_owed_since is None else 0.0, self._pay_rotation),
        ]
        if self._config.resolved_root is not None:
            asked = PolicyCheck(vault, lambda: self.policy.check())
            jobs.append(Job("policy-check", asked.due, asked.run))
        return Background(jobs, clock)

    def _tidy(self) -> None:
        self.journal.purge_daily()
        self._open_consent().settle()

    def _deliver(self, *, ahead: bool) -> None:
        """Take what waits for the server to it; ``ahead`` of its time where somebody asks for that."""
        from rocketvpn_sdk.consents.delivery import Delivery

        consent = self._open_consent()
        consent.settle()
        delivery = Delivery(consent, self._queue)
        deleting = any(item.operation == _DELETION for item in self._queue.items())
        if not delivery.prepare() and not deleting:
            return
        from rocketvpn_sdk.transport.courier import Courier

        courier = Courier(self._connect(), self._queue, self.events)
        handlers = {**delivery.handlers(courier), **(self._deletions().handlers() if deleting else {})}
        courier.deliver_due(self._config.clock.time(), handlers, ahead=ahead)

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
        return self._standing.changes + self._versions.changes

    def _flush(self) -> None:
        """Seal what waits in memory: it was given under the policy that still holds."""
        self.journal.flush()

    def _watch(self) -> WitnessRecord:
        """Begin to note connections; who does not ask for it does not load it."""
        from rocketvpn_sdk.witness.hook import start

        return start(self._vault, self._permit, self._config.resolved_policy, self._config.clock)

    def _files_if_any(self) -> Callable[[], TrustedFiles] | None:
        return None if self._config.resolved_root is None else self._files

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
                    context=tls_context(trust=config.trust, pins=config.pins, allow_tls12=config.allow_tls12),
                    authenticator=config.authenticator,
                    proxy=config.proxy,
                    proxy_context=lambda: tls_context(trust=config.trust, allow_tls12=config.allow_tls12),
                    agree=self._vault.agree,
                    believed=lambda: self._vault.age().highest,
                )
            return self._api

    def _open_consent(self) -> Consent:
        """Return what decides about consents; recording needs none of it."""
        with self._loading:
            if self._consent is None:
                from rocketvpn_sdk.consent import Consent

                self._consent = Consent(
                    self._standing,
                    queue=self._queue,
                    device=self._device_id,
                    on_shred=self.journal.shredded,
                )
            return self._consent

    def _open_witness(self) -> WitnessRecord:
        if self._witness is not None:
            return self._witness
        from rocketvpn_sdk.witness import WitnessRecord

        return WitnessRecord(self._vault, self._permit)

    def _open_rights(self) -> Rights:
        from rocketvpn_sdk.rights import Rights
        from rocketvpn_sdk.rights.correct import Correction
        from rocketvpn_sdk.rights.disclosures import Disclosures
        from rocketvpn_sdk.rights.export import Export
        from rocketvpn_sdk.rights.requests import Requests
        from rocketvpn_sdk.rights.view import View

        api, clock = self._connect(), self._config.clock
        witness = self._open_witness()
        requests, disclosures = Requests(vault=self._vault, queue=self._queue, api=api), Disclosures(api)
        view = View(
            vault=self._vault,
            journal=self.journal,
            queue=self._queue,
            consent=self._open_consent(),
            versions=self._versions,
            witness=witness,
            api=api,
            clock=clock,
            disclosures=disclosures,
            requests=requests,
        )
        return Rights(
            api=api,
            view=view,
            correction=Correction(api, self._permit, clock),
            deletion=self._deletions(),
            witness=witness,
            requests=requests,
            disclosures=disclosures,
            export=Export(
                view=view,
                journal=self.journal,
                consent=self._open_consent(),
                requests=requests,
                ledger=api.sent,
                policy=lambda: api.policy,
            ),
            clock=clock,
            files=self._files_if_any(),
        )

    def _deletions(self) -> Deletion:
        with self._loading:
            if self._deletion is None:
                from rocketvpn_sdk.rights.delete import Deletion
                from rocketvpn_sdk.transport.courier import Courier

                api = self._connect()
                self._deletion = Deletion(
                    vault=self._vault,
                    journal=self.journal,
                    api=api,
                    queue=self._queue,
                    courier=Courier(api, self._queue, self.events),
                    clock=self._config.clock,
                    events=self.events,
                    witness=self._open_witness(),
                    files=self._files_if_any(),
                )
            return self._deletion


_open: weakref.WeakSet[RocketVPN] = weakref.WeakSet()


@atexit.register
def _close_all() -> None:
    for rocket in list(_open):
        rocket.close()
