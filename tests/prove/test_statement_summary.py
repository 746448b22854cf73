"""The summary and the archive at full size: a thousand merchants, a month of a million entries."""

from __future__ import annotations

import hashlib
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.storage import default_storage
from django.db import connection
from django.test import Client

from openplatform.core.uploads.storage import storing_path
from reconciliation.files.archive import write_archive
from reconciliation.models import Statement, StatementFile
from reconciliation.selectors.archives import list_archive_files
from reconciliation.selectors.statements import FOLDER
from reconciliation.selectors.summary import get_summary
from reconciliation.states import PaperStatus
from tests.cast import Merchant, make_merchant

pytestmark = pytest.mark.prove

MERCHANTS, ENTRIES = 1_000, 1_000_000
FIRST, LAST = date(2026, 3, 1), date(2026, 3, 31)
SUMMARY_SECONDS = 4.0
PAGE_SECONDS = 5.0
PIECES = 40 * 1024 * 1024  # bytes of the largest file
MOST_MEMORY = 8 * 1024 * 1024  # bytes, whatever the archive's size

# Payments of 1.00, one after the other through the month, after an opening of 10,000.00.
MANY_MERCHANTS = """
    WITH partner AS (
        INSERT INTO accounts_partner (code, name, kind, status, email, order_expiry_minutes,
            created_at)
        SELECT 'm' || number, 'Merchant ' || number, 'merchant', 'active', '', 30,
            '2026-01-01 00:00+08'
        FROM generate_series(1, %(merchants)s) number
        RETURNING id
    )
    INSERT INTO accounts_wallet (partner_id, balance, held_amount, credit_limit, alert_threshold,
        max_open_orders, spent_amount, open_orders, last_entry_no, last_hold_no)
    SELECT id, 10000 - %(each)s, 0, 0, 0, 1000, 0, 0, %(each)s + 1, 0 FROM partner
"""
MANY_ENTRIES = """
    INSERT INTO accounts_ledgerentry (partner_id, entry_no, kind, amount, balance_after, document,
        document_no, order_no, suborder_no, aftersale_no, note, created_at)
    SELECT partner_id, no,
        CASE no WHEN 1 THEN 'top_up' ELSE 'order_payment' END,
        CASE no WHEN 1 THEN 10000.00 ELSE -1.00 END,
        10000 - (no - 1), CASE no WHEN 1 THEN 'top_up' ELSE 'order' END,
        partner_id || '-' || no, '', '', '', '',
        CASE no WHEN 1 THEN timestamptz '2026-02-01 00:00+08'
            ELSE timestamptz '2026-03-01 00:00+08' + (no - 2) * interval '31 days' / %(each)s END
    FROM accounts_wallet, generate_series(1, %(each)s + 1) no
    ORDER BY no, partner_id
"""
MANY_STATEMENTS = """
    INSERT INTO reconciliation_statement (statement_no, partner_id, period_start, period_end,
        requested_by, status, due_at, ready_at, opening_entry_no, closing_entry_no, row_count,
        opening_balance, opening_held_amount, opening_credit_limit,
        closing_balance, closing_held_amount, closing_credit_limit, top_up_amount,
        order_payment_amount, refund_amount, adjustment_amount, withdrawal_amount)
    SELECT 'S' || partner_id, partner_id, %(first)s, %(last)s, 'platform', 'ready', NULL,
        clock_timestamp(), 1, %(each)s + 1, %(each)s, 10000, 0, 0, 10000 - %(each)s, 0, 0,
        0, -%(each)s, 0, 0, 0
    FROM accounts_wallet
"""


@pytest.fixture
def month(transactional_db: None) -> Iterator[None]:
    values: dict[str, int | date] = {
        "merchants": MERCHANTS, "each": ENTRIES // MERCHANTS, "first": FIRST, "last": LAST,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (MANY_MERCHANTS, MANY_ENTRIES, MANY_STATEMENTS):
            cursor.execute(statement, values)
        for table in ("accounts_ledgerentry", "accounts_wallet", "reconciliation_statement"):
            cursor.execute(f"VACUUM ANALYZE {table}")  # as the server does by itself
        cursor.execute("RESET statement_timeout")
    yield
    connection.close()


def test_summary_of_a_million_entries_answers_in_seconds(month: None) -> None:
    User.objects.create_superuser("boss")
    client = Client()
    client.force_login(User.objects.get())

    begun = time.perf_counter()
    summary = get_summary(first=FIRST, last=LAST)
    in_itself = time.perf_counter() - begun
    begun = time.perf_counter()
    response = client.get(
        "/admin/reconciliation/statement/summary/",
        {"period_start": FIRST.isoformat(), "period_end": LAST.isoformat()},
    )
    as_a_page = time.perf_counter() - begun

    assert (len(summary.merchants), summary.booked.entry_count) == (MERCHANTS, ENTRIES)
    assert summary.is_agreed
    assert summary.booked.amounts["order_payment"] == Decimal(-ENTRIES)
    assert response.context["summary"].is_agreed
    print(f"\nsummary {in_itself:.2f} s, page {as_a_page:.2f} s")  # noqa: T201 - the figures
    assert in_itself < SUMMARY_SECONDS
    assert as_a_page < PAGE_SECONDS


def test_archive_takes_the_same_memory_whatever_its_size(
    transactional_db: None, tmp_path: Path
) -> None:
    large = tmp_path / "large.csv"
    with large.open("wb") as out:
        for number in range(PIECES // 1024):
            out.write(f"{number:>1023}\n".encode())
    made: list[Merchant] = [make_merchant(f"m{number}") for number in range(4)]
    now = datetime.now(UTC)
    digest = hashlib.sha256(large.read_bytes()).hexdigest()
    for merchant in made:
        statement = Statement.objects.create(
            statement_no=f"S{merchant.partner.pk}", partner=merchant.partner, period_start=FIRST,
            period_end=LAST, status=PaperStatus.READY, due_at=None, ready_at=now, row_count=0,
            opening_entry_no=0, closing_entry_no=0, opening_balance=0, opening_held_amount=0,
            opening_credit_limit=0, closing_balance=0, closing_held_amount=0,
            closing_credit_limit=0, top_up_amount=0, order_payment_amount=0, refund_amount=0,
            adjustment_amount=0, withdrawal_amount=0,
        )  # fmt: skip
        with storing_path(large, extension="csv", folder=FOLDER, now=now) as name:
            StatementFile.objects.create(
                statement=statement, format="csv", language="en", file=name, sha256=digest,
                size_bytes=PIECES,
            )  # fmt: skip
    files = list(list_archive_files(first=FIRST, last=LAST, formats=["csv"], languages=["en"]))
    target = tmp_path / "all.zip"

    tracemalloc.start()
    with target.open("wb") as out:
        for piece in write_archive(files):
            out.write(piece)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    print(f"\narchive of {len(files) * PIECES:,} bytes: {peak:,} bytes at most")  # noqa: T201
    assert peak < MOST_MEMORY
    with zipfile.ZipFile(target) as archive, archive.open(archive.namelist()[3]) as inner:
        assert hashlib.sha256(inner.read()).hexdigest() == digest
    for file in files:
        default_storage.delete(file.file)
