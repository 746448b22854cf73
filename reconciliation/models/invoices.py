"""E-invoices: for whom, for what, and what the tax office's number is."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from openplatform.core.model_fields import AmountField
from openplatform.core.uploads.storage import MAX_NAME
from reconciliation.models.statements import Statement
from reconciliation.states import InvoiceStatus


class InvoiceTitle(models.Model):
    """Whom invoices are made out to. Written once; another text is another title."""

    class Kind(models.TextChoices):
        COMPANY = "company", _("Company")
        INDIVIDUAL = "individual", _("Individual")

    title_id = models.CharField(_("title number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="invoice_titles",
        verbose_name=_("partner"),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    name = models.CharField(_("name"), max_length=120)
    tax_number = models.CharField(
        _("tax number"), max_length=20, blank=True, help_text=_("Companies only")
    )
    address = models.CharField(_("address"), max_length=200, blank=True)
    phone = models.CharField(_("phone"), max_length=32, blank=True)
    bank_name = models.CharField(_("bank"), max_length=120, blank=True)
    bank_account = models.CharField(_("bank account"), max_length=40, blank=True)
    email = models.EmailField(_("email"), blank=True)
    is_active = models.BooleanField(_("in use"), default=True)
    created_at = models.DateTimeField(_("created at"), db_default=Now())

    class Meta:
        verbose_name = _("invoice title")
        verbose_name_plural = _("invoice titles")
        ordering = ("-id",)
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "partner", "kind", "name", "tax_number", "address", "phone", "bank_name",
                    "bank_account", "email",
                ],
                name="invoice_title_unique",
            ),
            models.CheckConstraint(
                condition=~Q(kind="company") | ~Q(tax_number=""),
                name="invoice_title_company_has_a_tax_number",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return self.name


class Invoice(models.Model):
    """A request for an invoice, and what became of it.

    An invoice covers whole orders, less what was refunded before; an order is covered by one
    invoice at a time. What is refunded afterwards is taken back by credit invoices (red letter),
    with negative amounts, which name it in ``credits``.
    """

    class Kind(models.TextChoices):
        GENERAL = "general", _("General VAT invoice")
        SPECIAL = "special", _("Special VAT invoice")

    invoice_no = models.CharField(_("invoice number"), max_length=24, unique=True)
    partner = models.ForeignKey(
        "accounts.Partner",
        models.PROTECT,
        db_index=False,
        related_name="invoices",
        verbose_name=_("partner"),
    )
    kind = models.CharField(_("kind"), max_length=16, choices=Kind)
    status = models.CharField(
        _("status"), max_length=16, choices=InvoiceStatus, default=InvoiceStatus.REQUESTED
    )
    version = models.PositiveIntegerField(_("version"), default=1)
    title = models.ForeignKey(
        InvoiceTitle, models.PROTECT, related_name="invoices", verbose_name=_("title")
    )
    order_no = models.CharField(
        _("order number"), max_length=24, blank=True, help_text=_("Where it is for one order")
    )
    statement = models.ForeignKey(
        Statement,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
        verbose_name=_("statement"),
        help_text=_("Where it is for what was paid in a period"),
    )
    credits = models.ForeignKey(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="credit_invoices",
        verbose_name=_("takes back"),
        help_text=_("The invoice of which a credit invoice (red letter) takes back a part, or all"),
    )
    amount = AmountField(_("amount"), help_text=_("Tax included; negative in a credit invoice"))
    tax_amount = AmountField(_("tax"))
    remark = models.CharField(_("remark"), max_length=200, blank=True)
    reason = models.CharField(
        _("reason"), max_length=200, blank=True, help_text=_("Of a credit or a cancellation")
    )
    fiscal_code = models.CharField(
        _("fiscal code"), max_length=20, blank=True, help_text=_("Of the tax office")
    )
    fiscal_number = models.CharField(
        _("fiscal number"), max_length=20, blank=True, help_text=_("Of the tax office")
    )
    file = models.CharField(_("stored file"), max_length=MAX_NAME, blank=True)
    file_sha256 = models.CharField(_("SHA-256"), max_length=64, blank=True)
    provider = models.ForeignKey(
        "connectors.Provider",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("issued through"),
    )
    due_at = models.DateTimeField(
        _("provider asked next"), null=True, help_text=_("Or until when a worker is asking it")
    )
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = models.CharField(_("what went wrong"), max_length=500, blank=True)
    requested_by = models.CharField(_("asked for by"), max_length=150)
    created_at = models.DateTimeField(_("created at"), db_default=Now())
    updated_at = models.DateTimeField(_("updated at"), db_default=Now())
    issued_at = models.DateTimeField(_("issued at"), null=True)
    cancelled_at = models.DateTimeField(_("cancelled at"), null=True)

    class Meta:
        verbose_name = _("invoice")
        verbose_name_plural = _("invoices")
        ordering = ("-id",)
        permissions = [("issue_invoice", _("Can issue and cancel invoices"))]
        constraints = [
            models.CheckConstraint(
                condition=Q(credits=None, amount__gt=0, tax_amount__gte=0)
                | Q(credits__isnull=False, amount__lt=0, tax_amount__lte=0),
                name="invoice_amount_has_the_sign_of_its_kind",
            ),
            models.CheckConstraint(
                condition=(~Q(order_no="") & Q(statement=None))
                | Q(order_no="", statement__isnull=False),
                name="invoice_for_an_order_or_a_period",
            ),
            models.CheckConstraint(
                condition=~Q(status=InvoiceStatus.ISSUED)
                | (Q(issued_at__isnull=False) & ~Q(fiscal_number="") & ~Q(file="")),
                name="invoice_issued_has_a_number_and_a_file",
            ),
            models.UniqueConstraint(
                fields=["fiscal_number", "fiscal_code"],
                condition=~Q(fiscal_number=""),
                name="invoice_fiscal_number_unique",
            ),
        ]
        indexes = [
            models.Index(fields=["partner", "id"], name="invoice_of_partner"),
            models.Index(fields=["due_at"], name="invoice_due", condition=Q(due_at__isnull=False)),
            models.Index(
                fields=["statement"],
                name="invoice_of_statement",
                condition=Q(statement__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.invoice_no

    @property
    def is_credit(self) -> bool:
        """Whether it takes back another one (red letter)."""
        return self.credits_id is not None


class InvoiceLine(models.Model):
    """A SKU of one order, or its freight (without a SKU), as it is invoiced. Append-only."""

    invoice = models.ForeignKey(
        Invoice, models.PROTECT, db_index=False, related_name="lines", verbose_name=_("invoice")
    )
    position = models.PositiveIntegerField(_("position"))
    order_no = models.CharField(_("order number"), max_length=24)
    sku = models.CharField(_("SKU"), max_length=64, blank=True, help_text=_("None: freight"))
    name = models.CharField(_("name"), max_length=255)
    unit = models.CharField(_("unit"), max_length=16, blank=True)
    quantity = models.IntegerField(_("quantity"))
    unit_price = AmountField(_("unit price"))
    tax_rate = models.DecimalField(_("tax rate"), max_digits=5, decimal_places=4)
    amount = AmountField(_("amount"))
    tax_amount = AmountField(_("tax"))

    class Meta:
        verbose_name = _("invoice line")
        verbose_name_plural = _("invoice lines")
        ordering = ("invoice", "position")
        constraints = [
            models.UniqueConstraint(
                fields=["invoice", "position"], name="invoice_line_position_unique"
            )
        ]
        indexes = [models.Index(fields=["order_no"], name="invoice_line_order_no")]

    def __str__(self) -> str:
        return f"{self.invoice_id} #{self.position}"


class InvoicedOrder(models.Model):
    """An order that an invoice covers: one invoice at a time, which a constraint decides.

    ``is_live`` ends when the invoice is cancelled, or taken back in whole by credit invoices.
    """

    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="orders", verbose_name=_("invoice")
    )
    order = models.ForeignKey(
        "orders.Order", models.PROTECT, related_name="+", verbose_name=_("order")
    )
    amount = AmountField(_("invoiced"), help_text=_("When the invoice was asked for"))
    credited_amount = AmountField(
        _("taken back"), default=0, help_text=_("By credit invoices that were not cancelled")
    )
    is_live = models.BooleanField(_("in force"), default=True)

    class Meta:
        verbose_name = _("invoiced order")
        verbose_name_plural = _("invoiced orders")
        ordering = ("invoice", "id")
        constraints = [
            models.UniqueConstraint(
                fields=["order"], condition=Q(is_live=True), name="order_invoiced_once"
            ),
            models.CheckConstraint(
                condition=Q(credited_amount__gte=0, credited_amount__lte=models.F("amount")),
                name="invoiced_order_credited_within_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.invoice_id} {self.order_id}"


class InvoiceEvent(models.Model):
    """One change of an invoice's state. Append-only."""

    invoice = models.ForeignKey(
        Invoice, models.PROTECT, related_name="events", verbose_name=_("invoice")
    )
    from_status = models.CharField(_("from"), max_length=16, blank=True, choices=InvoiceStatus)
    to_status = models.CharField(_("to"), max_length=16, choices=InvoiceStatus)
    actor = models.CharField(_("by"), max_length=150)
    note = models.CharField(_("note"), max_length=200, blank=True)
    at = models.DateTimeField(_("at"))

    class Meta:
        verbose_name = _("invoice event")
        verbose_name_plural = _("invoice events")
        ordering = ("invoice", "id")

    def __str__(self) -> str:
        return f"{self.from_status} → {self.to_status}"
