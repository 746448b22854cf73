"""The rows of fixtures, without the services: two round trips, whatever the number of tables.

A service checks, locks and tells; where it is not what is tested, only its rows are wanted. What
`tests/test_cast.py` asks is whether they are the same.
"""

from __future__ import annotations

import functools
from itertools import groupby
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.expressions import DatabaseDefault

from openplatform.core.statements import send


def give_keys(*rows: Model) -> None:
    """Let new rows have their keys before they are written, for those that name them."""
    counts: dict[type[Model], int] = {}
    for row in rows:
        counts[type(row)] = counts.get(type(row), 0) + 1
    reserved = send(_reservation(tuple(counts.items()))).row()
    assert reserved is not None
    keys = dict(zip(counts, map(iter, reserved), strict=True))
    for row in rows:
        row.pk = next(keys[type(row)])


def insert(*rows: Model) -> None:
    """Write new rows, whatever the order in which they name each other.

    A row that names none of its keys has none afterwards; what the database gave it is read when it
    is asked for.
    """
    statements: list[str] = []
    parameters: list[Any] = []
    for model, alike in groupby(rows, type):
        places = [_places(row, parameters) for row in alike]
        statements.append(f"{_beginning(model)} {', '.join(places)}")
    # Foreign keys are checked when the whole of it was done.
    steps = [f"step_{number} AS ({step})" for number, step in enumerate(statements[:-1])]
    send(f"{'WITH ' if steps else ''}{', '.join(steps)} {statements[-1]}", parameters)


def _places(row: Model, parameters: list[Any]) -> str:
    places = []
    for field, place in _fields(type(row)):
        value = field.pre_save(row, add=True)
        if isinstance(value, DatabaseDefault):
            del row.__dict__[field.attname]  # Django reads it when it is asked for
            places.append("DEFAULT")
        elif value is None and field.primary_key:
            places.append("DEFAULT")
        else:
            parameters.append(field.get_db_prep_save(value, connection))
            places.append(place)
    row._state.adding, row._state.db = False, connection.alias
    return f"({', '.join(places)})"


@functools.cache
def _fields(model: type[Model]) -> list[tuple[Field[Any, Any], str]]:
    """The fields that are written, and what stands for the value of each."""
    return [
        (
            field,
            field.get_placeholder(None, None, connection)
            if hasattr(field, "get_placeholder")
            else "%s",
        )
        for field in model._meta.concrete_fields
        if not field.generated
    ]


@functools.cache
def _beginning(model: type[Model]) -> str:
    columns = ", ".join(_quoted(field.column) for field, _place in _fields(model))
    return f"INSERT INTO {_table(model)} ({columns}) VALUES"


@functools.cache
def _reservation(counts: tuple[tuple[type[Model], int], ...]) -> str:
    arrays = (
        f"ARRAY(SELECT nextval('{_sequence(model)}') FROM generate_series(1, {count}))"  # noqa: S608 - of constants
        for model, count in counts
    )
    return f"SELECT {', '.join(arrays)}"


@functools.cache
def _sequence(model: type[Model]) -> str:
    row = send(
        "SELECT pg_get_serial_sequence(%s, %s)", [_table(model), model._meta.pk.column]
    ).row()
    assert row is not None
    return str(row[0])


def _table(model: type[Model]) -> str:
    return _quoted(model._meta.db_table)


def _quoted(name: str | None) -> str:
    assert name
    return connection.ops.quote_name(name)
