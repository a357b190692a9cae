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

    Told once for each recipient and day, and to who subscribes later. Show it to the user.
    """

    recipient: str
    """Its id in the policy."""
    review_by: date
    sentence: str
    """For the user."""


def tell_of_blocked(context: Context) -> None:
    """Tell the app of each recipient that is newly blocked, and let go those that are not blocked any more."""

    def blocked() -> dict[str, Notification]:
        held = context.permit.held()
        return {
            part.id: SafeguardExpired(
                recipient=part.id,
                review_by=part.contract.review_by,
                sentence=translate(_SAID).format(quoted(part.sentence, FALLBACK), part.contract.review_by),
            )
            for part in blocked_recipients(held.policies, held.now)
            if part.contract is not None
        }

    context.events.renew(SafeguardExpired, blocked)
