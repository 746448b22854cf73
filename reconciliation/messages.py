"""What merchants are told of their statements, reports, bills and invoices."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from openplatform.messaging.services.publishing import Draft
from openplatform.messaging.types import MessageType

FORMS = "reconciliation.api.events"
STATEMENT_READY = "statement.ready"
RECONCILIATION_READY = "reconciliation.ready"
INVOICE_STATUS_CHANGED = "invoice.status_changed"
BILL_ISSUED = "bill.issued"
BILL_OVERDUE = "bill.overdue"
MESSAGE_TYPES = (
    MessageType(
        STATEMENT_READY,
        _("A statement is ready"),
        details=_(
            "All of its files are there. Told of statements by the timetable and on demand; one"
            " that could not be made is told, too, with status failed."
        ),
        serializer=f"{FORMS}.StatementNewsSerializer",
    ),
    MessageType(
        RECONCILIATION_READY,
        _("The report on an uploaded file is ready"),
        details=_("Or the file could not be read: status failed, and what was wrong with it."),
        serializer=f"{FORMS}.ReconciliationNewsSerializer",
    ),
    MessageType(
        INVOICE_STATUS_CHANGED,
        _("An invoice came to another state"),
        details=_(
            "Requested, issued or cancelled; also a credit invoice that the platform asked for"
            " after a refund."
        ),
        serializer=f"{FORMS}.InvoiceNewsSerializer",
    ),
    MessageType(
        BILL_ISSUED,
        _("A bill was issued"),
        details=_("What was in use of the credit line when the month ended."),
        serializer=f"{FORMS}.BillNewsSerializer",
    ),
    MessageType(
        BILL_OVERDUE,
        _("A bill is overdue"),
        details=_(
            "Unless it was agreed otherwise, orders are refused with account_overdue until it is"
            " paid."
        ),
        serializer=f"{FORMS}.BillNewsSerializer",
    ),
)


def draft(type: str, *, partner_id: int, document: dict[str, Any]) -> Draft:
    """A message with the object as it is now; ``type`` begins with what the object is."""
    subject = type.partition(".")[0]
    return Draft(
        type=type,
        subject=f"{subject}:{document[f'{subject}_no']}",
        data={subject: document},
        partner_ids=[partner_id],
    )
