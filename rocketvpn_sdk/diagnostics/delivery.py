"""Takes reports, and the requests to erase them, through the relay."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from rocketvpn_sdk.consent.reports import ERASE, FIELD, RELAYED
from rocketvpn_sdk.consent.responses import SURVEY
from rocketvpn_sdk.diagnostics.otlp import Part
from rocketvpn_sdk.diagnostics.route import route_from
from rocketvpn_sdk.errors import (
    CallCancelled,
    NotAllowed,
    RateLimited,
    RequestRefused,
    RocketVPNError,
    ServerError,
    TransportError,
    UpdateError,
    ValueRefused,
    VaultError,
)
from rocketvpn_sdk.vault import Queue, QueueItem

if TYPE_CHECKING:
    from rocketvpn_sdk.signed_files import TrustedFiles
    from rocketvpn_sdk.transport.delivery import Handlers, QueueDelivery
    from rocketvpn_sdk.transport.oblivious import ObliviousCalls, SealedCall

_LATER = (TransportError, ServerError, RateLimited, UpdateError)
"""Nothing is wrong with what is sent: it is tried again."""


class Format(NamedTuple):
    """How the body of a sealed call is written."""

    decode: Callable[[bytes], list[Part]]
    """Returns the parts of a body that ``encode`` wrote; else a ``ValueError``."""
    encode: Callable[[Sequence[Part]], bytes]


class SealedDelivery:
    """What to do with queued reports, answers and erasures.

    Args:
        queue: where they wait.
        calls: makes sealed calls.
        files: the operator's signed files.
        formats: how the bodies of reports and of answers are written, by their operation.
    """

    def __init__(
        self,
        queue: Queue,
        calls: ObliviousCalls,
        files: Callable[[], TrustedFiles],
        formats: Mapping[str, Format],
    ) -> None:
        self._queue = queue
        self._calls = calls
        self._files = files
        self._formats = formats

    def handlers(self, delivery: QueueDelivery) -> Handlers:
        """Return what takes an item further, by its operation."""

        def handle(item: QueueItem) -> QueueItem | None:
            return self._send(item, delivery)

        return dict.fromkeys(RELAYED, handle)

    def _send(self, item: QueueItem, delivery: QueueDelivery) -> QueueItem | None:
        try:
            self._calls.send(self._call(item), route_from(self._files()))
        except (VaultError, CallCancelled):
            raise
        except RocketVPNError as error:
            if isinstance(error, NotAllowed) and item.operation != ERASE and not self._may_be_sent(item.operation):
                self._queue.remove(item)  # nobody agrees to it any more, and no right is lost with it
                return None
            if isinstance(error, RequestRefused | ServerError):
                self._look_for_another_key()
            waits = isinstance(error, _LATER) or _is_about_the_way(error, item) or _may_be_reviewed_yet(error)
            return delivery.postpone(msgspec.structs.replace(item, state="waiting" if waits else "refused"), error)
        self._queue.remove(item)
        return None

    def _may_be_sent(self, operation: str) -> bool:
        try:
            self._calls.require_allowed(operation, RELAYED[operation])
        except NotAllowed:
            return False
        return True

    def _look_for_another_key(self) -> None:
        """Fetch the signed files anew: the gateway may have replaced its key. The next try goes by what they say."""
        try:
            self._files().refresh()
        except VaultError:
            raise
        except RocketVPNError:
            return  # what was trusted before stays in force

    def _call(self, item: QueueItem) -> SealedCall:
        from rocketvpn_sdk.transport.oblivious import SealedCall

        write = _erasure if item.operation == ERASE else self._formats[item.operation].encode
        if item.operation == ERASE:
            parts: list[Part] = [{FIELD: item.body[FIELD]}]
            body = write(parts)
        else:
            body = str(item.body["body"]).encode()
            try:
                parts = self._formats[item.operation].decode(body)
            except ValueError:
                raise ValueRefused(name="report", problem="it is not as it would be written here") from None
        return SealedCall(
            operation=item.operation,
            through=RELAYED[item.operation],
            path={SURVEY: str(item.body[SURVEY])} if SURVEY in item.body else {},
            parts=parts,
            body=body,
            encode=write,
            idempotency_key=item.idempotency_key,
        )


def _is_about_the_way(error: RocketVPNError, item: QueueItem) -> bool:
    """Whether it was the relay or the gateway that refused, who know nothing of what is in a report."""
    return isinstance(error, RequestRefused) and error.params.get("operation") == RELAYED[item.operation]


def _may_be_reviewed_yet(error: RocketVPNError) -> bool:
    """Whether a contract past its review stopped it: a new version of the policy can let it go (S2)."""
    return isinstance(error, NotAllowed) and error.params.get("rule") == "S2"


def _erasure(parts: Sequence[Part]) -> bytes:
    return msgspec.json.encode(parts[0])
