"""Rows of a long file on their way into the database: tables of one transaction alone.

Filling one locks nothing that anybody else waits for, and the file is never in memory as a whole.
What is written from it later is written by few statements, in seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from openplatform.core.locking import require_transaction
from openplatform.core.statements import send


def create_staging(name: str, columns: Mapping[str, str]) -> None:
    """Step: an empty table that goes with the transaction.

    :param columns: names, and types of Postgres.
    """
    require_transaction()
    drop_staging(name)
    described = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    send(f"CREATE TEMPORARY TABLE {name} ({described}) ON COMMIT DROP")


def drop_staging(*names: str) -> None:
    """Step: have nothing of these names, as after an earlier import in the same transaction."""
    require_transaction()
    for name in names:
        send(f"DROP TABLE IF EXISTS pg_temp.{name}")


def copy_rows(name: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Step: add rows by COPY; columns that are not named stay empty."""
    require_transaction()
    statement = f"COPY {name} ({', '.join(columns)}) FROM STDIN"
    with (
        connection.wrap_database_errors,
        connection.connection.cursor() as cursor,
        cursor.copy(statement) as copy,
    ):
        for row in rows:
            copy.write_row(row)


def analyze_staging(name: str, columns: Iterable[str]) -> None:
    """Step: tell the planner what these columns hold."""
    send(f"ANALYZE {name} ({', '.join(columns)})")
