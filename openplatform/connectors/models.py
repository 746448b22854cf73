"""Whom we call and for what, what each call was, and what became known of the parcels we asked
about.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from openplatform.connectors.parcels import ParcelStatus

MAX_TEXT = 300
MAX_PLACE = 100
MAX_ERROR = 200
DAY = 24 * 60 * 60


class Provider(models.Model):
    """Somebody whose interface we call, under which terms, and how well it goes."""

    class Service(models.TextChoices):
        LOGISTICS = "logistics", _("Logistics")
        INVOICING = "invoicing", _("Invoices")

    class Charging(models.TextChoices):
        PER_CALL = "per_call", _("Per call")
        PER_USER = "per_user", _("Per user")
        PACKAGE = "package", _("Package of calls")
        FLAT = "flat", _("Flat")

    class Settlement(models.TextChoices):
        PREPAID = "prepaid", _("From a prepaid balance")
        BILL = "bill", _("By bill, checked against our own count")

    code = models.CharField(
        _("code"), max_length=32, unique=True, validators=[RegexValidator(r"\A[a-z0-9_-]{1,32}\Z")]
    )
    name = models.CharField(_("name"), max_length=64)
    service = models.CharField(
        _("service"),
        max_length=16,
        choices=Service,
        default=Service.LOGISTICS,
        db_default=Service.LOGISTICS,
        help_text=_("What it is asked for; it follows from the interface"),
    )
    driver = models.CharField(
        _("interface"), max_length=32, help_text=_("How this provider is talked to")
    )
    base_url = models.CharField(
        _("address"),
        max_length=200,
        help_text=_("https, unless the host is named as a private one"),
    )
    # Both sealed: openplatform.core.sealing
    api_key = models.BinaryField(pgettext_lazy("of a provider", "key"), default=b"")
    callback_secret = models.BinaryField(_("secret of callbacks"), default=b"")
    is_enabled = models.BooleanField(_("in use"), default=True)
    priority = models.PositiveSmallIntegerField(
        _("rank"), default=1, help_text=_("The lowest is asked first; the others are spares")
    )
    carriers = ArrayField(
        models.CharField(max_length=32),
        verbose_name=_("carriers"),
        default=list,
        blank=True,
        help_text=_("Codes separated by commas; left empty, all of them"),
    )
    interval_seconds = models.PositiveIntegerField(
        _("interval (seconds)"),
        default=1800,
        validators=[MinValueValidator(1), MaxValueValidator(DAY)],
        help_text=_("It is never asked about one parcel twice within this time"),
    )
    refresh_seconds = models.PositiveIntegerField(
        _("refresh (seconds)"),
        default=4 * 60 * 60,
        validators=[MinValueValidator(1), MaxValueValidator(7 * DAY)],
        help_text=_("How often a parcel on its way is asked about without anybody asking for it"),
    )
    timeout_seconds = models.PositiveSmallIntegerField(
        _("patience (seconds)"),
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text=_("How long one call may take in all"),
    )
    charging = models.CharField(
        _("charges"), max_length=16, choices=Charging, default=Charging.PER_CALL
    )
    call_cost = models.DecimalField(
        _("cost of a call"),
        max_digits=12,
        decimal_places=4,
        default=0,
        validators=[MinValueValidator(0)],
        help_text=_("Where each call, or each call of a package, costs something"),
    )
    period_fee = models.DecimalField(
        _("fee a month"),
        max_digits=12,
        decimal_places=2,
        default=0,
        validators=[MinValueValidator(0)],
        help_text=_("Flat fee, or that of the package or of all users"),
    )
    settlement = models.CharField(
        _("is settled"), max_length=16, choices=Settlement, default=Settlement.BILL
    )
    failures_in_a_row = models.PositiveIntegerField(_("failures in a row"), default=0)
    resting_until = models.DateTimeField(
        _("not asked before"),
        null=True,
        help_text=_("After failures, the spare is asked meanwhile"),
    )
    last_success_at = models.DateTimeField(_("last success"), null=True)
    last_failure_at = models.DateTimeField(_("last failure"), null=True)
    last_error = models.CharField(_("last error"), max_length=MAX_ERROR, blank=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ("priority", "code")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(interval_seconds__range=(1, DAY)),
                name="provider_interval_range",
            ),
            models.CheckConstraint(
                condition=models.Q(refresh_seconds__gte=models.F("interval_seconds")),
                name="provider_refresh_not_under_interval",
                violation_error_message=_("The refresh is not more often than the interval"),
            ),
            models.CheckConstraint(
                condition=models.Q(timeout_seconds__range=(1, 20)), name="provider_timeout_range"
            ),
            models.CheckConstraint(
                condition=models.Q(call_cost__gte=0, period_fee__gte=0),
                name="provider_costs_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.name}"


class ProviderContact(models.Model):
    """Whom to call when it does not work: a person of the provider, or of our own side."""

    class Side(models.TextChoices):
        PROVIDER = "provider", _("The provider's")
        OWN = "own", _("Our own side")

    provider = models.ForeignKey(
        Provider, models.CASCADE, related_name="contacts", verbose_name=_("provider")
    )
    side = models.CharField(_("side"), max_length=16, choices=Side)
    name = models.CharField(_("name"), max_length=64)
    duty = models.CharField(_("turn to for"), max_length=64, blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    email = models.EmailField(_("email"), blank=True)

    class Meta:
        verbose_name = _("contact of a provider")
        verbose_name_plural = _("contacts of providers")
        ordering = ("side", "name")

    def __str__(self) -> str:
        return self.name


class TrackedParcel(models.Model):
    """What is known of a parcel, whoever told it."""

    carrier_code = models.CharField(_("carrier"), max_length=32)
    waybill_no = models.CharField(_("waybill number"), max_length=64)
    status = models.CharField(
        _("status"), max_length=16, choices=ParcelStatus, default=ParcelStatus.PENDING
    )
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    provider = models.ForeignKey(
        Provider,
        models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("told by"),
        help_text=_("Who answered last; nobody for what a file told"),
    )
    as_of = models.DateTimeField(
        pgettext_lazy("of a parcel", "as of"), null=True, help_text=_("When it was last told")
    )
    tried_at = models.DateTimeField(_("last asked about"), null=True)
    refresh_at = models.DateTimeField(_("asked about next"), null=True)
    counts_since = models.DateTimeField(
        _("counts since"),
        null=True,
        help_text=_("Carriers give numbers again: what was before belongs to an older parcel"),
    )
    version = models.PositiveIntegerField(_("version"), default=1, db_default=1)
    follow_at = models.DateTimeField(
        _("to be followed"), null=True, help_text=_("Orders have not followed its change yet")
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("tracked parcel")
        verbose_name_plural = _("tracked parcels")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["waybill_no", "carrier_code"], name="tracked_parcel_unique"
            )
        ]
        indexes = [
            models.Index(
                fields=["refresh_at"],
                condition=models.Q(refresh_at__isnull=False),
                name="tracked_parcel_refresh",
            ),
            models.Index(
                fields=["follow_at"],
                condition=models.Q(follow_at__isnull=False),
                name="tracked_parcel_follow",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_code} {self.waybill_no}"


class ParcelEvent(models.Model):
    """One thing that happened to a parcel. Append-only."""

    parcel = models.ForeignKey(
        TrackedParcel, models.CASCADE, related_name="events", verbose_name=_("parcel")
    )
    provider = models.ForeignKey(
        Provider, models.SET_NULL, null=True, related_name="+", verbose_name=_("told by")
    )
    at = models.DateTimeField(_("at"))
    status = models.CharField(_("status"), max_length=16, choices=ParcelStatus)
    place = models.CharField(_("place"), max_length=MAX_PLACE, blank=True)
    text = models.CharField(pgettext_lazy("of a parcel", "text"), max_length=MAX_TEXT)
    digest = models.BinaryField()  # of what happened when and where, to know it again
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("parcel event")
        verbose_name_plural = _("parcel events")
        ordering = ("at", "id")
        constraints = [
            models.UniqueConstraint(fields=["parcel", "digest"], name="parcel_event_unique")
        ]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.text}"


class ProviderCall(models.Model):
    """One call of a provider. It is counted before it is tried, so that no call goes uncounted."""

    class Outcome(models.TextChoices):
        STARTED = "started", _("Started")  # stays when the worker was killed meanwhile
        ANSWERED = "answered", _("Answered")
        UNKNOWN_PARCEL = "unknown_parcel", _("Does not know the parcel")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")
        TIMED_OUT = "timed_out", _("Timed out")
        UNREACHABLE = "unreachable", _("Unreachable")
        UNREADABLE = "unreadable", _("Unreadable answer")

    provider = models.ForeignKey(
        Provider, models.PROTECT, related_name="calls", verbose_name=_("provider")
    )
    parcel = models.ForeignKey(
        TrackedParcel, models.PROTECT, null=True, related_name="calls", verbose_name=_("parcel")
    )
    invoice_no = models.CharField(
        _("invoice number"),
        max_length=24,
        blank=True,
        default="",
        db_default="",
        help_text=_("Where it was about no parcel but an invoice of ours"),
    )
    outcome = models.CharField(
        _("outcome"), max_length=16, choices=Outcome, default=Outcome.STARTED
    )
    cost = models.DecimalField(
        _("cost"),
        max_digits=12,
        decimal_places=4,
        help_text=_("By our own count: nothing for a call that it refused, failed or never got"),
    )
    status_code = models.PositiveSmallIntegerField(_("HTTP status"), null=True)
    milliseconds = models.PositiveIntegerField(_("milliseconds"), null=True)
    error = models.CharField(_("error"), max_length=MAX_ERROR, blank=True)
    created_at = models.DateTimeField(_("at"), db_default=Now())

    class Meta:
        verbose_name = _("call of a provider")
        verbose_name_plural = _("calls of providers")
        ordering = ("-id",)
        indexes = [
            models.Index(fields=["created_at"], name="provider_call_created"),
            models.Index(fields=["provider", "created_at"], name="provider_call_of"),
            models.Index(fields=["parcel", "provider", "created_at"], name="provider_call_about"),
            models.Index(
                fields=["invoice_no", "created_at"],
                condition=~models.Q(invoice_no=""),
                name="provider_call_of_invoice",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(parcel__isnull=False, invoice_no="")
                | (models.Q(parcel=None) & ~models.Q(invoice_no="")),
                name="provider_call_about_a_parcel_or_an_invoice",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.created_at:%Y-%m-%d %H:%M:%S} {self.outcome}"
