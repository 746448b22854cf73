"""Every statement of a month, held against what its documents alone say it has to be.

The month is thrown with dice (:mod:`tests.reconciliation.random_month`). What is expected is worked
out by arithmetic of its own (:mod:`tests.reconciliation.raw_documents`), which reads neither the
ledger nor anything that the platform makes statements with.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import openpyxl
import pytest
from django.core.files.storage import default_storage
from django.db.models import F

from accounts.services.books import verify_books
from openplatform.core import money
from reconciliation.models import Statement, StatementFile
from tests.cast import Merchant
from tests.reconciliation.past import make_statement
from tests.reconciliation.random_month import RandomMonth
from tests.reconciliation.raw_documents import (
    KINDS,
    SHANGHAI,
    Documents,
    Expected,
    Row,
    Standing,
)

PLAIN_SEEDS = [8]
PROVEN_SEEDS = range(100, 106)
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("seed", PLAIN_SEEDS)
def test_every_statement_says_what_the_documents_say_when_a_month_has_passed(seed: int) -> None:
    prove_month(RandomMonth(seed, merchants=2))


@pytest.mark.prove
@pytest.mark.parametrize("seed", PROVEN_SEEDS)
def test_every_statement_says_what_the_documents_say_whatever_the_month(seed: int) -> None:
    prove_month(RandomMonth(seed, merchants=4, acts=300), is_long=True)


def prove_month(month: RandomMonth, *, is_long: bool = False) -> None:
    """Make all statements of all merchants, and find nothing that the documents do not say."""
    seen: Counter[str] = Counter()
    for merchant in month.merchants:
        documents = Documents(merchant.partner.pk)
        for movement in documents.movements:
            seen[movement.kind] += 1
        for first, last in periods(month, is_long=is_long):
            statement = make_statement(merchant.partner, first, last)
            expected = documents.statement(first, last)
            assert_statement(statement, expected)
            assert_files(statement, expected)
        assert_days_follow_each_other(month, merchant)
        assert_answer(merchant, month, documents)
    assert set(seen) == set(KINDS), seen  # so that the sums were sums of something
    assert verify_books().differences == []


def periods(month: RandomMonth, *, is_long: bool) -> Iterator[tuple[date, date]]:
    """Each day, the month, all that ever was, and some that are neither."""
    for day in month.days():
        yield day, day
    yield month.first, month.last
    yield month.first - timedelta(days=9), month.last + timedelta(days=9)
    for _other in range(12 if is_long else 3):
        one, other = sorted(month.dice.sample(month.days(), 2))
        yield one, other


def assert_statement(statement: Statement, expected: Expected) -> None:
    period = (statement.partner.code, statement.period_start, statement.period_end)
    for end, standing in (("opening", expected.opening), ("closing", expected.closing)):
        found = Standing(
            *(getattr(statement, f"{end}_{name}") for name in Standing.__annotations__)
        )
        assert found == standing, (period, end)
    totals = {kind: getattr(statement, f"{kind}_amount") for kind in KINDS}
    assert totals == expected.totals, period
    assert statement.row_count == len(expected.rows), period
    assert statement.closing_entry_no is not None
    assert statement.opening_entry_no is not None
    assert statement.closing_entry_no - statement.opening_entry_no == len(expected.entries), period
    moved = sum((row.amount for row in expected.entries), Decimal(0))
    assert statement.opening_balance is not None
    assert statement.closing_balance == statement.opening_balance + moved, period


def assert_days_follow_each_other(month: RandomMonth, merchant: Merchant) -> None:
    """Closing of a day is opening of the next, and all days together are the month."""
    of_days = Statement.objects.filter(partner=merchant.partner, period_end=F("period_start"))
    days = list(of_days.order_by("period_start"))
    assert [day.period_start for day in days] == month.days()
    for before, after in pairwise(days):
        assert before.closing_entry_no == after.opening_entry_no
        for name in Standing.__annotations__:
            assert getattr(before, f"closing_{name}") == getattr(after, f"opening_{name}")
    whole = Statement.objects.get(
        partner=merchant.partner, period_start=month.first, period_end=month.last
    )
    assert whole.opening_balance == days[0].opening_balance
    assert whole.closing_balance == days[-1].closing_balance
    for kind in KINDS:
        of_each = [getattr(day, f"{kind}_amount") for day in days]
        assert sum(of_each) == getattr(whole, f"{kind}_amount")


def assert_files(statement: Statement, expected: Expected) -> None:
    """Six files that are what their digests say; CSV and XLSX are read back row by row."""
    files = list(statement.files.all())
    assert {(file.format, file.language) for file in files} == {
        (format, language)
        for format in StatementFile.Format.values
        for language in StatementFile.Language.values
    }
    for file in files:
        with default_storage.open(file.file) as stored:
            content = stored.read()
        assert hashlib.sha256(content).hexdigest() == file.sha256
        assert len(content) == file.size_bytes
        if file.format == StatementFile.Format.CSV:
            assert_csv(content, expected, statement)
        elif file.format == StatementFile.Format.XLSX:
            assert_xlsx(content, expected)
        else:
            assert content.startswith(b"%PDF-")


def assert_csv(content: bytes, expected: Expected, statement: Statement) -> None:
    text = content.decode("utf-8-sig")
    lines = list(csv.reader(io.StringIO(text)))
    end_of_head = lines.index([])
    values = [value for _name, value in lines[:end_of_head]]
    opening, closing = expected.opening, expected.closing
    assert values[:-1] == [
        statement.statement_no,
        statement.partner.code,
        statement.partner.name,
        str(statement.period_start),
        str(statement.period_end),
        "CNY",
        money.to_text(opening.balance),
        *(money.to_text(expected.totals[kind]) for kind in KINDS),
        *(money.to_text(amount) for amount in (
            closing.balance, opening.held_amount, closing.held_amount, opening.credit_limit,
            closing.credit_limit,
        )),
        str(len(expected.entries)),
    ]  # fmt: skip
    names, *rows = lines[end_of_head + 1 :]
    found = [_row_of(dict(zip(names, row, strict=True))) for row in rows]
    assert found == [_neutralised(row) for row in expected.rows]


def assert_xlsx(content: bytes, expected: Expected) -> None:
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    head, sheet = book.worksheets
    amounts = [value for _name, value in head.iter_rows(min_row=7, values_only=True)]
    opening, closing = expected.opening, expected.closing
    assert [_cents(value) for value in amounts[:11]] == [
        opening.balance, *(expected.totals[kind] for kind in KINDS), closing.balance,
        opening.held_amount, closing.held_amount, opening.credit_limit, closing.credit_limit,
    ]  # fmt: skip
    assert amounts[11] == len(expected.entries)
    rows = list(sheet.iter_rows(min_row=2, max_col=len(COLUMNS), values_only=True))
    assert len(rows) == len(expected.rows)
    for cells, row in zip(rows, expected.rows, strict=True):
        found = dict(zip(COLUMNS, cells, strict=True))
        assert found["entry_no"] == str(row.entry_no)  # numbers of documents are text
        local = row.at.astimezone(SHANGHAI).replace(tzinfo=None)
        # Shown to the second, on its own day even when the last microsecond of it is meant.
        assert found["at"] == local.replace(microsecond=0)
        for name in ("merchant_order_no", "order_no", "suborder_no", "sku", "aftersale_no"):
            assert (found[name] or "") == getattr(row, name)
        for name in ("unit_price", "amount", "balance_after"):
            assert _cents(found[name]) == getattr(row, name)
        assert found["quantity"] == row.quantity
        assert (found["line_no"] or None) == (row.line_no and str(row.line_no))


COLUMNS = (
    "entry_no", "at", "kind", "merchant_order_no", "order_no", "suborder_no", "line_no", "sku",
    "name", "quantity", "unit_price", "tax_rate", "amount", "balance_after", "aftersale_no", "note",
)  # fmt: skip


def _row_of(cells: dict[str, str]) -> Row:
    def number(name: str) -> Decimal | None:
        return Decimal(cells[name]) if cells[name] else None

    return Row(
        entry_no=int(cells["entry_no"]),
        at=datetime.fromisoformat(cells["at"]),
        kind=cells["kind"],
        merchant_order_no=cells["merchant_order_no"],
        order_no=cells["order_no"],
        suborder_no=cells["suborder_no"],
        line_no=int(cells["line_no"]) if cells["line_no"] else None,
        sku=cells["sku"],
        name=cells["name"],
        quantity=int(cells["quantity"]) if cells["quantity"] else None,
        unit_price=number("unit_price"),
        tax_rate=number("tax_rate"),
        amount=Decimal(cells["amount"]),
        balance_after=number("balance_after"),
        aftersale_no=cells["aftersale_no"],
        note=cells["note"],
    )


def _neutralised(row: Row) -> Row:
    """As CSV has it: no spreadsheet computes a note."""
    return replace(row, note=f"'{row.note}") if row.note.startswith("=") else row


def _cents(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(round(value, 2))).quantize(Decimal("0.01"))


def assert_answer(merchant: Merchant, month: RandomMonth, documents: Documents) -> None:
    """The merchant is told the same of the month, and gets the same file."""
    statement = Statement.objects.get(
        partner=merchant.partner, period_start=month.first, period_end=month.last
    )
    expected = documents.statement(month.first, month.last)
    told = merchant.api.get(f"/statements/{statement.statement_no}").json()
    for end, standing in (("opening", expected.opening), ("closing", expected.closing)):
        assert told[end] == {
            name: money.to_text(getattr(standing, name)) for name in Standing.__annotations__
        }
    assert told["totals"] == {
        kind: money.to_text(amount) for kind, amount in expected.totals.items()
    }
    assert (told["status"], told["entry_count"]) == ("ready", len(expected.entries))
    file = merchant.api.get(f"/statements/{statement.statement_no}/file", format="csv")
    assert_csv(file.getvalue(), expected, statement)
