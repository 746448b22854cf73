"""Files of merchants, held against the ledger row by row."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField
from openplatform.core.uploads.files import MAX_FILENAME
from openplatform.core.uploads.storage import MAX_NAME
from reconciliation.models.papers import Paper
from reconciliation.models.statements import Statement
from reconciliation.states import PaperStatus

IS_DUE = Q(status=PaperStatus.PREPARING)


class ColumnMapping(models.Model):
    """Which column of a merchant's files is what, remembered by the head of the file."""

    partner = models.ForeignKey(
        "accounts.Partner",
        models.CASCADE,
        db_index=False,
        related_name="column_mappings",
        verbose_name=_("partner"),
    )
    heads = ArrayField(models.CharField(max_length=200), verbose_name=_("head of the file"))
    columns = models.JSONField(_("columns"), help_text=_("Our field: the name in the head"))
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())

    class Meta:
        verbose_name = _("column mapping")
        verbose_name_plural = _("column mappings")
        ordering = ("partner", "-updated_at")
        constraints = [
            models.UniqueConstraint(fields=["partner", "heads"], name="column_mapping_unique")
        ]

    def __str__(self) -> str:
        return ", ".join(self.heads)


class Reconciliation(Paper):
    """A merchant's file for a period, and what became of each of its rows.

    The ledger's side is the statement of the same period, whose entries no longer change: the same
    file for the same period with the same columns is the same reconciliation.
    """

    reconciliation_no = models.CharField(_("reconciliation number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="reconciliations",
        verbose_name=_("partner"),
    )
    statement = models.ForeignKey(
        Statement, models.PROTECT, related_name="reconciliations", verbose_name=_("statement")
    )
    filename = models.CharField(_("file"), max_length=MAX_FILENAME)
    file = models.CharField(_("stored file"), max_length=MAX_NAME)
    file_sha256 = models.CharField(_("SHA-256"), max_length=64)
    given_columns = models.JSONField(
        _("columns as given"), null=True, help_text=_("Our field: the name in the head")
    )
    columns = models.JSONField(_("columns as read"), default=dict)
    fingerprint = models.BinaryField(
        _("fingerprint"), help_text=_("SHA-256 of file, period and columns")
    )
    faults = models.JSONField(
        _("faults"), default=list, help_text=_("Row, column, code and text; the first thousand")
    )
    fault_count = models.PositiveIntegerField(_("number of faults"), default=0)
    language = models.CharField(_("language"), max_length=16, help_text=_("Of the faults' texts"))
    row_count = models.PositiveIntegerField(_("rows of the file"), null=True)
    their_amount = AmountField(
        _("sum of the file"), null=True, help_text=_("The changes of the balance by their books")
    )
    our_amount = AmountField(_("sum of the ledger"), null=True)
    results = models.JSONField(
        _("results"),
        default=dict,
        help_text=_("Result: count, their amount, our amount"),
    )
    report_files = models.JSONField(
        _("report as files"),
        default=dict,
        help_text=_("Language: stored file; of reports that are too long to be written when asked"),
    )
    files_due_at = models.DateTimeField(
        _("files due at"), null=True, help_text=_("While the report is to be written to files")
    )

    class Meta:
        verbose_name = _("comparison")
        verbose_name_plural = _("comparisons")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=["partner", "fingerprint"], name="reconciliation_unique_per_file"
            ),
            models.CheckConstraint(
                condition=(IS_DUE & Q(due_at__isnull=False)) | (~IS_DUE & Q(due_at=None)),
                name="reconciliation_due_while_there_is_work",
            ),
            models.CheckConstraint(
                condition=~Q(status=PaperStatus.READY)
                | Q(
                    ready_at__isnull=False,
                    row_count__isnull=False,
                    their_amount__isnull=False,
                    our_amount__isnull=False,
                ),
                name="reconciliation_ready_is_complete",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], name="reconciliation_due", condition=IS_DUE),
            models.Index(
                fields=["files_due_at"],
                name="reconciliation_files_due",
                condition=Q(files_due_at__isnull=False),
            ),
            models.Index(fields=["partner", "id"], name="reconciliation_of_partner"),
        ]

    def __str__(self) -> str:
        return self.reconciliation_no


