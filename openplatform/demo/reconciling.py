"""The merchant's own finance: a statement that adds up, and its own books held against it."""

from __future__ import annotations

import csv
import hashlib
import io
import secrets
from datetime import datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from openplatform.demo.excerpts import pick, report_shown, statement_shown
from openplatform.demo.listening import await_message
from openplatform.demo.narration import Json, Narrator

ZONE = ZoneInfo("Asia/Shanghai")  # the platform's; days begin and end by it
CENT = Decimal("0.01")
COLUMNS = ("merchant_order_no", "kind", "amount", "at")

Rows = list[dict[str, str]]


class Reconciling:
    """Statement and comparison of the day before, which is over: nothing can be added to it."""

    def __init__(self, narrator: Narrator) -> None:
        self.narrator = narrator

    def run(self, head: int) -> None:
        """:param head: the last sequence of the feed before the day began."""
        statement = self._order_statement(head)
        rows = self._read_file(statement)
        self._compare(statement, rows, head)

    def _order_statement(self, head: int) -> Json:
        self.narrator.begin("statement")
        today = datetime.now(ZONE).date()
        day, yesterday = str(today), str(today - timedelta(days=1))
        refused = self.narrator.call(
            "POST",
            "/statements",
            {"period_start": day, "period_end": day},
            status=422,
            show=pick("code", "detail"),
        )
        self.narrator.expect(
            refused["code"] == "period_open",
            "faults",
            expected=["period_open"],
            codes=[refused["code"]],
        )
        period = {"period_start": yesterday, "period_end": yesterday}
        asked = self.narrator.call("POST", "/statements", period, status=202, show=statement_shown)
        number = asked["statement_no"]
        if asked["status"] != "ready":  # else the timetable, or an earlier walkthrough, asked first
            await_message(
                self.narrator,
                "statement.ready",
                after=head,
                is_it=lambda data: data["statement"]["statement_no"] == number,
                what=number,
            )
        statement = self.narrator.call("GET", f"/statements/{number}", show=statement_shown)
        expected = Decimal(statement["opening"]["balance"])
        expected += sum((Decimal(amount) for amount in statement["totals"].values()), Decimal(0))
        self.narrator.expect(
            statement["status"] == "ready" and _closing(statement) == expected,
            "statement_sums",
            number=number,
            expected=expected,
            closing=statement["closing"]["balance"],
        )
        return statement

    def _read_file(self, statement: Json) -> Rows:
        """The rows of the CSV, which comes by key, and once more by a link that needs none."""
        self.narrator.begin("statement_file")
        number = statement["statement_no"]
        listed = next(
            file
            for file in statement["files"]
            if (file["format"], file["language"]) == ("csv", "en")
        )
        ways = [
            f"/statements/{number}/file?format=csv&language=en", urlsplit(listed["url"]).path,
        ]  # fmt: skip
        content = b""
        for way in ways:
            content = self.narrator.download(way, show=_file_shown)
            digest = hashlib.sha256(content).hexdigest()
            self.narrator.expect(
                digest == listed["sha256"],
                "file_digest",
                number=number,
                expected=listed["sha256"],
                digest=digest,
            )
        rows = read_rows(content.decode("utf-8-sig"))
        entries = [row for row in rows if row["balance_after"]]
        expected = Decimal(statement["opening"]["balance"])
        expected += sum((Decimal(row["amount"]) for row in entries), Decimal(0))
        self.narrator.expect(
            _closing(statement) == expected and len(entries) == statement["entry_count"],
            "statement_sums",
            number=number,
            expected=expected,
            closing=statement["closing"]["balance"],
        )
        return entries

    def _compare(self, statement: Json, entries: Rows, head: int) -> None:
        """Our own books of these days: one entry a cent off, where there is any, and an order that
        the platform never saw.
        """
        self.narrator.begin("comparison")
        ours = [{name: row[name] for name in COLUMNS} for row in entries]
        payment = next((row for row in ours if row["kind"] == "order_payment"), None)
        if payment is not None:
            payment["amount"] = str(Decimal(payment["amount"]) - CENT)
        unknown = f"DAY-{secrets.token_hex(6).upper()}"
        ours.append({"merchant_order_no": unknown, "kind": "order_payment", "amount": "-12.34"})
        period = {name: statement[name] for name in ("period_start", "period_end")}
        report = self.narrator.upload(
            "/reconciliations",
            "books.csv",
            _write_rows(ours),
            fields=period,
            status=202,
            show=report_shown,
        )
        number = report["reconciliation_no"]
        await_message(
            self.narrator,
            "reconciliation.ready",
            after=head,
            is_it=lambda data: data["reconciliation"]["reconciliation_no"] == number,
            what=number,
        )
        report = self.narrator.call("GET", f"/reconciliations/{number}", show=report_shown)
        self.narrator.expect(report["status"] == "ready", "report_failed", number=number)
        expected = {"missing_here": 1, "amount_differs": int(payment is not None)}
        found = {name: report["results"][name] for name in expected}
        self.narrator.expect(
            found == expected and Decimal(report["bridge"]["our_closing"]) == _closing(statement),
            "report",
            number=number,
            expected=expected,
            results=report["results"],
        )
        page = self.narrator.call(
            "GET",
            f"/reconciliations/{number}/rows?result=missing_here",
            show=lambda body: [
                pick("result", "cause", "merchant_order_no", "their_amount", "our_amount")(row)
                for row in body["results"]
            ],
        )
        orders = [row["merchant_order_no"] for row in page["results"]]
        self.narrator.expect(
            orders == [unknown], "report", number=number, expected=[unknown], results=orders
        )


def read_rows(text: str) -> Rows:
    """The rows of a statement's CSV: below the head, an empty line and the names of the columns."""
    lines = list(csv.reader(io.StringIO(text)))
    start = next(index for index, line in enumerate(lines) if not any(line)) + 1
    names = lines[start]
    return [dict(zip(names, line, strict=True)) for line in lines[start + 1 :]]


def _write_rows(rows: Rows) -> bytes:
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return stream.getvalue().encode()


def _file_shown(content: bytes) -> Json:
    """How long a CSV is, and its last line."""
    lines = content.decode("utf-8-sig").splitlines()
    return {"bytes": len(content), "lines": len(lines), "last": lines[-1] if lines else None}


def _closing(statement: Json) -> Decimal:
    return Decimal(statement["closing"]["balance"])
