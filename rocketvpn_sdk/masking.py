"""Values that must not show up in a ``repr``, a log line or a traceback."""

from __future__ import annotations

from typing import Any, ClassVar

HIDDEN = "…"


def mask(value: str, *, shown: int = 4) -> str:
    """Return ``value`` with all but its last ``shown`` characters hidden; short values are hidden whole."""
    return HIDDEN + value[-shown:] if len(value) > 2 * shown else HIDDEN


class MaskedRepr:
    """A mix-in for structs: the fields named in ``__masked__`` show as ``…`` in ``repr``.

    ``__masked__ = ("*",)`` hides every field.
    """

    __slots__ = ()
    __masked__: ClassVar[tuple[str, ...]] = ("*",)

    def __repr__(self) -> str:
        fields: tuple[str, ...] = getattr(self, "__struct_fields__", ())
        hidden = fields if self.__masked__ == ("*",) else self.__masked__
        shown = ", ".join(f"{name}={self._shown(name, name in hidden)}" for name in fields)
        return f"{type(self).__name__}({shown})"

    def _shown(self, name: str, hide: bool) -> Any:
        value = getattr(self, name)
        return HIDDEN if hide and value is not None else repr(value)
