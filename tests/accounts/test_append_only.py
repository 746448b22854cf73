from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, models, transaction

from accounts.models import CreditLimitChange, HoldEntry, LedgerEntry
from tests.accounts.money_moves import hold
from tests.cast import Merchant, make_merchant

BOOKS = (LedgerEntry, HoldEntry, CreditLimitChange)
each_book = pytest.mark.parametrize("book", BOOKS, ids=lambda book: book.__name__)


@pytest.fixture
def books(db: None) -> Merchant:
    """A merchant with one row in each book."""
    merchant = make_merchant("acme", balance="100.00", credit_limit="5.00")
    hold(merchant.partner.pk, "S-1", "1.00")
    return merchant


@each_book
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE {table} SET created_at = created_at",
        "UPDATE {table} SET partner_id = partner_id + 1",
        "DELETE FROM {table}",
    ],
)
def test_database_refuses_when_a_row_is_changed_by_sql(
    books: Merchant, book: type[models.Model], statement: str
) -> None:
    before = list(book.objects.values())  # type: ignore[attr-defined]

    with (
        pytest.raises(IntegrityError, match="is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement.format(table=book._meta.db_table))

    assert len(before) == 1
    assert list(book.objects.values()) == before  # type: ignore[attr-defined]


@each_book
@pytest.mark.parametrize("way", ["save", "delete", "update", "delete all"])
def test_database_refuses_when_a_row_is_changed_by_the_orm(
    books: Merchant, book: type[models.Model], way: str
) -> None:
    rows = book.objects  # type: ignore[attr-defined]
    before = list(rows.values())
    row = rows.get()
    ways = {
        "save": row.save,
        "delete": row.delete,
        "update": lambda: rows.update(created_at=row.created_at),
        "delete all": rows.all().delete,
    }

    with pytest.raises(IntegrityError, match="is append-only"), transaction.atomic():
        ways[way]()

    assert list(rows.values()) == before


def test_partner_stays_when_it_has_money_rows(books: Merchant) -> None:
    with pytest.raises(models.ProtectedError):
        books.partner.delete()

    assert LedgerEntry.objects.count() == 1
