"""Claims: what a merchant wants back of an order, and what became of it."""

from __future__ import annotations

from decimal import Decimal

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from aftersales.states import OPEN, ClaimStatus
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core.model_fields import AmountField


class ClaimType(models.TextChoices):
    """What is asked for."""

    REFUND = "refund", pgettext_lazy("a kind of claim", "Refund")
    RETURN_REFUND = "return_refund", _("Return and refund")


class Reason(models.Model):
    """Why something is claimed; operators keep the list. One that was used is never deleted."""

    code = models.CharField(
        _("code"), max_length=32, unique=True, validators=[RegexValidator(r"\A[a-z0-9_]{1,32}\Z")]
    )
    name = models.CharField(_("name"), max_length=64)
    name_en = models.CharField(_("name in English"), max_length=64, blank=True)
    types = ArrayField(
        models.CharField(max_length=16, choices=ClaimType),
        verbose_name=_("types"),
        help_text=_("The kinds of claims that it may be given for"),
    )
    pictures_required = models.BooleanField(_("pictures required"), default=False)
    is_active = models.BooleanField(_("in use"), default=True)
    position = models.PositiveIntegerField(pgettext_lazy("in a list", "position"), default=0)

    class Meta:
        verbose_name = _("claim reason")
        verbose_name_plural = _("claim reasons")
        ordering = ("position", "code")
        constraints = [
            models.CheckConstraint(condition=~models.Q(types=[]), name="claim_reason_has_types")
        ]

    def __str__(self) -> str:
        return self.shown_name

    @property
    def shown_name(self) -> str:
        """In the language of the reader, as far as there is a name in it."""
        is_english = (get_language() or "").startswith("en")
        return self.name_en if is_english and self.name_en else self.name

    @property
    def name_in_trail(self) -> str:
        """Its code, which is the same in every language and for ever."""
        return self.code


class Claim(models.Model):
    """A claim on units of one suborder. The document behind one refund in the ledger.

    Its status changes in ``aftersales/services/transitions.py`` only.
    """

    aftersale_no = models.CharField(_("claim number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="claims",
        verbose_name=_("partner"),
    )
    merchant_aftersale_no = models.CharField(
        _("merchant's claim number"),
        max_length=64,
        blank=True,
        help_text=_("Empty when an operator opened it"),
    )
    fingerprint = models.BinaryField(_("fingerprint"), help_text=_("SHA-256 of what was asked for"))
    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="claims", verbose_name=_("order")
    )
    suborder = models.ForeignKey(
        "orders.Suborder", models.PROTECT, related_name="claims", verbose_name=_("suborder")
    )
    type = models.CharField(_("type"), max_length=16, choices=ClaimType)
    status = models.CharField(_("status"), max_length=24, choices=ClaimStatus)
    version = models.PositiveIntegerField(_("version"), default=0)
    reason = models.ForeignKey(
        Reason, models.PROTECT, related_name="claims", verbose_name=_("reason")
    )
    description = models.CharField(_("description"), max_length=1000, blank=True)
    opened_by = models.CharField(
        _("opened by"),
        max_length=150,
        blank=True,
        help_text=_("The member of staff who opened it for the merchant"),
    )
    # What the refund comes to: asked for at first, then decided, at last accepted.
    goods_refund_amount = AmountField(_("refund of goods"), default=Decimal(0))
    freight_refund_amount = AmountField(_("refund of freight"), default=Decimal(0))
    refund_amount = AmountField(_("refund"), default=Decimal(0))
    decision_note = models.CharField(
        pgettext_lazy("of a claim", "note on the decision"), max_length=500, blank=True
    )
    deadline = models.DateTimeField(
        _("deadline"),
        null=True,
        help_text=_("Of whoever is to act: to decide, to answer, to send back, to inspect"),
    )
    reminded_at = models.DateTimeField(_("reminded at"), null=True)
    return_address = models.JSONField(
        _("return address"), null=True, help_text=_("Name, phone and address, as at the decision")
    )
    decided_at = models.DateTimeField(pgettext_lazy("of a claim", "decided at"), null=True)
    decided_by = models.CharField(
        pgettext_lazy("of a claim", "decided by"), max_length=150, blank=True
    )
    ended_at = models.DateTimeField(_("ended at"), null=True)
    created_at = models.DateTimeField(_("created at"))
    updated_at = models.DateTimeField(_("updated at"))

    class Meta:
        verbose_name = _("claim")
        verbose_name_plural = pgettext_lazy("after-sales", "claims")  # an import has others
        ordering = ("-id",)
        permissions = [
            ("decide_claim", _("Can decide claims")),
            ("decide_large_claim", _("Can give the second decision on large refunds")),
            ("inspect_claim", _("Can receive and inspect returned goods")),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "merchant_aftersale_no"],
                condition=~models.Q(merchant_aftersale_no=""),
                name="claim_merchant_no_unique_per_partner",
            ),
            models.CheckConstraint(
                condition=models.Q(
                    refund_amount=models.F("goods_refund_amount")
                    + models.F("freight_refund_amount"),
                    goods_refund_amount__gte=0,
                    freight_refund_amount__gte=0,
                ),
                name="claim_refund_is_goods_and_freight",
            ),
            models.CheckConstraint(
                condition=models.Q(status__in=OPEN, ended_at=None)
                | (~models.Q(status__in=OPEN) & models.Q(ended_at__isnull=False)),
                name="claim_ended_or_open",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "updated_at", "id"], name="claim_updated_at"),
            models.Index(fields=["partner", "created_at", "id"], name="claim_created_at"),
            models.Index(fields=["status", "deadline", "id"], name="claim_queue"),
            models.Index(fields=["ended_at"], name="claim_ended_at"),
            models.Index(
                fields=["merchant_aftersale_no"],
                name="claim_merchant_no",
                opclasses=["varchar_pattern_ops"],
            ),
        ]

    def __str__(self) -> str:
        return self.aftersale_no


