"""A hundred thousand rows of a merchant's file are held against the ledger within half a minute, in
little memory; two hundred thousand are taken, and not one more.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from django.db import connection

from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.documents import reconciliation_document
from reconciliation.files.report import write_report
from reconciliation.models import Reconciliation, Statement
from reconciliation.services.comparing import compare_now
from reconciliation.services.report_writing import write_due_report
from tests.cast import BEIJING, Merchant, make_merchant, make_regions
from tests.reconciliation.ledger_books import MARCH
from tests.reconciliation.merchant_files import faults_of, upload_only

pytestmark = [pytest.mark.prove, pytest.mark.django_db(transaction=True)]

SECONDS = 30  # for 100,000 rows, on an idle machine
MORE_MEMORY = 128 * 1024  # KiB, of this process
OPENING = Decimal("900000000.00")
HEAD = ("merchant_order_no", "kind", "amount", "at", "status")

ORDERS = """
    INSERT INTO orders_order (order_no, partner_id, merchant_order_no, fingerprint, status, version,
        goods_amount, freight_amount, total_amount, refunded_amount, remark, purchase_order_no,
        metadata, consignee_name, consignee_phone, consignee_region_id, consignee_region_name,
        consignee_address, expires_at, created_at, updated_at, paid_at, close_reason)
    SELECT 'P' || lpad(n::text, 9, '0'), %(partner_id)s, 'M-' || n, '', 'completed', 1,
        n %% 90 + 10, 8, n %% 90 + 18, 0, '', '', '{}', '张三', '13800138000', %(region)s, '北京市',
        '1 号', now(), now(), now(), now(), ''
    FROM generate_series(1, %(count)s) AS n
"""
ENTRIES = """
    INSERT INTO accounts_ledgerentry (partner_id, entry_no, kind, amount, balance_after, document,
        document_no, order_no, suborder_no, aftersale_no, note, created_at)
    SELECT partner_id, 1 + n, 'order_payment', -total_amount,
        %(opening)s - sum(total_amount) OVER (ORDER BY n), 'order', order_no, order_no, '', '', '',
        %(from_at)s + n * interval '20 seconds'
    FROM (
        SELECT *, substr(merchant_order_no, 3)::integer AS n FROM orders_order
        WHERE partner_id = %(partner_id)s
    ) AS numbered
"""


def amount_of(number: int) -> int:
    """What an order cost."""
    return number % 90 + 18


def make_books(count: int) -> tuple[Merchant, Statement]:
    """A merchant with so many orders in March, and the statement of it."""
    make_regions()
    merchant = make_merchant("acme", balance=str(OPENING))
    first, last = MARCH
    from_at = datetime(first.year, first.month, first.day, tzinfo=PLATFORM_ZONE)
    parameters: dict[str, Any] = {
        "partner_id": merchant.partner.pk, "count": count, "region": BEIJING, "from_at": from_at,
        "opening": OPENING,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(ORDERS, parameters)
        cursor.execute(ENTRIES, parameters)
        cursor.execute("ANALYZE")
        cursor.execute("RESET statement_timeout")  # the worker has no more time than others
    paid = -Decimal(sum(amount_of(number) for number in range(1, count + 1)))
    statement = Statement.objects.create(
        statement_no="S1", partner=merchant.partner, period_start=first, period_end=last,
        status="ready", due_at=None, requested_by="test", ready_at=from_at, row_count=count,
        opening_entry_no=1, closing_entry_no=1 + count, opening_balance=OPENING,
        closing_balance=OPENING + paid, opening_held_amount=0, closing_held_amount=0,
        opening_credit_limit=0, closing_credit_limit=0, top_up_amount=0, order_payment_amount=paid,
        refund_amount=0, adjustment_amount=0, withdrawal_amount=0,
    )  # fmt: skip
    return merchant, statement


def rows_of(count: int) -> list[tuple[str, str, str, str, str]]:
    """The merchant's copy: of a thousand each, one is dropped, one stands there twice, one is of an
    order that there is not, and ten have another amount.
    """
    rows = []
    for number in range(1, count + 1):
        turn = number % 1000
        amount = amount_of(number) + (1.23 if 10 <= turn < 20 else 0)
        name = f"NEVER-{number}" if turn == 3 else f"M-{number}"
        row = (name, "order_payment", f"-{amount:.2f}", "2026-03-05 10:00", "completed")
        rows += [row] * {1: 0, 2: 2}.get(turn, 1)
    return rows


def csv_bytes(rows: list[tuple[str, str, str, str, str]]) -> bytes:
    lines = [",".join(HEAD), *(",".join(row) for row in rows)]
    return "\r\n".join(lines).encode()


def xlsx_bytes(rows: list[tuple[str, str, str, str, str]], path: Path) -> bytes:
    file = path / "books.xlsx"
    book = xlsxwriter.Workbook(str(file), {"constant_memory": True})
    sheet = book.add_worksheet()
    for place, row in enumerate([HEAD, *rows]):
        for column, cell in enumerate(row):
            if column == 2 and place:
                sheet.write_number(place, column, float(cell))
            else:
                sheet.write_string(place, column, cell)
    book.close()
    return file.read_bytes()


def forget_peak() -> None:
    """From here on the most memory that this process holds counts anew."""
    Path("/proc/self/clear_refs").write_text("5")


def memory(name: str) -> int:
    """KiB: what this process holds (``VmRSS``), or the most that it held (``VmHWM``)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1])


