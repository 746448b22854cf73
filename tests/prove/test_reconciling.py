"""No statement, file, message, invoice or payment of a bill is lost or doubled, while web, worker,
finance and Postgres are killed at random and replies are dropped.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import json
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import requests

from openplatform.connectors.simulator.server import Simulator
from openplatform.core import embedded_postgres
from openplatform.demo.reconciling import read_rows
from tests.cast import CONSIGNEE
from tests.prove.platform import ROOT, VICTIMS, Platform
from tests.reconciliation.past import month_ago

pytestmark = pytest.mark.prove

ACCOUNTANTS = 6  # who keep the books of fifty merchants
SECONDS = 60  # at least; until every merchant has asked for everything
LONGEST = 150
SECONDS_BETWEEN_KILLS = 5.0
DRAIN_SECONDS = 240  # a killed worker's leases last up to two minutes
TITLE = {"kind": "individual", "name": "张三"}
PAID_IN = "500.00"


def list_periods() -> list[tuple[date, date]]:
    """The month that ended last, of which bills are issued, and three others."""
    month, before = month_ago(1), month_ago(2)
    last = month_ago(0) - timedelta(days=1)
    return [
        (month, last),
        (before, month - timedelta(days=1)),
        (last, last),
        (before + timedelta(days=9), month + timedelta(days=4)),
    ]


@dataclass
class Told:
    """What a merchant was told."""

    statements: set[str] = field(default_factory=set)
    reports: set[str] = field(default_factory=set)
    invoices: set[str] = field(default_factory=set)
    top_ups: set[str] = field(default_factory=set)


@dataclass
class Accountant:
    """Asks for all that a merchant may ask for, for one merchant after the other, and never gives
    up.
    """

    number: int
    url: str
    keys: list[str]
    told: list[Told] = field(default_factory=list)
    server_faults: int = 0
    fault: BaseException | None = None

    def run(self) -> None:
        """All merchants of this accountant's."""
        dice = random.Random(self.number)
        try:
            for place, key in enumerate(self.keys):
                self.told.append(self._keep_books(dice, key, f"{self.number}-{place}"))
        except BaseException as error:
            self.fault = error
            raise

    def _keep_books(self, dice: random.Random, key: str, name: str) -> Told:
        told = Told()
        for first, last in list_periods():
            body = {"period_start": str(first), "period_end": str(last)}
            told.statements.add(self._insist(dice, key, "/statements", body)["statement_no"])
        order = self._insist(
            dice,
            key,
            "/orders",
            {
                "merchant_order_no": f"S{name}",
                "items": [
                    {"sku": f"SKU-{sku}", "quantity": dice.randint(2, 4)}
                    for sku in dice.sample(range(12), 2)
                ],
                "consignee": CONSIGNEE,
            },
        )
        self._insist(dice, key, f"/orders/{order['order_no']}/confirm", None)
        title = self._insist(dice, key, "/invoice-titles", TITLE)
        wanted = {
            "title_id": title["title_id"],
            "kind": "general",
            "order_no": order["order_no"],
        }
        told.invoices.add(self._insist(dice, key, "/invoices", wanted)["invoice_no"])
        report = self._insist(dice, key, "/reconciliations", None, file=_own_books(name))
        told.reports.add(report["reconciliation_no"])
        top_up = {
            "amount": PAID_IN,
            "reference": f"bank-{name}",
            "paid_at": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        told.top_ups.add(self._insist(dice, key, "/account/top-ups", top_up)["top_up_no"])
        return told

    def _insist(
        self, dice: random.Random, key: str, path: str, body: Any, *, file: bytes | None = None
    ) -> dict[str, Any]:
        """Ask until there is an answer of 2xx; now and then hang up before it comes."""
        first, last = list_periods()[0]
        form = {"period_start": str(first), "period_end": str(last)}
        while True:
            patience = 0.01 if dice.random() < 0.1 else 15
            try:
                response = requests.post(
                    f"{self.url}/api/v1{path}",
                    json=body if file is None else None,
                    data=None if file is None else form,
                    files=None if file is None else {"file": ("books.csv", file)},
                    headers={"Authorization": f"Bearer {key}"},
                    timeout=patience,
                )
            except requests.RequestException:
                time.sleep(0.05)
                continue
            answer: dict[str, Any] = response.json()
            if response.status_code >= 500:
                self.server_faults += answer["code"] == "internal_error"
                time.sleep(0.1)
                continue
            assert response.status_code < 300, answer
            return answer


def _own_books(name: str) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["merchant_order_no", "kind", "amount"])
    writer.writerows([[f"X{name}-{n}", "order_payment", f"-{n}.10"] for n in range(1, 4)])
    return out.getvalue().encode()


