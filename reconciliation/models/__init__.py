"""Statements, merchants' files held against them, bills and e-invoices."""

from reconciliation.models.bills import Bill, BillPayment
from reconciliation.models.comparisons import ColumnMapping, Reconciliation, ReconciliationRow
from reconciliation.models.invoices import (
    Invoice,
    InvoicedOrder,
    InvoiceEvent,
    InvoiceLine,
    InvoiceTitle,
)
from reconciliation.models.papers import Paper
from reconciliation.models.statements import Statement, StatementFile

__all__ = [
    "Bill",
    "BillPayment",
    "ColumnMapping",
    "Invoice",
    "InvoiceEvent",
    "InvoiceLine",
    "InvoiceTitle",
    "InvoicedOrder",
    "Paper",
    "Reconciliation",
    "ReconciliationRow",
    "Statement",
    "StatementFile",
]
