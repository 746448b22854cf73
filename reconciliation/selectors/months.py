"""Months of the platform's calendar, as finance closes them, and the kinds of periods."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Self

from django.db.models import DateField, ExpressionWrapper, F, Q, QuerySet
from django.db.models.functions import ExtractDay, TruncMonth

from openplatform.core.clock import PLATFORM_ZONE, YEARS
from reconciliation.models import Statement
from reconciliation.selectors.periods import PeriodKind

MONTH_LENGTH = len("2026-10")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month: ``first`` and ``last`` are its days at the ends."""

    first: date

    @classmethod
    def of(cls, day: date) -> Self:
        """The month that has this day."""
        return cls(day.replace(day=1))

    @classmethod
    def running(cls, now: datetime) -> Self:
        """The month that is not over yet."""
        return cls.of(now.astimezone(PLATFORM_ZONE).date())

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The month of a text like ``2026-10``; None for any other."""
        try:
            first = date.fromisoformat(f"{text}-01") if len(text) == MONTH_LENGTH else None
        except ValueError:
            return None
        return cls(first) if first is not None and first.year in YEARS else None

    @property
    def before(self) -> Month:
        """The month before."""
        return Month.of(self.first - timedelta(days=1))

    @property
    def after(self) -> Month:
        """The month after."""
        return Month.of(self.first + timedelta(days=31))

    @property
    def last(self) -> date:
        """Its last day."""
        return self.after.first - timedelta(days=1)

    @property
    def ends_at(self) -> datetime:
        """The midnight after its last day."""
        return datetime.combine(self.after.first, datetime.min.time(), PLATFORM_ZONE)

    def __str__(self) -> str:
        return f"{self.first:%Y-%m}"


def last_months(count: int, *, now: datetime) -> list[Month]:
    """So many months that are over, the latest first."""
    months = [Month.running(now).before]
    while len(months) < count:
        months.append(months[-1].before)
    return months


def of_kind(statements: QuerySet[Statement], kind: str) -> QuerySet[Statement]:
    """Those of one kind."""
    after = ExpressionWrapper(F("period_end") + timedelta(days=1), output_field=DateField())
    is_day = Q(period_start=F("period_end"))
    is_month = Q(starts_on=1, goes_on_at=1, period_start=TruncMonth("period_end"))
    asked = {PeriodKind.DAY: is_day, PeriodKind.MONTH: is_month}
    return statements.alias(
        starts_on=ExtractDay("period_start"), goes_on_at=ExtractDay(after)
    ).filter(asked.get(PeriodKind(kind), ~is_day & ~is_month))
