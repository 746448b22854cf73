"""Set-based SQL on the hot paths: statements sent together and read afterwards."""

from __future__ import annotations

import functools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL
from psycopg import ClientCursor, RawCursor

PLACEHOLDER = re.compile(r"%%|%s|%\((?P<name>\w+)\)s")

Parameters = Sequence[Any] | Mapping[str, Any]


class Sent:
    """The rows of a statement that was sent. Inside :func:`together` they come later."""

    def __init__(self, database: BaseDatabaseWrapper, cursor: Any) -> None:
        self._database = database
        self._cursor = cursor

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows; waits for them."""
        with self._database.wrap_database_errors, self._cursor:
            rows: list[tuple[Any, ...]] = self._cursor.fetchall()
        return rows

    def row(self) -> tuple[Any, ...] | None:
        """The first row, or None; waits for it."""
        rows = self.rows()
        return rows[0] if rows else None

    def named_rows(self) -> list[dict[str, Any]]:
        """All rows as dictionaries; waits for them."""
        with self._database.wrap_database_errors, self._cursor:
            rows: list[tuple[Any, ...]] = self._cursor.fetchall()
            names = [column.name for column in self._cursor.description]
        return [dict(zip(names, row, strict=True)) for row in rows]


def send(statement: str, parameters: Parameters = ()) -> Sent:
    """Send one statement on Django's connection, inside whatever transaction is open.

    On psycopg's raw cursor: Django's wrapper doubles what a statement costs this process, and
    psycopg's own reads a long statement anew each time. Django's is used when somebody watches: a
    test that counts queries, or ``DEBUG``.
    """
    database = connections[DEFAULT_DB_ALIAS]
    if database.queries_logged or database.execute_wrappers:
        cursor: Any = database.cursor()
        cursor.execute(statement, parameters)
    else:
        database.ensure_connection()
        if parameters:
            numbered, names = _numbered(statement)
        else:  # a value may stand in it: not one of few
            numbered, names = statement.replace("%%", "%").encode(), ()
        if isinstance(parameters, Mapping):
            parameters = [parameters[name] for name in names]
        parameters = [
            _array_text(value) if isinstance(value, list) else value for value in parameters
        ]
        cursor = RawCursor(database.connection)
        with database.wrap_database_errors:
            cursor.execute(numbered, parameters)
    return Sent(database, cursor)


@functools.lru_cache(maxsize=1000)  # statements are constants, or put together from few
def _numbered(statement: str) -> tuple[bytes, Sequence[str]]:
    """A statement as Postgres takes it, ``$1`` for the first parameter, and what they are called.

    ``%s`` is another parameter each time, ``%(name)s`` the same one, ``%%`` a percent sign.
    """
    names: list[str] = []

    def number(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        name = found["name"]
        if name is None or name not in names:
            names.append(name or "")
            return f"${len(names)}"
        return f"${names.index(name) + 1}"

    return PLACEHOLDER.sub(number, statement).encode(), names


def _array_text(values: list[Any]) -> str | list[Any]:
    """A list as Postgres writes an array; the list itself when it is not of one of these kinds.

    psycopg looks at every value by itself, which takes longer than all else that sending does. The
    statement has to say of what kind the array is (``::bigint[]``), or to imply it.
    """
    kinds = set(map(type, values))
    if kinds == {int}:
        return f"{{{','.join(map(str, values))}}}"
    if kinds == {bytes}:
        return "{" + ",".join([f'"\\\\x{value.hex()}"' for value in values]) + "}"
    if kinds == {str}:
        text = '","'.join(values)
        if "\\" not in text and text.count('"') == 2 * len(values) - 2:
            return f'{{"{text}"}}'
    return values


def send_spelled_out(statement: str, parameters: Parameters) -> Sent:
    """:func:`send` with the values in the statement, so that it is planned for these values.

    Where a statement's best plan depends on them: on how much of a table a bound leaves, say.
    Planning takes its time with every call, and no text of a stranger belongs into it.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    with ClientCursor(database.connection) as cursor:
        spelled_out = cursor.mogrify(statement, parameters)
    return send(spelled_out.replace("%", "%%"))


def any_of(values: Collection[Any], kind: str = "bigint") -> RawSQL:
    """What ``__in`` takes when there may be very many values: they go as one array, where a list
    would be a parameter for each, of which a statement has 65,535 at the most.

    :param kind: the type of the values, a constant.
    """
    return RawSQL(f"SELECT unnest(%s::{kind}[])", [list(values)])  # noqa: S611 - of a constant


@contextmanager
def together() -> Iterator[None]:
    """Statements sent inside travel in one round trip instead of one each (libpq pipeline).

    They run one after the other on the server, in the order in which they were sent; an error
    surfaces when rows are read, and aborts those behind it.
    """
    database = connections[DEFAULT_DB_ALIAS]
    database.ensure_connection()
    with database.wrap_database_errors, database.connection.pipeline():
        yield
