"""Seeing (A1): what this device holds, what the server says it holds, what left, and where that knowledge ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rocketvpn_sdk import wire
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import (
    AuthenticationError,
    AuthenticationRequired,
    CallCancelled,
    NotBound,
    RocketVPNError,
    ValueRefused,
    VaultError,
)
from rocketvpn_sdk.journal.inventory import Inventory
from rocketvpn_sdk.policy_versions import PolicyState, held_notices
from rocketvpn_sdk.progress import Progress, Steps
from rocketvpn_sdk.rights.disclosures import Disclosure, read_disclosures
from rocketvpn_sdk.rights.local import LocalData
from rocketvpn_sdk.rights.report import (
    CAVEATS,
    AppliedPolicy,
    HeldValue,
    LogSummary,
    PendingPolicy,
    Report,
    device,
    stories,
)
from rocketvpn_sdk.rights.report.describing import Describer
from rocketvpn_sdk.rights.requests import DataRequests
from rocketvpn_sdk.text import speaking, translate
from rocketvpn_sdk.transport import Api, deadline

_TOLD = "disclosure_record"
MOST_SAMPLES = 1000
"""Entries of the log that a report holds at most; ``journal.read`` has them all."""

_STEPS = 5
"""Of a report: three questions to the server, the log, and the ledger of what left."""

T = TypeVar("T")


class View:
    """Puts the report together.

    Args:
        context, local: what this device holds.
        api: the calls, and the ledger of what left.
        requests: asks the server which requests for access or deletion it knows of.
    """

    def __init__(self, context: Context, local: LocalData, api: Api, requests: DataRequests) -> None:
        self._context = context
        self._vault = context.vault
        self._local = local
        self._api = api
        self._requests = requests

    def view(
        self,
        samples: int = 0,
        language: str = "en",
        *,
        with_code: bool = False,
        progress: Progress | None = None,
    ) -> Report:
        """Return everything held; see ``Rights.view``."""
        if not 0 <= samples <= MOST_SAMPLES:
            raise ValueRefused(name="samples", problem=f"it must be a number from 0 to {MOST_SAMPLES}")
        if with_code:
            self.verify()
        with speaking(language):
            say = Describer(self._local.versions.in_force().policies, language)
            return self._view(say, samples, Steps(progress, _STEPS))

    def verify(self, *operations: str) -> None:
        """Have the user enter a code from an e-mail: the report and ``operations`` withhold nothing; offline, go on.

        Raises:
            AuthenticationError: they did not.
            VaultError: as for any call.
        """
        if self._context.credentials() is None:
            return
        try:
            self._api.verify("data.view", "disclosures.read", *operations)
        except (AuthenticationError, CallCancelled, VaultError):
            raise
        except RocketVPNError:
            return  # offline, or the device was removed: the report says so itself

    def held_in_log(self) -> frozenset[str]:
        """Return the ids of the fields that the app's log, and what was noted beside it, hold now.

        Raises:
            VaultDamaged: it cannot be read.
        """
        say, log = self._describer(), self._local.journal.inventory()
        return frozenset(
            value.field for value in (*device.log(say, log), *device.witnessed(say, self._local.witness.read()))
        )

    def held_beside_log(self) -> frozenset[str]:
        """Return the ids of everything else that this device holds now."""
        say, sent = self._describer(), self._api.sent.tally()
        values = (
            *device.account(say, self._vault),
            *device.choices(say, self._vault, self._local.consent),
            *device.versions(say, self._local.versions.in_force()),
            *device.notices(say, self._vault),
            *device.records(say, sent, len(self._context.queue.items()), self._vault.now()),
            *device.rollout(say, self._vault),
            *device.reports(say, self._vault),
            *device.surveys(say, self._vault),
            *device.offers(say, self._vault),
        )
        return frozenset(value.field for value in values)

    def _describer(self) -> Describer:
        return Describer(self._local.versions.in_force().policies, "en")

    def _view(self, say: Describer, samples: int, steps: Steps) -> Report:
        # The server first: asking it leaves traces here, and they belong into the report.
        with deadline.within(self._context.limits.total_timeout):  # one call's time for all three
            there, problem = self._ask(lambda: self._there(say))
            steps.reached("data")
            disclosures, disclosures_problem = self._disclosures_or_problem(there)
            steps.reached("disclosures")
            requests, requests_problem = self._ask(self._requests.there)
            steps.reached("requests")
        held, log, items = (
            self._local.versions.in_force(),
            self._local.journal.inventory(samples),
            self._context.queue.items(),
        )
        steps.reached("log")
        sent, seen = self._api.sent.tally(), self._local.witness.read()
        steps.reached("sent")
        return Report(
            made_at=utc(self._context.clock.time()),
            language=say.language,
            policy=_applied(say, held),
            contact=say.policy.contact,
            notices=held_notices(self._vault).told(say.language, say.policy.contact),
            here=(
                *device.account(say, self._vault),
                *device.choices(say, self._vault, self._local.consent),
                *device.versions(say, held),
                *device.notices(say, self._vault),
                *device.log(say, log),
                *device.records(say, sent, len(items), self._vault.now()),
                *device.rollout(say, self._vault),
                *device.reports(say, self._vault),
                *device.surveys(say, self._vault),
                *device.offers(say, self._vault),
                *device.witnessed(say, seen),
            ),
            there=there,
            server_answered=problem is None,
            server_problem=problem,
            consents=stories.consents(say, self._local.consent.status(), self._local.consent.receipts()),
            log=_summary(log),
            log_samples=log.samples,
            sent=stories.sent(say, sent),
            sent_weeks=stories.weeks(sent),
            waiting=stories.waiting(say, items),
            disclosures=disclosures,
            disclosures_problem=disclosures_problem,
            requests=requests,
            requests_problem=requests_problem,
            caveats=tuple(map(translate, CAVEATS)),
            purposes=say.terms(lambda policy: policy.document.purpose),
            recipients=say.terms(lambda policy: policy.document.recipient),
            categories=say.terms(lambda policy: policy.document.category),
            features=self._local.features.status(say.language),
            safeguards=say.safeguards(self._vault.now()),
        )

    def _ask(self, question: Callable[[], tuple[T, ...]]) -> tuple[tuple[T, ...], str | None]:
        """Return what the server answers, or why it did not."""
        if self._context.credentials() is None:
            return (), NotBound.code
        try:
            return question(), None
        except (VaultError, CallCancelled):
            raise
        except RocketVPNError as error:
            return (), error.code

    def _disclosures_or_problem(self, there: tuple[HeldValue, ...]) -> tuple[tuple[Disclosure, ...], str | None]:
        """Return whom the server told, or why that is missing; it is not asked what it has just withheld."""
        if any(held.field == _TOLD and held.code_needed for held in there):
            return (), AuthenticationRequired.code
        return self._ask(lambda: read_disclosures(self._api, interactive=False))

    def _there(self, say: Describer) -> tuple[HeldValue, ...]:
        return say.there(self._api.call("data.view", answer=wire.ServerData).value.fields)


def _applied(say: Describer, held: PolicyState) -> AppliedPolicy:
    document, pending, at = held.binding.document, held.pending, held.binds_at()
    return AppliedPolicy(
        id=document.policy_id,
        version=document.version,
        sha256=held.binding.sha256,
        title=say.text(document.title),
        published=document.published,
        effective=document.effective,
        pending=None
        if pending is None
        else PendingPolicy(
            version=pending.version,
            sha256=pending.sha256,
            effective=pending.document.effective,
            binds_at=None if at is None else utc(at),
        ),
    )


def _summary(log: Inventory) -> LogSummary:
    return LogSummary(
        records=log.records, oldest=log.oldest, newest=log.newest, by_event=log.by_event, removed=log.capped
    )
