"""The console of a webhook endpoint, and the list of deliveries."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from openplatform.core import clock
from openplatform.messaging.admin import filters
from openplatform.messaging.admin.deliveries import HELP_TEXTS
from openplatform.messaging.figures import SPANS, get_figures
from openplatform.messaging.models import (
    Message,
    WebhookDelivery,
    WebhookEndpoint,
)
from tests.backoffice.conftest import Staff
from tests.cast import Merchant
from tests.messaging.hooks import (
    attempt,
    columns,
    make_endpoint,
    set_fields,
    settle,
    take,
    tell_orders,
)

DELIVERIES = reverse("admin:messaging_webhookdelivery_changelist")
MESSAGES = reverse("admin:messaging_message_changelist")
LOOK = (
    "messaging.view_webhookendpoint", "messaging.view_webhookdelivery",
    "messaging.view_webhookattempt",
)  # fmt: skip
NOW = datetime.fromisoformat("2026-03-05T10:30:00+08:00")


@pytest.fixture
def endpoint(merchant: Merchant) -> WebhookEndpoint:
    return make_endpoint(merchant, headers={"Authorization": "Bearer top-secret"})


@pytest.fixture
def deliveries(endpoint: WebhookEndpoint, merchant: Merchant) -> list[WebhookDelivery]:
    """Three, of an order each."""
    tell_orders(merchant, 3)
    return take(endpoint)


def console(row: WebhookEndpoint) -> str:
    return reverse("admin:messaging_webhookendpoint_change", args=(row.pk,))


def resend_of(row: WebhookDelivery) -> str:
    return reverse("admin:messaging_webhookdelivery_resend", args=(row.pk,))


def found(client: Client, url: str = DELIVERIES, **parameters: Any) -> list[int]:
    """The sequences that a list shows."""
    response = client.get(url, parameters)
    assert response.status_code == 200
    return [row.sequence for row in response.context["cl"].result_list]


def test_figures_add_up_when_attempts_failed_and_were_taken(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery]
) -> None:
    hours = [
        (0.1, 200, 10), (0.2, 200, 20), (0.3, 500, 30), (0.4, None, 10_000), (5, 204, 40),
        (23, 503, 50), (23.1, 503, 60), (30, 200, 70), (24 * 6, 200, 80), (24 * 8, 200, 1),
    ]  # fmt: skip
    for number, (age, code, milliseconds) in enumerate(hours, start=1):
        attempt(
            deliveries[0], number, started_at=NOW - timedelta(hours=age), status_code=code,
            duration_ms=milliseconds, error="" if code else "timed out",
        )  # fmt: skip

    day = get_figures(endpoint_id=endpoint.pk, span=SPANS["24h"], now=NOW)
    week = get_figures(endpoint_id=endpoint.pk, span=SPANS["7d"], now=NOW)

    assert (day.whole.attempts, day.whole.taken, day.whole.failures) == (7, 3, 4)
    assert (day.whole.median_ms, day.whole.slow_ms) == (30, 60)
    assert (day.per_hour, day.is_cut) == (3 / 24, False)
    assert len(day.stretches) == 24
    by_start = {
        f"{each.starts_at.astimezone(clock.PLATFORM_ZONE):%d %H}": (
            each.attempts, each.taken, each.median_ms, each.slow_ms,
        )
        for each in day.stretches
        if each.attempts
    }  # fmt: skip
    assert by_start == {
        "05 10": (4, 2, 20, 30), "05 05": (1, 1, 40, 40), "04 11": (2, 0, 50, 60),
    }  # fmt: skip
    assert day.stretches[-1].starts_at == NOW.replace(minute=0)
    assert day.stretches[0].starts_at == NOW.replace(day=4, hour=11, minute=0)
    assert [(fault.status_code, fault.error, fault.count) for fault in day.faults] == [
        (503, "", 2), (500, "", 1), (None, "timed out", 1),
    ]  # fmt: skip
    assert (week.whole.attempts, week.whole.taken, len(week.stretches)) == (9, 5, 28)
    assert week.stretches[-1].starts_at == NOW.replace(hour=6, minute=0)


def test_figures_are_empty_when_nothing_was_sent(endpoint: WebhookEndpoint) -> None:
    figures = get_figures(endpoint_id=endpoint.pk, span=SPANS["24h"], now=NOW)

    assert (figures.whole.attempts, figures.whole.median_ms, figures.failure_percent) == (
        0, None, None,
    )  # fmt: skip
    assert (list(figures.faults), figures.per_hour) == ([], 0.0)


def test_console_shows_request_and_answer_without_header_values(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    attempt(deliveries[0], 1, status_code=503, answer="<b>busy</b> 忙", error="")
    attempt(deliveries[1], 1, status_code=200, answer="ok")

    response = boss.get(console(endpoint))

    text = response.content.decode()
    latest, first = response.context["console"]["attempts"]
    assert (latest.outcome, latest.is_taken) == ("200", True)
    assert (first.outcome, first.is_taken, first.may_resend) == ("503", False, True)
    assert dict(first.headers) == {
        "Content-Type": "application/json",
        "User-Agent": "openplatform-webhooks/1",
        "webhook-id": deliveries[0].message_id,
        "webhook-timestamp": str(int(first.attempt.started_at.timestamp())),
        "webhook-signature": "********",
        "Authorization": "********",
    }
    assert deliveries[0].message_id in first.body
    assert "&lt;b&gt;busy&lt;/b&gt; 忙" in text
    assert "top-secret" not in text
    assert "50.0 %" in text


def test_console_shows_failed_attempts_only_when_asked(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    for number, code in enumerate((200, 302, None, 500, 204), start=1):
        attempt(deliveries[0], number, status_code=code)

    response = boss.get(console(endpoint), {"show": "failed", "span": "7d"})

    shown = response.context["console"]
    assert sorted(each.attempt.number for each in shown["attempts"]) == [2, 3, 4]
    assert shown["chosen"].span.name == "7d"


@pytest.mark.parametrize("parameters", [{"span": "7d"}, {"span": "nonsense"}, {"show": "x"}])
def test_console_opens_when_nothing_was_sent(
    parameters: dict[str, str], endpoint: WebhookEndpoint, boss: Client
) -> None:
    response = boss.get(console(endpoint), parameters)

    assert response.status_code == 200
    assert response.context["console"]["attempts"] == []
    assert "None yet." in response.content.decode()


def test_console_says_that_only_the_newest_count_when_there_are_many(
    endpoint: WebhookEndpoint,
    deliveries: list[WebhookDelivery],
    boss: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openplatform.messaging.figures.MAX_ATTEMPTS", 2)
    for number in range(1, 4):
        attempt(deliveries[0], number, status_code=200, duration_ms=number)

    response = boss.get(console(endpoint))

    chosen = response.context["console"]["chosen"]
    assert (chosen.is_cut, chosen.whole.attempts) == (True, 2)
    assert "Only the newest 2 attempts count here" in response.content.decode()


def test_body_is_hidden_and_nothing_sent_again_when_one_may_only_look(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], staff: Staff
) -> None:
    attempt(deliveries[0], 1)
    settle(deliveries[0], "set_aside")
    client = staff(*LOOK)
    before = columns(WebhookDelivery)

    [shown] = client.get(console(endpoint)).context["console"]["attempts"]
    response = client.post(resend_of(deliveries[0]))

    assert (shown.body, shown.may_resend, response.status_code) == (None, False, 403)
    assert columns(WebhookDelivery) == before
    assert (
        "attempts" not in staff(LOOK[0], username="less").get(console(endpoint)).context["console"]
    )


def test_message_goes_again_and_back_to_the_console_when_it_is_resent(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    attempt(deliveries[0], 1)
    settle(deliveries[0], "set_aside", tries=8)

    asked = boss.get(resend_of(deliveries[0]))
    response = boss.post(f"{resend_of(deliveries[0])}?from=console")

    assert (asked.status_code, response.headers["Location"]) == (200, console(endpoint))
    deliveries[0].refresh_from_db()
    assert (deliveries[0].status, deliveries[0].tries, deliveries[0].is_wanted_now) == (
        "pending", 0, True,
    )  # fmt: skip


def test_nothing_goes_again_when_the_endpoint_is_disabled(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    settle(deliveries[0], "set_aside")
    set_fields(endpoint, status="disabled", disabled_reason="by_merchant")
    before = columns(WebhookDelivery)

    one = boss.post(resend_of(deliveries[0]))
    several = boss.post(
        DELIVERIES,
        {"action": "resend_selected", "_selected_action": [deliveries[0].pk, deliveries[1].pk]},
        follow=True,
    )

    page = reverse("admin:messaging_webhookdelivery_change", args=(deliveries[0].pk,))
    assert one.headers["Location"] == page
    assert (
        "“Send again” is not possible in this state: webhook endpoint: Disabled: By the merchant"
        in several.content.decode()
    )
    assert "2 messages were not sent again: This webhook endpoint is disabled" in (
        several.content.decode()
    )
    assert columns(WebhookDelivery) == before


def test_chosen_deliveries_go_again_and_the_others_are_told_of(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    for delivery in deliveries:
        settle(delivery, "set_aside")
    Message.objects.filter(sequence=2).delete()

    response = boss.post(
        DELIVERIES,
        {"action": "resend_selected", "_selected_action": [row.pk for row in deliveries]},
        follow=True,
    )

    text = response.content.decode()
    assert "2 messages go again" in text
    assert "1 message was not sent again: This message is no longer kept" in text
    statuses = WebhookDelivery.objects.order_by("sequence").values_list("status", flat=True)
    assert list(statuses) == ["pending", "set_aside", "pending"]


def test_none_goes_again_when_too_many_are_chosen(
    endpoint: WebhookEndpoint,
    deliveries: list[WebhookDelivery],
    boss: Client,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("openplatform.messaging.admin.deliveries.MAX_RESENT", 2)
    for delivery in deliveries:
        settle(delivery, "set_aside")
    before = columns(WebhookDelivery)

    response = boss.post(
        DELIVERIES,
        {
            "action": "resend_selected", "select_across": "1",
            "_selected_action": [deliveries[0].pk],
        },
        follow=True,
    )  # fmt: skip

    assert "At most 2 at once" in response.content.decode()
    assert columns(WebhookDelivery) == before


def test_bulk_action_is_not_there_when_one_may_only_look(
    deliveries: list[WebhookDelivery], staff: Staff
) -> None:
    client = staff(*LOOK)
    settle(deliveries[0], "set_aside")
    before = columns(WebhookDelivery)

    client.post(DELIVERIES, {"action": "resend_selected", "_selected_action": [deliveries[0].pk]})

    assert "resend_selected" not in client.get(DELIVERIES).content.decode()
    assert columns(WebhookDelivery) == before


def test_deliveries_and_messages_are_found_by_what_they_are_known_by(
    endpoint: WebhookEndpoint,
    deliveries: list[WebhookDelivery],
    stranger: Merchant,
    boss: Client,
) -> None:
    tell_orders(stranger, 1, type="order.expired")
    take(make_endpoint(stranger))
    second = deliveries[1]

    for url in (DELIVERIES, MESSAGES):
        assert found(boss, url, q=second.message_id) == [2]
        assert found(boss, url, q="order:S-2") == [2]
        assert found(boss, url, q=" S-2 ") == [2]
        assert found(boss, url, q="3") == [3]
        assert found(boss, url, q="order.created") == [3, 2, 1]
        assert found(boss, url, q="acme") == [3, 2, 1]
        assert found(boss, url, q="stranger") == ([] if url == DELIVERIES else [1])
        assert found(boss, url, type="order.created") == [3, 2, 1]
        assert found(boss, url, type="nonsense") == found(boss, url)
        for nothing in ("S-", "x" * 200, "9" * 30, "%", "order.creat"):
            assert found(boss, url, q=nothing) == []
        assert boss.get(url, {"q": "\0"}).status_code == 200


def test_deliveries_are_found_by_state_and_time(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    settle(deliveries[0])
    for delivery, at in zip(deliveries, ("04T23:59:59", "05T00:00:00", "05T12:00:00"), strict=True):
        set_fields(delivery, created_at=datetime.fromisoformat(f"2026-03-{at}+08:00"))

    assert found(boss, status__exact="delivered") == [1]
    assert found(boss, status__exact="pending") == [3, 2]
    assert found(boss, created_at_from_0="2026-03-05") == [3, 2]
    assert found(boss, created_at_to_0="2026-03-04") == [1]
    assert found(boss, created_at_from_0="2026-03-05", created_at_from_1="00:00:01") == [3]
    assert found(
        boss, created_at_from_0="2026-03-05", created_at_to_0="2026-03-05", created_at_to_1="11:00"
    ) == [2]
    assert found(boss, created_at_from_0="soon", created_at_to_0="2026-13-45") == [3, 2, 1]
    assert found(boss, created_at_from_0="2026-03-05", created_at_from_1="noon") == [3, 2, 1]
    assert found(boss, endpoint__id__exact=str(endpoint.pk)) == [3, 2, 1]
    assert found(boss, endpoint__partner__id__exact=str(endpoint.partner_id)) == [3, 2, 1]


def test_only_the_newest_of_a_type_are_looked_through_unless_something_narrows_the_list(
    deliveries: list[WebhookDelivery], boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filters, "LOOKED_THROUGH", 2)

    for url in (DELIVERIES, MESSAGES):
        assert found(boss, url, type="order.created") == [3, 2]
        assert "the newest are looked through" in (
            boss.get(url, {"type": "order.created"}).content.decode()
        )
        assert found(boss, url, type="order.created", created_at_from_0="2020-01-01") == [3, 2, 1]


def test_next_attempt_is_shown_only_while_the_endpoint_takes_messages(
    boss: Client, endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery]
) -> None:
    set_fields(deliveries[0], next_attempt_at=NOW)
    page = reverse("admin:messaging_webhookdelivery_change", args=(deliveries[0].pk,))

    shown = [boss.get(url).content.decode() for url in (DELIVERIES, page)]
    set_fields(endpoint, status="failing", failing_since=NOW - timedelta(days=1))
    hidden = [boss.get(url).content.decode() for url in (DELIVERIES, page)]

    assert ["March 5, 2026, 10:30" in html for html in shown + hidden] == [True, True, False, False]


def test_long_names_wrap_and_counts_are_explained_on_the_pages_of_a_message(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    message = Message.objects.get(message_id=deliveries[0].message_id)
    pages = [
        boss.get(reverse(f"admin:messaging_{row._meta.model_name}_change", args=(row.pk,)))
        for row in (message, deliveries[0])
    ]

    for page in pages:
        html = page.content.decode()
        for name in (message.message_id, message.type, message.subject):
            assert re.search(rf'style="overflow-wrap: anywhere"[^>]*>{name}</', html)
    for text in HELP_TEXTS.values():
        assert str(text) in html


def test_way_to_an_endpoint_leaves_its_address_as_it_is(
    endpoint: WebhookEndpoint, boss: Client
) -> None:
    html = boss.get(console(endpoint)).content.decode()

    assert f'truncate">{endpoint.url}</a>' in html
    assert "Https://" not in html


def test_delivery_page_shows_its_attempts_and_its_message(
    endpoint: WebhookEndpoint, deliveries: list[WebhookDelivery], boss: Client
) -> None:
    attempt(deliveries[0], 1, status_code=None, error="timed out", answer="")
    attempt(deliveries[0], 2, status_code=200)
    attempt(deliveries[1], 1)

    response = boss.get(reverse("admin:messaging_webhookdelivery_change", args=(deliveries[0].pk,)))

    shown = response.context["attempts"]
    message = Message.objects.get(sequence=1)
    text = response.content.decode()
    assert [(each.attempt.number, each.outcome) for each in shown] == [(2, "200"), (1, "no answer")]
    assert reverse("admin:messaging_message_change", args=(message.pk,)) in text
    assert console(endpoint) in text
    of_message = boss.get(reverse("admin:messaging_message_change", args=(message.pk,)))
    assert f"{DELIVERIES}?q={message.message_id}" in of_message.content.decode()


def test_list_asks_for_less_when_the_database_takes_too_long(
    deliveries: list[WebhookDelivery], boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cancel(*_arguments: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 10")
            cursor.execute("SELECT pg_sleep(10)")

    monkeypatch.setattr(filters, "sequence_of", cancel)

    response = boss.get(MESSAGES, {"type": "order.created", "partner__id__exact": "1"}, follow=True)

    assert response.redirect_chain == [(MESSAGES, 302)]
    assert "too many to look through" in response.content.decode()
