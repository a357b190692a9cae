"""Row classes: one definition for the columns of a table and for the typed values that its rows are read as.

A field of a row class is a column. Its annotation says the type, ``| None`` that it may be empty, and ``Annotated``
what SQLAlchemy has to know besides: a column type, options (``KEY``, ``INDEX`` …) and foreign keys (``refers_to``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from functools import cache, partial
from types import NoneType
from typing import Annotated, Any, ClassVar, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Date,
    ForeignKey,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import SchemaItem
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.sql.dml import Delete
from sqlalchemy.types import TypeEngine

metadata = MetaData()

KEY, INDEX, UNIQUE = "primary_key", "index", "unique"
_TYPES: dict[type, type[TypeEngine[Any]]] = {
    bool: Boolean,
    bytes: LargeBinary,
    date: Date,
    int: Integer,
    str: Text,
}


class TableRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``table``, whose columns are in ``c``."""

    table: ClassVar[Table]
    c: ClassVar[ReadOnlyColumnCollection[str, Column[Any]]]


R = TypeVar("R", bound=TableRow)


def refers_to(column: str, ondelete: str | None = "CASCADE") -> partial[ForeignKey]:
    """Return what makes a foreign key for each column that is annotated with it."""
    return partial(ForeignKey, column, ondelete=ondelete)


def stored_in(name: str, *constraints: SchemaItem) -> Callable[[type[R]], type[R]]:
    """Make the table ``name`` from the fields of the row class that is decorated."""

    def decorate(kind: type[R]) -> type[R]:
        hints = get_type_hints(kind, include_extras=True)
        columns = [_column(field, hints[field]) for field in kind.__struct_fields__]
        kind.table = Table(name, metadata, *columns, *constraints)
        kind.c = kind.table.c
        return kind

    return decorate


def _column(name: str, hint: Any) -> Column[Any]:
    nullable = NoneType in get_args(hint)
    if nullable:
        hint = next(each for each in get_args(hint) if each is not NoneType)
    python_type, *details = get_args(hint) if get_origin(hint) is Annotated else (hint,)
    types = [each for each in details if isinstance(each, TypeEngine)]
    keys = [each() for each in details if isinstance(each, partial)]
    options: dict[str, Any] = {"nullable": nullable} | {each: True for each in details if isinstance(each, str)}
    return Column(name, types[0] if types else _TYPES[python_type](), *keys, **options)


# ---------------------------------------------------------------- statements, each made once: that is most of its cost


def one(db: Connection, kind: type[R], query: Select[Any] | None = None, /, **values: object) -> R | None:
    """Return the first row of ``query``, or ``None``; by default, of the rows whose columns equal ``values``.

    ``values`` are the parameters of ``query``. A column never equals ``None``.
    """
    return next(iter(every(db, kind, query, **values)), None)


def locked(db: Connection, kind: type[R], /, **values: object) -> R | None:
    """Return the row whose columns equal ``values``, or ``None``; nobody else changes it until the transaction ends.

    SQLite ignores ``FOR UPDATE``: there, each transaction begins with the lock for writing (``BEGIN IMMEDIATE``).
    """
    return one(db, kind, _equal(kind, tuple(values), locked=True), **values)


def every(db: Connection, kind: type[R], query: Select[Any] | None = None, /, **values: object) -> list[R]:
    """Return the rows of ``query``; by default, those whose columns equal ``values``. See ``one``."""
    found = db.execute(_equal(kind, tuple(values)) if query is None else query, values)
    return [typed(kind, row) for row in found]


def typed(kind: type[R], values: Iterable[Any]) -> R:
    """Return ``values``, in the order of the table's columns, as a row."""
    return kind(**dict(zip(kind.__struct_fields__, values, strict=True)))


def add(db: Connection, row: TableRow) -> None:
    """Insert ``row``."""
    db.execute(_insert(type(row)), msgspec.structs.asdict(row))


def add_if_new(db: Connection, row: TableRow) -> bool:
    """Insert ``row`` unless one has its key; return whether it was inserted. Waits for who is inserting the same."""
    return db.execute(insert_if_new(type(row), db.dialect.name), msgspec.structs.asdict(row)).rowcount == 1


def remove(db: Connection, kind: type[TableRow], /, **values: object) -> int:
    """Delete the rows whose columns equal ``values``; return how many there were."""
    return db.execute(_delete(kind, tuple(values)), values).rowcount


def change(db: Connection, row: TableRow, /, **values: object) -> int:
    """Give the columns in ``values`` of the stored ``row`` new values; return 0 if it is gone, else 1."""
    keys = {f"of_{column.name}": getattr(row, column.name) for column in type(row).table.primary_key}
    return db.execute(_update(type(row)), keys | values).rowcount


@cache
def _equal(kind: type[TableRow], names: tuple[str, ...], *, locked: bool = False) -> Select[Any]:
    query = select(kind.table).where(*(kind.c[name] == bindparam(name) for name in names))
    return query.with_for_update() if locked else query


@cache
def _insert(kind: type[TableRow]) -> Insert:
    return insert(kind.table)


@cache
def insert_if_new(kind: type[TableRow], dialect: str) -> postgresql.Insert | sqlite.Insert:
    """Return the statement of ``add_if_new``."""
    statement = (postgresql.insert if dialect == "postgresql" else sqlite.insert)(kind.table)
    return statement.on_conflict_do_nothing().execution_options(preserve_rowcount=True)


@cache
def _delete(kind: type[TableRow], names: tuple[str, ...]) -> Delete:
    return delete(kind.table).where(*(kind.c[name] == bindparam(name) for name in names))


@cache
def _update(kind: type[TableRow]) -> Update:
    keys = (column == bindparam(f"of_{column.name}") for column in kind.table.primary_key)
    return update(kind.table).where(*keys)  # what is set are the other parameters
