"""Statements and bills as rows, for tests of what is shown of them; how they come about is tested
with the services.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Partner
from openplatform.core import clock
from openplatform.core.identifiers import dated_no
from reconciliation.models import Bill, Statement
from reconciliation.states import PaperStatus
from tests.cast import Merchant

READY_AT = datetime(2026, 4, 1, 18, 0, tzinfo=UTC)


def add_statement(
    partner: Partner,
    first: str,
    last: str,
    *,
    status: PaperStatus = PaperStatus.READY,
    **columns: Any,
) -> Statement:
    """Of a wallet in which nothing happened; without files."""
    is_ready = status == PaperStatus.READY
    made: dict[str, Any] = {}
    if is_ready:
        ends = ("balance", "held_amount", "credit_limit")
        kinds = ("top_up", "order_payment", "refund", "adjustment", "withdrawal")
        made = {
            "opening_entry_no": 0,
            "closing_entry_no": 0,
            "row_count": 0,
            "ready_at": READY_AT,
            **{f"{end}_{of}": Decimal(0) for end in ("opening", "closing") for of in ends},
            **{f"{kind}_amount": Decimal(0) for kind in kinds},
        }
    return Statement.objects.create(
        **{
            "statement_no": dated_no("S", clock.now()),
            "partner": partner,
            "period_start": date.fromisoformat(first),
            "period_end": date.fromisoformat(last),
            "status": status,
            "due_at": clock.now() if status == PaperStatus.PREPARING else None,
            "requested_by": "platform",
            **made,
            **columns,
        }
    )


def add_bill(partner: Partner, month: str, amount: str, **columns: Any) -> Bill:
    """Of a month of 28 days, due in the middle of the month of March 2026."""
    return Bill.objects.create(
        **{
            "bill_no": dated_no("B", clock.now()),
            "partner": partner,
            "statement": add_statement(partner, f"{month}-01", f"{month}-28"),
            "amount": Decimal(amount),
            "due_on": date(2026, 3, 16),
            "issued_at": READY_AT,
            **columns,
        }
    )


def all_pages(merchant: Merchant, path: str, **parameters: Any) -> list[dict[str, Any]]:
    """Every page of a list, by its own links."""
    pages = [merchant.api.get(path, **parameters).json()]
    while pages[-1]["next"]:
        address = urlsplit(pages[-1]["next"])
        assert address.path == f"/api/v1{path}"
        pages.append(merchant.api.get(path, **dict(parse_qsl(address.query))).json())
    return pages


def read_whole(response: Any) -> Any:
    """The same answer, read to its end, which closes its file: its content is ``whole``."""
    is_file = getattr(response, "streaming", False)
    response.whole = b"".join(response.streaming_content) if is_file else response.content
    return response


def count_statements(merchant: Merchant, path: str, **parameters: Any) -> int:
    """How many statements an answer takes, beside those about key and limits."""
    with CaptureQueriesContext(connection) as sent:
        assert merchant.api.get(path, **parameters).status_code == 200
    return sum("reconciliation_" in query["sql"] for query in sent.captured_queries)
