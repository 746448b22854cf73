"""Rows that are kept for a while only."""

from __future__ import annotations

from datetime import timedelta

from django.db.models import Model, QuerySet
from django.db.models.functions import Now

BATCH = 5000  # rows to a statement, so that each stays within its time-out


def prune(rows: QuerySet[Model], *, kept_days: int) -> int:
    """Delete, of these rows, what is older than so many days, a batch at a time.

    Each batch is a transaction of its own. It may run twice at once.

    :param rows: of a table with an index on ``created_at``, to which nothing refers.
    :returns: how many went.
    """
    old = rows.filter(created_at__lt=Now() - timedelta(days=kept_days)).order_by("created_at")
    return delete_in_batches(old)


def delete_in_batches(old: QuerySet[Model]) -> int:
    """The same of rows that are known to be old, in an order that an index gives."""
    pruned = 0
    while gone := old.model._default_manager.filter(pk__in=old.values("pk")[:BATCH]).delete()[0]:
        pruned += gone
    return pruned
