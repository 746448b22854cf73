"""Reads of decisions."""

from __future__ import annotations

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.db.models import QuerySet

from openplatform.approvals.kinds import KINDS
from openplatform.approvals.models import Approval
from openplatform.core.errors import type_of_text


def list_pending() -> QuerySet[Approval]:
    """What waits for a decision, the oldest first."""
    return Approval.objects.filter(status=Approval.Status.PENDING).order_by("requested_at", "id")


def list_pending_for(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Approval]:
    """What this user could decide: kinds that it may decide, asked for by others."""
    if not isinstance(user, User):
        return Approval.objects.none()
    kinds = [name for name, kind in KINDS.items() if user.has_perm(kind.permission)]
    if not kinds:
        return Approval.objects.none()
    return list_pending().filter(kind__in=kinds).exclude(requested_by=user)


def may_decide(approval: Approval, user: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether a decision by this user would be taken."""
    kind = KINDS.get(approval.kind)
    return (
        kind is not None
        and isinstance(user, User)
        and approval.status == Approval.Status.PENDING
        and approval.requested_by_id != user.pk
        and user.has_perm(kind.permission)
    )


def why_outdated(approval: Approval) -> type_of_text | None:
    """Why what waits can only be rejected; None when it can be approved, or is decided."""
    kind = KINDS.get(approval.kind)
    if kind is None or kind.refuses is None or approval.status != Approval.Status.PENDING:
        return None
    return kind.refuses(approval)
