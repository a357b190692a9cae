"""What the user is shown before a consent: plain sentences made from the policy, sealed so that they can be proved."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import ClassVar

import msgspec

from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.errors import (
    ConsentNotNeeded,
    NoticeOutdated,
    NoticeUnknown,
    PurposeUnknown,
    PurposeUnused,
)
from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.policy import EventShape, Field, Policy, Recipient, wording
from rocketvpn_sdk.policy.decide import SIGNALLED
from rocketvpn_sdk.policy.in_use import in_use, used_fields, uses
from rocketvpn_sdk.text import listed, marked, translate

_NOT_ASKED = "It is necessary for what was ordered."
_NAMES_NOTHING = marked("Nothing is used for this.")
_STAYS_HERE = marked("It never leaves this device.")
_THIRD_ALONE = marked("Third parties alone, each only if you agree to that one by itself.")
_SIGNAL = (
    "With every request, this software tells the server that you object to such use (the signal Sec-GPC). Once you"
    " agree, that signal stops; when you take it back, it is sent again."
)
_FORGED = "This notice was not made here, or was changed after it was made."


class ConsentNotice(MaskedRepr, frozen=True, kw_only=True):
    """What to show before ``grant`` or ``deny``; it is passed on to them as proof of what was shown."""

    __masked__: ClassVar[tuple[str, ...]] = ("proof",)

    purpose: str
    recipient: str | None
    """The third party that it is about, if it is about one."""
    policy_id: str
    policy_version: int
    sha256: str
    """Of the policy's canonical JSON (RFC 8785), 64 hexadecimal digits."""
    language: str
    """BCP 47: the language of the policy's own sentences here; English where the wanted one is not there."""
    title: str
    what: str
    why: str
    fields: tuple[str, ...]
    """One sentence or two for each field: what it is, and what is left of it before it is stored."""
    how_long: tuple[str, ...]
    who: tuple[str, ...]
    """Who receives it, and what holds them to the policy."""
    effects: tuple[str, ...] = ()
    """What agreeing changes besides: sentences."""
    withdraw: str
    advice: str
    """For those under age (M1)."""
    contact: str
    made_at: datetime
    """When it was made, and so shown at the earliest, in UTC."""
    proof: bytes = b""
    """Shows that this process made it and that nothing was changed since."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of it, in the order in which people ask."""
        contact = translate("Questions: {}").format(self.contact)
        body = (*self.fields, *self.how_long, *self.who, *self.effects)
        return (self.what, self.why, *body, self.withdraw, self.advice, contact)

    @property
    def text(self) -> str:
        """The sentences, one on each line."""
        return "\n".join(self.sentences)


class Notary:
    """Seals the notices of this process, and tells them from all others.

    Args:
        key: 32 random bytes; only tests pass their own.
    """

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def seal(self, notice: ConsentNotice) -> ConsentNotice:
        """Return ``notice`` with its proof."""
        return msgspec.structs.replace(notice, proof=self._proof(notice))

    def check(self, notice: ConsentNotice, newest: Policy) -> None:
        """Check that ``notice`` is one of ours, and shows the ``newest`` policy.

        Raises:
            NoticeUnknown: it was made elsewhere, or altered.
            NoticeOutdated: it shows another version (M2, U7).
        """
        if not hmac.compare_digest(notice.proof, self._proof(notice)):
            raise NoticeUnknown(rule="U7", reason=translate(_FORGED))
        if notice.sha256 != newest.sha256:
            raise NoticeOutdated(rule="U7", reason="", shown=notice.policy_version, newest=newest.version)

    def _proof(self, notice: ConsentNotice) -> bytes:
        plain = msgspec.json.encode(msgspec.structs.replace(notice, proof=b""), order="deterministic")
        return hmac.digest(self._key, plain, "sha256")


def make_notice(
    policy: Policy,
    purpose: str,
    recipient: str | None,
    language: str,
    now: float,
    events: tuple[EventShape, ...] = (),
) -> ConsentNotice:
    """Return the notice about ``purpose``, unsealed: it names what operations and events carry, and nothing more.

    Args:
        policy: the newest version.
        purpose: its id.
        recipient: a third party's id, where the consent is about what that one receives (S1).
        language: BCP 47; English where the policy lacks it.
        now: seconds since the epoch.
        events: those of the app.

    Raises:
        PurposeUnknown: the policy does not ask about it (U7).
        ConsentNotNeeded: it is necessary.
        PurposeUnused: nothing is used for it.
    """
    check_asked(policy, purpose, recipient, events)
    spoken = _spoken(policy, language)
    reason = policy.purposes[purpose]
    fields = used_fields(policy, purpose, recipient, events)
    return ConsentNotice(
        purpose=purpose,
        recipient=recipient,
        policy_id=policy.document.policy_id,
        policy_version=policy.version,
        sha256=policy.sha256,
        language=spoken,
        title=wording.text_in(policy.document.title, spoken),
        what=_what(purpose, recipient),
        why=wording.text_in(reason.sentence, spoken),
        fields=tuple(_field(field, spoken) for field in fields),
        how_long=tuple(_lasting(fields)),
        who=_who(receivers_of(policy, purpose, recipient, events), fields, spoken),
        effects=(translate(_SIGNAL),) if purpose == SIGNALLED and recipient is None else (),
        withdraw=_withdrawing(purpose, recipient),
        advice=wording.text_in(policy.document.minors.advice, spoken),
        contact=policy.contact,
        made_at=utc(now),
    )


