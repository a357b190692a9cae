"""The one question: may this field be used for this purpose by this recipient now, how, and until when?

Pure, and no by default. Whatever collects, uses, keeps or sends asks it (through ``permit``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Literal

import msgspec

from rocketvpn_sdk.policy.document import Field, Policy, Purpose, Recipient
from rocketvpn_sdk.policy.values import Transform

ON_DEVICE = "device"
"""The recipient that stands for this device itself."""

RIGHTS = "rights"
"""The purpose of the calls with which the user exercises a right."""

SIGNALLED = "cross_service"
"""The purpose to which every request objects (``Sec-GPC``) until the user agrees to it (U6)."""

_DROP = Transform("drop")


class ConsentChoice(msgspec.Struct, frozen=True):
    """What the user said about a purpose, or about a purpose and a third party."""

    state: Literal["granted", "denied", "withdrawn"]
    until: float | None = None
    """Seconds since the epoch; ``None``: until withdrawn."""

    def live(self, now: float) -> bool:
        """Whether it allows anything at ``now``."""
        return self.state == "granted" and (self.until is None or now < self.until)


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What holds on this device today. The default is a device on which nobody said anything."""

    consents: Mapping[str, ConsentChoice] = {}
    """By purpose, or by ``purpose/recipient`` for a third party."""
    adult: bool | None = None
    """``None``: not asked yet, and treated as a minor."""
    guardian: bool = False
    """A guardian confirmed this policy version."""
    collect: bool = True
    """``Config(collect=False)`` makes this false."""


class Decision(msgspec.Struct, frozen=True):
    """The answer."""

    allowed: bool
    transform: Transform
    keep_until: float | None
    """Seconds since the epoch; ``None``: while the device is bound. Without meaning where not allowed."""
    rule: str
    """The clause that decided."""
    sentence: str


def decide(policy: Policy, state: State, field: str, purpose: str, recipient: str, now: float) -> Decision:
    """Decide whether ``field`` may be used for ``purpose`` by ``recipient`` at ``now`` (seconds since the epoch).

    ``recipient`` is ``ON_DEVICE`` for keeping something here. Pure; never raises on unknown names, but says no.
    """
    facts = policy.fields.get(field)
    if facts is None:
        return _no("U7", f"The policy does not declare the field {field!r}.")
    reason = policy.purposes.get(purpose)
    if reason is None:
        return _no("U7", f"The policy does not declare the purpose {purpose!r}.")
    if purpose not in facts.purposes:
        return _no("U7", f"{field!r} is not there for {purpose!r}.")
    refusal = _collecting(state, facts, reason, recipient) or _consented(state, facts, reason, now)
    if refusal:
        return refusal
    if recipient == ON_DEVICE:
        kept = facts.retention.device
    else:
        receiver = policy.recipients.get(recipient)
        if receiver is None or recipient not in facts.recipients:
            return _no("S1", f"{field!r} may not go to {recipient!r}.")
        refusal = _safeguard(receiver, now) or _third_party(state, reason, receiver, now)
        if refusal:
            return refusal
        kept = facts.retention.server
    if kept is None:
        return _no("R1", f"The policy gives {field!r} no time to be kept there.")
    keep_until = None if kept.text == "bound" else now + kept.seconds
    return Decision(True, facts.transform, keep_until, reason.clause, reason.sentence["en"])


def purpose_allowed(policy: Policy, state: State, purpose: str, recipient: str, now: float) -> Decision:
    """Decide whether anything at all may be done for ``purpose`` with ``recipient``: for calls that carry no field."""
    reason = policy.purposes.get(purpose)
    if reason is None:
        return _no("U7", f"The policy does not declare the purpose {purpose!r}.")
    receiver = policy.recipients.get(recipient)
    if receiver is None:
        return _no("S1", f"The policy does not declare the recipient {recipient!r}.")
    refusal = (
        _safeguard(receiver, now) or _consented(state, None, reason, now) or _third_party(state, reason, receiver, now)
    )
    return refusal or Decision(True, _DROP, now, reason.clause, reason.sentence["en"])


def review_missed(recipient: Recipient, now: float) -> bool:
    """Whether the day has passed by which the contract of ``recipient`` was to be looked at again (S2)."""
    return recipient.contract is not None and now >= _end_of(recipient.contract.review_by)


def blocked_recipients(policies: Iterable[Policy], now: float) -> tuple[Recipient, ...]:
    """Return the recipients to which nothing goes, since by one of ``policies`` the review of their contract is late.

    Each once, as the first of these versions has it.
    """
    found = {part.id: part for policy in policies for part in policy.document.recipient if review_missed(part, now)}
    return tuple(found.values())


@cache
def _end_of(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() + timedelta(days=1).total_seconds()


def _no(rule: str, sentence: str) -> Decision:
    return Decision(False, _DROP, 0.0, rule, sentence)


def _collecting(state: State, field: Field, purpose: Purpose, recipient: str) -> Decision | None:
    # What the user's own call carries to the server (a region to connect to) is no collecting; keeping it here is, and
    # so is sending it for anything that is not necessary.
    collecting = recipient == ON_DEVICE or purpose.necessity == "consent"
    if not state.collect and field.source == "observed" and collecting:
        return _no("C2", "This app was set to collect nothing.")
    return None


def _consented(state: State, field: Field | None, purpose: Purpose, now: float) -> Decision | None:
    # Exercising a right over what is held already is no new giving of it: a minor may see and correct, too.
    giving = field is not None and field.optional and purpose.id != RIGHTS
    optional = purpose.necessity == "consent" or giving
    if optional and (refusal := _minor(state)):
        return refusal
    if purpose.necessity == "consent":
        consent = state.consents.get(purpose.id)
        if consent is None or not consent.live(now):
            return _no(purpose.clause, f"Nobody agreed to {purpose.id!r}.")
    return None


def _safeguard(recipient: Recipient, now: float) -> Decision | None:
    if recipient.contract is not None and review_missed(recipient, now):
        day = recipient.contract.review_by
        return _no("S2", f"Nothing goes to {recipient.id!r}: its contract was to be reviewed by {day}.")
    return None


def _third_party(state: State, purpose: Purpose, recipient: Recipient, now: float) -> Decision | None:
    if recipient.kind != "third_party":
        return None
    consent = state.consents.get(f"{purpose.id}/{recipient.id}")
    if consent is None or not consent.live(now):
        return _no("S1", f"Nobody agreed that {recipient.id!r} receives anything for {purpose.id!r}.")
    return _minor(state)  # what rests on a consent is optional, whatever the purpose


def _minor(state: State) -> Decision | None:
    if state.adult is not True and not state.guardian:
        return _no("M1", "For someone under 18, or of unknown age, this needs a guardian's agreement.")
    return None