class BooksPlatform(Platform):
    """With finance, who is killed like everybody else, and a provider of invoices, who is not."""

    victims = itertools.cycle(("finance", *VICTIMS))

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.provider = Simulator(0)
        host = self.provider.base_url.removeprefix("http://")
        self.environment["OUTGOING_PRIVATE_HOSTS"] = host
        self._serving = threading.Thread(target=self.provider.serve_forever)
        self._serving.start()

    def set_up(self) -> list[str]:
        """An empty database with every table, then the stage; the merchants' keys."""
        embedded_postgres.ensure_running(self.data)
        self._run("manage.py", "migrate", "--verbosity", "0")
        keys = self._run("-m", "tests.prove.reconciling_stage", self.provider.base_url)
        return json.loads(keys)  # type: ignore[no-any-return]

    def revive(self) -> None:
        """Start whatever does not run."""
        super().revive()
        if "finance" not in self.parts or self.parts["finance"].poll() is not None:
            self.parts["finance"] = subprocess.Popen(
                [sys.executable, "-m", "tests.prove.finance"],
                cwd=ROOT,
                env=self.environment,
                stdout=self.log,
                stderr=self.log,
                start_new_session=True,
            )

    def kill_something(self, dice: random.Random) -> str:
        """One process after the other, so that a short run meets all of them."""
        victim = next(self.victims)
        self.kill(victim, dice)
        return victim

    def tear_down(self) -> None:
        """End everything that was started."""
        super().tear_down()
        self.provider.is_ending.set()
        self.provider.shutdown()
        self.provider.server_close()
        self._serving.join(10)


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[BooksPlatform]:
    tmp_path.chmod(0o711)  # as root, the database runs as somebody else
    stage = BooksPlatform(tmp_path)
    yield stage
    stage.tear_down()


def test_papers_and_bills_are_made_once_while_everything_is_killed(
    platform: BooksPlatform, tmp_path: Path
) -> None:
    keys = platform.set_up()
    platform.revive()
    platform.wait_until_ready()
    accountants = [
        Accountant(number, platform.url, keys[number::ACCOUNTANTS]) for number in range(ACCOUNTANTS)
    ]
    threads = [threading.Thread(target=accountant.run) for accountant in accountants]
    dice = random.Random(20261130)
    for thread in threads:
        thread.start()

    killed = set()
    start = time.monotonic()
    while time.monotonic() < start + SECONDS or any(thread.is_alive() for thread in threads):
        assert time.monotonic() < start + LONGEST, "the merchants get no answers"
        time.sleep(SECONDS_BETWEEN_KILLS * dice.uniform(0.5, 1.5))
        killed.add(platform.kill_something(dice))
        time.sleep(0.3)
        platform.revive()
    platform.wait_until_ready()
    _drain(platform)

    assert killed == {"finance", *VICTIMS}
    assert [accountant.fault for accountant in accountants] == [None] * ACCOUNTANTS
    assert sum(accountant.server_faults for accountant in accountants) == 0
    told = [one for accountant in accountants for one in accountant.told]
    assert len(told) == len(keys)
    _assert_statements_are_ready(platform, told)
    _assert_files_are_what_they_say(platform, tmp_path / "files")
    _assert_reports_are_ready(platform, told)
    _assert_invoices_cover_what_is_paid(platform, told)
    _assert_bills_are_paid_once(platform, told)
    _assert_told_once(platform)
    books = platform.verify_books()
    assert (books["ok"], books["wallets"]) == (True, len(keys)), books["differences"]