@pytest.mark.parametrize("form", ["csv", "xlsx"])
@pytest.mark.parametrize("count", [100_000, 200_000])
def test_file_is_compared_in_time_and_little_memory(
    transactional_db: None, tmp_path: Path, count: int, form: str
) -> None:
    merchant, statement = make_books(count)
    rows = rows_of(count)
    content = csv_bytes(rows) if form == "csv" else xlsx_bytes(rows, tmp_path)
    first, last = (day.isoformat() for day in MARCH)
    waiting = upload_only(merchant, content, first, last, filename=f"books.{form}")
    row_count = len(rows)
    del rows, content
    forget_peak()
    before, begun, computed = memory("VmRSS"), time.monotonic(), time.process_time()

    report = compare_now(pk=waiting.pk)

    seconds, more = time.monotonic() - begun, memory("VmHWM") - before
    computed = time.process_time() - computed
    begun = time.monotonic()
    assert write_due_report() == 1
    written = time.monotonic() - begun
    write_report(Reconciliation.objects.get(pk=report.pk), tmp_path / "report.xlsx", "en")
    figures = {
        "rows": row_count, "form": form, "seconds": round(seconds, 1),
        "of computing here": round(computed, 1),
        "more MiB": round(more / 1024, 1), "seconds for both workbooks": round(written, 1),
        "results": {name: result["count"] for name, result in report.results.items()},
    }  # fmt: skip
    sys.stderr.write(f"\n{json.dumps(figures, indent=2)}\n")
    thousands = count // 1000
    assert figures["results"] == {
        "amount_differs": 10 * thousands, "duplicate": thousands,
        "matched": count - 12 * thousands, "missing_here": thousands,
        "missing_there": 2 * thousands,
    }  # fmt: skip
    bridge = reconciliation_document(report)["bridge"]
    assert Decimal(bridge["our_closing"]) == statement.closing_balance
    assert sum(Decimal(v) for k, v in bridge.items() if k not in {"opening", "our_closing"}) == (
        statement.closing_balance
    )
    assert seconds < SECONDS * count / 100_000
    assert more < MORE_MEMORY


def test_file_of_a_row_too_many_is_refused(transactional_db: None) -> None:
    merchant, _statement = make_books(1)
    row = ("M-1", "order_payment", "-19.00", "2026-03-05", "completed")
    first, last = (day.isoformat() for day in MARCH)

    waiting = upload_only(merchant, csv_bytes([row] * 200_001), first, last)
    report = compare_now(pk=waiting.pk)

    assert faults_of(report) == [(200_002, "", "file_invalid")]
