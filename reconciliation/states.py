"""The states of what reconciliation makes, and the ways between them."""

from __future__ import annotations

from collections.abc import Mapping

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class PaperStatus(models.TextChoices):
    """Of what a worker makes out of the books: a statement, a report of differences."""

    PREPARING = "preparing", _("Being made")
    READY = "ready", pgettext_lazy("of a paper", "Ready")
    FAILED = "failed", _("Failed")


class BillStatus(models.TextChoices):
    """Of what a merchant owes for a month on credit."""

    OPEN = "open", pgettext_lazy("of a bill", "Open")
    OVERDUE = "overdue", pgettext_lazy("of a bill", "Overdue")
    PAID = "paid", pgettext_lazy("of a bill", "Paid")


class InvoiceStatus(models.TextChoices):
    """Of an e-invoice."""

    REQUESTED = "requested", _("Requested")
    ISSUED = "issued", _("Issued")
    CANCELLED = "cancelled", pgettext_lazy("of an invoice", "Cancelled")


BILL_TRANSITIONS: Mapping[BillStatus, frozenset[BillStatus]] = {
    BillStatus.OPEN: frozenset({BillStatus.OVERDUE, BillStatus.PAID}),
    BillStatus.OVERDUE: frozenset({BillStatus.PAID}),
    BillStatus.PAID: frozenset(),
}
# What was issued is cancelled by the credit invoice that takes back all of it.
INVOICE_TRANSITIONS: Mapping[InvoiceStatus, frozenset[InvoiceStatus]] = {
    InvoiceStatus.REQUESTED: frozenset({InvoiceStatus.ISSUED, InvoiceStatus.CANCELLED}),
    InvoiceStatus.ISSUED: frozenset({InvoiceStatus.CANCELLED}),
    InvoiceStatus.CANCELLED: frozenset(),
}
