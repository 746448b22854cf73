"""Partners, their keys, and their money."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField
from openplatform.core.scopes import Scope

DEFAULT_EXPIRY_MINUTES = 30


class Partner(models.Model):
    """An organisation that holds keys. Today a merchant; suppliers and stores may join."""

    class Kind(models.TextChoices):
        MERCHANT = "merchant", _("Merchant")

    class Status(models.TextChoices):
        ACTIVE = "active", _("Active")
        SUSPENDED = "suspended", _("Suspended")

    code = models.CharField(
        _("code"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9._-]{1,64}\Z")],
    )
    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind, default=Kind.MERCHANT)
    status = models.CharField(
        _("status"),
        max_length=16,
        choices=Status,
        default=Status.ACTIVE,
        help_text=_("Suspended stops the placing of orders and nothing else"),
    )
    email = models.EmailField(_("email"), blank=True)
    order_expiry_minutes = models.PositiveIntegerField(
        _("order expiry (minutes)"),
        default=DEFAULT_EXPIRY_MINUTES,
        validators=[MinValueValidator(1), MaxValueValidator(7 * 24 * 60)],
        help_text=_("How long a placed order waits for its confirmation"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("partner")
        verbose_name_plural = _("partners")
        ordering = ("code",)
        constraints = [
            models.CheckConstraint(
                condition=models.Q(order_expiry_minutes__range=(1, 7 * 24 * 60)),
                name="partner_order_expiry_minutes_range",
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class ApiKey(models.Model):
    """A secret that opens some interfaces for one partner. Only its digest is kept."""

    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="api_keys", verbose_name=_("partner")
    )
    prefix = models.CharField(_("prefix"), max_length=16)
    digest = models.BinaryField(_("digest"), unique=True, help_text=_("SHA-256 of the key"))
    scopes = ArrayField(
        models.CharField(max_length=32, choices=Scope),
        verbose_name=_("scopes"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    expires_at = models.DateTimeField(_("expires at"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked at"), null=True, blank=True)
    last_used_at = models.DateTimeField(
        _("last used at"),
        null=True,
        blank=True,
        help_text=_("To the minute"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ("partner", "-created_at")

    def __str__(self) -> str:
        return f"{self.prefix}…"


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
    last_entry_no = models.BigIntegerField(_("last entry number"), default=0)
    last_entry_at = models.DateTimeField(_("last entry at"), null=True)
    last_hold_no = models.BigIntegerField(_("last hold number"), default=0)

    class Meta:
        verbose_name = _("wallet")
        verbose_name_plural = _("wallets")
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
        ]

    def __str__(self) -> str:
        return f"{self.balance}"

    @property
    def available_amount(self) -> Decimal:
        """What a new order may cost; negative after a cut of the credit line."""
        return self.balance + self.credit_limit - self.held_amount


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
            models.Index(fields=["partner", "created_at"], name="ledger_entry_created_at"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_no} {self.kind} {self.amount}"


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
        return f"{self.hold_no} {self.kind} {self.amount}"


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


class TopUp(models.Model):
    """Money that a merchant paid in; the document behind a ``top_up`` entry."""

    top_up_no = models.CharField(_("top-up number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="top_ups", verbose_name=_("partner")
    )
    amount = AmountField(_("amount"))
    reference = models.CharField(
        _("reference"),
        max_length=64,
        help_text=_("The number of the bank transfer"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "reference"], name="top_up_reference_unique_per_partner"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="top_up_amount_positive"),
        ]

    def __str__(self) -> str:
        return self.top_up_no
