"""Many changed rows in one statement.

Django's ``bulk_update`` builds a CASE for each row and field, and takes longer over it than all
the rest of a large import does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from django.db import connection, models

from openplatform.core.json_text import to_json
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

BATCH = 1000


def update_rows(rows: Sequence[models.Model], fields: Collection[str]) -> None:
    """Step: write these fields of rows of one model, which the caller has locked.

    Values travel as text and get their column's type back in the statement.
    """
    require_transaction()
    for start in range(0, len(rows), BATCH):
        _update(rows[start : start + BATCH], sorted(fields))


def _update(rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    meta = rows[0]._meta
    columns: list[Any] = [meta.get_field(name) for name in fields]
    settings = ", ".join(
        f"{_quoted(field)} = new.{_quoted(field)}::{field.db_type(connection)}" for field in columns
    )
    names = ", ".join(_quoted(field) for field in columns)
    arrays = ", ".join(["%s::text[]"] * len(columns))
    statement = f"""
        UPDATE {connection.ops.quote_name(meta.db_table)} AS present SET {settings}
        FROM unnest(%s::bigint[], {arrays}) AS new (id, {names})
        WHERE present.id = new.id
    """  # noqa: S608 - names of our own tables and columns
    values = ([_as_text(getattr(row, field.attname)) for row in rows] for field in columns)
    send(statement, [[row.pk for row in rows], *values])


def _quoted(field: Any) -> str:
    return connection.ops.quote_name(field.column)


def _as_text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, dict):
        return to_json(value).decode()
    return str(value)
