"""``Context``: what the components of one vault share, in one frozen value.

Touches: ``vault``. Start with ``Context``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rocketvpn_sdk.clock import Clock
from rocketvpn_sdk.events import EventBus
from rocketvpn_sdk.files import loading
from rocketvpn_sdk.limits import Limits
from rocketvpn_sdk.masking import SecretStruct
from rocketvpn_sdk.permit import Permit
from rocketvpn_sdk.vault import Queue, QueueItem, Vault

if TYPE_CHECKING:
    from rocketvpn_sdk.identity import Binding, Credentials

DELETION = "rights.request"
"""The operation of a deletion that waits for the server."""


class Context(SecretStruct, frozen=True, kw_only=True):
    """What the components of one vault share."""

    vault: Vault
    """Where everything rests."""
    clock: Clock
    limits: Limits
    events: EventBus
    """Where notifications go."""
    permit: Permit
    """Whether something may be kept or sent now."""
    queue: Queue
    """The requests that wait for the server."""

    def binding(self) -> Binding | None:
        """Return what this device is bound to; ``None``: nothing.

        Raises:
            VaultLocked: unlock first.
        """
        with loading(self.vault.folder):
            from rocketvpn_sdk.identity import BINDING, Binding  # brings what reads keys; recording needs none of it

        return self.vault.get(BINDING, Binding)

    def credentials(self) -> Credentials | None:
        """Return what this device signs with; ``None``: it is not bound.

        Raises:
            VaultLocked: unlock first.
        """
        with loading(self.vault.folder):
            from rocketvpn_sdk.identity import CREDENTIALS, Credentials

        return self.vault.get(CREDENTIALS, Credentials)

    def deletions(self) -> tuple[QueueItem, ...]:
        """Return the deletions that the server has not confirmed yet."""
        return tuple(item for item in self.queue.items() if item.operation == DELETION)
