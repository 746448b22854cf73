"""Money of a merchant's own that is paid back to it: entered by one, booked by another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from accounts.errors import ReferenceConflict
from accounts.models import LedgerEntry, Withdrawal
from accounts.services import wallet
from accounts.services.locks import lock_partner
from accounts.services.money_documents import (
    exact_amount,
    mark_approved,
    mark_rejected,
    require_reason,
    require_reference,
    submit,
)
from openplatform.approvals.models import Approval
from openplatform.core import money
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional

KIND = "withdrawal"


@transactional
def enter_withdrawal(
    *,
    partner_code: str,
    amount: Decimal,
    reference: str,
    reason: str,
    user: User,
    now: datetime,
) -> Withdrawal:
    """A payment back to the merchant that waits for a second person.

    Whether the merchant's own money covers it is decided when it is booked.

    :raises NotFound: when there is no such partner.
    :raises FieldRequired: without a reason.
    :raises FieldInvalid: unless the amount is positive, in whole cents and below a trillion.
    :raises StringInvalid: for a reference that is none.
    :raises ReferenceConflict: when the reference stands for another withdrawal.
    """
    require_reason(reason)
    require_reference(reference)
    amount = exact_amount(amount)
    partner = lock_partner(code=partner_code)
    known = Withdrawal.objects.filter(partner=partner, reference=reference)
    if (other := known.exclude(status=Withdrawal.Status.REJECTED).first()) is not None:
        raise ReferenceConflict(pointer="/reference", withdrawal_no=other.withdrawal_no)
    actor = user.get_username()
    withdrawal = Withdrawal.objects.create(
        withdrawal_no=dated_no("W", now),
        partner=partner,
        amount=amount,
        reference=reference,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    submit(
        withdrawal,
        kind=KIND,
        facts={"amount": money.to_text(amount), "reference": reference},
        actor=actor,
        user=user,
        requester=actor,
        reason=reason,
    )
    return withdrawal


def apply_withdrawal(
    approval: Approval, *, values: Mapping[str, Any], actor: str, now: datetime
) -> None:
    """Step: book it, from the merchant's own money that no order holds.

    :raises BalanceInsufficient: when that does not cover it.
    """
    require_transaction()
    withdrawal = Withdrawal.objects.select_for_update(no_key=True).get(
        withdrawal_no=approval.subject_no
    )
    mark_approved(withdrawal, actor=actor, now=now)
    wallet.book(
        partner_id=withdrawal.partner_id,
        kind=LedgerEntry.Kind.WITHDRAWAL,
        amount=-withdrawal.amount,
        document=LedgerEntry.Document.WITHDRAWAL,
        document_no=withdrawal.withdrawal_no,
        note=withdrawal.reason,
        actor=actor,
        own_money_only=True,
    )


def reject_withdrawal(approval: Approval, *, reason: str, actor: str, now: datetime) -> None:
    """Step: no money moves, and the reference may be used again."""
    withdrawal = Withdrawal.objects.select_for_update(no_key=True).get(
        withdrawal_no=approval.subject_no
    )
    mark_rejected(withdrawal, reason=reason, actor=actor, now=now)


def _lock(approval: Approval) -> Withdrawal:
    locked = Withdrawal.objects.select_for_update(no_key=True)
    return locked.get(withdrawal_no=approval.subject_no)
