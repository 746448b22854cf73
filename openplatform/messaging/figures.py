"""How webhook endpoints do, in numbers: how often they failed, how fast they answered."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.errors import type_of_text
from openplatform.core.statements import send
from openplatform.messaging.models import WebhookAttempt, WebhookEndpoint

MAX_ATTEMPTS = 100_000  # the newest of a span; to read more would make the page wait
SHOWN_FAULTS = 5
TROUBLE_SHOWN = timedelta(days=14)
OK_CODES = (200, 299)

LAST_SUCCESS = """
    SELECT endpoint.id, (
        SELECT started_at FROM messaging_webhookattempt AS attempt
        WHERE attempt.endpoint_id = endpoint.id AND attempt.status_code BETWEEN 200 AND 299
        ORDER BY started_at DESC LIMIT 1
    )
    FROM unnest(%(ids)s::bigint[]) AS endpoint (id)
"""
RECENT = """
    SELECT started_at, duration_ms, status_code, error,
        coalesce(status_code BETWEEN 200 AND 299, false) AS is_taken
    FROM messaging_webhookattempt
    WHERE endpoint_id = %(endpoint)s AND started_at > %(since)s AND started_at <= %(now)s
    ORDER BY started_at DESC LIMIT %(most)s
"""
# The row without a moment is of the whole span.
BY_STRETCH = f"""
    SELECT date_bin(%(stretch)s::interval, started_at, %(origin)s::timestamptz) AS starts_at,
        count(*), count(*) FILTER (WHERE is_taken),
        percentile_disc(0.5) WITHIN GROUP (ORDER BY duration_ms)
            FILTER (WHERE status_code IS NOT NULL),
        percentile_disc(0.95) WITHIN GROUP (ORDER BY duration_ms)
            FILTER (WHERE status_code IS NOT NULL),
        min(started_at)
    FROM ({RECENT}) AS recent
    GROUP BY GROUPING SETS ((starts_at), ())
"""  # noqa: S608 - of constants
FAULTS = f"""
    SELECT status_code, error, count(*), max(started_at)
    FROM ({RECENT}) AS recent WHERE NOT is_taken
    GROUP BY status_code, error ORDER BY count(*) DESC, max(started_at) DESC LIMIT %(faults)s
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Span:
    """A time to look back over, cut into stretches of which each is one bar."""

    name: str
    title: type_of_text
    length: timedelta
    stretch: timedelta
    stretch_title: type_of_text
    form: str  # of a stretch's beginning, for strftime


SPANS: Mapping[str, Span] = {
    span.name: span
    for span in (
        Span(
            "24h", _("24 hours"), timedelta(days=1), timedelta(hours=1),
            pgettext_lazy("of attempts", "per hour"), "%H:%M",
        ),
        Span(
            "7d", _("7 days"), timedelta(days=7), timedelta(hours=6),
            pgettext_lazy("of attempts", "per 6 hours"), "%m-%d %H:%M",
        ),
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stretch:
    """The attempts that began in one stretch of a span; latency in milliseconds, of those that
    were answered at all.
    """

    starts_at: datetime
    attempts: int = 0
    taken: int = 0
    median_ms: int | None = None
    slow_ms: int | None = None  # 95 % were answered within it

    @property
    def failures(self) -> int:
        """Attempts that were not taken."""
        return self.attempts - self.taken


@dataclass(frozen=True, slots=True)
class Fault:
    """Attempts that failed for one reason. ``status_code`` None: there was no answer."""

    status_code: int | None
    error: str
    count: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Figures:
    """An endpoint over a span. ``is_cut``: of so many attempts that only the newest count, those
    from ``whole.starts_at`` on.
    """

    span: Span
    whole: Stretch
    stretches: Sequence[Stretch]
    faults: Sequence[Fault]
    is_cut: bool
    until: datetime

    @property
    def failure_percent(self) -> float | None:
        """Of all attempts; None when there were none."""
        return 100 * self.whole.failures / self.whole.attempts if self.whole.attempts else None

    @property
    def per_hour(self) -> float:
        """Deliveries that were taken, on average over the span, or over the part that counts."""
        if not self.is_cut:
            return self.whole.taken / (self.span.length / timedelta(hours=1))
        hours = (self.until - self.whole.starts_at) / timedelta(hours=1)
        return self.whole.taken / max(hours, 1 / 60)


def list_last_successes(endpoint_pks: Collection[int]) -> dict[int, datetime | None]:
    """When each of these endpoints last took a message, of the attempts that are kept."""
    return dict(send(LAST_SUCCESS, {"ids": list(endpoint_pks)}).rows())


def get_figures(*, endpoint_id: int, span: Span, now: datetime) -> Figures:
    """How an endpoint did over a span, stretch by stretch up to now."""
    midnight = now.astimezone(PLATFORM_ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    origin = midnight - span.length
    passed = (now - origin) // span.stretch
    count = span.length // span.stretch
    first = origin + (passed - count + 1) * span.stretch
    asked: dict[str, Any] = {
        "endpoint": endpoint_id, "since": first, "now": now, "most": MAX_ATTEMPTS,
    }  # fmt: skip
    rows = send(BY_STRETCH, {**asked, "stretch": span.stretch, "origin": origin}).rows()
    faults = send(FAULTS, {**asked, "faults": SHOWN_FAULTS}).rows()
    known = {row[0]: Stretch(*row[:5]) for row in rows if row[0] is not None}
    # Without a GROUP BY column there is a row even when there were no attempts.
    [(_none, attempts, taken, median, slow, oldest)] = [row for row in rows if row[0] is None]
    starts = [first + index * span.stretch for index in range(count)]
    return Figures(
        span=span,
        whole=Stretch(oldest or first, attempts, taken, median, slow),
        stretches=[known.get(start, Stretch(start)) for start in starts],
        faults=[Fault(*row) for row in faults],
        is_cut=attempts >= MAX_ATTEMPTS,
        until=now,
    )


def list_recent_attempts(
    *, endpoint_id: int, since: datetime, failed_only: bool
) -> QuerySet[WebhookAttempt]:
    """An endpoint's attempts, the newest first, each with its delivery.

    :param failed_only: those that were not taken.
    """
    attempts = WebhookAttempt.objects.filter(endpoint_id=endpoint_id, started_at__gte=since)
    if failed_only:
        attempts = attempts.exclude(status_code__range=OK_CODES, status_code__isnull=False)
    return attempts.order_by("-started_at", "-id").select_related("delivery")


def list_troubled_endpoints(*, now: datetime) -> QuerySet[WebhookEndpoint]:
    """Endpoints that fail now, or were disabled for it in the last two weeks, which is long enough
    for somebody to have called the partner.
    """
    lately = Q(
        status=WebhookEndpoint.Status.DISABLED,
        disabled_reason__in=(
            WebhookEndpoint.DisabledReason.FAILING,
            WebhookEndpoint.DisabledReason.GONE,
        ),
        updated_at__gt=now - TROUBLE_SHOWN,
    )
    return WebhookEndpoint.objects.filter(
        Q(status=WebhookEndpoint.Status.FAILING) | lately, deleted_at=None
    ).order_by("failing_since", "id")
