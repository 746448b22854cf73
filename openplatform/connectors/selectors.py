"""How providers did, by our own count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from django.db.models import QuerySet
from django.db.models.functions import Now

from openplatform.connectors.models import Provider
from openplatform.core.statements import send

MONTHS = """
    SELECT date_trunc('month', created_at AT TIME ZONE 'Asia/Shanghai')::date AS month,
        count(*) AS calls,
        count(*) FILTER (WHERE outcome IN ('answered', 'unknown_parcel')) AS good,
        count(*) FILTER (WHERE cost > 0) AS charged,
        coalesce(sum(cost), 0) AS cost,
        coalesce(round(avg(milliseconds)), 0)::int AS average,
        coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY milliseconds), 0)::int AS slow
    FROM connectors_providercall
    WHERE provider_id = %s AND created_at >= %s
    GROUP BY 1 ORDER BY 1 DESC
"""


@dataclass(frozen=True, slots=True)
class Month:
    """A calendar month of one provider. ``slow`` is what 95 of 100 calls did not take, in ms."""

    first_day: date
    calls: int
    good: int
    charged: int
    cost: Decimal
    average: int
    slow: int


def list_months(*, provider_id: int, since: datetime) -> list[Month]:
    """The newest first. To hold against a bill: the charged calls and what they cost."""
    return [Month(*row) for row in send(MONTHS, [provider_id, since]).rows()]


def list_resting() -> QuerySet[Provider]:
    """Providers in use that failed, and are not asked for a while."""
    return Provider.objects.filter(is_enabled=True, resting_until__gt=Now())
