"""The groups of ``RocketVPN``, awaited: each call has the arguments, answer and errors of the one it is made of.

What touches neither disk nor network nor keyring is not awaited, such as ``journal.record``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rocketvpn_sdk.aio.running import AsyncGroup, awaited, iterated
from rocketvpn_sdk.features import Features
from rocketvpn_sdk.groups.consent import Consents
from rocketvpn_sdk.groups.device import Devices
from rocketvpn_sdk.groups.diagnostics import Diagnostics
from rocketvpn_sdk.groups.offers import Offers
from rocketvpn_sdk.groups.policy import Policies
from rocketvpn_sdk.groups.queue import WaitingRequests
from rocketvpn_sdk.groups.surveys import Surveys
from rocketvpn_sdk.groups.updates import Updates
from rocketvpn_sdk.identity import Binding
from rocketvpn_sdk.journal import Event, Journal
from rocketvpn_sdk.policy import Policy
from rocketvpn_sdk.rights import Rights
from rocketvpn_sdk.rights.owner import OwnerRights

if TYPE_CHECKING:
    from rocketvpn_sdk.journal.bridges import PrivateQueueHandler, StructlogProcessor
    from rocketvpn_sdk.journal.handler import JournalHandler


class AsyncConsents(AsyncGroup[Consents]):
    """``rocket.consent``."""

    @property
    def changes(self) -> int:
        """How often this process changed what holds."""
        return self.plain().changes

    state = awaited(Consents.state)
    status = awaited(Consents.status)
    receipts = awaited(Consents.receipts)
    notice = awaited(Consents.notice)
    grant = awaited(Consents.grant)
    deny = awaited(Consents.deny)
    withdraw = awaited(Consents.withdraw)
    deliver = awaited(Consents.deliver)
    declare_age = awaited(Consents.declare_age)
    request_guardian = awaited(Consents.request_guardian)
    confirm_guardian = awaited(Consents.confirm_guardian)
    withdraw_guardian = awaited(Consents.withdraw_guardian)


class AsyncDevices(AsyncGroup[Devices]):
    """``rocket.device``."""

    async def binding(self) -> Binding | None:
        """Return what this device is bound to."""
        return await self.run(lambda group: group.binding)

    bind = awaited(Devices.bind)
    order = awaited(Devices.order)
    list = awaited(Devices.list)
    unbind = awaited(Devices.unbind)


class AsyncDiagnostics(AsyncGroup[Diagnostics]):
    """``rocket.diagnostics``."""

    prepare = awaited(Diagnostics.prepare)
    send = awaited(Diagnostics.send)


class AsyncFeatures(AsyncGroup[Features]):
    """``rocket.features``."""

    status = awaited(Features.status)


class AsyncJournal(AsyncGroup[Journal]):
    """``rocket.journal``."""

    def record(self, event: Event) -> None:
        """Record ``event``; never waits."""
        self.plain().record(event)

    def known(self, *values: str) -> None:
        """Take ``values`` out of every text that is recorded from here on; never waits."""
        self.plain().known(*values)

    def handler(self, level: int | str = 0, *, never_wait: Sequence[str] = ()) -> JournalHandler:
        """Return a ``logging.Handler`` that records the app's log lines; see ``Journal.handler``."""
        return self.plain().handler(level, never_wait=never_wait)

    def queue_handler(self, queue: Any, level: int | str = 0) -> PrivateQueueHandler:
        """Return a handler that queues lines; see ``Journal.queue_handler``."""
        return self.plain().queue_handler(queue, level)

    def structlog_processor(self, level: int | str = 0) -> StructlogProcessor:
        """Return what records structlog's events; see ``Journal.structlog_processor``."""
        return self.plain().structlog_processor(level)

    read = iterated(Journal.read)
    flush = awaited(Journal.flush)
    purge = awaited(Journal.purge)
    stats = awaited(Journal.stats)


class AsyncOffers(AsyncGroup[Offers]):
    """``rocket.offers``."""

    available = awaited(Offers.available)
    take = awaited(Offers.take)
    hide = awaited(Offers.hide)


class AsyncPolicies(AsyncGroup[Policies]):
    """``rocket.policy``."""

    async def current(self) -> Policy:
        """Return the version that binds."""
        return await self.run(lambda group: group.current)

    async def pending(self) -> Policy | None:
        """Return the version that is to bind next."""
        return await self.run(lambda group: group.pending)

    async def set_aside(self) -> Policy | None:
        """Return the version that is known, and can never bind here."""
        return await self.run(lambda group: group.set_aside)

    check = awaited(Policies.check)
    changes = awaited(Policies.changes)
    notice = awaited(Policies.notice)
    notices = awaited(Policies.notices)
    acknowledge = awaited(Policies.acknowledge)
    shown = awaited(Policies.shown)
    accept = awaited(Policies.accept)
    explain = awaited(Policies.explain)
    advice = awaited(Policies.advice)
    settle = awaited(Policies.settle)
    announce = awaited(Policies.announce)


class AsyncQueue(AsyncGroup[WaitingRequests]):
    """``rocket.queue``."""

    items = awaited(WaitingRequests.items)
    cancel = awaited(WaitingRequests.cancel)


class AsyncSurveys(AsyncGroup[Surveys]):
    """``rocket.surveys``."""

    available = awaited(Surveys.available)
    prepare = awaited(Surveys.prepare)
    answer = awaited(Surveys.answer)
    decline = awaited(Surveys.decline)
    erase = awaited(Surveys.erase)


class AsyncUpdates(AsyncGroup[Updates]):
    """``rocket.updates``."""

    check = awaited(Updates.check)
    known = awaited(Updates.known)
    download = awaited(Updates.download)
    certify = awaited(Updates.certify)


class AsyncOwnerRights(AsyncGroup[OwnerRights]):
    """What ``rocket.rights.as_owner`` returns."""

    view = awaited(OwnerRights.view)
    delete = awaited(OwnerRights.delete)


class AsyncRights(AsyncGroup[Rights]):
    """``rocket.rights``."""

    async def as_owner(self, order_number: str) -> AsyncOwnerRights:
        """Let an order's owner see and delete without a bound device; see ``Rights.as_owner``."""
        owner = await self.run(lambda group: group.as_owner(order_number))
        return AsyncOwnerRights(self.runner, lambda: owner)

    view = awaited(Rights.view)
    correct = awaited(Rights.correct)
    confirm_address = awaited(Rights.confirm_address)
    make_recovery_code = awaited(Rights.make_recovery_code)
    plan_delete = awaited(Rights.plan_delete)
    delete = awaited(Rights.delete)
    resume = awaited(Rights.resume)
    forget_now = awaited(Rights.forget_now)
    sent = iterated(Rights.sent)
    sent_matches = awaited(Rights.sent_matches)
    witnessed = awaited(Rights.witnessed)
    disclosures = awaited(Rights.disclosures)
    requests = awaited(Rights.requests)
    request = awaited(Rights.request)
    cancel = awaited(Rights.cancel)
    export = awaited(Rights.export)
    make_ticket = awaited(Rights.make_ticket)
    tickets = awaited(Rights.tickets)
    revoke_ticket = awaited(Rights.revoke_ticket)
