"""What the operator has to tell everybody: a breach, or a change of the policy, and what the user can do (X2, T2)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import date
from typing import Literal

import msgspec

from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.policy.wording import FALLBACK, text_in
from rocketvpn_sdk.vault import Vault
from rocketvpn_sdk.wire import ListedNotice

NOTICES = "operator-notices"
"""The name of the document that holds ``HeldNotices``."""


class OperatorNotice(Notification, frozen=True, kw_only=True):
    """A signed notice of the operator: told when it arrives, and to whoever subscribes later, until it was shown.

    Show it prominently, then hand it to ``policy.acknowledge``.
    """

    id: str
    kind: Literal["breach", "policy"]
    """A breach of security, or a change of the privacy policy."""
    published: date
    language: str
    """BCP 47: of its title; English where the wanted one is not there."""
    title: str
    what: str
    """What happened, and to which information."""
    do: str
    """What the user can do."""
    contact: str
    """Where questions go (P3)."""
    sha256: str
    """Names this text and no other."""
    shown: bool
    """Whether it was acknowledged."""


class ShownNotice(msgspec.Struct, frozen=True):
    """That a notice was shown to the user."""

    id: str
    sha256: str
    language: str
    at: float
    """Seconds since the epoch, by the largest clock."""


class HeldNotices(msgspec.Struct, frozen=True, kw_only=True):
    """The notices that were signed last, and which of them were shown."""

    listed: tuple[ListedNotice, ...] = ()
    shown: tuple[ShownNotice, ...] = ()

    def told(self, language: str, contact: str) -> tuple[OperatorNotice, ...]:
        """Return them to be read, the newest first."""
        shown = {each.sha256 for each in self.shown}
        found = [_told(each, language, contact, shown=_digest(each) in shown) for each in self.listed]
        return tuple(sorted(found, key=lambda notice: notice.published, reverse=True))


def held_notices(vault: Vault) -> HeldNotices:
    """Return what is held on an unlocked vault."""
    return vault.get(NOTICES, HeldNotices) or HeldNotices()


def take_notices(vault: Vault, listed: Iterable[ListedNotice]) -> None:
    """Hold ``listed`` in place of what was held."""
    wanted = tuple(listed)
    if held_notices(vault).listed == wanted:
        return
    with vault.write() as transaction:
        held = transaction.get(NOTICES, HeldNotices) or HeldNotices()
        texts = {_digest(each) for each in wanted}
        shown = tuple(each for each in held.shown if each.sha256 in texts)
        transaction.put(NOTICES, HeldNotices(listed=wanted, shown=shown))


def note_shown(vault: Vault, notice: OperatorNotice) -> bool:
    """Write down that ``notice`` was shown now; return whether it is one of those held, with this text."""
    with vault.write() as transaction:
        held = transaction.get(NOTICES, HeldNotices) or HeldNotices()
        if notice.sha256 not in map(_digest, held.listed):
            return False
        if notice.sha256 not in {each.sha256 for each in held.shown}:
            shown = ShownNotice(notice.id, notice.sha256, notice.language, vault.now())
            transaction.put(NOTICES, msgspec.structs.replace(held, shown=(*held.shown, shown)))
    return True


def _told(listed: ListedNotice, wanted: str, contact: str, *, shown: bool) -> OperatorNotice:
    spoken = (wanted, wanted.partition("-")[0], FALLBACK, *listed.title)
    language = next(tag for tag in spoken if tag in listed.title)
    return OperatorNotice(
        id=listed.id,
        kind=listed.kind,
        published=listed.published,
        language=language,
        title=text_in(listed.title, language),
        what=text_in(listed.what, language),
        do=text_in(listed.do, language),
        contact=contact,
        sha256=_digest(listed),
        shown=shown,
    )


def _digest(listed: ListedNotice) -> str:
    return hashlib.sha256(msgspec.json.encode(listed, order="deterministic")).hexdigest()
