"""What the user is shown of a version of the policy before it binds (X2)."""

from __future__ import annotations

from datetime import date, datetime

from rocketvpn_sdk import policy as rules  # loads what compares when it is first asked for
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.policy_versions.state import PolicyState


class PolicyNotice(Notification, frozen=True, kw_only=True):
    """A version that changes what holds: emitted when it arrives, and what ``policy.notice`` returns to be shown.

    Show it prominently (X2), then hand it to ``policy.shown``.
    """

    version: int
    sha256: str
    """Names this text and no other."""
    language: str
    """BCP 47."""
    title: str
    published: date
    effective: date
    reduces_rights: bool
    takes: tuple[str, ...]
    """Sentences: what is new, kept longer, minimised less, no longer asked or offered."""
    needs: tuple[str, ...]
    """Sentences: what a service newly needs; ``policy.accept`` takes it at once, and until then that service waits."""
    gives: tuple[str, ...]
    """Sentences: what is better than before; it holds already."""
    notice_days: int
    binds_on: datetime | None
    """When it binds; ``None``: not before it was shown, or at once."""
    contact: str
    """Where questions go (P3)."""


def notice_of(held: PolicyState, language: str) -> PolicyNotice:
    """Return what has to be shown of the newest version in ``held``; in English if it lacks ``language``."""
    document = held.newest.document
    spoken = language if language in document.title else "en"
    change = rules.compare(held.binding, held.newest, language=spoken)
    at = held.binds_at()
    return PolicyNotice(
        version=held.newest.version,
        sha256=held.newest.sha256,
        language=spoken,
        title=document.title[spoken],
        published=document.published,
        effective=document.effective,
        reduces_rights=change.reduces_rights,
        takes=tuple(difference.sentence for difference in change.widened),
        needs=tuple(difference.sentence for difference in change.newly_necessary),
        gives=tuple(difference.sentence for difference in change.narrowed),
        notice_days=rules.protection(held.policies).notice_days,
        binds_on=utc(at) if at else None,
        contact=document.contact,
    )
