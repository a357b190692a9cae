"""The base of every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rocketvpn_sdk.messages import translate


class RocketVPNError(Exception):
    """The base of every error of this SDK."""

    code: ClassVar[str] = "error"
    sentence: ClassVar[str] = "Something went wrong."
    remedy: ClassVar[str] = ""
    remedies: ClassVar[Mapping[str, str]] = {}
    """What to do instead, by ``cause``."""

    sentences: ClassVar[Mapping[str, str]] = {}
    """What to say instead, by ``cause``."""

    def __init__(self, *, retry_at: float | None = None, **params: Any) -> None:
        self.params = params
        self.retry_at = retry_at
        super().__init__(params)

    @property
    def happened(self) -> str:
        """What happened, in a sentence."""
        return translate(self.sentences.get(self.cause, self.sentence)).format(**self.params)

    @property
    def action(self) -> str:
        """What to do about it, in a sentence; empty where nothing can be done."""
        return translate(self.remedies.get(self.cause, self.remedy)).format(**self.params)

    @property
    def cause(self) -> str:
        """Whose fault it may be: one of the keys of ``remedies``; empty where the kind of error says it all."""
        return str(self.params.get("cause", ""))

    def __str__(self) -> str:
        return " ".join(part for part in (self.happened, self.action) if part)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self.params, self.retry_at)


def rebuild(kind: type[RocketVPNError], params: dict[str, Any], retry_at: float | None) -> RocketVPNError:
    """Make an error anew: how a pickled one comes back."""
    return kind(retry_at=retry_at, **params)
