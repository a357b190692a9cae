"""What is in a report: everything held, here and at the server, as typed values."""

from __future__ import annotations

from datetime import date
from typing import Any, ClassVar, Literal

import msgspec

from rocketvpn_sdk import wire
from rocketvpn_sdk.consent.ledger import ConsentState
from rocketvpn_sdk.consent.outcome import ServerKnows
from rocketvpn_sdk.features import FeatureStatus
from rocketvpn_sdk.journal import Entry
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy.document import Contract
from rocketvpn_sdk.policy_versions import OperatorNotice
from rocketvpn_sdk.rights.disclosures import Disclosure
from rocketvpn_sdk.rights.requests import DataRequest
from rocketvpn_sdk.text import marked

Moment = wire.Moment
"""RFC 3339, in UTC."""
Place = Literal["device", "server"]

CAVEATS: tuple[str, ...] = (
    marked("The list of what was sent covers what went through this component; it cannot see what else the app does."),
    marked("What the server holds or deleted is the operator's word; only absence on this device can be proven on it."),
    marked("A receipt is the operator's word, signed: nobody can deny it later, but it cannot prove what it says."),
    marked("Any server that you connect to sees the internet address of your connection."),
    marked(
        "No measure of security is perfect; what this one does and does not protect is written in its threat model."
    ),
)


class HeldValue(MaskedRepr, frozen=True, kw_only=True):
    """One field of the policy that is held somewhere."""

    __masked__: ClassVar[tuple[str, ...]] = ("value",)

    field: str
    """Its id in the policy."""
    place: Place
    category: str
    """The id of its category; empty: the policy does not declare the field."""
    sentence: str
    value: Any
    """``None`` where it is a secret that is held but not shown, where ``count`` says how many there are, and where it
    is withheld; see ``code_needed``."""
    code_needed: bool = False
    """The server withholds it until the user enters a code from an e-mail: ``rights.view(with_code=True)`` shows it.

    Whether there is anything is said then, too.
    """
    count: int | None = None
    purposes: tuple[str, ...]
    """Why, in sentences."""
    recipients: tuple[str, ...]
    """Who gets it, as ids of the policy; none: it stays where it is."""
    since: Moment | None = None
    until: Moment | None = None
    """At most until then; ``None``: while the device is bound, or see ``kept``."""
    kept: str
    """How long, as the policy has it: an ISO 8601 duration or ``bound``; ``unknown``: the policy does not say."""
    correctable: bool = False
    hold: wire.Hold | None = None
    """Why the server may not erase it, and until when."""
    pending: wire.PendingValue | None = None
    """What is to take the value's place: a correction that does not count yet."""
    undeclared: tuple[str, ...] = ()
    """Which of ``field``, ``place``, ``until`` and ``recipients`` are not what the policy declares: that it is held at
    all, that it is held there, for that long, and who gets it."""


class ConsentStep(MaskedRepr, frozen=True, kw_only=True):
    """One decision about something optional."""

    __masked__: ClassVar[tuple[str, ...]] = ("state",)

    at: Moment
    state: ConsentState
    until: Moment | None
    by: str
    """``user``, ``guardian``, ``time`` (it was given until then), ``policy`` (a new version took away what it rested
    on), or ``unknown``."""
    policy_version: int
    language: str
    """In which the notice was shown."""
    record_id: str
    """Of the consent record; ``consent.receipts`` has a copy of it."""


class ConsentStory(MaskedRepr, frozen=True, kw_only=True):
    """How it stands with something optional, and everything that was decided about it."""

    __masked__: ClassVar[tuple[str, ...]] = ("state", "effective", "history")

    purpose: str
    recipient: str | None
    """The third party it is about, if it is about one."""
    sentence: str
    state: ConsentState
    effective: bool
    server: ServerKnows
    history: tuple[ConsentStep, ...]
    """Oldest first."""


class LogSummary(msgspec.Struct, frozen=True, kw_only=True):
    """The app's log on this device, counted."""

    records: int
    oldest: Moment | None
    newest: Moment | None
    by_event: dict[str, int]
    removed: int
    """How many were removed before their time, because the log was full."""


class SentSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What left this device through this component, by operation."""

    operation: str
    sentence: str
    purpose: str
    recipient: str
    fields: tuple[str, ...]
    times: int
    not_delivered: int
    """How many of them are known not to have reached the server."""
    last: Moment


class SentWeek(msgspec.Struct, frozen=True, kw_only=True):
    """How often something left this device for one purpose in one week."""

    begins: date
    """A Monday, UTC."""
    purpose: str
    times: int


class Waiting(MaskedRepr, frozen=True, kw_only=True):
    """A request that waits on this device, or for the server's last word."""

    __masked__: ClassVar[tuple[str, ...]] = ("content",)

    operation: str
    sentence: str
    since: Moment
    state: str
    """``waiting``, ``waiting_for_user``, ``accepted``, ``refused``."""
    problem: str | None
    """The code of what kept it."""
    content: dict[str, Any]
    """What it says."""


class PendingPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """A newer version of the policy that does not bind yet."""

    version: int
    sha256: str
    effective: date
    binds_at: Moment | None
    """``None``: not before it was shown."""


class AppliedPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """The version of the policy that binds on this device."""

    id: str
    version: int
    sha256: str
    title: str
    published: date
    effective: date
    pending: PendingPolicy | None


class Safeguard(msgspec.Struct, frozen=True, kw_only=True):
    """What holds a recipient to the policy (S2)."""

    recipient: str
    """Its id in the policy."""
    kind: str
    sentence: str
    safeguard: str
    contract: Contract | None
    country: str
    """Two letters (ISO 3166-1); empty: the policy does not say."""
    blocked: bool
    """Its contract was not reviewed in time, so nothing is sent to it."""


class Term(msgspec.Struct, frozen=True):
    """A word that the report uses, and what it stands for."""

    id: str
    sentence: str


class ReportContent(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a report: what the pages, the charts and the words are made from."""

    format: Literal[1] = 1
    """Of the JSON form; members may be added to it without another number."""
    made_at: Moment
    language: str
    """BCP 47: of the policy's sentences in it."""
    policy: AppliedPolicy
    contact: str
    """Where questions go (P3)."""
    here: tuple[HeldValue, ...]
    there: tuple[HeldValue, ...]
    server_answered: bool
    server_problem: str | None
    """Why the server's part is missing, as an error's code."""
    consents: tuple[ConsentStory, ...]
    """Everything optional, asked about or not."""
    log: LogSummary
    log_samples: tuple[Entry, ...]
    """The newest entries of the log, as many as were asked for, oldest first."""
    sent: tuple[SentSummary, ...]
    sent_weeks: tuple[SentWeek, ...]
    waiting: tuple[Waiting, ...]
    disclosures: tuple[Disclosure, ...]
    disclosures_problem: str | None
    """Why that part is missing, as an error's code."""
    requests: tuple[DataRequest, ...]
    requests_problem: str | None
    purposes: tuple[Term, ...]
    recipients: tuple[Term, ...]
    categories: tuple[Term, ...]
    notices: tuple[OperatorNotice, ...] = ()
    """What the operator has to tell everybody: a breach, or a change, and what to do."""
    features: tuple[FeatureStatus, ...] = ()
    safeguards: tuple[Safeguard, ...] = ()
    caveats: tuple[str, ...]
    """Where this report's knowledge ends."""

    @property
    def shown_there(self) -> tuple[HeldValue, ...]:
        """What the server says it holds, without what it withholds until the user enters a code."""
        return tuple(held for held in self.there if not held.code_needed)

    @property
    def withheld(self) -> tuple[str, ...]:
        """The ids of the fields that the server withholds until the user enters a code, each once."""
        return tuple(dict.fromkeys(held.field for held in self.there if held.code_needed))

    @property
    def policy_id(self) -> str:
        """The id of the policy that applies."""
        return self.policy.id

    @property
    def policy_version(self) -> int:
        """The version of the policy that applies."""
        return self.policy.version
