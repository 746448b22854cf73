"""The page that leads finance through closing a month."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoDbBlocker

from accounts.models import BookCheck
from accounts.services.adjustments import enter_adjustment
from openplatform.approvals.models import Approval
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.models import (
    Bill,
    Invoice,
    InvoiceTitle,
    Reconciliation,
    ReconciliationRow,
    Statement,
)
from reconciliation.selectors.months import Month as Calendar
from reconciliation.states import PaperStatus
from tests.backoffice.conftest import Staff
from tests.backoffice.statement_month import FIRST, LAST, Month
from tests.reconciliation.past import make_statement
from tests.staging import on_stage

pytestmark = pytest.mark.django_db

PAGE = reverse("admin:reconciliation_statement_one_month", args=("2026-03",))
ORDER, CLOSE = f"{PAGE}order/", f"{PAGE}close/"
FINANCE = ("reconciliation.view_statement", "reconciliation.add_statement")
ALL_DONE = {
    "over": "Done",
    "approvals": "Done",
    "books": "Done",
    "statements": "Done",
    "summary": "Done",
    "bills": "Done",
    "invoices": "Done",
    "differences": "Done",
}


@pytest.fixture(scope="module")
def march(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Month]:
    """The statement of ``stranger`` is missing, and the books were not checked."""
    with on_stage(django_db_blocker):
        yield Month()


@pytest.fixture
def ready(march: Month) -> Month:
    """Everything is done."""
    make_statement(march.stranger.partner, FIRST, LAST)
    check_books()
    return march


def check_books(*, is_ok: bool = True, as_of: str = "2026-04-01T00:00:00+08:00") -> BookCheck:
    moment = datetime.fromisoformat(as_of)
    return BookCheck.objects.create(
        as_of=moment, started_at=moment, seconds=0.1, is_ok=is_ok, wallet_count=2,
        entry_count=7, difference_count=0 if is_ok else 2, differences=[],
    )  # fmt: skip


def leave_an_adjustment_waiting() -> None:
    enter_adjustment(
        partner_code="acme",
        amount=Decimal("1.00"),
        reason="r",
        user=User.objects.get(username="fin1"),
        now=clock.now(),
    )
    Approval.objects.filter(status=Approval.Status.PENDING).update(
        requested_at=datetime(2026, 3, 31, 23, 59, tzinfo=PLATFORM_ZONE)
    )


def steps_of(response: Any) -> dict[str, str]:
    assert response.status_code == 200
    return {step.name: str(step.state) for step in response.context["steps"]}


def text_of(response: Any, name: str) -> str:
    [text] = [step.text for step in response.context["steps"] if step.name == name]
    return str(text)


def closings() -> int:
    return AuditEntry.objects.filter(action="close_month").count()


def test_page_tells_what_is_to_be_done_when_a_statement_is_missing(
    march: Month, boss: Client
) -> None:
    response = boss.get(PAGE)

    assert steps_of(response) == {
        **ALL_DONE,
        "books": "To do",
        "statements": "To do",
        "summary": "Waiting",
        "bills": "Waiting",
    }
    assert text_of(response, "statements") == "1 of 2 are ready. Not ordered: 1."
    assert text_of(response, "books") == "Not checked since the month ended."
    assert not response.context["may_close"]
    for step in response.context["steps"]:
        for link in step.links:
            assert boss.get(link.url).status_code == 200, link.url


def test_month_can_be_closed_when_everything_is_done(ready: Month, boss: Client) -> None:
    response = boss.get(PAGE)

    assert steps_of(response) == ALL_DONE
    assert text_of(response, "summary") == (
        "Closing by the statements 19,923.00, by the ledger 19,923.00."
    )
    assert response.context["may_close"]
    assert CLOSE in response.content.decode()


def test_page_speaks_chinese_when_the_reader_does(ready: Month, boss: Client) -> None:
    assert boss.get(PAGE, headers={"Accept-Language": "zh-hans"}).status_code == 200


@pytest.mark.parametrize(
    ("is_ok", "as_of", "state"),
    [
        (True, "2026-03-31T23:59:59+08:00", "To do"),
        (True, "2026-04-01T00:00:00+08:00", "Done"),
        (False, "2026-04-01T00:00:00+08:00", "To do"),
    ],
)
def test_books_count_when_they_were_checked_after_the_month(
    march: Month, boss: Client, is_ok: bool, as_of: str, state: str
) -> None:
    check_books(is_ok=is_ok, as_of=as_of)

    assert steps_of(boss.get(PAGE))["books"] == state


def test_only_the_last_check_of_the_books_counts(march: Month, boss: Client) -> None:
    check_books(is_ok=False)
    check_books(is_ok=True)

    assert steps_of(boss.get(PAGE))["books"] == "Done"


def test_page_names_who_differs(ready: Month, boss: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(
            "UPDATE accounts_ledgerentry SET amount = -63.00"
            " WHERE partner_id = %s AND entry_no = 2",
            [ready.acme.partner.pk],
        )
        cursor.execute("SET LOCAL session_replication_role = origin")

    response = boss.get(PAGE)

    assert steps_of(response)["summary"] == "To do"
    assert text_of(response, "summary") == "1 merchant differs: Merchant acme"
    assert not response.context["may_close"]


def test_what_waits_for_a_second_person_may_stay_open(ready: Month, boss: Client) -> None:
    leave_an_adjustment_waiting()

    response = boss.get(PAGE)

    assert steps_of(response) == {**ALL_DONE, "approvals": "May stay open"}
    assert response.context["may_close"]


def test_bills_of_the_month_are_added_up(ready: Month, boss: Client) -> None:
    Bill.objects.create(
        bill_no="B-1", statement=ready.statement, partner=ready.acme.partner,
        amount="70.00", paid_amount="20.00", due_on=LAST, status="overdue",
    )  # fmt: skip

    assert text_of(boss.get(PAGE), "bills") == (
        "Merchants that ended the month in their credit line: 0. Bills: 1 over 70.00,"
        " of it not paid 50.00, overdue: 1."
    )


def test_bills_are_not_known_when_a_statement_is_missing(march: Month, boss: Client) -> None:
    assert text_of(boss.get(PAGE), "bills") == "Known once the statements of the month are there."


def test_invoices_that_wait_may_stay_open(ready: Month, boss: Client) -> None:
    title = InvoiceTitle.objects.create(
        title_id="T-1", partner=ready.acme.partner, kind="individual", name="张三"
    )
    invoice = Invoice.objects.create(
        invoice_no="I-1", partner=ready.acme.partner, kind="general", title=title,
        order_no="1", amount="64.00", tax_amount="7.36", requested_by="test",
    )  # fmt: skip
    assert steps_of(boss.get(PAGE))["invoices"] == "Done"  # of the running month
    Invoice.objects.filter(pk=invoice.pk).update(created_at="2026-03-31T23:59:59+08:00")

    response = boss.get(PAGE)

    assert steps_of(response)["invoices"] == "May stay open"
    assert text_of(response, "invoices") == (
        "1 that was asked for in the month or before is open. What counts is the day on which an"
        " invoice was asked for."
    )


def test_differences_without_a_note_may_stay_open(ready: Month, boss: Client) -> None:
    compared = Reconciliation.objects.create(
        reconciliation_no="R-1", partner=ready.acme.partner, statement=ready.statement,
        filename="a.csv", file="x", file_sha256="0" * 64, fingerprint=b"1", language="en",
        requested_by="test", status=PaperStatus.READY, ready_at=clock.now(), due_at=None,
        row_count=2, their_amount="1.00", our_amount="2.00",
    )  # fmt: skip
    for position, result in enumerate(["matched", "missing_here", "amount_differs"]):
        ReconciliationRow.objects.create(
            reconciliation=compared, position=position, result=result, kind="refund",
            their_amount="1.00",
        )  # fmt: skip
    compared.rows.filter(position=2).update(
        resolution="theirs", resolved_by="fin", resolved_at=clock.now()
    )

    response = boss.get(PAGE)

    assert steps_of(response)["differences"] == "May stay open"
    assert text_of(response, "differences") == (
        "1 file was compared. 1 row that differs has no explanation yet."
    )


def test_page_waits_when_the_month_is_not_over(march: Month, boss: Client) -> None:
    running = Calendar.running(clock.now())
    page = reverse("admin:reconciliation_statement_one_month", args=(str(running),))

    response = boss.get(page)

    assert steps_of(response)["over"] == "Waiting"
    assert steps_of(response)["statements"] == "Waiting"
    assert not response.context["may_close"]
    assert boss.post(f"{page}close/").status_code == 200
    assert closings() == 0


def test_the_month_that_ended_last_opens_when_none_is_named(march: Month, boss: Client) -> None:
    response = boss.get(reverse("admin:reconciliation_statement_month"))

    month = Calendar.running(clock.now() - timedelta(days=0)).before
    assert response["Location"].endswith(f"/months/{month}/")


@pytest.mark.parametrize("month", ["2026-13", "x", "0001-01", "2026-03-01", "2999-12"])
def test_there_is_no_such_month(march: Month, boss: Client, month: str) -> None:
    page = reverse("admin:reconciliation_statement_one_month", args=(month,))

    assert boss.get(page).status_code == 404
    assert boss.post(f"{page}order/").status_code == 404
    assert boss.post(f"{page}close/").status_code == 404


# Ordering what is missing


def test_what_is_missing_or_failed_is_ordered(march: Month, staff: Staff) -> None:
    client = staff(*FINANCE, username="fin")
    assert ORDER in [link.url for step in client.get(PAGE).context["steps"] for link in step.links]

    response = client.post(ORDER)

    assert response["Location"] == PAGE
    statement = Statement.objects.get(partner=march.stranger.partner)
    assert (statement.period_start, statement.period_end) == (FIRST, LAST)
    assert (statement.status, statement.requested_by) == (PaperStatus.PREPARING, "fin")
    response = client.get(PAGE)
    assert steps_of(response)["statements"] == "Waiting"
    assert text_of(response, "statements") == "1 of 2 are ready. Being made: 1."


# Closing


def test_month_is_closed_and_the_trail_keeps_what_stood(ready: Month, staff: Staff) -> None:
    client = staff(*FINANCE, "audit.view_auditentry", username="fin")

    response = client.post(CLOSE, {"note": ""})

    assert response["Location"] == PAGE
    entry = AuditEntry.objects.get(action="close_month")
    assert (entry.actor, entry.subject_type, entry.subject_id) == (
        "fin", "reconciliation.month", "2026-03",
    )  # fmt: skip
    assert set(entry.after["steps"].values()) == {"done"}
    assert entry.after["totals"]["closing"] == "19923.00"
    page = client.get(PAGE)
    assert "fin closed the month on" in page.content.decode()
    assert not page.context["may_close"]


def test_month_is_closed_once(ready: Month, boss: Client) -> None:
    boss.post(CLOSE, {"note": ""})

    form = boss.get(CLOSE)
    again = boss.post(CLOSE, {"note": "again"}, follow=True)

    assert form["Location"] == PAGE
    assert again.redirect_chain == [(PAGE, 302)]
    assert "2026-03 is closed already" in again.content.decode()
    assert closings() == 1


def test_a_note_is_needed_when_something_stays_open(ready: Month, boss: Client) -> None:
    leave_an_adjustment_waiting()

    without = boss.post(CLOSE, {"note": ""})

    assert without.context["form"].errors == {"note": ["This field is required."]}
    assert closings() == 0
    assert boss.post(CLOSE, {"note": "Booked in April"}).status_code == 302
    assert AuditEntry.objects.get(action="close_month").after["note"] == "Booked in April"


def test_month_is_not_closed_while_something_has_to_be_done(march: Month, boss: Client) -> None:
    response = boss.post(CLOSE, {"note": "All the same"})

    assert response.context["form"].non_field_errors() == [
        "Something has to be done before the month can be closed"
    ]
    assert closings() == 0


def test_whoever_may_only_look_closes_and_orders_nothing(ready: Month, staff: Staff) -> None:
    client = staff("reconciliation.view_statement")

    page = client.get(PAGE)

    assert steps_of(page) == ALL_DONE
    assert not page.context["may_close"]
    assert page.context["archive"] is None
    assert client.post(CLOSE, {"note": ""}).status_code == 403
    assert client.post(ORDER).status_code == 403
    assert closings() == 0