class ClaimLine(models.Model):
    """Units of an order line that are claimed, and what each step made of them."""

    class Inspection(models.TextChoices):
        AS_EXPECTED = "as_expected", _("As expected")
        FEWER = "fewer", _("Fewer")
        OTHER_GOODS = "other_goods", _("Other goods")
        DAMAGED = "damaged", _("Damaged")

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="lines", verbose_name=_("claim"))
    line = models.ForeignKey(
        "orders.OrderLine", models.PROTECT, related_name="claim_lines", verbose_name=_("line")
    )
    quantity = models.PositiveIntegerField(_("quantity"), validators=[MinValueValidator(1)])
    unshipped_quantity = models.PositiveIntegerField(
        _("of them not shipped"), help_text=_("They stay in the warehouse while the claim is open")
    )
    approved_quantity = models.PositiveIntegerField(_("approved"), null=True)
    received_quantity = models.PositiveIntegerField(_("received"), null=True)
    accepted_quantity = models.PositiveIntegerField(_("accepted"), null=True)
    restocked_quantity = models.PositiveIntegerField(
        pgettext_lazy("returned units", "restocked"),
        default=0,
        help_text=_("Of the received ones: can be sold again"),
    )
    inspection = models.CharField(_("inspection"), max_length=16, choices=Inspection, blank=True)
    refund_amount = AmountField(_("refund"), default=Decimal(0))

    class Meta:
        verbose_name = _("claimed line")
        verbose_name_plural = _("claimed lines")
        ordering = ("claim", "line__line_no")
        constraints = [
            models.UniqueConstraint(fields=["claim", "line"], name="claim_line_unique"),
            models.CheckConstraint(
                condition=models.Q(
                    quantity__gt=0,
                    unshipped_quantity__lte=models.F("quantity"),
                )
                & (
                    models.Q(approved_quantity=None)
                    | models.Q(approved_quantity__lte=models.F("quantity"))
                )
                & (
                    models.Q(accepted_quantity=None)
                    | models.Q(
                        accepted_quantity__lte=models.F("approved_quantity"),
                    )
                )
                & (
                    models.Q(received_quantity=None)
                    | models.Q(restocked_quantity__lte=models.F("received_quantity"))
                ),
                name="claim_line_quantities_shrink",
            ),
            models.CheckConstraint(
                condition=models.Q(refund_amount__gte=0), name="claim_line_refund_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.line_id} × {self.quantity}"


class ClaimEvent(models.Model):
    """One change of state of a claim. Append-only."""

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="events", verbose_name=_("claim"))
    from_status = models.CharField(_("from"), max_length=24, blank=True)
    to_status = models.CharField(_("to"), max_length=24)
    role = models.CharField(
        pgettext_lazy("of a claim", "side"),
        max_length=16,
        help_text=_("merchant, operator or platform: what merchants see"),
    )
    actor = models.CharField(_("by"), max_length=150)
    note = models.CharField(_("note"), max_length=500, blank=True)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("claim event")
        verbose_name_plural = _("claim events")
        ordering = ("claim", "id")

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"


class ClaimNote(models.Model):
    """What merchant and operator write to each other about a claim. Append-only."""

    claim = models.ForeignKey(Claim, models.PROTECT, related_name="notes", verbose_name=_("claim"))
    role = models.CharField(
        pgettext_lazy("of a claim", "side"), max_length=16, help_text=_("As in the history")
    )
    actor = models.CharField(_("by"), max_length=150)
    text = models.CharField(_("text"), max_length=1000)
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("claim note")
        verbose_name_plural = _("claim notes")
        ordering = ("claim", "id")

    def __str__(self) -> str:
        return self.text[:40]


class ClaimParcel(models.Model):
    """Goods on their way back to the warehouse, or, rejected, once more to the merchant."""

    class Direction(models.TextChoices):
        RETURN = "return", _("Return")
        SEND_BACK = "send_back", _("Sent back")

    claim = models.ForeignKey(
        Claim, models.PROTECT, related_name="parcels", verbose_name=_("claim")
    )
    direction = models.CharField(_("direction"), max_length=16, choices=Direction)
    carrier = models.ForeignKey(
        "orders.Carrier", models.PROTECT, related_name="+", verbose_name=_("carrier")
    )
    waybill_no = models.CharField(_("waybill number"), max_length=64)
    shipped_at = models.DateTimeField(_("shipped at"))
    status = models.CharField(
        _("status"), max_length=16, choices=ParcelStatus, default=ParcelStatus.PENDING
    )
    delivered_at = models.DateTimeField(_("delivered at"), null=True)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("return parcel")
        verbose_name_plural = _("return parcels")
        ordering = ("id",)
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "direction", "carrier", "waybill_no"],
                name="claim_parcel_waybill_unique",
            )
        ]
        indexes = [
            models.Index(
                fields=["waybill_no"],
                name="claim_parcel_waybill_no",
                opclasses=["varchar_pattern_ops"],
            )
        ]

    def __str__(self) -> str:
        return self.waybill_no
