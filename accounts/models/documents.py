"""Documents behind the ledger: top-ups, adjustments and withdrawals, each decided by two people."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models.partners import Partner
from openplatform.core.model_fields import AmountField


class MoneyDocument(models.Model):
    """Entered by one and decided by another; only an approved one has a ledger entry."""

    class Status(models.TextChoices):
        PENDING = "pending", _("Pending")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="%(class)ss", verbose_name=_("partner")
    )
    status = models.CharField(_("status"), max_length=16, choices=Status, default=Status.PENDING)
    actor = models.CharField(_("by"), max_length=150)
    created_at = models.DateTimeField(_("created at"))
    decided_by = models.CharField(_("decided by"), max_length=150, blank=True)
    decided_at = models.DateTimeField(_("decided at"), null=True, blank=True)
    reject_reason = models.CharField(_("reason for the refusal"), max_length=200, blank=True)

    class Meta:
        abstract = True


class TopUpProof(models.Model):
    """The picture or PDF of a transfer, as it is kept: cleaned and written anew."""

    proof_id = models.CharField(_("proof id"), max_length=24, unique=True)
    partner = models.ForeignKey(
        Partner, models.PROTECT, related_name="top_up_proofs", verbose_name=_("partner")
    )
    file = models.CharField(_("file"), max_length=200, unique=True)
    media_type = models.CharField(_("media type"), max_length=40)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.PositiveIntegerField(_("size in bytes"))
    created_at = models.DateTimeField(_("created at"))

    class Meta:
        verbose_name = _("proof of a transfer")
        verbose_name_plural = _("proofs of transfers")
        ordering = ("-id",)
        indexes = [models.Index(fields=["created_at"], name="top_up_proof_created_at")]

    def __str__(self) -> str:
        return self.proof_id


class TopUp(MoneyDocument):
    """Money that a merchant paid in; the document behind a ``top_up`` entry."""

    top_up_no = models.CharField(_("top-up number"), max_length=24, unique=True)
    amount = AmountField(_("amount"), help_text=_("As reported"))
    approved_amount = AmountField(_("approved amount"), null=True, blank=True)
    reference = models.CharField(
        _("reference"),
        max_length=64,
        help_text=_("The number of the bank transfer"),
    )
    paid_at = models.DateTimeField(_("paid at"), null=True, blank=True)
    proof = models.OneToOneField(
        TopUpProof,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="top_up",
        verbose_name=_("proof"),
    )
    note = models.CharField(_("note"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("top-up")
        verbose_name_plural = _("top-ups")
        ordering = ("-id",)
        permissions = [("decide_topup", _("Can decide top-ups"))]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "reference"], name="top_up_reference_unique_per_partner"
            ),
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="top_up_amount_positive"),
            models.CheckConstraint(
                condition=models.Q(status="approved", approved_amount__gt=0)
                | (~models.Q(status="approved") & models.Q(approved_amount=None)),
                name="top_up_approved_amount_when_approved",
            ),
        ]

    def __str__(self) -> str:
        return self.top_up_no


class Adjustment(MoneyDocument):
    """A correction of a balance, up or down."""

    adjustment_no = models.CharField(_("adjustment number"), max_length=24, unique=True)
    amount = AmountField(_("amount"), help_text=_("Negative: the balance goes down"))
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        verbose_name = _("adjustment")
        verbose_name_plural = _("adjustments")
        ordering = ("-id",)
        permissions = [("decide_adjustment", _("Can decide adjustments"))]
        constraints = [
            models.CheckConstraint(condition=~models.Q(amount=0), name="adjustment_amount_not_zero")
        ]

    def __str__(self) -> str:
        return self.adjustment_no


class Withdrawal(MoneyDocument):
    """Money of a merchant's own that is paid back to it."""

    withdrawal_no = models.CharField(_("withdrawal number"), max_length=24, unique=True)
    amount = AmountField(_("amount"))
    reference = models.CharField(
        _("reference"), max_length=64, help_text=_("The number of the bank transfer")
    )
    reason = models.CharField(_("reason"), max_length=200)

    class Meta:
        verbose_name = _("withdrawal")
        verbose_name_plural = _("withdrawals")
        ordering = ("-id",)
        permissions = [("decide_withdrawal", _("Can decide withdrawals"))]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "reference"],
                condition=~models.Q(status="rejected"),
                name="withdrawal_reference_unique_per_partner",
            ),
            models.CheckConstraint(
                condition=models.Q(amount__gt=0), name="withdrawal_amount_positive"
            ),
        ]

    def __str__(self) -> str:
        return self.withdrawal_no
