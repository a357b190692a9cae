"""What a part of the report's page is made of."""

from __future__ import annotations

import msgspec


class Cell(msgspec.Struct, frozen=True):
    """What stands in a cell; ``quoted`` is from the policy, in the report's language."""

    text: str = ""
    quoted: str = ""
    note: str = ""


class Table(msgspec.Struct, frozen=True):
    """A table; the first cell of a row names it."""

    caption: str
    heads: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]


class Section(msgspec.Struct, frozen=True):
    """A part of the page."""

    id: str
    title: str
    lead: str = ""
    tables: tuple[Table, ...] = ()
    empty: str = ""
    """What is said where the tables have no rows."""
