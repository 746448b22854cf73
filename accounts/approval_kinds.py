"""What finance decides in twos."""

from __future__ import annotations

from decimal import Decimal

from django.utils.translation import gettext_lazy as _

from accounts.models import TopUp
from accounts.services import adjustments, terms, top_ups, withdrawals
from openplatform.approvals.kinds import ApprovalKind
from openplatform.approvals.models import Approval
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import type_of_text

Lines = list[tuple[type_of_text, type_of_text]]


def describe_top_up(approval: Approval) -> Lines:
    """The transfer as it was reported."""
    top_up = TopUp.objects.get(top_up_no=approval.subject_no)
    lines: Lines = [
        (_("Top-up"), top_up.top_up_no),
        (_("Amount"), _amount(str(top_up.amount))),
        (_("Reference"), top_up.reference),
    ]
    if top_up.paid_at is not None:
        lines.append((_("Paid at"), f"{top_up.paid_at.astimezone(PLATFORM_ZONE):%Y-%m-%d %H:%M}"))
    return lines


def describe_adjustment(approval: Approval) -> Lines:
    """By how much the balance changes."""
    return [
        (_("Adjustment"), approval.subject_no),
        (_("Amount"), _amount(approval.data["amount"])),
    ]


def describe_withdrawal(approval: Approval) -> Lines:
    """What is paid back."""
    return [
        (_("Withdrawal"), approval.subject_no),
        (_("Amount"), _amount(approval.data["amount"])),
        (_("Reference"), approval.data["reference"]),
    ]


def describe_term(approval: Approval) -> Lines:
    """From what to what."""
    return [
        (_("Before"), _amount(approval.data["before"])),
        (_("After"), _amount(approval.data["after"])),
    ]


def _amount(text: str) -> str:
    return f"{Decimal(text):,.2f}"


KINDS = (
    ApprovalKind(
        name=top_ups.KIND,
        title=_("Top-up"),
        permission="accounts.decide_topup",
        apply=top_ups.apply_top_up,
        reject=top_ups.reject_top_up,
        describe=describe_top_up,
        form="accounts.forms.money.ApproveTopUpForm",
    ),
    ApprovalKind(
        name=adjustments.KIND,
        title=_("Adjustment"),
        permission="accounts.decide_adjustment",
        apply=adjustments.apply_adjustment,
        reject=adjustments.reject_adjustment,
        describe=describe_adjustment,
    ),
    ApprovalKind(
        name=withdrawals.KIND,
        title=_("Withdrawal"),
        permission="accounts.decide_withdrawal",
        apply=withdrawals.apply_withdrawal,
        reject=withdrawals.reject_withdrawal,
        describe=describe_withdrawal,
    ),
    ApprovalKind(
        name=terms.CREDIT_LIMIT,
        title=_("Credit limit"),
        permission="accounts.decide_wallet",
        apply=terms.apply_term,
        describe=describe_term,
    ),
    ApprovalKind(
        name=terms.ALERT_THRESHOLD,
        title=_("Alert threshold"),
        permission="accounts.decide_wallet",
        apply=terms.apply_term,
        describe=describe_term,
    ),
)
