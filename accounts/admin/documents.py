"""Top-ups, adjustments and withdrawals in the back office: entered on the partner's page, decided
among the approvals, and only looked at here.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.contrib import admin
from django.db.models import Q, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
)

from accounts.admin.shown import (
    DOCUMENT_COLOURS,
    PARTNER_FILTER,
    link_to,
    money_of,
    page_of,
)
from accounts.models import Adjustment, MoneyDocument, Partner, TopUp, TopUpProof, Withdrawal
from accounts.services import adjustments, terms, top_ups, withdrawals
from openplatform.approvals.models import Approval
from openplatform.approvals.pages import KindPage, ShownFile, register_page
from openplatform.core.admin.decorators import display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from openplatform.core.uploads.links import signed_link

PICTURES = "image/"
APPROVED = Q(status=MoneyDocument.Status.APPROVED)
PENDING = Q(status=MoneyDocument.Status.PENDING)


def show_proof(proof: TopUpProof | None) -> list[ShownFile]:
    """The proof of a transfer, under a link that works for a few minutes."""
    if proof is None:
        return []
    extension = proof.file.rpartition(".")[2]
    filename = f"{proof.proof_id}.{extension}"
    url, _expires_at = signed_link(proof.file, filename=filename)
    # Without the host: the reader may be here under another name than the merchants.
    return [ShownFile(urlsplit(url).path, filename, proof.media_type.startswith(PICTURES))]


class MoneyDocumentAdmin(ReadOnlyAdmin):
    """What the three kinds have in common."""

    document_kind = ""
    list_filter: tuple[Any, ...] = (
        ("status", ChoicesDropdownFilter),
        PARTNER_FILTER,
        ("amount", RangeNumericFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("partner",)
    ordering = ("-id",)
    list_before_template = "backoffice/totals.html"

    @display(description=_("status"), ordering="status", label=DOCUMENT_COLOURS)
    def status_badge(self, document: MoneyDocument) -> tuple[str, type_of_text]:
        """A badge."""
        return document.status, document.get_status_display()

    @display(description=_("amount"), ordering="amount")
    def signed_amount(self, document: Any) -> SafeString:
        """Red when it is below zero."""
        return money_of(document.amount)

    @display(description=_("approval"))
    def approval(self, document: MoneyDocument) -> SafeString | str:
        """A link to the decision."""
        approval = (
            Approval.objects.filter(kind=self.document_kind, subject_no=str(document))
            .order_by("-id")
            .first()
        )
        if approval is None:
            return "-"
        return link_to(
            reverse("admin:approvals_approval_change", args=(approval.pk,)),
            str(approval.get_status_display()),
        )


class ProofFilter(DropdownFilter):
    """Whether there is a picture or PDF of the transfer."""

    title = _("proof")
    parameter_name = "proof"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """With or without."""
        return [("yes", _("With proof")), ("no", _("Without proof"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[TopUp]) -> QuerySet[TopUp]:
        """By whether there is one."""
        if self.value() in ("yes", "no"):
            return queryset.filter(proof__isnull=self.value() == "no")
        return queryset


@admin.register(TopUp)
class TopUpAdmin(MoneyDocumentAdmin):
    """Money that came in, or is said to have."""

    document_kind = top_ups.KIND
    list_display = (
        "number", "partner", "status_badge", "signed_amount", "approved", "has_proof", "actor",
        "created_at",
    )  # fmt: skip
    list_filter = (*MoneyDocumentAdmin.list_filter, ProofFilter)
    search_fields = ("top_up_no", "reference", "partner__code", "partner__name")
    search_help_text = _("Number, reference or partner")
    fields = (
        ("top_up_no", "partner"), ("status", "approval"), ("amount", "approved_amount"),
        ("reference", "paid_at"), "note", ("actor", "created_at"), ("decided_by", "decided_at"),
        "reject_reason",
    )  # fmt: skip
    readonly_fields = ("approval",)
    totals = {
        _("pending amounts"): Sum("amount", filter=PENDING),
        _("approved amounts"): Sum("approved_amount"),
    }
    change_form_outer_after_template = "backoffice/top_up_proof.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With its proof."""
        top_up: TopUp = self.get_row(request, object_id)
        context = {"files": show_proof(top_up.proof), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    @display(description=_("top-up"), ordering="top_up_no", is_header=True)
    def number(self, top_up: TopUp) -> tuple[str, str]:
        """Over the reference of the transfer."""
        return top_up.top_up_no, top_up.reference

    @display(description=_("approved amount"), ordering="approved_amount")
    def approved(self, top_up: TopUp) -> SafeString | str:
        """What was booked."""
        return "-" if top_up.approved_amount is None else money_of(top_up.approved_amount)

    @display(description=_("proof"), label={"yes": "info"})
    def has_proof(self, top_up: TopUp) -> tuple[str, type_of_text] | str:
        """Whether there is something to look at."""
        return "" if top_up.proof_id is None else ("yes", _("Proof"))


@admin.register(Adjustment)
class AdjustmentAdmin(MoneyDocumentAdmin):
    """Balances put right."""

    document_kind = adjustments.KIND
    list_display = (
        "adjustment_no", "partner", "status_badge", "signed_amount", "reason", "actor",
        "decided_by", "created_at",
    )  # fmt: skip
    search_fields = ("adjustment_no", "reason", "partner__code", "partner__name")
    search_help_text = _("Number, reason or partner")
    fields = (
        ("adjustment_no", "partner"), ("status", "approval"), ("amount", "reason"),
        ("actor", "created_at"), ("decided_by", "decided_at"), "reject_reason",
    )  # fmt: skip
    readonly_fields = ("approval",)
    totals = {
        _("pending amounts"): Sum("amount", filter=PENDING),
        _("approved amounts"): Sum("amount", filter=APPROVED),
    }


@admin.register(Withdrawal)
class WithdrawalAdmin(MoneyDocumentAdmin):
    """Money paid back to merchants."""

    document_kind = withdrawals.KIND
    list_display = (
        "withdrawal_no", "partner", "status_badge", "signed_amount", "reference", "reason", "actor",
        "decided_by", "created_at",
    )  # fmt: skip
    search_fields = ("withdrawal_no", "reference", "reason", "partner__code", "partner__name")
    search_help_text = _("Number, reference, reason or partner")
    fields = (
        ("withdrawal_no", "partner"), ("status", "approval"), ("amount", "reference"), "reason",
        ("actor", "created_at"), ("decided_by", "decided_at"), "reject_reason",
    )  # fmt: skip
    readonly_fields = ("approval",)
    totals = {
        _("pending amounts"): Sum("amount", filter=PENDING),
        _("approved amounts"): Sum("amount", filter=APPROVED),
    }


# What the page of a decision shows


def _top_up_url(approval: Approval) -> str | None:
    top_up = TopUp.objects.filter(top_up_no=approval.subject_no).first()
    return None if top_up is None else page_of(top_up)


def _top_up_files(approval: Approval) -> list[ShownFile]:
    top_up = TopUp.objects.select_related("proof").filter(top_up_no=approval.subject_no).first()
    return [] if top_up is None else show_proof(top_up.proof)


def _adjustment_url(approval: Approval) -> str | None:
    adjustment = Adjustment.objects.filter(adjustment_no=approval.subject_no).first()
    return None if adjustment is None else page_of(adjustment)


def _withdrawal_url(approval: Approval) -> str | None:
    withdrawal = Withdrawal.objects.filter(withdrawal_no=approval.subject_no).first()
    return None if withdrawal is None else page_of(withdrawal)


def _partner_url(approval: Approval) -> str | None:
    partner = Partner.objects.filter(code=approval.subject_no).first()
    return None if partner is None else page_of(partner)


register_page(top_ups.KIND, KindPage(subject_url=_top_up_url, list_files=_top_up_files))
register_page(adjustments.KIND, KindPage(subject_url=_adjustment_url))
register_page(withdrawals.KIND, KindPage(subject_url=_withdrawal_url))
register_page(terms.CREDIT_LIMIT, KindPage(subject_url=_partner_url))
register_page(terms.ALERT_THRESHOLD, KindPage(subject_url=_partner_url))
