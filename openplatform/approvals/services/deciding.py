"""Deciding: the second person."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied

from openplatform.approvals.errors import AlreadyDecided, SecondPersonNeeded
from openplatform.approvals.kinds import KINDS, ApprovalKind
from openplatform.approvals.models import Approval
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import FieldInvalid, FieldRequired, NotFound
from openplatform.core.locking import transactional

MAX_REASON = 200


@transactional
def approve(*, approval_id: int, user: User, values: Mapping[str, Any], now: datetime) -> Approval:
    """Carry out what was asked for.

    1. Lock the approval; a second decision at the same time finds it decided.
    2. The decider holds the permission of the kind and is not the one who asked.
    3. Write the decision, then run the kind's step: the document, and last the wallet.

    :param values: JSON, what the decider added.
    :raises NotFound: when there is no such approval.
    :raises PermissionDenied: when the user may not decide this kind.
    :raises AlreadyDecided, SecondPersonNeeded: see the codes.
    """
    approval, kind = _lock(approval_id, user)
    _decide(approval, Approval.Status.APPROVED, user=user, note="", values=values, now=now)
    kind.apply(approval, values=values, actor=user.get_username(), now=now)
    return approval


@transactional
def reject(*, approval_id: int, user: User, reason: str, now: datetime) -> Approval:
    """Refuse what was asked for, with a reason.

    :raises FieldRequired, FieldInvalid: without a reason, or for one that is too long.
    :raises NotFound, PermissionDenied, AlreadyDecided, SecondPersonNeeded: as for ``approve``.
    """
    if not reason.strip():
        raise FieldRequired(pointer="/reason")
    if len(reason) > MAX_REASON:
        raise FieldInvalid(pointer="/reason", maximum=MAX_REASON)
    approval, kind = _lock(approval_id, user)
    _decide(approval, Approval.Status.REJECTED, user=user, note=reason, values={}, now=now)
    if kind.reject is not None:
        kind.reject(approval, reason=reason, actor=user.get_username(), now=now)
    return approval


def _lock(approval_id: int, user: User) -> tuple[Approval, ApprovalKind]:
    approval = Approval.objects.select_for_update(no_key=True).filter(pk=approval_id).first()
    if approval is None:
        raise NotFound
    kind = KINDS[approval.kind]
    if not user.has_perm(kind.permission):
        raise PermissionDenied(kind.permission)
    if approval.status != Approval.Status.PENDING:
        raise AlreadyDecided
    if approval.requested_by_id == user.pk or user.get_username() in approval.barred:
        raise SecondPersonNeeded
    return approval, kind


def _decide(
    approval: Approval,
    status: Approval.Status,
    *,
    user: User,
    note: str,
    values: Mapping[str, Any],
    now: datetime,
) -> None:
    before = {"status": approval.status}
    approval.status = status
    approval.decided_by = user
    approval.decided_at = now
    approval.decision_note = note
    approval.values = dict(values)
    approval.save(update_fields=["status", "decided_by", "decided_at", "decision_note", "values"])
    record_change(
        action="approve" if status == Approval.Status.APPROVED else "reject",
        subject=approval,
        before=before,
        after={"status": status.value, **values},
        actor=user.get_username(),
        partner_id=approval.partner_id,
        reason=note,
    )
