"""``rocket.offers``: what the operator's other services have for this user, chosen on the device (U6)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

import msgspec

from rocketvpn_sdk.arguments import checks_arguments
from rocketvpn_sdk.consent.offers import OFFERS, OfferRecord
from rocketvpn_sdk.context import Context
from rocketvpn_sdk.errors import ValueRefused
from rocketvpn_sdk.groups.choosing import Choosing
from rocketvpn_sdk.policy.decide import SIGNALLED as PURPOSE
from rocketvpn_sdk.policy.wording import text_in
from rocketvpn_sdk.signed_files.lists import read_list
from rocketvpn_sdk.wire import OFFERS_TARGET, ListedOffer, OfferList, OfferTaken

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files import TrustedFiles
    from rocketvpn_sdk.transport import Api

TAKE = "offers.take"
_RECORD, _ID = "offer_record", "offer_id"
_NONE = "there is no such offer for you now"
_NOTHING = "there is nothing to take, it is to be read"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """Something from another service."""

    id: str
    title: str
    text: str
    closes: date
    """The last day, in UTC."""
    company: str
    """The origin of the company that gets to know which offer was taken; empty: there is nothing to take."""


@checks_arguments
class Offers:
    """``rocket.offers``. Thread-safe.

    Every device fetches the same list. Which offers are shown is decided here, and told to nobody.

    Args:
        context: the vault and the permit.
        trusted: returns the operator's signed files.
        connect: returns the calls; the network is loaded with the first use.
        app_version: of the app; ``None``: it did not say.
    """

    def __init__(
        self,
        context: Context,
        trusted: Callable[[], TrustedFiles],
        connect: Callable[[], Api],
        app_version: str | None,
    ) -> None:
        self._context = context
        self._trusted = trusted
        self._connect = connect
        self._choosing = Choosing(context, PURPOSE, _RECORD, OFFERS, OfferRecord, app_version)

    def available(self, language: str = "en") -> tuple[Offer, ...]:
        """Fetch the signed list, and return what is for this user; nothing without a consent to ``cross_service``.

        The same is fetched with a consent and without one: call it for every user.

        Args:
            language: BCP 47; English where an offer lacks it.

        Raises:
            UpdateRefused: what came cannot be trusted.
            TransportError, ServerError: the server cannot be asked now.
            ConfigurationError: the app has no ``trusted_root``.
            VaultLocked: unlock first.
        """
        files = self._trusted()
        files.refresh()
        return tuple(_shown(listed, language) for listed in self._meant(files))

    def take(self, offer_id: str) -> OfferTaken:
        """Tell the company which offer is taken, and nothing else; it answers with a link to go on in a browser.

        It sees the address of the connection, as any server does. It is not told who asks.

        Args:
            offer_id: of an offer that is ``available``.

        Raises:
            ValueRefused: there is no such offer, or nothing to take.
            EgressBlocked: the policy or a missing consent does not let it go: this company has one of its own.
            TransportError, ServerError, RequestRefused, RateLimited: the company cannot be asked, or did not take it.
            VaultError: it cannot be written down, and so does not go.
        """
        listed = self._listed(offer_id)
        if listed.server is None:
            raise ValueRefused(name=_ID, problem=_NOTHING)
        taken = self._connect().call_nameless(TAKE, path={_ID: offer_id}, answer=OfferTaken, server=listed.server)
        self._settle(offer_id)
        return taken

    def hide(self, offer_id: str) -> None:
        """Remember that the user does not want to see an offer again. Nothing is sent.

        Raises:
            ValueRefused: there is no such offer.
            VaultLocked: unlock first.
        """
        self._listed(offer_id)
        self._settle(offer_id)

    # ---------------------------------------------------------------- inside

    def _meant(self, files: TrustedFiles) -> list[ListedOffer]:
        """Return what is for this user, whoever may see it: what is fetched is the same."""
        listed = read_list(files, OFFERS_TARGET, OfferList).offers
        record = self._choosing.record()
        if record is None:
            return []
        return [offer for offer in self._choosing.of(listed, record) if offer.id not in record.settled]

    def _listed(self, offer_id: str) -> ListedOffer:
        for offer in self._meant(self._trusted()):
            if offer.id == offer_id:
                return offer
        raise ValueRefused(name=_ID, problem=_NONE)

    def _settle(self, offer_id: str) -> None:
        with self._context.vault.write() as transaction:
            held = transaction.get(OFFERS, OfferRecord)
            if held is not None:  # else the consent ended meanwhile
                transaction.put(OFFERS, msgspec.structs.replace(held, settled=(*held.settled, offer_id)))


def _shown(listed: ListedOffer, language: str) -> Offer:
    return Offer(
        id=listed.id,
        title=text_in(listed.title, language),
        text=text_in(listed.text, language),
        closes=listed.closes,
        company=listed.server or "",
    )
