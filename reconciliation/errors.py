"""Refusals about statements, reports and invoices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import DomainError


class PeriodOpen(DomainError):
    code = "period_open"
    status = 422
    title = _("The last day of the period has not ended yet")


class StatementNotReady(DomainError):
    code = "statement_not_ready"
    status = 409
    title = _("The statement is being made")
    retry_after: int | None = 5  # none once it failed


class ReconciliationNotReady(DomainError):
    code = "reconciliation_not_ready"
    status = 409
    title = _("The report is being made")
    retry_after: int | None = 5  # none once it failed


class InvoiceStateConflict(DomainError):
    code = "invoice_state_conflict"
    status = 409
    title = _("The invoice is in a state that does not allow this")
