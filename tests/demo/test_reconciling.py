"""The merchant's own finance against a real server, with a day before that was not empty."""

from __future__ import annotations

from contextlib import closing
from datetime import datetime, time, timedelta
from decimal import Decimal

import pytest
from pytest_django.live_server_helper import LiveServer

from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.demo.narration import Narrator
from openplatform.demo.reconciling import Reconciling
from reconciliation.models import Reconciliation, Statement
from tests.cast import Merchant, World
from tests.orders.acts import pay
from tests.reconciliation.past import at


@pytest.fixture
def yesterday(transactional_db: None, shop: World, merchant: Merchant) -> None:
    """Two orders were paid the day before, behind the opening balance of 10,000.00."""
    shop.make_sku("A", price="10.00", north=9)
    pay(merchant, "M-1", [("A", 1)])
    pay(merchant, "M-2", [("A", 2)])
    day = clock.now().astimezone(PLATFORM_ZONE).date() - timedelta(days=1)
    at(merchant.partner, datetime.combine(day, time(12), PLATFORM_ZONE))


def test_cent_and_unknown_payment_are_found_when_there_were_entries(
    yesterday: None, reconciling: None, merchant: Merchant, live_server: LiveServer
) -> None:
    lines: list[str] = []
    narrator = Narrator(
        base_url=live_server.url, key=merchant.key, language="en", tell=lines.append
    )

    for _day in range(2):  # the statement is the same, and there already the second time
        with closing(narrator):
            Reconciling(narrator).run(0)

    statement = Statement.objects.get()
    assert (statement.opening_balance, statement.order_payment_amount) == (
        Decimal("0.00"), Decimal("-46.00"),
    )  # fmt: skip
    first, second = Reconciliation.objects.order_by("pk")
    assert first.statement_id == second.statement_id == statement.pk
    for report in (first, second):
        results = {name: result["count"] for name, result in report.results.items()}
        assert {name: count for name, count in results.items() if count} == {
            "matched": 2,  # the opening top-up, and the second order
            "amount_differs": 1,
            "missing_here": 1,
        }
    assert [step.name for step in narrator.steps] == 2 * [
        "statement", "statement_file", "comparison",
    ]  # fmt: skip
    assert merchant.key not in "\n".join(lines)
