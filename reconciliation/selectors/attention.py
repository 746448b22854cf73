"""What waits for finance: for the first page and the sidebar."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Count, F, Min, Sum

from openplatform.core import money
from openplatform.core.clock import PLATFORM_ZONE
from reconciliation.models import Bill, Invoice, Statement
from reconciliation.selectors.archives import count_statements
from reconciliation.selectors.closing import list_closings
from reconciliation.selectors.months import Month, last_months
from reconciliation.states import BillStatus, InvoiceStatus, PaperStatus

FAILED_SINCE = timedelta(days=100)  # the timetable goes back no further


@dataclass(frozen=True, slots=True)
class Overdue:
    """Bills that were not paid in time, and what is left to pay."""

    count: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Requested:
    """Invoices that were asked for and not issued, and since when the oldest waits."""

    count: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class LastMonth:
    """The month that ended last: how many of its statements are ready, and who closed it."""

    month: Month
    ready: int
    ordered: int
    closed_by: str


def count_overdue_bills() -> int:
    """For the sidebar."""
    return Bill.objects.filter(status=BillStatus.OVERDUE).count()


def count_requested_invoices() -> int:
    """For the sidebar."""
    return Invoice.objects.filter(status=InvoiceStatus.REQUESTED).count()


def get_overdue_bills() -> Overdue:
    """All of them."""
    found = Bill.objects.filter(status=BillStatus.OVERDUE).aggregate(
        count=Count("id"), left=Sum(F("amount") - F("paid_amount"))
    )
    return Overdue(found["count"], found["left"] or money.ZERO)


def get_requested_invoices() -> Requested:
    """All of them."""
    found = Invoice.objects.filter(status=InvoiceStatus.REQUESTED).aggregate(
        count=Count("id"), since=Min("created_at")
    )
    return Requested(found["count"], found["since"])


def count_failed_statements(*, now: datetime) -> int:
    """Of the last hundred days."""
    since = now.astimezone(PLATFORM_ZONE).date() - FAILED_SINCE
    return Statement.objects.filter(status=PaperStatus.FAILED, period_end__gte=since).count()


def get_last_month(*, now: datetime) -> LastMonth:
    """How far finance is with it."""
    month = last_months(1, now=now)[0]
    counts = count_statements(first=month.first, last=month.last)
    closings = list_closings(month)
    return LastMonth(
        month=month,
        ready=counts[PaperStatus.READY],
        ordered=sum(counts.values()),
        closed_by=closings[0].actor if closings else "",
    )
