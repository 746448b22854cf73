"""Rules by which claims are approved without anybody looking."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from aftersales.models.claims import ClaimType, Reason
from openplatform.core.model_fields import AmountField


class ApprovalRule(models.Model):
    """A claim that meets all of it is approved when it is filed. The first rule that does counts.

    What is left empty asks for nothing.
    """

    name = models.CharField(_("name"), max_length=64, unique=True)
    is_active = models.BooleanField(_("in use"), default=True)
    position = models.PositiveIntegerField(pgettext_lazy("in a list", "position"), default=0)
    types = ArrayField(
        models.CharField(max_length=16, choices=ClaimType),
        verbose_name=_("types"),
        default=list,
        blank=True,
    )
    reasons = models.ManyToManyField(
        Reason, blank=True, related_name="+", verbose_name=_("reasons")
    )
    partners = models.ManyToManyField(
        "accounts.Partner",
        blank=True,
        related_name="+",
        verbose_name=_("trusted merchants"),
        help_text=_("None means every merchant"),
    )
    before_shipment_only = models.BooleanField(
        _("before shipment only"), default=True, help_text=_("No claimed unit has left")
    )
    max_amount = AmountField(
        _("up to an amount"), null=True, blank=True, help_text=_("Of the refund, with freight")
    )
    max_amount_a_day = AmountField(
        _("up to an amount a day"),
        null=True,
        blank=True,
        help_text=_("What this rule may approve for one merchant in 24 hours"),
    )
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("approval rule")
        verbose_name_plural = _("approval rules")
        ordering = ("position", "id")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(max_amount=None) | models.Q(max_amount__gt=0),
                name="approval_rule_amount_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class RuleApproval(models.Model):
    """Which rule approved which claim. Append-only."""

    rule = models.ForeignKey(
        ApprovalRule, models.PROTECT, related_name="approvals", verbose_name=_("rule")
    )
    claim = models.OneToOneField(
        "aftersales.Claim", models.PROTECT, related_name="rule_approval", verbose_name=_("claim")
    )
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="+",
        verbose_name=_("partner"),
    )
    amount = AmountField(_("amount"))
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("approval by rule")
        verbose_name_plural = _("approvals by rule")
        ordering = ("-id",)
        indexes = [models.Index(fields=["rule", "partner", "created_at"], name="rule_approval_day")]

    def __str__(self) -> str:
        return f"{self.rule_id} {self.amount}"
