"""Asking for a decision."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from openplatform.approvals.errors import AlreadyWaiting
from openplatform.approvals.kinds import KINDS
from openplatform.approvals.models import Approval
from openplatform.core.locking import require_transaction


def is_waiting(*, kind: str, subject_no: str) -> bool:
    """Whether the same subject waits for a decision of this kind."""
    return Approval.objects.filter(
        kind=kind, subject_no=subject_no, status=Approval.Status.PENDING
    ).exists()


def request_approval(
    *,
    kind: str,
    subject_no: str,
    partner_id: int | None,
    data: Mapping[str, Any],
    reason: str,
    requested_by: User | None,
    requester: str,
    barred: Collection[str] = (),
) -> Approval:
    """Step: have another person decide.

    :param data: JSON, all that the kind needs to carry it out.
    :param barred: names of others who cannot decide it, having had a hand in it.
    :param requested_by: the member of staff who asks, who then cannot decide; None for a merchant.
    :raises KeyError: for a kind that nobody registered.
    :raises AlreadyWaiting: when the same subject waits for a decision of this kind.
    """
    require_transaction()
    # Looked for first: inserting beside one that is being decided would wait for the decider, who
    # may wait for the lock that our caller holds. The constraint is there for the rest.
    if is_waiting(kind=kind, subject_no=subject_no):
        raise AlreadyWaiting
    try:
        with transaction.atomic():
            return Approval.objects.create(
                kind=KINDS[kind].name,
                subject_no=subject_no,
                partner_id=partner_id,
                data=dict(data),
                reason=reason,
                requested_by=requested_by,
                requester=requester,
                barred=list(barred),
            )
    except IntegrityError as error:
        raise AlreadyWaiting from error
