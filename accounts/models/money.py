"""Wallets and their append-only histories."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.partners import Partner
from openplatform.core.model_fields import AmountField

DEFAULT_MAX_OPEN_ORDERS = 1000


class Wallet(models.Model):
    """A merchant's money: ``available = balance + credit_limit - held_amount``.

    Changed only by the steps in ``accounts/services/wallet.py``; the hottest row of the platform,
    locked last.
    """

    partner = models.OneToOneField(
        Partner, models.PROTECT, primary_key=True, related_name="wallet", verbose_name=_("partner")
    )
    balance = AmountField(_("balance"), default=Decimal(0))
    held_amount = AmountField(_("held amount"), default=Decimal(0))
    credit_limit = AmountField(_("credit limit"), default=Decimal(0))
    alert_threshold = AmountField(_("alert threshold"), default=Decimal(0))
    daily_spending_cap = AmountField(
        _("daily spending cap"),
        null=True,
        blank=True,
        help_text=_("What orders placed on one day may cost together; left empty, no cap"),
    )
    max_open_orders = models.PositiveIntegerField(
        _("open orders at most"),
        default=DEFAULT_MAX_OPEN_ORDERS,
        help_text=_("Orders that wait for their confirmation"),
    )
    spent_on = models.DateField(_("last day with orders"), null=True)
    spent_amount = AmountField(
        _("ordered on that day"),
        default=Decimal(0),
        help_text=_("Without what was cancelled or ran out on the same day"),
    )
    open_orders = models.PositiveIntegerField(_("open orders"), default=0)
    last_entry_no = models.BigIntegerField(_("last entry number"), default=0)
    last_entry_at = models.DateTimeField(_("last entry at"), null=True)
    last_hold_no = models.BigIntegerField(_("last hold number"), default=0)
    last_hold_at = models.DateTimeField(_("last hold at"), null=True)

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
        permissions = [("decide_wallet", _("Can decide changes of credit line and threshold"))]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(held_amount__gte=0), name="wallet_held_amount_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(credit_limit__gte=0), name="wallet_credit_limit_not_negative"
            ),
            models.CheckConstraint(
                condition=models.Q(alert_threshold__gte=0),
                name="wallet_alert_threshold_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(daily_spending_cap__gte=0),
                name="wallet_daily_spending_cap_not_negative",
            ),
            models.CheckConstraint(
                condition=models.Q(max_open_orders__gte=1), name="wallet_max_open_orders_positive"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.balance}"

    @property
    def available_amount(self) -> Decimal:
        """What a new order may cost; negative after a cut of the credit line."""
        return self.balance + self.credit_limit - self.held_amount

    @property
    def alert_level(self) -> int:
        """0 fine, 1 less available than the threshold, 2 less than half of it. A threshold of
        zero asks for no warning.
        """
        if not self.alert_threshold:
            return 0
        if self.available_amount * 2 < self.alert_threshold:
            return 2
        return int(self.available_amount < self.alert_threshold)

    def spent_amount_on(self, day: date) -> Decimal:
        """What orders placed on this day, today or a later one, come to."""
        is_that_day = self.spent_on is not None and self.spent_on >= day
        return self.spent_amount if is_that_day else Decimal("0.00")


class LedgerEntry(models.Model):
    """One movement of a balance. Only ever appended: a trigger refuses UPDATE and DELETE."""

    class Kind(models.TextChoices):
        TOP_UP = "top_up", _("Top-up")
        ORDER_PAYMENT = "order_payment", _("Order payment")
        REFUND = "refund", _("Refund")
        ADJUSTMENT = "adjustment", _("Adjustment")
        WITHDRAWAL = "withdrawal", _("Withdrawal")

    class Document(models.TextChoices):
        TOP_UP = "top_up", _("Top-up")
        ORDER = "order", _("Order")
        CLOSURE = "closure", _("Closure")
        AFTERSALE = "aftersale", _("Claim")
        ADJUSTMENT = "adjustment", _("Adjustment")
        WITHDRAWAL = "withdrawal", _("Withdrawal")

    partner = models.ForeignKey(
        Partner,
        models.PROTECT,
        db_index=False,
        related_name="ledger_entries",
        verbose_name=_("partner"),
    )
    entry_no = models.BigIntegerField(_("entry number"), help_text=_("Counts per partner"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    amount = AmountField(_("amount"))
    balance_after = AmountField(_("balance after"))
    document = models.CharField(_("document"), max_length=16, choices=Document)
    document_no = models.CharField(_("document number"), max_length=24)
    order_no = models.CharField(_("order number"), max_length=24, blank=True)
    suborder_no = models.CharField(_("suborder number"), max_length=24, blank=True)
    aftersale_no = models.CharField(_("claim number"), max_length=24, blank=True)
    note = models.CharField(_("note"), max_length=200, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("ledger entry")
        verbose_name_plural = _("ledger")
        ordering = ("partner", "entry_no")
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "entry_no"], name="ledger_entry_no_unique_per_partner"
            ),
            models.UniqueConstraint(
                fields=["document_no", "document", "kind"],
                name="ledger_entry_unique_per_document",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(kind__in=["top_up", "refund"], amount__gt=0)
                    | models.Q(kind__in=["order_payment", "withdrawal"], amount__lt=0)
                    | (models.Q(kind="adjustment") & ~models.Q(amount=0))
                ),
                name="ledger_entry_amount_has_the_sign_of_its_kind",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "order_no"], name="ledger_entry_order_no"),
            models.Index(
                fields=["partner", "created_at"],
                include=["kind", "amount"],  # what was spent is read from the index alone
                name="ledger_entry_created_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.document_no} {self.amount}"


class HoldEntry(models.Model):
    """One change of what is held for unconfirmed orders. Append-only like the ledger.

    ``hold_no`` counts per wallet under its lock, so among the ``held`` rows it is the order in
    which a partner's orders were placed.
    """

    class Kind(models.TextChoices):
        HELD = "held", _("Held")
        RELEASED = "released", _("Released")
        PAID = "paid", _("Paid")

    partner = models.ForeignKey(
        Partner,
        models.PROTECT,
        db_index=False,
        related_name="hold_entries",
        verbose_name=_("partner"),
    )
    hold_no = models.BigIntegerField(_("hold number"))
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    amount = AmountField(_("amount"))
    held_after = AmountField(_("held after"))
    order_no = models.CharField(_("order number"), max_length=24)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("hold entry")
        verbose_name_plural = _("hold entries")
        ordering = ("partner", "hold_no")
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "hold_no"], name="hold_entry_no_unique_per_partner"
            ),
            models.UniqueConstraint(
                # One hold and one end of it, whether release or payment.
                models.F("order_no"),
                models.Case(
                    models.When(kind="held", then=models.Value(1)), default=models.Value(2)
                ),
                name="hold_entry_held_once_and_ended_once",
            ),
            models.CheckConstraint(
                condition=(
                    models.Q(kind="held", amount__gt=0)
                    | models.Q(kind__in=["released", "paid"], amount__lt=0)
                ),
                name="hold_entry_amount_has_the_sign_of_its_kind",
            ),
            models.CheckConstraint(
                condition=models.Q(held_after__gte=0), name="hold_entry_held_after_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hold_no} {self.get_kind_display()} {self.amount}"


class CreditLimitChange(models.Model):
    """One change of a credit line. Append-only like the ledger."""

    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="credit_limit_changes", verbose_name=_("partner")
    )
    limit_before = AmountField(_("limit before"))
    limit_after = AmountField(_("limit after"))
    reason = models.CharField(_("reason"), max_length=200)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("credit limit change")
        verbose_name_plural = _("credit limit changes")
        ordering = ("partner", "-id")

    def __str__(self) -> str:
        return f"{self.limit_before} → {self.limit_after}"