def _drain(platform: Platform) -> None:
    """Until there is no work left, whoever had it when he was killed."""
    deadline = time.monotonic() + DRAIN_SECONDS
    work = """
        SELECT
            (SELECT count(*) FROM reconciliation_statement WHERE status = 'preparing'),
            (SELECT count(*) FROM reconciliation_reconciliation WHERE status = 'preparing'),
            (SELECT count(*) FROM reconciliation_invoice WHERE status = 'requested'),
            (SELECT count(*) FROM accounts_topup WHERE status = 'pending'),
            (SELECT count(*) FROM reconciliation_invoicedorder covered
                JOIN orders_order o ON o.id = covered.order_id
                WHERE covered.amount - covered.credited_amount
                    <> o.total_amount - o.refunded_amount),
            (SELECT count(*) FROM orders_orderline line
                JOIN reconciliation_invoicedorder covered ON covered.order_id = line.order_id
                WHERE line.order_id % 2 = 0 AND line_no = 1 AND closed_quantity = 0),
            (SELECT count(*) FROM messaging_outbox)
    """
    while (left := platform.query(work)) != [(0,) * 7]:
        assert time.monotonic() < deadline, left
        time.sleep(0.5)
    time.sleep(5)  # bills are settled every two seconds; what that tells is numbered
    while platform.query("SELECT count(*) FROM messaging_outbox") != [(0,)]:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _assert_statements_are_ready(platform: Platform, told: list[Told]) -> None:
    """One for each merchant and period, closing where opening and entries lead."""
    kept = platform.query("SELECT statement_no, status, error FROM reconciliation_statement")
    numbers = set().union(*(one.statements for one in told))
    assert len(numbers) == len(told) * len(list_periods())
    assert sorted(kept) == sorted((number, "ready", "") for number in numbers)
    assert (
        platform.query("""
        SELECT statement.statement_no FROM reconciliation_statement statement
        LEFT JOIN accounts_ledgerentry entry ON entry.partner_id = statement.partner_id
            AND (entry.created_at AT TIME ZONE 'Asia/Shanghai')::date
                BETWEEN statement.period_start AND statement.period_end
        GROUP BY statement.id
        HAVING statement.closing_balance <> statement.opening_balance
                + coalesce(sum(entry.amount), 0)
            OR statement.closing_entry_no - statement.opening_entry_no <> count(entry.id)
    """)
        == []
    )


def _assert_files_are_what_they_say(platform: Platform, store: Path) -> None:
    files = platform.query("""
        SELECT statement_no, format, language, file, sha256, size_bytes, opening_balance,
            closing_balance, row_count
        FROM reconciliation_statementfile file
        JOIN reconciliation_statement statement ON statement.id = file.statement_id
    """)
    assert len(files) == 6 * platform.query("SELECT count(*) FROM reconciliation_statement")[0][0]
    assert len({file[:3] for file in files}) == len({file[3] for file in files}) == len(files)
    for number, format, _language, name, digest, size, opening, closing, count in files:
        content = (store / name).read_bytes()
        assert (hashlib.sha256(content).hexdigest(), len(content)) == (digest, size), number
        if format == "csv":
            rows = read_rows(content.decode("utf-8-sig"))
            entries = [Decimal(row["amount"]) for row in rows if row["balance_after"]]
            assert (opening + sum(entries), len(rows)) == (closing, count), number


def _assert_reports_are_ready(platform: Platform, told: list[Told]) -> None:
    kept = platform.query("""
        SELECT reconciliation_no, report.status, report.row_count,
            (SELECT count(*) FROM reconciliation_reconciliationrow
                WHERE reconciliation_id = report.id AND result = 'missing_here'),
            (SELECT count(*) FROM reconciliation_reconciliationrow
                WHERE reconciliation_id = report.id AND result = 'missing_there')
                = statement.closing_entry_no - statement.opening_entry_no
        FROM reconciliation_reconciliation report
        JOIN reconciliation_statement statement ON statement.id = statement_id
    """)
    numbers = set().union(*(one.reports for one in told))
    assert sorted(kept) == sorted((number, "ready", 3, 3, True) for number in numbers)


