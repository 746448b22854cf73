"""What top-ups, adjustments and withdrawals have in common: amounts, reasons, decisions."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import Decimal

from django.contrib.auth.models import User

from accounts.models import MoneyDocument
from openplatform.approvals.services.requesting import request_approval
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.errors import FieldInvalid, FieldRequired, StringInvalid
from openplatform.core.locking import require_transaction

MAX_REASON = 200
REFERENCE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)


def require_reason(reason: str) -> None:
    """:raises FieldRequired, FieldInvalid: without one, or for one that is too long."""
    if not reason.strip():
        raise FieldRequired(pointer="/reason")
    if len(reason) > MAX_REASON:
        raise FieldInvalid(pointer="/reason", maximum=MAX_REASON)


def require_reference(reference: str) -> None:
    """:raises StringInvalid: unless it is ``[A-Za-z0-9._-]{1,64}``, in every door the same."""
    if not REFERENCE.fullmatch(reference):
        raise StringInvalid(pointer="/reference")


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


def submit(
    document: MoneyDocument,
    *,
    kind: str,
    facts: Mapping[str, str],
    actor: str,
    user: User | None,
    requester: str,
    reason: str,
    barred: Collection[str] = (),
) -> None:
    """Step: have another person decide on a document just written, and keep who wrote it.

    :param facts: its amount and reference, for the decider and the audit trail.
    :param user: the member of staff who entered it; None when the merchant reported it.
    :param barred: names of staff who may not decide on it either.
    """
    request_approval(
        kind=kind,
        subject_no=str(document),
        partner_id=document.partner_id,
        data=facts,
        reason=reason,
        requested_by=user,
        requester=requester,
        barred=barred,
    )
    record_change(
        action=f"{'report' if user is None else 'enter'}_{kind}",
        subject=document,
        before={},
        after={**facts, "status": document.status},
        actor=actor,
        partner_id=document.partner_id,
        reason=reason,
    )


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
