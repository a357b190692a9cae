"""What of a signed list is for this user: chosen on this device, by a number that is drawn here and never sent."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Generic, TypeVar

from rocketvpn_sdk import platforms
from rocketvpn_sdk.audience import Device, E, meant_for
from rocketvpn_sdk.clock import utc
from rocketvpn_sdk.consent.offers import OfferRecord
from rocketvpn_sdk.consent.responses import SurveyRecord
from rocketvpn_sdk.context import Context

_NUMBERS = 100
R = TypeVar("R", bound=SurveyRecord | OfferRecord)


class Choosing(Generic[R]):
    """Chooses, and remembers what was settled. Thread-safe.

    Args:
        context: the vault and the permit.
        purpose: what the list is for; without a consent to it nothing is chosen, and nothing is remembered.
        field: the policy's name for what is remembered.
        document: the vault's name for it.
        kind: its type.
        app_version: of the app; ``None``: it did not say.
    """

    def __init__(
        self, context: Context, purpose: str, field: str, document: str, kind: type[R], app_version: str | None
    ) -> None:
        self._vault, self._permit = context.vault, context.permit
        self._purpose = purpose
        self._field = field
        self._document = document
        self._kind = kind
        self._app_version = app_version

    def record(self) -> R | None:
        """Return what is remembered, made at first; ``None``: nobody agreed, or the app collects nothing."""
        if not self._may_remember():
            return None
        held = self._vault.get(self._document, self._kind)
        if held is not None:
            return held
        with self._vault.write() as transaction:
            drawn = transaction.get(self._document, self._kind) or self._kind(number=secrets.randbelow(_NUMBERS))
            transaction.put(self._document, drawn)
        if self._may_remember():
            return drawn
        with self._vault.write() as transaction:  # the consent ended meanwhile
            transaction.drop(self._document)
        return None

    def of(self, listed: Iterable[E], record: R) -> list[E]:
        """Return what is for this user today."""
        device = Device(
            platform=platforms.kind() if self._may_use("platform") else None,
            app_version=self._app_version if self._may_use("app_version") else None,
            number=record.number,
            today=utc(self._vault.now()).date(),
        )
        return meant_for(device, listed)

    def _may_remember(self) -> bool:
        return self._permit.held().state.collect and self._may_use(self._field)

    def _may_use(self, field: str) -> bool:
        return self._permit.field(field, self._purpose).allowed
