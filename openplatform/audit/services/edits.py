"""Edits of the back office in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db.models import Model

from openplatform.audit.services.recording import record_change

PARTNER = "accounts.partner"


def record_edit(
    *,
    action: str,
    subject: Model,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    actor: str,
) -> None:
    """Step: an edit by a form of the back office."""
    record_change(
        action=action,
        subject=subject,
        before=before,
        after=after,
        actor=actor,
        partner_id=partner_of(subject),
    )


def partner_of(subject: Model) -> int | None:
    """Whose row it is: the partner itself, or the one that it names."""
    if subject._meta.label_lower == PARTNER:
        return int(subject.pk)
    partner_id: int | None = getattr(subject, "partner_id", None)
    return partner_id
