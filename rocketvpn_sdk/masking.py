"""Values that must not show up in a ``repr``, a log line or a traceback.

Touches: nothing. Start with ``mask``.
"""

from __future__ import annotations

from typing import Any, ClassVar, NoReturn

import msgspec

HIDDEN = "…"


def mask(value: str, *, shown: int = 4) -> str:
    """Return ``value`` with all but its last ``shown`` characters hidden; short values are hidden whole."""
    return HIDDEN + value[-shown:] if len(value) > 2 * shown else HIDDEN


class MaskedRepr(msgspec.Struct, frozen=True):
    """A base for structs: the fields named in ``__masked__`` show as ``…`` in ``repr``.

    ``__masked__ = ("*",)`` hides every field.
    """

    __masked__: ClassVar[tuple[str, ...]] = ("*",)

    def __repr__(self) -> str:
        fields = self.__struct_fields__
        shown = ", ".join(f"{name}={HIDDEN if self._hides(name) else repr(getattr(self, name))}" for name in fields)
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Say the same to Rich, which asks a struct for its values rather than for its ``repr``."""
        return [(name, HIDDEN if self._hides(name) else getattr(self, name)) for name in self.__struct_fields__]

    def _hides(self, name: str) -> bool:
        return (self.__masked__ == ("*",) or name in self.__masked__) and getattr(self, name) is not None


class OneHolder:
    """A base for what holds secrets, or leads to them: refuses ``pickle``, ``copy.copy`` and ``copy.deepcopy``.

    A copy would outlive the moment at which its original forgets a secret, and a pickle could be written anywhere.
    """

    __slots__ = ()

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        # pickle, copy.copy and copy.deepcopy all come through here.
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: it may hold secrets")


class SecretStruct(MaskedRepr, frozen=True):
    """The same for structs: hidden in ``repr``, and neither pickled nor copied.

    ``msgspec`` encodes it, since that is how the vault seals it; nothing else in this package does.
    """

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError(f"{type(self).__name__} cannot be pickled or copied: it may hold secrets")

    def __copy__(self) -> NoReturn:
        self.__reduce_ex__(0)

    def __deepcopy__(self, memo: object) -> NoReturn:
        self.__reduce_ex__(0)
