"""Bills: what merchants with a credit line owe for a month, and what came in for it."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from openplatform.core.model_fields import AmountField
from reconciliation.models.statements import Statement
from reconciliation.states import BillStatus


class Bill(models.Model):
    """The part of the credit line that was in use when a month ended, less what earlier bills
    still ask for.

    What comes into the wallet after the closing of its statement (top-ups, refunds, adjustments in
    the merchant's favour) pays the oldest bill first; what orders take out meanwhile is next
    month's.
    """

    bill_no = models.CharField(_("bill number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="bills",
        verbose_name=_("partner"),
    )
    statement = models.OneToOneField(
        Statement, models.PROTECT, related_name="bill", verbose_name=_("statement")
    )
    status = models.CharField(
        _("status"), max_length=16, choices=BillStatus, default=BillStatus.OPEN
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    amount = AmountField(_("amount"))
    paid_amount = AmountField(_("paid"), default=Decimal(0))
    due_on = models.DateField(_("due on"), help_text=_("Overdue once this day has passed"))
    issued_at = models.DateTimeField(pgettext_lazy("of a bill", "issued at"), db_default=Now())
    reminded_at = models.DateTimeField(_("reminded at"), null=True)
    overdue_at = models.DateTimeField(_("overdue since"), null=True)
    paid_at = models.DateTimeField(pgettext_lazy("of a bill", "paid at"), null=True)

    class Meta:
        verbose_name = _("bill")
        verbose_name_plural = _("bills")
        ordering = ("-id",)
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="bill_amount_positive"),
            models.CheckConstraint(
                condition=Q(paid_amount__gte=0, paid_amount__lte=F("amount")),
                name="bill_paid_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(status=BillStatus.PAID, paid_amount=F("amount"), paid_at__isnull=False)
                | (~Q(status=BillStatus.PAID) & Q(paid_amount__lt=F("amount"), paid_at=None)),
                name="bill_paid_when_all_came_in",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "id"], name="bill_of_partner"),
            models.Index(
                fields=["due_on"], name="bill_unpaid_due", condition=~Q(status=BillStatus.PAID)
            ),
        ]

    def __str__(self) -> str:
        return self.bill_no

    @property
    def outstanding_amount(self) -> Decimal:
        """What is still to be paid."""
        return self.amount - self.paid_amount


class BillPayment(models.Model):
    """The part of one ledger entry that paid a bill. Append-only."""

    bill = models.ForeignKey(
        Bill, models.PROTECT, db_index=False, related_name="payments", verbose_name=_("bill")
    )
    entry_no = models.BigIntegerField(_("entry number"))
    amount = AmountField(_("amount"))
    at = models.DateTimeField(_("at"), help_text=_("Of the entry"))

    class Meta:
        verbose_name = _("payment of a bill")
        verbose_name_plural = _("payments of bills")
        ordering = ("bill", "entry_no")
        constraints = [
            models.UniqueConstraint(fields=["bill", "entry_no"], name="bill_payment_unique"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="bill_payment_positive"),
        ]

    def __str__(self) -> str:
        return f"{self.bill_id} {self.amount}"
