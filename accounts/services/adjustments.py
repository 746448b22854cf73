"""A balance put right, up or down: entered by one, booked by another."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from accounts.models import Adjustment, LedgerEntry
from accounts.services import wallet
from accounts.services.locks import lock_partner
from accounts.services.money_documents import (
    exact_amount,
    mark_approved,
    mark_rejected,
    require_reason,
    submit,
)
from openplatform.approvals.models import Approval
from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import require_transaction, transactional

KIND = "adjustment"


@transactional
def enter_adjustment(
    *, partner_code: str, amount: Decimal, reason: str, user: User, now: datetime
) -> Adjustment:
    """A correction that waits for a second person.

    :param amount: negative takes from the balance, below zero too: what is wrong is put right.
    :raises NotFound: when there is no such partner.
    :raises FieldRequired: without a reason.
    :raises FieldInvalid: for zero, parts of a cent, or a trillion.
    """
    require_reason(reason)
    amount = exact_amount(amount, minimum=-money.LIMIT)
    if not amount:
        raise FieldInvalid(pointer="/amount")
    partner = lock_partner(code=partner_code)
    actor = user.get_username()
    adjustment = Adjustment.objects.create(
        adjustment_no=dated_no("A", now),
        partner=partner,
        amount=amount,
        reason=reason,
        actor=actor,
        created_at=now,
    )
    submit(
        adjustment,
        kind=KIND,
        facts={"amount": money.to_text(amount)},
        actor=actor,
        user=user,
        requester=actor,
        reason=reason,
    )
    return adjustment


def apply_adjustment(
    approval: Approval, *, values: Mapping[str, Any], actor: str, now: datetime
) -> None:
    """Step: book it.

    :raises FieldInvalid: when the balance would be more than a wallet holds.
    """
    require_transaction()
    adjustment = Adjustment.objects.select_for_update(no_key=True).get(
        adjustment_no=approval.subject_no
    )
    mark_approved(adjustment, actor=actor, now=now)
    wallet.book(
        partner_id=adjustment.partner_id,
        kind=LedgerEntry.Kind.ADJUSTMENT,
        amount=adjustment.amount,
        document=LedgerEntry.Document.ADJUSTMENT,
        document_no=adjustment.adjustment_no,
        note=adjustment.reason,
        actor=actor,
    )


def reject_adjustment(approval: Approval, *, reason: str, actor: str, now: datetime) -> None:
    """Step: no money moves."""
    adjustment = Adjustment.objects.select_for_update(no_key=True).get(
        adjustment_no=approval.subject_no
    )
    mark_rejected(adjustment, reason=reason, actor=actor, now=now)


def _lock(approval: Approval) -> Adjustment:
    locked = Adjustment.objects.select_for_update(no_key=True)
    return locked.get(adjustment_no=approval.subject_no)
