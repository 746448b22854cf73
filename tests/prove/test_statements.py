"""A statement of a million rows: in constant memory, told of while it is made, and nobody who buys
or pays waits for it.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.db import connection

from accounts.models import LedgerEntry, Partner, TopUp
from accounts.services.books import verify_books
from accounts.services.wallet import book
from openplatform.core import clock, money
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from reconciliation.models import Statement
from tests.bench.history import add_history
from tests.cast import Merchant, World, make_merchant
from tests.prove.platform import ROOT
from tests.reconciliation.past import at

pytestmark = [pytest.mark.prove, pytest.mark.django_db(transaction=True)]

ORDERS = 262_000  # of two lines and freight each, most of them paid: four rows
DAYS = 300
SECONDS = 1500  # 730 where two cores were shared by many others
MORE_MEMORY = 100 * 1024  # KiB more than the statement of a day without any entry
BOOKING_SECONDS = 2.0  # that somebody may wait for the wallet; 0.4 on the same machine


@dataclass
class Run:
    """What a command left behind."""

    seconds: float
    peak_kib: int
    statement: dict[str, Any]
    progress: list[str]


@pytest.fixture
def merchant(transactional_db: None) -> Merchant:
    """One with a million rows in less than a year."""
    merchant = make_merchant("acme", balance="900000000.00")
    at(merchant.partner, clock.now() - timedelta(days=DAYS + 60))
    world = World()
    for number in range(20):
        world.make_sku(f"SKU-{number}", price="10.00", north=1000)
    add_history(orders=ORDERS, partner_ids=[merchant.partner.pk], days=DAYS)
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute("VACUUM (ANALYZE)")
        cursor.execute("SET statement_timeout = '5s'")
    return merchant


def test_million_rows_are_stated_in_constant_memory_and_nobody_waits(
    merchant: Merchant, tmp_path: Path
) -> None:
    yesterday = (clock.now().astimezone(PLATFORM_ZONE) - timedelta(days=1)).date()
    first = yesterday - timedelta(days=DAYS + 40)

    nothing = make_statement(f"{first}..{first}", tmp_path)
    with booking_meanwhile(merchant) as waits:
        run = make_statement(f"{first}..{yesterday}", tmp_path)

    statement = Statement.objects.get(statement_no=run.statement["statement_no"])
    rows = statement.row_count or 0
    table = {
        "rows": rows,
        "entries": run.statement["entry_count"],
        "seconds": round(run.seconds, 1),
        "peak MiB": round(run.peak_kib / 1024, 1),
        "peak MiB of an empty one": round(nothing.peak_kib / 1024, 1),
        "bookings meanwhile": len(waits),
        "longest wait ms": round(max(waits) * 1000, 1),
        **{f"{file.language} {file.format} MiB": round(file.size_bytes / 2**20, 1)
           for file in statement.files.all()},
    }  # fmt: skip
    sys.stderr.write(f"\n{json.dumps(table, indent=2)}\n")
    assert rows > 1_000_000
    assert run.seconds < SECONDS
    assert run.peak_kib - nothing.peak_kib < MORE_MEMORY
    assert run.progress, "nothing was told meanwhile"
    assert len(waits) > run.seconds  # it never stopped
    assert max(waits) < BOOKING_SECONDS
    stored = {
        file.format: tmp_path / "files" / file.file
        for file in statement.files.filter(language="en")
    }
    check_csv(statement, stored["csv"], rows)
    check_xlsx(stored["xlsx"], rows)
    assert verify_books().differences == []


def make_statement(period: str, directory: Path) -> Run:
    """Have the command make it, in a process of its own whose memory can be measured."""
    server = urlsplit(os.environ["DATABASE_URL"])
    database = server._replace(path=f"/{connection.settings_dict['NAME']}")
    started = time.monotonic()
    out, err = directory / "out", directory / "err"
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "make_statements", "--period", period, "--json"],
            cwd=ROOT,
            env={
                **os.environ,
                "DATABASE_URL": urlunsplit(database),
                "DATA_DIR": str(directory),
            },
            stdout=stdout,
            stderr=stderr,
        )
        _pid, process.returncode, usage = os.wait4(process.pid, 0)
    assert process.returncode == 0, err.read_text()
    (statement,) = json.loads(out.read_text())["results"]
    progress = [line for line in err.read_text().splitlines() if " rows …" in line]
    return Run(time.monotonic() - started, usage.ru_maxrss, statement, progress)


@contextmanager
def booking_meanwhile(merchant: Merchant) -> Iterator[list[float]]:
    """Money goes on coming in, every 50 ms; how long each booking took."""
    waits: list[float] = []
    stopping = threading.Event()

    def run() -> None:
        while not stopping.wait(0.05):
            started = time.perf_counter()
            top_up(merchant.partner)
            waits.append(time.perf_counter() - started)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    yield waits
    stopping.set()
    thread.join()


@transactional
def top_up(partner: Partner) -> None:
    """A cent comes in, with its document."""
    now = clock.now()
    number = dated_no("T", now)
    document = TopUp.objects.create(
        top_up_no=number, partner=partner, status=TopUp.Status.APPROVED,
        amount=money.CENT, approved_amount=money.CENT, reference=number, actor="test",
        created_at=now, decided_by="test", decided_at=now,
    )  # fmt: skip
    book(
        partner_id=partner.pk,
        kind=LedgerEntry.Kind.TOP_UP,
        amount=money.CENT,
        document=LedgerEntry.Document.TOP_UP,
        document_no=document.top_up_no,
        note="",
        actor="test",
    )


def check_csv(statement: Statement, path: Path, rows: int) -> None:
    """Opening and the file's entries come to closing; parts come to their entries."""
    count, entries, parts = 0, money.ZERO, money.ZERO
    balance = opening = statement.opening_balance
    assert opening is not None
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = csv.reader(file)
        while next(lines):
            pass
        for row in csv.DictReader(file):
            count += 1
            amount = Decimal(row["amount"])
            if row["balance_after"]:
                entries += amount
                balance = Decimal(row["balance_after"])
            if row["kind"] in {"order_line", "order_freight"}:
                parts += amount
    assert count == rows
    assert opening + entries == balance == statement.closing_balance
    assert parts == statement.order_payment_amount


def check_xlsx(path: Path, rows: int) -> None:
    """The first million on one sheet, the others on the next."""
    with zipfile.ZipFile(path) as book:
        counts = [count_rows(book, f"xl/worksheets/sheet{number}.xml") for number in (1, 2, 3)]
    assert counts[1:] == [1_000_001, rows - 1_000_000 + 1]  # and a row of captions each


def count_rows(book: zipfile.ZipFile, name: str) -> int:
    """The rows of a sheet, which is read piece by piece."""
    count, before = 0, b""
    with book.open(name) as sheet:
        while piece := sheet.read(1 << 20):
            count += (before + piece).count(b"<row ")
            before = piece[-4:]
    return count
