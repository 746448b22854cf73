"""Statements: what stood in a wallet's books over some days, and the files that show it."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField
from openplatform.core.uploads.storage import MAX_NAME
from reconciliation.models.papers import Paper
from reconciliation.states import PaperStatus

IS_READY = Q(status=PaperStatus.READY)
IS_DUE = Q(status=PaperStatus.PREPARING)


class Statement(Paper):
    """A wallet's books from the beginning of one day to the end of another, both counted in.

    Its rows are the ledger entries after ``opening_entry_no`` up to ``closing_entry_no``; both are
    0 before the first entry ever. There is one statement for a partner and period. A trigger
    refuses every change once it is ready: what is wrong is put right by an entry of a later day.
    """

    statement_no = models.CharField(_("statement number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="statements",
        verbose_name=_("partner"),
    )
    period_start = models.DateField(_("first day"))
    period_end = models.DateField(_("last day"))
    opening_entry_no = models.BigIntegerField(_("last entry before"), null=True)
    closing_entry_no = models.BigIntegerField(_("last entry"), null=True)
    opening_balance = AmountField(_("opening balance"), null=True)
    opening_held_amount = AmountField(_("held at the opening"), null=True)
    opening_credit_limit = AmountField(_("credit line at the opening"), null=True)
    closing_balance = AmountField(_("closing balance"), null=True)
    closing_held_amount = AmountField(_("held at the closing"), null=True)
    closing_credit_limit = AmountField(_("credit line at the closing"), null=True)
    top_up_amount = AmountField(_("top-ups"), null=True)
    order_payment_amount = AmountField(_("order payments"), null=True)
    refund_amount = AmountField(_("refunds"), null=True)
    adjustment_amount = AmountField(_("adjustments"), null=True)
    withdrawal_amount = AmountField(_("withdrawals"), null=True)
    row_count = models.PositiveIntegerField(
        _("rows"), null=True, help_text=_("Of a file: entries, and the lines and freight of orders")
    )

    class Meta:
        verbose_name = _("statement")
        verbose_name_plural = _("statements")
        ordering = ("-id",)
        permissions = [("download_statement", _("Can download statements"))]
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "period_end", "period_start"], name="statement_unique_per_period"
            ),
            models.CheckConstraint(
                condition=Q(period_start__lte=F("period_end")), name="statement_period_in_order"
            ),
            models.CheckConstraint(
                condition=(IS_DUE & Q(due_at__isnull=False)) | (~IS_DUE & Q(due_at=None)),
                name="statement_due_while_there_is_work",
            ),
            models.CheckConstraint(
                condition=~IS_READY
                | Q(
                    ready_at__isnull=False,
                    row_count__isnull=False,
                    opening_entry_no__lte=F("closing_entry_no"),
                    opening_held_amount__isnull=False,
                    closing_held_amount__isnull=False,
                    opening_credit_limit__isnull=False,
                    closing_credit_limit__isnull=False,
                    closing_balance__isnull=False,
                ),
                name="statement_ready_is_complete",
            ),
            # Opening + rows = closing. A row with a null in it would pass, so none is let in.
            models.CheckConstraint(
                condition=~IS_READY
                | Q(
                    closing_balance=F("opening_balance")
                    + F("top_up_amount")
                    + F("order_payment_amount")
                    + F("refund_amount")
                    + F("adjustment_amount")
                    + F("withdrawal_amount"),
                    opening_balance__isnull=False,
                    top_up_amount__isnull=False,
                    order_payment_amount__isnull=False,
                    refund_amount__isnull=False,
                    adjustment_amount__isnull=False,
                    withdrawal_amount__isnull=False,
                ),
                name="statement_opening_and_rows_are_closing",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="statement_due", condition=IS_DUE),
            models.Index(fields=["period_end", "period_start"], name="statement_by_period"),
            models.Index(fields=["partner", "id"], name="statement_of_partner"),
        ]

    def __str__(self) -> str:
        return self.statement_no


class StatementFile(models.Model):
    """A statement as a file, made once with all the others of it. Append-only."""

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "XLSX"
        PDF = "pdf", "PDF"

    class Language(models.TextChoices):
        CHINESE = "zh-hans", _("Chinese")
        ENGLISH = "en", _("English")

    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="files", verbose_name=_("statement")
    )
    format = models.CharField(_("format"), max_length=8, choices=Format)
    language = models.CharField(_("language"), max_length=8, choices=Language)
    file = models.CharField(_("stored file"), max_length=MAX_NAME, unique=True)
    sha256 = models.CharField(_("SHA-256"), max_length=64)
    size_bytes = models.PositiveBigIntegerField(_("size in bytes"))

    class Meta:
        verbose_name = _("statement file")
        verbose_name_plural = _("statement files")
        ordering = ("statement", "language", "format")
        constraints = [
            models.UniqueConstraint(
                fields=["statement", "format", "language"], name="statement_file_unique"
            )
        ]

    def __str__(self) -> str:
        return f"{self.statement_id} {self.format} {self.language}"
