"""Damage to the books, and what a look at them finds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import psycopg
import pytest
from django.db import connection

from accounts.services.books import verify_books

Found = list[tuple[str, str, str, str | None, str | None]]


@pytest.fixture
def repeatable_read(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        connection.ensure_connection()
        connection.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    yield
    if connection.connection is not None:
        connection.connection.isolation_level = None


@pytest.fixture
def books_db(repeatable_read: None, db: None) -> None:
    """A test in one transaction that a look at the books can be part of.

    A look asks for a view of its own kind, which Postgres refuses once a transaction has begun
    with another. So the test's own begins with that one, before anything else asks for the
    database.
    """


def damage(statement: str, parameters: Sequence[Any] = ()) -> None:
    """Do what the append-only triggers are there to refuse."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # nothing may wait for the triggers
        _switch_triggers("DISABLE")
        try:
            cursor.execute(statement, parameters)
            assert cursor.rowcount > 0
        finally:
            _switch_triggers("ENABLE")


def _switch_triggers(to: str) -> None:
    with connection.cursor() as cursor:
        for table in ("ledgerentry", "holdentry", "creditlimitchange"):
            cursor.execute(f"ALTER TABLE accounts_{table} {to} TRIGGER USER")


def find_differences(as_of: datetime | None = None) -> Found:
    """Check, partner, document, expected, found."""
    report = verify_books(as_of=as_of)
    found = [
        (row.check, row.partner, row.document, row.expected, row.found)
        for row in report.differences
    ]
    assert report.difference_count == len(found)
    return found
