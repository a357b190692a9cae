"""What an app records: typed events over fields that the policy declares."""

from __future__ import annotations

import types
import typing
from typing import Any, ClassVar, dataclass_transform

import msgspec

from rocketvpn_sdk.errors import EventUndeclared
from rocketvpn_sdk.policy import EventShape


@dataclass_transform(frozen_default=True, kw_only_default=True)
class _EventMeta(msgspec.StructMeta):
    """Gives event classes their name and purpose: ``class Started(Event, name="app.started", purpose="service")``."""

    def __new__(
        mcs,
        class_name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        name: str = "",
        purpose: str = "",
    ) -> Any:
        """Make a frozen, keyword-only struct class."""
        namespace["__event__"] = (name, purpose)
        return super().__new__(mcs, class_name, bases, namespace, frozen=True, kw_only=True)

    def __init__(cls, class_name: str, bases: tuple[type, ...], namespace: dict[str, Any], **_: Any) -> None:
        super().__init__(class_name, bases, namespace)


class Event(msgspec.Struct, metaclass=_EventMeta):
    """The base of an app's events.

    A subclass names itself, its one purpose, and its fields, each a field of the policy::

        class SessionConnected(Event, name="session.connected", purpose="service"):
            region: str
            protocol: str
            duration: int

    Values are minimised by the policy's transforms before anything is stored. A field annotated with ``| None`` may be
    left unknown.
    """

    __event__: ClassVar[tuple[str, str]] = ("", "")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"


class LogMessage(Event, name="log.message", purpose="service"):
    """A line of the app's log, as ``journal.handler`` records it."""

    level: str
    logger: str
    message: str
    exception: str | None = None


def shape_of(kind: type[Event]) -> EventShape:
    """Return what an event class declares.

    Raises:
        EventUndeclared: it has no name or purpose, or an annotation that cannot be resolved.
    """
    name, purpose = kind.__event__
    if not name or not purpose:
        raise EventUndeclared(event=kind.__name__, problem='its class needs name="..." and purpose="..."')
    try:
        hints = typing.get_type_hints(kind)
    except NameError as error:
        raise EventUndeclared(event=name, problem=f"the annotation {error.name!r} is not known") from None
    fields = tuple((field, _types(hints[field])) for field in kind.__struct_fields__)
    return EventShape(name, purpose, fields)


def _classes(part: Any) -> tuple[Any, ...]:
    """Return the classes of the values in a ``Literal``, or ``part`` itself."""
    return tuple(map(type, typing.get_args(part))) if typing.get_origin(part) is typing.Literal else (part,)


def _types(hint: Any) -> tuple[type, ...]:
    """Return the classes in an annotation, ``None`` left out; nothing for what is no plain class."""
    parts = (
        typing.get_args(hint)
        if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union
        else (hint,)
    )
    kinds = tuple(kind for part in parts for kind in _classes(part) if kind is not type(None))
    return kinds if all(isinstance(part, type) for part in kinds) else ()
