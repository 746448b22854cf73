"""How far finance is with a month: what has to be done before it is closed, what may be open."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import StrEnum

from django.db.models import Count, F, Q, Sum

from accounts.models import BookCheck
from openplatform.approvals.selectors import list_pending
from openplatform.audit.models import AuditEntry
from openplatform.core import money
from reconciliation.models import Bill, Invoice, Reconciliation, ReconciliationRow, Statement
from reconciliation.selectors.months import Month
from reconciliation.selectors.periods import has_come
from reconciliation.selectors.summary import Agreement, Summary
from reconciliation.states import BillStatus, InvoiceStatus, PaperStatus

CLOSED_MONTH = "reconciliation.month"  # in the place of a table's name in the trail


class Progress(StrEnum):
    """How a step stands."""

    DONE = "done"
    OPEN = "open"  # may stay open, with a note
    TO_DO = "to_do"
    WAITING = "waiting"  # for the worker, or for the month to end


class Step(StrEnum):
    """The steps, in the order in which they are taken."""

    OVER = "over"
    APPROVALS = "approvals"
    BOOKS = "books"
    STATEMENTS = "statements"
    SUMMARY = "summary"
    BILLS = "bills"
    INVOICES = "invoices"
    DIFFERENCES = "differences"


# What nobody can close a month without.
NEEDED = frozenset({Step.OVER, Step.BOOKS, Step.STATEMENTS, Step.SUMMARY})


@dataclass(frozen=True, slots=True)
class Standing:
    """A month as it stands; ``summary`` is None when it could not be added up in time."""

    month: Month
    is_over: bool
    check: BookCheck | None  # the last one that looked at all of the month
    pending_approvals: int
    summary: Summary | None
    owing_merchants: int
    bill_count: int
    bill_amount: Decimal
    unpaid_amount: Decimal
    overdue_count: int
    requested_invoices: int
    comparisons: int
    unread_files: int
    unexplained_rows: int
    closings: list[AuditEntry]

    @property
    def steps(self) -> dict[Step, Progress]:
        """How each stands."""
        return {step: getattr(self, f"_{step}")() for step in Step}

    @property
    def may_close(self) -> bool:
        """Whether all that is needed is done."""
        steps = self.steps
        return all(steps[step] == Progress.DONE for step in NEEDED)

    @property
    def is_clear(self) -> bool:
        """Whether nothing at all is open."""
        return all(progress == Progress.DONE for progress in self.steps.values())

    def _over(self) -> Progress:
        return Progress.DONE if self.is_over else Progress.WAITING

    def _approvals(self) -> Progress:
        return Progress.OPEN if self.pending_approvals else Progress.DONE

    def _books(self) -> Progress:
        if not self.is_over:
            return Progress.WAITING
        is_ok = self.check is not None and self.check.is_ok
        return Progress.DONE if is_ok else Progress.TO_DO

    def _statements(self) -> Progress:
        counts = {} if self.summary is None else self.summary.counts
        if not self.is_over or self.summary is None:
            return Progress.WAITING
        if counts[Agreement.FAILED] or counts[Agreement.MISSING]:
            return Progress.TO_DO
        return Progress.WAITING if counts[Agreement.PREPARING] else Progress.DONE

    def _summary(self) -> Progress:
        if self.summary is None or self._statements() != Progress.DONE:
            differs = self.summary is not None and self.summary.counts[Agreement.DIFFERS]
            return Progress.TO_DO if differs else Progress.WAITING
        return Progress.DONE if self.summary.is_agreed else Progress.TO_DO

    def _bills(self) -> Progress:
        return self._statements() if self._statements() != Progress.TO_DO else Progress.WAITING

    def _invoices(self) -> Progress:
        return Progress.OPEN if self.requested_invoices else Progress.DONE

    def _differences(self) -> Progress:
        is_open = self.unexplained_rows or self.unread_files
        return Progress.OPEN if is_open else Progress.DONE


def get_standing(month: Month, *, summary: Summary | None) -> Standing:
    """The month as it stands, by the database's clock.

    :param summary: of the month, over all merchants; see :func:`~.summary.get_summary`.
    """
    within = Q(period_start__gte=month.first, period_end__lte=month.last)
    monthly = {"period_start": month.first, "period_end": month.last}
    bills = Bill.objects.filter(
        statement__period_start=month.first, statement__period_end=month.last
    ).aggregate(
        count=Count("id"),
        charged=Sum("amount"),
        unpaid=Sum(F("amount") - F("paid_amount")),
        overdue=Count("id", filter=Q(status=BillStatus.OVERDUE)),
    )
    compared = Reconciliation.objects.filter(
        statement__in=Statement.objects.filter(within).order_by()
    ).order_by()
    states = dict(compared.values_list("status").annotate(Count("id")))
    return Standing(
        month=month,
        is_over=has_come(month.last + timedelta(days=1)),
        check=BookCheck.objects.filter(as_of__gte=month.ends_at).order_by("-id").first(),
        pending_approvals=list_pending().filter(requested_at__lt=month.ends_at).count(),
        summary=summary,
        owing_merchants=Statement.objects.filter(
            **monthly, status=PaperStatus.READY, closing_balance__lt=0
        ).count(),
        bill_count=bills["count"],
        bill_amount=bills["charged"] or money.ZERO,
        unpaid_amount=bills["unpaid"] or money.ZERO,
        overdue_count=bills["overdue"],
        requested_invoices=Invoice.objects.filter(
            status=InvoiceStatus.REQUESTED, created_at__lt=month.ends_at
        ).count(),
        comparisons=states.get(PaperStatus.READY, 0),
        unread_files=states.get(PaperStatus.PREPARING, 0),
        unexplained_rows=ReconciliationRow.objects.filter(
            reconciliation__in=compared.filter(status=PaperStatus.READY).values("pk"),
            result__in=[
                result
                for result in ReconciliationRow.Result
                if result != ReconciliationRow.Result.MATCHED
            ],
            resolved_at=None,
        ).count(),
        closings=list_closings(month),
    )


def list_closings(month: Month) -> list[AuditEntry]:
    """Who said that the month is closed, the last one first."""
    return list(
        AuditEntry.objects.filter(
            subject_type=CLOSED_MONTH, subject_id=str(month), action="close_month"
        ).order_by("-id")
    )


def is_closed(month: Month) -> bool:
    """Whether somebody did."""
    return AuditEntry.objects.filter(
        subject_type=CLOSED_MONTH, subject_id=str(month), action="close_month"
    ).exists()
