"""What is shown before answers are sent, and the answer to sending them."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from rocketvpn_sdk.masking import MaskedRepr
from rocketvpn_sdk.text import translate

_HEAD = "Your answers to the survey {!r}. They do not say who you are, unless you wrote it."
_TEXTS = "From your own words, addresses, names of sites, accounts and the like were taken out. Read what is left."
_WHO = "Who gets them, at {server}: {operator}"
_RELAY = "They go sealed. Who passes them on: {}"
_WHOLE = "This is all that goes, byte for byte:"


class PreparedAnswers(MaskedRepr, frozen=True, kw_only=True):
    """Answers as they would be sent: ``body``, and nothing else."""

    __masked__: ClassVar[tuple[str, ...]] = ("body", "handle")

    survey: str
    body: bytes
    """JSON. The survey's id goes in the address of the call."""
    texts: bool
    """Whether words of the user's own are in it."""
    operator: str
    """Who gets it, in the policy's words."""
    relay: str
    """Who passes it on without being able to read it, in the policy's words."""
    server: str
    """The operator's server."""
    handle: str
    """A random number that goes with these answers alone, so that they can be erased."""

    def to_text(self) -> str:
        """Return all of it for the user to read: what it is, where it goes, and every byte of it."""
        lines = [translate(_HEAD).format(self.survey)]
        if self.texts:
            lines.append(translate(_TEXTS))
        lines.append(translate(_WHO).format(server=self.server, operator=self.operator))
        lines.append(translate(_RELAY).format(self.relay))
        return "\n".join((*lines, translate(_WHOLE), "", self.body.decode()))


class AnswersQueued(msgspec.Struct, frozen=True, kw_only=True):
    """Answers that will be sent."""

    request_id: str
    """Names them in ``rocket.queue``."""
    not_before: datetime
    """When they go at the earliest: a random time, so that when they come tells nothing about when they were given."""
