"""Orders of the past, by the hundred thousand, for what has to stay fast among them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from django.db import connection
from psycopg import sql

from openplatform.core import clock

STATEMENTS = Path(__file__).with_name("history.sql")
REGION = "110101"


def add_history(
    *, orders: int, partner_ids: Sequence[int], days: int = 730, url: str | None = None
) -> None:
    """Give partners without orders so many of the past days, a third of them to the first.

    Needs SKUs with stock, and the region ``REGION``. Numbers are ``H000000001`` and on,
    ``SHOP-1`` and on with the merchants, ``SF104729`` and its multiples with the carrier.

    :param url: of the database; None is Django's.
    """
    values = {
        "partner_ids": list(partner_ids),
        "partners": len(partner_ids),
        "number": orders,
        "days": days,
        "now": clock.now(),
        "region": REGION,
        "address": "东长安街 1 号",
    }
    statements = STATEMENTS.read_text()
    for name, value in values.items():
        statements = statements.replace(f"@{name}@", sql.Literal(value).as_string())
    if url is None:
        connection.ensure_connection()
        run_statements(connection.connection, statements)
    else:
        with psycopg.connect(url) as other:
            run_statements(other, statements)


def run_statements(database: psycopg.Connection[Any], statements: str) -> None:
    """Make rows in bulk, in one transaction."""
    with database.transaction(), psycopg.ClientCursor(database) as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL work_mem = '256MB'")
        # Keys are right by how the statements are made; checking each row would take minutes.
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statements.encode())
        cursor.execute("SET LOCAL session_replication_role = origin")  # a test goes on with it
