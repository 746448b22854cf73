"""The one way into the audit trail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import structlog
from django.db.models import Model

from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from openplatform.core.admin.edits import name_of
from openplatform.core.locking import require_transaction

MAX_ID = 64
MAX_LABEL = 200
MAX_REASON = 200
MAX_ACTOR = 150
BATCH = 500


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one row; fields that are the same before and after are left out."""

    subject: Model
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    partner_id: int | None = None


def record_change(
    *,
    action: str,
    subject: Model,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: str,
    partner_id: int | None = None,
    reason: str = "",
) -> None:
    """Step: what somebody changed, in the transaction of the change.

    Of ``before`` and ``after`` the fields that differ are kept. The request's id and the caller's
    address come from the context of the logs; a command has neither.

    :param action: what was done, a verb with its object: ``change_credit_limit``.
    :param actor: a user name, ``key:op_xxxxxxxx`` for a partner's program, or a command's name.
    """
    record_changes(
        action=action,
        changes=[Change(subject, before, after, partner_id)],
        actor=actor,
        reason=reason,
    )


def record_changes(*, action: str, changes: Iterable[Change], actor: str, reason: str = "") -> None:
    """Step: one entry for each of many rows that one act changed."""
    require_transaction()
    AuditEntry.objects.bulk_create(
        (
            _entry(
                action=action,
                subject_type=change.subject._meta.label_lower,
                subject_id=str(change.subject.pk),
                subject_label=name_of(change.subject),
                partner_id=change.partner_id,
                before=change.before,
                after=change.after,
                actor=actor,
                reason=reason,
            )
            for change in changes
        ),
        batch_size=BATCH,
    )


def record_run(
    *, action: str, kind: str, number: str, label: str, outcome: Mapping[str, Any], actor: str
) -> None:
    """Step: something that was run over many rows, such as an import: one entry for all of it.

    :param kind: what was run, in the place of a table's name: ``imports.products``.
    :param number: by which the run is found again.
    """
    require_transaction()
    _entry(
        action=action,
        subject_type=kind,
        subject_id=number,
        subject_label=label,
        partner_id=None,
        before={},
        after=outcome,
        actor=actor,
        reason="",
    ).save()


def _entry(
    *,
    action: str,
    subject_type: str,
    subject_id: str,
    subject_label: str,
    partner_id: int | None,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: str,
    reason: str,
) -> AuditEntry:
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    context = structlog.contextvars.get_contextvars()
    return AuditEntry(
        action=action,
        subject_type=subject_type,
        subject_id=subject_id[:MAX_ID],
        subject_label=subject_label[:MAX_LABEL],
        partner_id=partner_id,
        before={name: _as_json(before[name]) for name in names if name in before},
        after={name: _as_json(after[name]) for name in names if name in after},
        reason=reason[:MAX_REASON],
        actor=actor[:MAX_ACTOR],
        address=context.get("address"),
        request_id=context.get("request_id", ""),
    )


def _as_json(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return clock.to_text(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(name): _as_json(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_as_json(inner) for inner in value]
    return str(value)
