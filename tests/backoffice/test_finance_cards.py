"""What the first page and the sidebar tell finance."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoDbBlocker

from openplatform.audit.services.recording import record_run
from openplatform.core import clock
from reconciliation.models import Bill, Invoice, InvoiceTitle, Statement
from reconciliation.selectors.closing import CLOSED_MONTH
from reconciliation.selectors.months import last_months
from reconciliation.states import PaperStatus
from tests.backoffice.conftest import Staff
from tests.backoffice.statement_month import LAST, Month
from tests.staging import on_stage

pytestmark = pytest.mark.django_db

SEEING = (
    "reconciliation.view_statement", "reconciliation.view_bill", "reconciliation.view_invoice",
)  # fmt: skip


@pytest.fixture(scope="module")
def march(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    with on_stage(django_db_blocker):
        yield Month()


def cards_of(response: Any) -> dict[str, tuple[str, str, bool]]:
    assert response.status_code == 200
    return {
        card.title: (card.value, card.note, card.is_alert) for card in response.context["cards"]
    }


def badges_of(response: Any) -> dict[str, int]:
    items = [item for group in response.context["sidebar_navigation"] for item in group["items"]]
    return {str(item["title"]): item["badge"] for item in items if item.get("badge")}


def test_only_the_month_to_close_is_shown_when_nothing_is_wrong(march: Month, staff: Staff) -> None:
    response = staff(*SEEING).get("/admin/")

    month = last_months(1, now=clock.now())[0]
    assert cards_of(response) == {
        "Month to close": (str(month), "Its statements are not ordered yet", False)
    }
    assert badges_of(response) == {}


def test_what_failed_is_overdue_or_waits_is_shown_with_its_list(march: Month, staff: Staff) -> None:
    month = last_months(1, now=clock.now())[0]
    Statement.objects.create(
        statement_no="S-1", partner=march.acme.partner, period_start=month.first,
        period_end=month.last, status=PaperStatus.FAILED, due_at=None, error="e",
    )  # fmt: skip
    Bill.objects.create(
        bill_no="B-1", statement=march.statement, partner=march.acme.partner,
        amount="1070.00", paid_amount="20.00", due_on=LAST, status="overdue",
    )  # fmt: skip
    title = InvoiceTitle.objects.create(
        title_id="T-1", partner=march.acme.partner, kind="individual", name="张三"
    )
    Invoice.objects.create(
        invoice_no="I-1", partner=march.acme.partner, kind="general", title=title,
        order_no="1", amount="64.00", tax_amount="7.36", requested_by="test",
    )  # fmt: skip
    Invoice.objects.update(created_at=clock.now() - timedelta(days=5))
    client = staff(*SEEING)

    response = client.get("/admin/")

    assert cards_of(response) == {
        "Month to close": (str(month), "0 of 1 statements are ready", False),
        "Statements that failed": (
            "1", "Their pages say why; check the books, then make them again", True,
        ),
        "Overdue bills": ("1", "1,050.00 is to be paid", True),
        "Invoices to issue": ("1", "The oldest waits for 5\xa0days", True),
    }  # fmt: skip
    assert badges_of(response) == {"Bills": 1, "Invoices": 1}
    for card in response.context["cards"][1:]:
        assert client.get(card.url).context["cl"].result_count == 1


def test_the_last_month_says_who_closed_it(march: Month, staff: Staff) -> None:
    month = last_months(1, now=clock.now())[0]
    record_run(
        action="close_month", kind=CLOSED_MONTH, number=str(month), label=str(month),
        outcome={}, actor="fin",
    )  # fmt: skip

    assert cards_of(staff(*SEEING).get("/admin/")) == {
        "Last month": (str(month), "Closed by fin", False)
    }
