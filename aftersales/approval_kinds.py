"""Which decisions on claims take a second person."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from aftersales.models import Claim
from aftersales.services import deciding, second_person
from openplatform.approvals.kinds import ApprovalKind
from openplatform.approvals.models import Approval
from openplatform.core.errors import type_of_text

Lines = list[tuple[type_of_text, type_of_text]]


def describe_claim(approval: Approval) -> Lines:
    """What the first person granted, and how the claim stands now."""
    data = approval.data
    claim = (
        Claim.objects.select_related("suborder", "reason").filter(aftersale_no=approval.subject_no)
    ).get()
    lines: Lines = [
        (_("Claim"), claim.aftersale_no),
        (_("Suborder"), claim.suborder.order_no),
        (_("Type"), claim.get_type_display()),
        (_("Reason"), claim.reason.name),
        (_("State"), claim.get_status_display()),
        (_("Refund"), _amount(data["amount"])),
        (_("of it freight"), _amount(data["freight_amount"])),
    ]
    lines += [
        (f"{line['sku']}", f"{line['quantity']} · {_amount(line['amount'])}")
        for line in data["lines"].values()
    ]
    if approval.status == Approval.Status.PENDING and _is_moot(claim, data["version"]):
        lines.append(
            (
                _("Outdated"),
                _("The claim has changed since: this can only be rejected, and asked for anew"),
            )
        )
    return lines


def _is_moot(claim: Claim, version: int) -> bool:
    return claim.status not in deciding.DECIDABLE or claim.version != version


def _amount(text: str) -> str:
    return f"{Decimal(text):,.2f}"


KINDS = (
    ApprovalKind(
        name=second_person.KIND,
        title=_("Claim"),
        permission="aftersales.decide_large_claim",
        apply=deciding.apply_claim_approval,
        describe=describe_claim,
    ),
)