def check_asked(policy: Policy, purpose: str, recipient: str | None, events: tuple[EventShape, ...] = ()) -> None:
    """Check that the policy asks whether the user agrees to ``purpose``.

    Raises:
        PurposeUnknown, ConsentNotNeeded, PurposeUnused: see ``make_notice``.
    """
    known = policy.purposes.get(purpose)
    if known is not None and recipient is None and known.necessity == "necessary":
        raise ConsentNotNeeded(rule=known.clause, reason=translate(_NOT_ASKED), purpose=purpose)
    third = {part.id for part in policy.document.recipient if part.kind == "third_party"}
    if known is None or not (recipient is None or recipient in third):
        name = purpose if recipient is None else f"{purpose}/{recipient}"
        asked = asked_about(policy, events)
        known_names = (part if other is None else f"{part}/{other}" for part, other in asked)
        raise PurposeUnknown(name="purpose", problem="", purpose=name, known=listed(known_names))
    if not in_use(policy, purpose, recipient, events):
        said = wording.quoted(known.sentence, wording.FALLBACK)
        raise PurposeUnused(rule=known.clause, reason=translate(_NAMES_NOTHING), purpose=purpose, sentence=said)


def asked_about(policy: Policy, events: tuple[EventShape, ...] = ()) -> tuple[tuple[str, str | None], ...]:
    """Return everything that the policy asks about: purposes, and third parties for a purpose (S1).

    What no operation and no event uses cannot be agreed to: nobody could say what goes where, and for how long.
    """
    purposes = [
        (part.id, None)
        for part in policy.document.purpose
        if part.necessity == "consent" and in_use(policy, part.id, None, events)
    ]
    third = [
        (purpose.id, recipient.id)
        for purpose in policy.document.purpose
        for recipient in policy.document.recipient
        if recipient.kind == "third_party" and in_use(policy, purpose.id, recipient.id, events)
    ]
    return (*purposes, *third)


def receivers_of(
    policy: Policy, purpose: str, recipient: str | None, events: tuple[EventShape, ...] = ()
) -> tuple[Recipient, ...]:
    """Return who receives what is used for ``purpose``; a third party is asked about by itself (S1)."""
    if recipient is not None:
        return (policy.recipients[recipient],)
    names = {use.recipient for use in uses(policy, events) if use.purpose == purpose}
    return tuple(part for part in policy.document.recipient if part.id in names and part.kind != "third_party")


def _spoken(policy: Policy, language: str) -> str:
    for tag in (language, language.partition("-")[0]):
        if policy.document.title.get(tag, "").strip():
            return tag
    return wording.FALLBACK


def _said(template: str, *parts: str) -> str:
    return translate(template).format(*parts)


def _what(purpose: str, recipient: str | None) -> str:
    if recipient is None:
        return _said("You are asked whether you agree to this: {}.", purpose)
    return _said("You are asked whether {} may receive something, for this: {}.", recipient, purpose)


def _field(field: Field, language: str) -> str:
    what = wording.text_in(field.sentence, language)
    stored = _said("What is stored of it: {}.", wording.minimised(field.transform))
    optional = (translate("You can leave it out."),) if field.optional else ()
    return " ".join((what, stored, *optional))


def _lasting(fields: Iterable[Field]) -> Iterator[str]:
    """Yield how long fields are kept, together where it is equally long."""
    kept: dict[tuple[str, str], list[str]] = {}
    for field in fields:
        times = wording.lasting(field.retention.device), wording.lasting(field.retention.server)
        kept.setdefault(times, []).append(field.id)
    for (here, there), names in kept.items():
        said = "How long {} can be kept: on this device, {}; on the server, {}."
        yield _said(said, listed(names), here, there)


def _who(receivers: tuple[Recipient, ...], fields: tuple[Field, ...], language: str) -> tuple[str, ...]:
    if receivers:
        return tuple(
            " ".join((wording.text_in(part.sentence, language), *_bound(part, language))) for part in receivers
        )
    return (translate(_THIRD_ALONE if any(field.recipients for field in fields) else _STAYS_HERE),)


def _bound(receiver: Recipient, language: str) -> Iterator[str]:
    """Yield what holds ``receiver`` to the policy, and where it is (S2)."""
    yield wording.text_in(receiver.safeguard, language)
    yield from wording.under_contract(receiver)


def _withdrawing(purpose: str, recipient: str | None) -> str:
    if recipient is not None:
        return _said("You can take it back at any time; then {} receives nothing more.", recipient)
    return _said(
        "You can take it back at any time; then what this device holds for {} is destroyed at once, and the operator"
        " is told.",
        purpose,
    )
