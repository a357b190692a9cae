"""The outbox: e-mails that are not sent but kept in memory, for the CLI to print and for tests to read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import overload

import msgspec
from email_validator import EmailNotValidError, validate_email


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """An e-mail, mostly with a code."""

    to: str
    code: str
    """Empty where there is none."""
    sent_at: datetime
    text: str = ""
    """What it says besides the code; empty where that is all."""


class Outbox(Sequence[Message]):
    """The messages of this run, oldest first; thread-safe, bounded to the last hundred."""

    _MOST = 100

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: list[Message] = []
        self._listeners: list[Callable[[Message], None]] = []

    def send(self, message: Message) -> None:
        """Keep ``message`` and tell who listens."""
        with self._lock:
            self._messages = [*self._messages, message][-self._MOST :]
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(message)

    def send_all(self, messages: Iterable[Message]) -> None:
        """Send each of ``messages``."""
        for message in messages:
            self.send(message)

    def subscribe(self, listener: Callable[[Message], None]) -> None:
        """Call ``listener`` with every further message, on the server's thread."""
        with self._lock:
            self._listeners.append(listener)

    def last_code(self, to: str | None = None) -> str:
        """Return the newest code, or the newest that went ``to`` an address.

        Raises:
            LookupError: there is none.
        """
        for message in reversed(self._snapshot()):
            if message.code and to in (None, message.to):
                return message.code
        raise LookupError("no such message was sent")

    def clear(self) -> None:
        """Forget every message."""
        with self._lock:
            self._messages = []

    def _snapshot(self) -> list[Message]:
        with self._lock:
            return list(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return iter(self._snapshot())

    def __len__(self) -> int:
        return len(self._snapshot())

    @overload
    def __getitem__(self, index: int) -> Message: ...

    @overload
    def __getitem__(self, index: slice) -> list[Message]: ...

    def __getitem__(self, index: int | slice) -> Message | list[Message]:
        return self._snapshot()[index]


def masked(address: str) -> str:
    """Return an address as a hint: ``k…@example.org``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}…@{domain}"


def is_mail_address(text: str) -> bool:
    """Whether ``text`` is an e-mail address as RFC 5321 and RFC 6531 write it; nothing is looked up in the network."""
    try:
        validate_email(text, check_deliverability=False, strict=True)
    except EmailNotValidError:
        return False
    return True