class ReconciliationRow(models.Model):
    """A row of the file, the entry of the ledger that it was held against, or both."""

    class Result(models.TextChoices):
        MATCHED = "matched", _("Matched")
        MISSING_HERE = "missing_here", _("Missing here")
        MISSING_THERE = "missing_there", _("Missing there")
        AMOUNT_DIFFERS = "amount_differs", _("Amount differs")
        STATE_DIFFERS = "state_differs", _("State differs")
        DUPLICATE = "duplicate", _("Duplicate")

    class Cause(models.TextChoices):
        FREIGHT = "freight", _("Freight")
        PARTIAL_REFUND = "partial_refund", _("Partial refund")
        FROZEN_PRICE = "frozen_price", _("Price frozen earlier")
        PERIOD_BOUNDARY = "period_boundary", _("Period boundary")
        ROUNDING = "rounding", _("Rounding")
        SIGN = "sign", _("Sign")
        UNKNOWN_ORDER = "unknown_order", _("No such order")
        NOT_PAID = "not_paid", _("Not paid here")

    reconciliation = models.ForeignKey(
        Reconciliation,
        models.CASCADE,
        db_index=False,
        related_name="rows",
        verbose_name=_("comparison"),
    )
    position = models.PositiveIntegerField(
        _("position"), help_text=_("Counts the rows of the report")
    )
    file_row = models.PositiveIntegerField(_("row of the file"), null=True)
    result = models.CharField(_("result"), max_length=16, choices=Result)
    cause = models.CharField(_("cause"), max_length=16, choices=Cause, blank=True)
    kind = models.CharField(_("kind"), max_length=16)
    merchant_order_no = models.CharField(_("merchant's order number"), max_length=64, blank=True)
    merchant_aftersale_no = models.CharField(
        _("merchant's claim number"), max_length=64, blank=True
    )
    their_amount = AmountField(_("their amount"), null=True)
    our_amount = AmountField(_("our amount"), null=True)
    their_at = models.CharField(_("their time"), max_length=40, blank=True)
    their_status = models.CharField(_("their state"), max_length=32, blank=True)
    our_status = models.CharField(_("our state"), max_length=32, blank=True)
    entry_no = models.BigIntegerField(_("entry number"), null=True)
    our_at = models.DateTimeField(_("our time"), null=True)
    order_no = models.CharField(_("order number"), max_length=24, blank=True)
    suborder_no = models.CharField(_("suborder number"), max_length=24, blank=True)
    aftersale_no = models.CharField(_("claim number"), max_length=24, blank=True)
    document = models.CharField(_("document"), max_length=16, blank=True)
    document_no = models.CharField(_("document number"), max_length=24, blank=True)
    resolution = models.CharField(_("resolution"), max_length=500, blank=True, default="")
    resolved_by = models.CharField(_("resolved by"), max_length=150, blank=True, default="")
    resolved_at = models.DateTimeField(_("resolved at"), null=True)

    class Meta:
        verbose_name = _("row of a comparison")
        verbose_name_plural = _("rows of comparisons")
        ordering = ("reconciliation", "position")
        constraints = [
            models.UniqueConstraint(
                fields=["reconciliation", "position"], name="reconciliation_row_position_unique"
            ),
            models.CheckConstraint(
                condition=Q(their_amount__isnull=False) | Q(our_amount__isnull=False),
                name="reconciliation_row_has_a_side",
            ),
            models.CheckConstraint(
                condition=Q(resolved_at=None, resolution="")
                | (Q(resolved_at__isnull=False) & ~Q(resolution="")),
                name="reconciliation_row_resolved_with_a_note",
            ),
        ]
        indexes = [
            models.Index(
                fields=["reconciliation", "result", "position"], name="reconciliation_row_by_result"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.reconciliation_id} #{self.position}"
