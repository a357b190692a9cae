"""Which versions of the policy are in force, when a newer one binds, and what that ends. Pure (X2, X3)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, time
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk.clock import DAY
from rocketvpn_sdk.policy import Policy, protection
from rocketvpn_sdk.policy.document import Recipient

if TYPE_CHECKING:  # comparing is loaded when there is something to compare
    from rocketvpn_sdk.policy import Difference, PolicyChange

Cell = tuple[str, str, str]
"""A field, a purpose and a recipient."""


class Shown(msgspec.Struct, frozen=True):
    """That something a new version takes was shown to the user."""

    version: int
    sha256: str
    language: str
    at: float
    """Seconds since the epoch, by the largest clock."""
    what: frozenset[str]
    """Digests of what it took, part by part: a later version that takes the same again keeps this date."""


class PolicyState(msgspec.Struct, frozen=True):
    """The versions of the policy in force at one moment."""

    binding: Policy
    pending: Policy | None = None
    change: PolicyChange | None = None
    """From the binding version to the pending one; ``None`` where there is none."""
    shown: tuple[Shown, ...] = ()
    accepted: frozenset[Cell] = frozenset()

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The binding version, and the newest where that does not bind yet."""
        return (self.binding,) if self.pending is None else (self.binding, self.pending)

    @property
    def newest(self) -> Policy:
        """The newest version that is known."""
        return self.pending or self.binding

    @property
    def waiting(self) -> frozenset[Cell]:
        """What is newly necessary in the pending version and was not accepted."""
        return self.change.cells - self.accepted if self.change else frozenset()

    def shown_since(self) -> float | None:
        """Return since when all that has to be shown has been; ``None``: some of it never was."""
        since = [
            min((shown.at for shown in self.shown if part in shown.what), default=None)
            for part in parts_of(self.change, self.newest)
        ]
        known = [at for at in since if at is not None]
        return max(known, default=0.0) if len(known) == len(since) else None

    def binds_at(self) -> float | None:
        """Return when the pending version binds, in seconds since the epoch; ``None``: not before it was shown."""
        if self.pending is None or self.change is None:
            return None
        if not self.change.reduces_rights and not self.waiting:
            return 0.0
        since = self.shown_since()
        if since is None:
            return None
        notice = protection(self.policies).notice_days * DAY
        return max(since + notice, effective(self.pending))


def effective(policy: Policy) -> float:
    """Return when ``policy`` takes effect by its own words: the beginning of that day, UTC, in seconds."""
    return datetime.combine(policy.document.effective, time(), UTC).timestamp()


def parts_of(change: PolicyChange | None, newest: Policy) -> frozenset[str]:
    """Return a digest for each single thing that ``change`` takes from the user, or newly needs of them."""
    if change is None:
        return frozenset()
    differences = (*change.widened, *change.newly_necessary)
    return frozenset(part for difference in differences for part in _parts(difference, newest))


def _nowhere(newest: Policy, recipient: str) -> Recipient | str:
    """Return what is declared of a recipient without its host names: that these move takes nothing, and no date."""
    declared = newest.recipients.get(recipient)
    return recipient if declared is None else msgspec.structs.replace(declared, hosts=())


def _parts(difference: Difference, newest: Policy) -> list[str]:
    return [
        hashlib.sha256(
            msgspec.json.encode(
                [
                    difference.kind,
                    difference.before,
                    difference.after,
                    # All that is declared of them: the same words about something else are not the same thing.
                    newest.fields.get(difference.field, difference.field),
                    newest.purposes.get(purpose, purpose),
                    _nowhere(newest, recipient),
                    *([newest.operations.get(operation, operation)] if operation else []),
                    *([newest.features.get(difference.feature, difference.feature)] if difference.feature else []),
                ],
                enc_hook=str,
            )
        ).hexdigest()
        for purpose in difference.purposes or ("",)
        for recipient in difference.recipients or ("",)
        for operation in difference.operations or ("",)
    ]


def allows_more(before: PolicyState, after: PolicyState) -> bool:
    """Whether more may be recorded under the versions of ``after`` than under those of ``before``.

    What was recorded before, without leave, no later leave lets be kept: see ``vault.partitions.RECORDED``.
    """
    if before.pending is None or before.change is None:
        return False  # one more version in force allows no more
    if after.newest is not before.pending:
        return True  # another one came in its place, and may give back what that one took
    if after.pending is None:
        return bool(before.change.reduces_rights or before.change.newly_necessary)
    return bool(after.accepted - before.accepted)


def newly_asked(before: PolicyState, after: PolicyState) -> frozenset[str]:
    """Return the purposes that needed no consent under ``before``, and need one under a version of ``after``.

    Nobody has given that consent for what is kept.
    """
    known = {purpose.id for purpose in before.binding.document.purpose}
    return frozenset((_asked(after) - _asked(before)) & known)


def _asked(held: PolicyState) -> set[str]:
    parts = (purpose for policy in held.policies for purpose in policy.document.purpose)
    return {purpose.id for purpose in parts if purpose.necessity == "consent"}
