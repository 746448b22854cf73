"""What top-ups, adjustments and withdrawals have in common: amounts, reasons, decisions."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from accounts.models import MoneyDocument
from openplatform.core import money
from openplatform.core.errors import FieldInvalid, FieldRequired
from openplatform.core.locking import require_transaction

MAX_REASON = 200


def require_reason(reason: str) -> None:
    """:raises FieldRequired, FieldInvalid: without one, or for one that is too long."""
    if not reason.strip():
        raise FieldRequired(pointer="/reason")
    if len(reason) > MAX_REASON:
        raise FieldInvalid(pointer="/reason", maximum=MAX_REASON)


def exact_amount(
    amount: Decimal, *, pointer: str = "/amount", minimum: Decimal = money.CENT
) -> Decimal:
    """The amount with two places.

    :raises FieldInvalid: below the minimum, with parts of a cent, or of a trillion and more.
    """
    is_in_range = amount.is_finite() and abs(amount) < money.LIMIT and amount >= minimum
    if not is_in_range or amount != money.round_amount(amount):
        raise FieldInvalid(pointer=pointer)
    return money.round_amount(amount)


def mark_approved(
    document: MoneyDocument, *, actor: str, now: datetime, fields: tuple[str, ...] = ()
) -> None:
    """Step: approved, with ``fields`` of its own that were set beside."""
    require_transaction()
    document.status = MoneyDocument.Status.APPROVED
    document.decided_by, document.decided_at = actor, now
    document.save(update_fields=["status", "decided_by", "decided_at", *fields])


def mark_rejected(document: MoneyDocument, *, reason: str, actor: str, now: datetime) -> None:
    """Step: rejected for a reason; no money moves."""
    require_transaction()
    document.status = MoneyDocument.Status.REJECTED
    document.decided_by, document.decided_at, document.reject_reason = actor, now, reason
    document.save(update_fields=["status", "decided_by", "decided_at", "reject_reason"])
