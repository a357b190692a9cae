"""Tells the app that a recipient is blocked, since its contract was not reviewed in time (S2)."""

from __future__ import annotations

from datetime import date

from rocketvpn_sdk.context import Context
from rocketvpn_sdk.events import Notification
from rocketvpn_sdk.policy.decide import blocked_recipients
from rocketvpn_sdk.policy.wording import FALLBACK, quoted
from rocketvpn_sdk.text import marked, translate

_SAID = marked(
    "Nothing is sent to {} any more: the operator was to review its contract by {} and has not said that it did. You"
    " need not do anything: what needs it works again once a new version of the privacy policy says so."
)


class SafeguardExpired(Notification, frozen=True, kw_only=True):
    """The day has passed by which a recipient's contract was to be reviewed: nothing goes there any more.

    Told once for each recipient and day while the app runs. Show it to the user.
    """

    recipient: str
    """Its id in the policy."""
    review_by: date
    sentence: str
    """For the user."""


class Safeguards:
    """Looks for contracts whose review is late. Thread-safe: at worst, two threads tell the same at once.

    Args:
        context: which versions hold, how late it is, and where ``SafeguardExpired`` goes.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._told: frozenset[tuple[str, date]] = frozenset()

    def tell(self) -> None:
        """Tell the app of each recipient that is blocked, and of which it was not told yet."""
        held = self._context.permit.held()
        for part in blocked_recipients(held.policies, held.now):
            if part.contract is None or (part.id, part.contract.review_by) in self._told:
                continue
            day = part.contract.review_by
            self._told |= {(part.id, day)}
            sentence = translate(_SAID).format(quoted(part.sentence, FALLBACK), day)
            self._context.events.emit(SafeguardExpired(recipient=part.id, review_by=day, sentence=sentence))
