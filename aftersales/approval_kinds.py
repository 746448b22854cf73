"""Which decisions on claims take a second person."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from aftersales.models import Claim
from aftersales.services import deciding, second_person
from aftersales.states import ClaimStatus
from openplatform.approvals.kinds import ApprovalKind
from openplatform.approvals.models import Approval
from openplatform.core.errors import type_of_text

Lines = list[tuple[type_of_text, type_of_text]]

ENDED = _("The claim has ended: this can only be rejected")


def describe_claim(approval: Approval) -> Lines:
    """What the first person granted, how the claim stands now, and what was written since."""
    data = approval.data
    claim = (
        Claim.objects.select_related("suborder", "reason").filter(aftersale_no=approval.subject_no)
    ).get()
    lines: Lines = [
        (_("Claim"), claim.aftersale_no),
        (_("Suborder"), claim.suborder.order_no),
        (_("Type"), claim.get_type_display()),
        (_("Reason"), claim.reason.shown_name),
        (_("State"), claim.get_status_display()),
        (_("Refund"), _amount(data["amount"])),
        (_("of it freight"), _amount(data["freight_amount"])),
    ]
    lines += [
        (f"{line['sku']}", f"{line['quantity']} · {_amount(line['amount'])}")
        for line in data["lines"].values()
    ]
    if approval.status == Approval.Status.PENDING:
        lines += _list_news(approval, claim)
    return lines


def refuse_ended(approval: Approval) -> type_of_text | None:
    """That the claim has ended, which is why it would not be carried out."""
    status = Claim.objects.values_list("status", flat=True).get(aftersale_no=approval.subject_no)
    return None if status == ClaimStatus.SUBMITTED else ENDED


def _list_news(approval: Approval, claim: Claim) -> Lines:
    """What whoever decides has to know of the time since it was asked for."""
    news: Lines = []
    if count := second_person.count_notes_since(approval, claim):
        text = ngettext(
            "%(count)d note was written on the claim: read it first",
            "%(count)d notes were written on the claim: read them first",
            count,
        )
        news.append((_("Since it was asked for"), text % {"count": count}))
    if claim.status != ClaimStatus.SUBMITTED:
        news.append((_("Outdated"), ENDED))
    return news


def _amount(text: str) -> str:
    return f"{Decimal(text):,.2f}"


KINDS = (
    ApprovalKind(
        name=second_person.KIND,
        title=_("Claim"),
        permission="aftersales.decide_large_claim",
        apply=deciding.apply_claim_approval,
        describe=describe_claim,
        refuses=refuse_ended,
    ),
)
