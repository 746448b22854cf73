"""Ways into the trail."""

from __future__ import annotations

from django.db.models import Model
from django.urls import reverse


def url_of_subject(subject: Model) -> str:
    """What became of one row."""
    return reverse(
        "admin:audit_auditentry_changelist",
        query={"subject_type": subject._meta.label_lower, "subject_id": str(subject.pk)},
    )


def url_of_partner(partner_id: int) -> str:
    """What was changed about a partner, its keys and its money."""
    return reverse(
        "admin:audit_auditentry_changelist", query={"partner__id__exact": str(partner_id)}
    )