def _assert_invoices_cover_what_is_paid(platform: Platform, told: list[Told]) -> None:
    """Each order by one invoice; what was refunded since is taken back, once."""
    invoices = platform.query("""
        SELECT invoice_no, invoice.status, invoice.amount, covered.amount,
            o.total_amount - o.refunded_amount,
            covered.amount + (SELECT coalesce(sum(amount), 0) FROM reconciliation_invoice credit
                WHERE credit.credits_id = invoice.id AND credit.status = 'issued')
        FROM reconciliation_invoice invoice
        JOIN reconciliation_invoicedorder covered ON covered.invoice_id = invoice.id
        JOIN orders_order o ON o.id = covered.order_id
        WHERE invoice.credits_id IS NULL
    """)
    assert {row[0] for row in invoices} == set().union(*(one.invoices for one in told))
    assert len(invoices) == len(told)
    for number, status, amount, covered, paid, left in invoices:
        assert (status, amount) == ("issued", covered), number
        assert left == paid, number
    assert platform.query(
        "SELECT count(*) > 0 FROM reconciliation_invoice WHERE credits_id IS NOT NULL"
    ) == [(True,)]
    assert (
        platform.query("""
        SELECT order_id FROM reconciliation_invoicedorder WHERE is_live
        GROUP BY order_id HAVING count(*) > 1
    """)
        == []
    )


def _assert_bills_are_paid_once(platform: Platform, told: list[Told]) -> None:
    """What came in went to the bill of the last month, up to its amount, and no cent twice."""
    top_ups = {number for (number,) in platform.query("SELECT top_up_no FROM accounts_topup")}
    assert set().union(*(one.top_ups for one in told)) <= top_ups
    bills = platform.query("""
        SELECT bill.bill_no, -statement.closing_balance, bill.amount, bill.paid_amount,
            (SELECT coalesce(sum(amount), 0) FROM reconciliation_billpayment
                WHERE bill_id = bill.id),
            least(bill.amount, (SELECT coalesce(sum(amount), 0) FROM accounts_ledgerentry entry
                WHERE entry.partner_id = bill.partner_id AND amount > 0
                    AND entry_no > statement.closing_entry_no)),
            bill.status
        FROM reconciliation_bill bill
        JOIN reconciliation_statement statement ON statement.id = bill.statement_id
    """)
    owing = platform.query(f"""
        SELECT count(*) FROM reconciliation_statement
        WHERE closing_balance < 0 AND period_start = '{list_periods()[0][0]}'
            AND period_end = '{list_periods()[0][1]}'
    """)  # noqa: S608 - dates
    assert owing == [(len(bills),)]
    assert len(bills) > len(told) // 2
    for number, owed, amount, paid, payments, due, status in bills:
        assert (amount, paid, paid) == (owed, payments, due), number
        assert status == ("paid" if paid == amount else "open"), number


def _assert_told_once(platform: Platform) -> None:
    """A message for each statement, report, bill and state of an invoice; no gaps."""
    assert (
        platform.query("""
        SELECT partner_id FROM messaging_message GROUP BY partner_id
        HAVING count(*) <> max(sequence) OR min(sequence) <> 1
    """)
        == []
    )
    for type, subject, happened in (
        ("statement.ready", "statement", "SELECT statement_no FROM reconciliation_statement"),
        (
            "reconciliation.ready",
            "reconciliation",
            "SELECT reconciliation_no FROM reconciliation_reconciliation",
        ),
        ("bill.issued", "bill", "SELECT bill_no FROM reconciliation_bill"),
        (
            "invoice.status_changed",
            "invoice",
            "SELECT invoice_no FROM reconciliation_invoiceevent event"
            " JOIN reconciliation_invoice invoice ON invoice.id = event.invoice_id",
        ),
    ):
        told = platform.query(
            f"SELECT data->'{subject}'->>'{subject}_no' FROM messaging_message"  # noqa: S608
            f" WHERE type = '{type}'"
        )
        assert sorted(told) == sorted(platform.query(happened)), type
