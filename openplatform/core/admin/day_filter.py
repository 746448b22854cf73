"""Days in a list's filter: whole ones, of the platform's time zone."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateFilter
from unfold.utils import parse_date_str

from openplatform.core.clock import PLATFORM_ZONE


class DayRangeFilter(RangeDateFilter):
    """From the beginning of one day to the end of another; unfold's own ends as its last day
    begins, in no time zone.
    """

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Rows of those days; a day that cannot be read does not count."""
        first, last = self._day("from"), self._day("to")
        if first is not None:
            queryset = queryset.filter(**{f"{self.field_path}__gte": _start_of(first)})
        if last is not None and last < date.max:
            end = _start_of(last + timedelta(days=1))
            queryset = queryset.filter(**{f"{self.field_path}__lt": end})
        return queryset

    def _day(self, name: str) -> date | None:
        text = self.used_parameters.get(f"{self.field_path}_{name}")
        day = parse_date_str(text) if isinstance(text, str) else None
        return day.date() if isinstance(day, datetime) else day


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, PLATFORM_ZONE)
