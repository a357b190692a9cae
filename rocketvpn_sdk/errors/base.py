"""The base of every error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rocketvpn_sdk.text import translate

MORE_FILES = "This process may open no more files (ulimit -n)."
LONGER_FILES = "This process may write no longer files (ulimit -f, or the user's quota)."


class _Unknown:
    """Stands in a sentence for a value that an error was made without."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __format__(self, _: str) -> str:
        return f"<{self._name}>"

    def __repr__(self) -> str:
        return f"<{self._name}>"


class _Values(dict[str, Any]):
    """The values of a sentence, by name: an error says what it can, and is never an error to make."""

    def __missing__(self, name: str) -> _Unknown:
        return _Unknown(name)


class RocketVPNError(Exception):
    """The base of every error of this SDK."""

    code: ClassVar[str] = "error"
    MESSAGE: ClassVar[str] = "Something went wrong."
    """What happened, for the user, with the names of ``params`` in braces."""

    REMEDY: ClassVar[str] = ""
    """What the user can do about it."""

    HINT: ClassVar[str] = ""
    """What the developer can do about it, in English."""

    MESSAGES: ClassVar[Mapping[str, str]] = {}
    REMEDIES: ClassVar[Mapping[str, str]] = {}
    HINTS: ClassVar[Mapping[str, str]] = {}
    """What is said instead, by ``cause``."""

    unsure = False
    """Whether the server may have done what was asked for, and its answer got lost or does not say."""

    def __init__(self, *, retry_at: float | None = None, **params: Any) -> None:
        self.params = params
        self.retry_at = retry_at
        super().__init__(params)
        if self.hint:
            self.add_note(self.hint)  # in tracebacks, which developers read, and not in ``str``

    def repeat_with(self, idempotency_key: str) -> None:
        """Say by which key the call can be repeated, since it is not known whether the server did it."""
        others = [note for note in getattr(self, "__notes__", []) if note != self.hint]
        self.params["idempotency_key"] = idempotency_key
        self.__notes__ = [*others, self.hint]

    @property
    def message(self) -> str:
        """What happened, in a sentence for the user."""
        return translate(self.MESSAGES.get(self.cause, self.MESSAGE)).format_map(_Values(self.params))

    @property
    def remedy(self) -> str:
        """What the user can do about it, in a sentence; empty if nothing."""
        return translate(self.REMEDIES.get(self.cause, self.REMEDY)).format_map(_Values(self.params))

    @property
    def hint(self) -> str:
        """What a developer can do about it, in English; empty if ``remedy`` says it all."""
        template = self.HINTS.get(self.cause, self.HINT)
        hint = str(self.params.get("hint") or template.format_map(_Values(self.params)))
        if self.idempotency_key is None:
            return hint
        again = (
            "The server may have done it. Call again with the same fields and"
            f" idempotency_key={self.idempotency_key!r}: then it is done once."
        )
        return f"{hint} {again}".strip()

    @property
    def cause(self) -> str:
        """Whose fault it may be: a key of ``REMEDIES``; empty if the kind of error says it all."""
        return str(self.params.get("cause", ""))

    @property
    def idempotency_key(self) -> str | None:
        """The key of a write of which it is not known whether the server did it; ``None``: it is known, or a read."""
        key: str | None = self.params.get("idempotency_key")
        return key

    def __str__(self) -> str:
        return " ".join(part for part in (self.message, self.remedy) if part)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, (type(self), self.params, self.retry_at), {"unsure": True} if self.unsure else None


def rebuild(kind: type[RocketVPNError], params: dict[str, Any], retry_at: float | None) -> RocketVPNError:
    """Make an error again: how a pickled one comes back."""
    return kind(retry_at=retry_at, **params)
