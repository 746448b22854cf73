"""The console of a webhook endpoint: rate, failures, latency, and the last attempts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from openplatform.core.clock import PLATFORM_ZONE
from openplatform.messaging.admin.shown import (
    DELIVERY_COLOURS,
    ENDPOINT_COLOURS,
    endpoint_badge,
)
from openplatform.messaging.delivery.letters import USER_AGENT
from openplatform.messaging.figures import (
    SPANS,
    Figures,
    get_figures,
    list_recent_attempts,
)
from openplatform.messaging.headers import masked_headers
from openplatform.messaging.models import (
    Message,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
)
from openplatform.messaging.selectors import message_document
from openplatform.messaging.signatures import ID_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER

SHOWN_ATTEMPTS = 20
SPAN, SHOW, FAILED = "span", "show", "failed"
HIDDEN = "********"
SENDING = ("enabled", "failing")


@dataclass(frozen=True, slots=True)
class ShownAttempt:
    """An attempt as the page shows it: a request and its answer.

    :param body: as it was sent; None when the message is gone.
    :param may_resend: whether there is a button for it.
    """

    attempt: WebhookAttempt
    delivery: WebhookDelivery
    is_taken: bool
    headers: Sequence[tuple[str, str]]
    body: str | None
    may_resend: bool

    @property
    def outcome(self) -> str:
        """The status code, or what went wrong without one."""
        code = self.attempt.status_code
        return str(code) if code is not None else _("no answer")

    @property
    def delivery_colour(self) -> str:
        """Of the badge."""
        return DELIVERY_COLOURS[self.delivery.status]


def console_of(request: HttpRequest, endpoint: WebhookEndpoint, *, now: datetime) -> dict[str, Any]:
    """What ``backoffice/webhook_console.html`` shows of an endpoint."""
    span = SPANS.get(request.GET.get(SPAN, ""), SPANS["24h"])
    failed_only = request.GET.get(SHOW) == FAILED
    figures = {
        name: get_figures(endpoint_id=endpoint.pk, span=each, now=now)
        for name, each in SPANS.items()
    }
    chosen = figures[span.name]
    context: dict[str, Any] = {
        "endpoint": endpoint,
        "badge": endpoint_badge(endpoint)[1],
        "colour": ENDPOINT_COLOURS[endpoint_badge(endpoint)[0]],
        "spans": list(figures.values()),
        "chosen": chosen,
        "failed_only": failed_only,
        "deliveries_url": reverse(
            "admin:messaging_webhookdelivery_changelist",
            query={"endpoint__id__exact": str(endpoint.pk)},
        ),
        "attempts_chart": _chart_of_attempts(chosen) if chosen.whole.attempts else "",
        "latency_chart": _chart_of_latency(chosen) if chosen.whole.median_ms is not None else "",
    }
    if request.user.has_perm("messaging.view_webhookattempt"):
        attempts = list_recent_attempts(
            endpoint_id=endpoint.pk, since=figures["7d"].whole.starts_at, failed_only=failed_only
        )[:SHOWN_ATTEMPTS]
        context["attempts"] = show_attempts(request, endpoint, attempts)
    return context


def show_attempts(
    request: HttpRequest, endpoint: WebhookEndpoint, attempts: Iterable[WebhookAttempt]
) -> list[ShownAttempt]:
    """Attempts of one endpoint with request and answer, each with its delivery at hand.

    Whoever may not see messages sees no body.
    """
    rows = list(attempts)
    bodies = _bodies_of(endpoint, rows) if request.user.has_perm("messaging.view_message") else {}
    own = [(name, HIDDEN) for name in masked_headers(endpoint.headers)]
    may_resend = (
        request.user.has_perm("messaging.change_webhookendpoint")
        and endpoint.deleted_at is None
        and endpoint.status in SENDING
    )
    return [
        ShownAttempt(
            attempt=attempt,
            delivery=attempt.delivery,
            is_taken=attempt.status_code is not None and 200 <= attempt.status_code < 300,  # noqa: PLR2004 - HTTP's
            headers=[
                ("Content-Type", "application/json"),
                ("User-Agent", USER_AGENT),
                (ID_HEADER, attempt.delivery.message_id),
                (TIMESTAMP_HEADER, str(int(attempt.started_at.timestamp()))),
                (SIGNATURE_HEADER, HIDDEN),
                *own,
            ],
            body=bodies.get(attempt.delivery.sequence),
            may_resend=may_resend and attempt.delivery.sequence in bodies,
        )
        for attempt in rows
    ]


def _bodies_of(endpoint: WebhookEndpoint, attempts: Iterable[WebhookAttempt]) -> dict[int, str]:
    sequences = {attempt.delivery.sequence for attempt in attempts}
    kept = Message.objects.filter(partner_id=endpoint.partner_id, sequence__in=sequences)
    return {
        message.sequence: json.dumps(message_document(message), ensure_ascii=False, indent=2)
        for message in kept
    }


def _labels_of(figures: Figures) -> list[str]:
    form = figures.span.form
    return [f"{each.starts_at.astimezone(PLATFORM_ZONE):{form}}" for each in figures.stretches]


def _chart_of_attempts(figures: Figures) -> str:
    """Stacked bars: what was taken, and what failed on top of it."""
    bars = (
        (_("Taken"), [each.taken for each in figures.stretches], "var(--color-primary-600)"),
        (_("Failed"), [each.failures for each in figures.stretches], "var(--color-red-500)"),
    )
    return _chart_of(
        figures,
        [
            {
                "label": label, "data": data, "backgroundColor": colour, "stack": "attempts",
                "maxBarThickness": 24, "borderRadius": 2, "displayYAxis": True,
            }
            for label, data, colour in bars
        ],
    )  # fmt: skip


def _chart_of_latency(figures: Figures) -> str:
    """Two lines with a gap where nothing was answered."""
    lines = (
        ("p50", [each.median_ms for each in figures.stretches], "var(--color-primary-600)"),
        ("p95", [each.slow_ms for each in figures.stretches], "var(--color-orange-500)"),
    )
    return _chart_of(
        figures,
        [
            {
                "label": label, "data": data, "borderColor": colour, "backgroundColor": colour,
                "displayYAxis": True, "suffixYAxis": "ms", "pointStyle": "circle",
                "pointRadius": 2,
            }
            for label, data, colour in lines
        ],
    )  # fmt: skip


def _chart_of(figures: Figures, datasets: list[dict[str, Any]]) -> str:
    return json.dumps({"labels": _labels_of(figures), "datasets": datasets})
