"""Partners, and the people to turn to."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

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
    requests_per_minute = models.PositiveIntegerField(
        _("requests per minute"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Over all keys; left empty, the platform's limit holds"),
    )
    payment_days = models.PositiveSmallIntegerField(
        _("payment days"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(365)],
        help_text=_(
            "Within which a bill for the credit line is to be paid; empty: the platform's usual"
        ),
    )
    orders_while_overdue = models.BooleanField(
        _("may order while a bill is overdue"), default=False, db_default=False
    )
    has_overdue_bill = models.BooleanField(
        _("has an overdue bill"), default=False, db_default=False, editable=False
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
            ),
            models.CheckConstraint(
                condition=models.Q(requests_per_minute__gte=1),
                name="partner_requests_per_minute_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(payment_days__range=(1, 365)), name="partner_payment_days_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class Contact(models.Model):
    """A person of a partner, or of our own side when there is no partner, and what it is told."""

    class Role(models.TextChoices):
        BUSINESS = "business", _("Business")
        PRODUCT = "product", _("Product")
        TECHNICAL = "technical", _("Technical")
        FINANCE = "finance", _("Finance")

    class Topic(models.TextChoices):
        BALANCE_LOW = "balance_low", _("Low balance")
        KEY_EXPIRING = "key_expiring", _("API key about to expire")
        ENDPOINT_FAILING = "endpoint_failing", _("Webhook endpoint failing")
        CLAIM_DUE = "claim_due", _("Claim about to end")
        STATEMENT_READY = "statement_ready", _("Statement ready")
        BILL_DUE = "bill_due", _("Bill issued, due or overdue")
        BOOKS_DIFFER = "books_differ", _("Books do not agree (our own side)")

    class Language(models.TextChoices):
        CHINESE = "zh-hans", _("Chinese")
        ENGLISH = "en", _("English")

    partner = models.ForeignKey(
        Partner,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="contacts",
        verbose_name=_("partner"),
        help_text=_("Left empty: a person of our own side, who is told of every partner"),
    )
    name = models.CharField(_("name"), max_length=64)
    role = models.CharField(_("role"), max_length=16, choices=Role)
    email = models.EmailField(_("email"))
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    language = models.CharField(
        _("language"), max_length=8, choices=Language, default=Language.CHINESE
    )
    topics = ArrayField(
        models.CharField(max_length=32, choices=Topic),
        verbose_name=_("is told of"),
        default=list,
        blank=True,
    )
    confirmed_at = models.DateTimeField(
        _("confirmed at"), db_default=Now(), help_text=_("When somebody last made sure of it")
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("contact")
        verbose_name_plural = _("contacts")
        ordering = ("partner", "role", "name")
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "email"],
                name="contact_email_unique_per_partner",
                nulls_distinct=False,
                violation_error_message=_("This person is among the contacts already"),
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} <{self.email}>"
