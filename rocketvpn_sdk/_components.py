"""The components of one vault, connected to each other; those that import the network load on first use.

Touches: ``vault``, ``transport``. Start with ``Components``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from rocketvpn_sdk.changes import Changes
from rocketvpn_sdk.config import Config
from rocketvpn_sdk.consent import CurrentConsents
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import ConfigurationError, VaultClosed, VaultLocked
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.journal import Journal
from rocketvpn_sdk.journal.event import shape_of
from rocketvpn_sdk.masking import OneHolder
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.policy import EventShape
from rocketvpn_sdk.policy_versions import Versions
from rocketvpn_sdk.vault import Queue, SealedLog, Vault

if TYPE_CHECKING:  # these are loaded when a call first needs them; most bring httpx
    from rocketvpn_sdk.consent.decisions import Decisions
    from rocketvpn_sdk.features import Features
    from rocketvpn_sdk.groups.consent import Consents
    from rocketvpn_sdk.groups.device import Devices
    from rocketvpn_sdk.groups.diagnostics import Diagnostics
    from rocketvpn_sdk.groups.offers import Offers
    from rocketvpn_sdk.groups.policy import Policies
    from rocketvpn_sdk.groups.surveys import Surveys
    from rocketvpn_sdk.groups.updates import Updates
    from rocketvpn_sdk.rights import Rights
    from rocketvpn_sdk.rights.delete import Deletion
    from rocketvpn_sdk.rights.local import LocalData
    from rocketvpn_sdk.signed_files import TrustedFiles
    from rocketvpn_sdk.transport import Api
    from rocketvpn_sdk.transport.delivery import QueueDelivery
    from rocketvpn_sdk.witness import WitnessRecord

OPERATOR = "operator"

T = TypeVar("T")


class _LazyAttribute(Generic[T]):
    """Opens a component at its first use, in one thread; afterwards it is a plain attribute."""

    def __init__(self, open_component: Callable[[Any], T]) -> None:
        self._open = open_component
        self.__doc__ = open_component.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, components: Components, owner: type) -> T:
        with components.opening:
            if self._name not in vars(components):
                with loading(components.vault.folder):
                    setattr(components, self._name, self._open(components))
            component: T = vars(components)[self._name]
            return component


class Components(OneHolder):
    """What a ``RocketVPN`` is made of. Thread-safe.

    Args:
        config: what the app decides.
        vault: where everything rests.
        queued: called when something was queued for the server, where a worker delivers it.
        events: those of the vault before this one, whose subscribers stay; ``None``: there was none.
    """

    def __init__(
        self, config: Config, vault: Vault, queued: Callable[[], None], events: EventBus | None = None
    ) -> None:
        self.opening = threading.RLock()
        self.config = config
        self.vault = vault
        self.versions = Versions(vault, config.resolved_policy)
        self.current_consents = CurrentConsents(
            vault, collect=config.collect, policies=lambda: self.versions.in_force().policies
        )
        self.context = context = Context(
            vault=vault,
            clock=config.clock,
            limits=config.limits,
            events=events or EventBus(config.dispatch, config.on),
            permit=Permit(self.versions.in_force, self.current_consents.state, vault.now, self._changes, self._stamp),
            queue=Queue(vault, queued, worked=True) if config.background else Queue(vault),
        )
        self.events, self.permit, self.queue = context.events, context.permit, context.queue
        self.changes = Changes(self.events, self.queue)
        vault.on_written = self.changes.written
        self.sent = SealedLog(vault, "sent", block_records=32)
        self.watch = self._watch() if config.witness else None
        """What notes the app's other connections; ``None``: the witness is off."""
        hosts = config.resolved_policy.recipients[OPERATOR].hosts
        self.journal = Journal(
            context,
            SealedLog(vault, "log"),
            own_hosts=hosts,
            private=config.log_text == "private",
            never_wait=config.never_wait,
        )

    @property
    def event_shapes(self) -> tuple[EventShape, ...]:
        """What the app's own events declare."""
        return tuple(map(shape_of, self.config.events))

    def opened(self, name: str) -> Any:
        """Return the component ``name``; ``None``: it was not opened yet."""
        return vars(self).get(name)

    def device_id(self) -> str | None:
        """Return the id under which this device is bound, or ``None``."""
        credentials = self.context.credentials()
        return credentials.device_id if credentials else None

    @property
    def unsealed(self) -> int:
        """How many records are in memory alone; 0 once the vault is deleted or closed, since nothing is kept then."""
        if self.vault.closed:
            return 0
        return self.journal.unsealed + self.sent.buffered + (self.watch.unsealed if self.watch is not None else 0)

    # ------------------------------------------------------------ the network

    @_LazyAttribute
    def api(self) -> Api:
        """The calls."""
        from rocketvpn_sdk.transport import open_api, tls_context

        config = self.config
        return open_api(
            server=config.origin,
            client_id=config.app_id,
            permit=self.permit,
            documents=self.vault,
            stream=self.sent,
            events=self.events,
            clock=config.clock,
            limits=config.limits,
            context=tls_context(trust=config.trust, pins=config.pins, allow_tls12=config.allow_tls12),
            authenticator=config.authenticator,
            proxy=config.proxy,
            proxy_context=lambda: tls_context(trust=config.trust, allow_tls12=config.allow_tls12),
            agree=self.vault.agree,
            trusted_time=lambda: self.vault.age().highest,
            scrubber=self.journal.scrubber,
        )

    @_LazyAttribute
    def delivery(self) -> QueueDelivery:
        """What takes the queue to the server."""
        from rocketvpn_sdk.transport.delivery import QueueDelivery

        return QueueDelivery(self.api, self.queue)

    @_LazyAttribute
    def files(self) -> TrustedFiles:
        """The operator's signed files."""
        from rocketvpn_sdk.signed_files import TrustedFiles, beside

        root = self.config.resolved_root
        if root is None:
            raise ConfigurationError(problem="signed files need trusted_root, the operator's TUF root metadata")
        return TrustedFiles(
            folder=beside(self.vault.folder),
            trusted_root=root,
            fetch=self.api.fetch,
            now=self.vault.fresh,
            limits=self.config.limits,
        )

    @_LazyAttribute
    def updates(self) -> Updates:
        """The public group."""
        from rocketvpn_sdk.groups.updates import Updates

        config = self.config
        return Updates(
            self.context,
            trusted=lambda: self.files,
            connect=lambda: self.api,
            version=config.app_version,
            channel=config.channel,
        )

    @_LazyAttribute
    def diagnostics(self) -> Diagnostics:
        """The public group."""
        from rocketvpn_sdk.groups.diagnostics import Diagnostics

        return Diagnostics(self.context, self.journal, lambda: self.api, self.config.app_version)

    @_LazyAttribute
    def surveys(self) -> Surveys:
        """The public group."""
        from rocketvpn_sdk.groups.surveys import Surveys

        return Surveys(self.context, lambda: self.files, lambda: self.api, self.config.app_version)

    @_LazyAttribute
    def offers(self) -> Offers:
        """The public group."""
        from rocketvpn_sdk.groups.offers import Offers

        return Offers(self.context, lambda: self.files, lambda: self.api, self.config.app_version)

    def _files_if_any(self) -> TrustedFiles | None:
        return None if self.config.resolved_root is None else self.files

    # ------------------------------------------------------------ consents and policies

    @_LazyAttribute
    def decisions(self) -> Decisions:
        """What writes decisions about consents; recording needs none of it."""
        from rocketvpn_sdk.consent.decisions import Decisions

        return Decisions(
            self.current_consents,
            self.queue,
            device=self.device_id,
            on_shred=self.journal.shredded,
            before_opening=self.journal.flush,
            events=self.event_shapes,
        )

    @_LazyAttribute
    def consents(self) -> Consents:
        """The public group."""
        from rocketvpn_sdk.groups.consent import Consents

        return Consents(self.decisions, connect=lambda: self.api, delivery=lambda: self.delivery)

    @_LazyAttribute
    def features(self) -> Features:
        """The public group."""
        from rocketvpn_sdk.features import Features

        return Features(self.context, self.versions, self.event_shapes)

    @_LazyAttribute
    def policies(self) -> Policies:
        """The public group."""
        from rocketvpn_sdk.groups.policy import Policies

        # What waits in memory is sealed before another version binds: it was given under the one that still holds.
        return Policies(
            self.vault, self.versions, lambda: self.files, self.events, self.journal.flush, self.journal.narrowed
        )

    # ------------------------------------------------------------ the device and its user

    @_LazyAttribute
    def devices(self) -> Devices:
        """The public group."""
        from rocketvpn_sdk.groups.device import Devices

        return Devices(
            api=self.api,
            documents=self.vault,
            clock=self.config.clock,
            deleting=lambda: bool(self.context.deletions()),
            notify_again=self._notify_again,
        )

    @_LazyAttribute
    def witness(self) -> WitnessRecord:
        """What was noted of the app's other connections, whether or not it is on now."""
        if self.watch is not None:
            return self.watch
        from rocketvpn_sdk.witness import WitnessRecord

        return WitnessRecord(self.vault, self.permit)

    @property
    def _local(self) -> LocalData:
        from rocketvpn_sdk.rights.local import LocalData

        return LocalData(self.journal, self.consents, self.versions, self.witness, self.features)

    @_LazyAttribute
    def deletion(self) -> Deletion:
        """What carries deletions through."""
        from rocketvpn_sdk.rights.delete import Deletion

        return Deletion(self.context, self._local, self.api, self.delivery, self._files_if_any, self.config.receipts)

    @_LazyAttribute
    def rights(self) -> Rights:
        """The public group."""
        from rocketvpn_sdk.rights import Rights
        from rocketvpn_sdk.rights.ticket import new_ticket

        config = self.config
        return Rights(
            self.context,
            self._local,
            self.api,
            self.deletion,
            files=self._files_if_any,
            new_ticket=lambda scope: new_ticket(config.origin, scope, config.pins, allow_tls12=config.allow_tls12),
        )

    # ------------------------------------------------------------ inside

    def _notify_again(self) -> None:
        """Let the server be told of every consent again: see ``consent.ending``."""
        with loading(self.vault.folder):
            from rocketvpn_sdk.consent.ending import queue_notices_again

        with self.vault.write() as transaction:
            if queue_notices_again(transaction, self.queue):
                transaction.request_rotation(self.config.clock.time())

    def _changes(self) -> int:
        return self.current_consents.changes + self.versions.changes

    def _stamp(self) -> int | None:
        """Return the vault's stamp; ``None``: it is locked or closed, here or by another process."""
        try:
            return self.vault.stamp() if self.vault.unlocked else None
        except (VaultLocked, VaultClosed):
            return None

    def _watch(self) -> WitnessRecord:
        """Begin to note connections; who does not ask for it does not load it."""
        from rocketvpn_sdk.witness.hook import start

        return start(self.vault, self.permit, self.config.resolved_policy, self.config.clock)
