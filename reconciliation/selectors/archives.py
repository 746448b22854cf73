"""The files of a period's statements, of all merchants, and how many statements have none yet."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from django.db.models import Count, QuerySet

from reconciliation.models import Statement, StatementFile
from reconciliation.states import PaperStatus


def list_archive_files(
    *, first: date, last: date, formats: Collection[str], languages: Collection[str]
) -> QuerySet[StatementFile]:
    """Of the ready statements of exactly this period, by merchant; with statement and partner."""
    return (
        StatementFile.objects.filter(
            statement__period_start=first,
            statement__period_end=last,
            statement__status=PaperStatus.READY,
            format__in=formats,
            language__in=languages,
        )
        .select_related("statement__partner")
        .order_by("statement__partner__code", "language", "format")
    )


def count_statements(*, first: date, last: date) -> dict[str, int]:
    """How many statements of exactly this period are in each state."""
    rows = (
        Statement.objects.filter(period_start=first, period_end=last)
        .order_by()
        .values_list("status")
        .annotate(Count("id"))
    )
    return {status.value: 0 for status in PaperStatus} | dict(rows)
