from __future__ import annotations

from typing import Any

from django.utils.crypto import get_random_string
from pytest_django import DjangoAssertNumQueries

from openplatform.core import clock
from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Merchant
from tests.messaging.hooks import (
    URL,
    deliver,
    make_endpoint,
    refused_with,
    set_fields,
    settle,
    take,
    tell_orders,
)
from tests.messaging.told import tell

PATH = "/webhook-endpoints"


def ids(response: Any) -> list[str]:
    return [endpoint["id"] for endpoint in response.json()["results"]]


def progress(merchant: Merchant) -> list[tuple[int, int]]:
    rows = merchant.api.get(PATH).json()["results"]
    return [(row["last_delivered_sequence"], row["backlog"]) for row in rows]


def test_own_endpoints_are_told_the_newest_last(merchant: Merchant, stranger: Merchant) -> None:
    first = make_endpoint(merchant, description="first", headers={"X-Shop": "1"})
    make_endpoint(stranger)
    second = make_endpoint(merchant)
    gone = make_endpoint(merchant)
    set_fields(gone, deleted_at=clock.now())

    response = merchant.api.get(PATH)

    assert response.status_code == 200
    assert response.json()["next"] is None
    assert ids(response) == [first.endpoint_id, second.endpoint_id]
    assert response.json()["results"][0] == {
        "id": first.endpoint_id,
        "url": URL,
        "types": [],
        "description": "first",
        "headers": {"X-Shop": "********"},
        "status": "enabled",
        "disabled_reason": None,
        "failing_since": None,
        "next_attempt_at": None,
        "last_delivered_sequence": 0,
        "backlog": 0,
        "created_at": clock.to_text(first.created_at),
        "updated_at": clock.to_text(first.updated_at),
    }


def test_pages_follow_each_other(merchant: Merchant) -> None:
    made = [make_endpoint(merchant).endpoint_id for _ in range(3)]

    first = merchant.api.get(PATH, limit=2)
    rest = merchant.api.get(first.json()["next"].partition("/api/v1")[2])

    assert ids(first) + ids(rest) == made
    assert rest.json()["next"] is None


def test_backlog_counts_what_waits_in_the_log_and_what_was_taken(merchant: Merchant) -> None:
    everything = make_endpoint(merchant)
    make_endpoint(merchant, types=["order.expired"])
    tell_orders(merchant, 3)
    tell_orders(merchant, 2, type="order.expired")
    first, second, _third = take(everything, until=3)
    settle(first)
    settle(second, "set_aside")

    assert progress(merchant) == [(2, 3), (0, 2)]


def test_everything_was_delivered_when_nothing_is_open(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 3)
    for delivery in take(endpoint):
        settle(delivery)

    assert progress(merchant) == [(3, 0)]


def test_what_is_asked_for_again_counts_once(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 4)
    deliveries = take(endpoint)
    for delivery in deliveries[:3]:
        settle(delivery)
    set_fields(endpoint, taken_sequence=1)

    assert progress(merchant) == [(1, 3)]


def test_test_messages_wait_for_their_own_endpoint_alone(merchant: Merchant) -> None:
    make_endpoint(merchant)
    asked = make_endpoint(merchant, types=["order.created"])
    tell(merchant, type="test.ping", subject=f"webhook_endpoint:{asked.endpoint_id}")
    tell_orders(merchant, 1, type="order.expired")

    assert progress(merchant) == [(0, 1), (0, 1)]


def test_test_message_does_not_wait_when_it_went_ahead(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 2)
    tell(merchant, type="test.ping", subject=f"webhook_endpoint:{endpoint.endpoint_id}")
    sequence_outbox()
    ping = deliver(endpoint, Message.objects.get(type="test.ping"))

    assert progress(merchant) == [(0, 3)]

    settle(ping)

    assert progress(merchant) == [(0, 2)]


def test_messages_that_are_no_longer_kept_do_not_wait(merchant: Merchant) -> None:
    endpoint = make_endpoint(merchant)
    tell_orders(merchant, 4)
    endpoint.partner.messages.filter(sequence__lte=3).delete()

    assert progress(merchant) == [(0, 1)]

    endpoint.partner.messages.all().delete()

    assert progress(merchant) == [(0, 0)]


def test_statements_do_not_grow_with_the_rows(
    merchant: Merchant, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_endpoint(merchant)
    merchant.api.get(PATH)

    with django_assert_num_queries(3) as few:
        merchant.api.get(PATH)
    for _ in range(5):
        make_endpoint(merchant, description=get_random_string(5))
    with django_assert_num_queries(len(few)):
        merchant.api.get(PATH)


def test_nothing_is_told_when_there_is_none(merchant: Merchant, stranger: Merchant) -> None:
    make_endpoint(stranger)

    assert merchant.api.get(PATH).json() == {"results": [], "next": None}


def test_refused_when_the_cursor_is_of_another_list(merchant: Merchant) -> None:
    assert refused_with(merchant.api.get(PATH, cursor="WzFd:x")) == (400, "cursor_invalid")
    assert refused_with(merchant.api.get(PATH, status="enabled")) == (400, "filter_not_allowed")
    assert refused_with(merchant.api.get(PATH, limit="0")) == (422, "field_invalid")


def test_refused_without_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("webhooks:write").get(PATH)

    assert refused_with(response) == (403, "scope_missing")
