"""Claims of the past, by the hundred thousand."""

from __future__ import annotations

from pathlib import Path

from django.db import connection
from psycopg import sql

from aftersales.states import OPEN
from openplatform.core import clock
from tests.bench.history import run_statements

STATEMENTS = Path(__file__).with_name("claim_history.sql")


def add_claims(number: int) -> None:
    """Claims on as many completed orders of ``tests.bench.history.add_history``, one of each order,
    3 in 100 still open. Numbers are ``A000000001`` and on, ``R-1`` and on with the merchants.
    """
    values = {
        "number": sql.Literal(number),
        "now": sql.Literal(clock.now()),
        "open": sql.SQL(", ").join(sql.Literal(status.value) for status in OPEN),
    }
    statements = STATEMENTS.read_text()
    for name, value in values.items():
        statements = statements.replace(f"@{name}@", value.as_string())
    connection.ensure_connection()
    run_statements(connection.connection, statements)
