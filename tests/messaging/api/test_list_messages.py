from __future__ import annotations

from typing import Any

import pytest

from openplatform.core import clock
from openplatform.messaging.events.schemas import example_data
from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from tests.cast import Api, Merchant
from tests.messaging.told import tell, tell_skus


@pytest.fixture
def listener(merchant: Merchant) -> Merchant:
    """A merchant with five messages: created, shelf, created, expired, created."""
    for number, type_name in enumerate(
        ["order.created", "sku.on_shelf", "order.created", "order.expired", "order.created"], 1
    ):
        if type_name == "sku.on_shelf":
            tell_skus(type_name, ["A", "B"], merchant)
        else:
            tell(merchant, type=type_name, subject=f"order:S-{number}")
        sequence_outbox()
    return merchant


def feed(merchant: Merchant, **parameters: Any) -> tuple[list[int], int]:
    """Sequences, and what to ask with next."""
    response = merchant.api.get("/messages", **parameters)
    assert response.status_code == 200
    body = response.json()
    return [message["sequence"] for message in body["results"]], body["next_after"]


def test_messages_are_told_oldest_first_when_nothing_is_asked_for(merchant: Merchant) -> None:
    tell(merchant, type="order.created", subject="order:S-1")
    sequence_outbox()
    tell_skus("sku.off_shelf", ["A", "B"], merchant)
    sequence_outbox()
    first, second = Message.objects.order_by("sequence")

    response = merchant.api.get("/messages")

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                "id": first.message_id,
                "sequence": 1,
                "type": "order.created",
                "timestamp": clock.to_text(first.created_at),
                "data": example_data("order.created"),
            },
            {
                "id": second.message_id,
                "sequence": 2,
                "type": "sku.off_shelf",
                "timestamp": clock.to_text(second.created_at),
                "data": {"skus": ["A", "B"]},
            },
        ],
        "head": 2,
        "oldest": 1,
        "next_after": 2,
    }


def test_feed_is_empty_when_nothing_was_told(merchant: Merchant) -> None:
    response = merchant.api.get("/messages", after=0)

    assert response.json() == {"results": [], "head": 0, "oldest": None, "next_after": 0}


@pytest.mark.parametrize(
    ("parameters", "sequences", "next_after"),
    [
        ({}, [1, 2, 3, 4, 5], 5),
        ({"after": 0}, [1, 2, 3, 4, 5], 5),
        ({"after": 3}, [4, 5], 5),
        ({"after": 5}, [], 5),
        ({"after": 1, "limit": 2}, [2, 3], 3),
        ({"after": 3, "limit": 2}, [4, 5], 5),
        ({"limit": 1}, [1], 1),
        ({"type": "order.created"}, [1, 3, 5], 5),
        ({"type": "order.created", "limit": 2}, [1, 3], 3),
        ({"type": "order.created", "limit": 3}, [1, 3, 5], 5),
        ({"type": "order.created", "after": 3}, [5], 5),
        ({"type": "order.expired,sku.on_shelf"}, [2, 4], 5),
        ({"type": "order.expired", "limit": 1}, [4], 5),
        ({"type": "order.cancelled"}, [], 5),
        ({"type": "order.cancelled", "after": 2, "limit": 1}, [], 5),
        ({"type": ""}, [1, 2, 3, 4, 5], 5),
    ],
)
def test_stretch_is_told_when_it_is_asked_for(
    listener: Merchant, parameters: dict[str, Any], sequences: list[int], next_after: int
) -> None:
    assert feed(listener, **parameters) == (sequences, next_after)


@pytest.mark.parametrize("after", [6, 9, 10**18 - 1])
def test_refused_when_there_is_no_such_message_yet(listener: Merchant, after: int) -> None:
    response = listener.api.get("/messages", after=after)

    assert (response.status_code, response.json()["code"]) == (422, "field_invalid")
    (fault,) = response.json()["errors"]
    assert (fault["pointer"], fault["head"]) == ("?after", 5)


def test_refused_when_nothing_was_told_and_a_sequence_is_asked_behind(merchant: Merchant) -> None:
    response = merchant.api.get("/messages", after=1, type="order.created")

    assert (response.status_code, response.json()["errors"][0]["head"]) == (422, 0)


def test_each_message_comes_once_when_next_after_is_followed(listener: Merchant) -> None:
    seen: list[int] = []
    after = 0
    for _ in range(4):
        sequences, after = feed(listener, after=after, limit=2)
        seen += sequences

    tell(listener)
    sequence_outbox()
    sequences, after = feed(listener, after=after, limit=2)

    assert seen == [1, 2, 3, 4, 5]
    assert (sequences, after) == ([6], 6)


def test_refused_when_what_comes_next_is_no_longer_kept(listener: Merchant) -> None:
    Message.objects.filter(sequence__lte=3).delete()

    response = listener.api.get("/messages", after=2)

    assert (response.status_code, response.json()["code"]) == (410, "cursor_expired")
    assert response.json()["errors"][0]["oldest"] == 4
    assert feed(listener, after=3) == ([4, 5], 5)
    assert feed(listener) == ([4, 5], 5)


def test_refused_when_nothing_at_all_is_kept_any_more(listener: Merchant) -> None:
    Message.objects.all().delete()

    response = listener.api.get("/messages", after=4)

    assert (response.status_code, response.json()["code"]) == (410, "cursor_expired")
    assert listener.api.get("/messages", after=5).json() == {
        "results": [],
        "head": 5,
        "oldest": None,
        "next_after": 5,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("after", "-1"),
        ("after", ""),
        ("after", "1.0"),
        ("after", "１"),
        ("after", "x"),
        ("after", "9" * 19),
        ("type", "order.exploded"),
        ("type", "order.created,nothing"),
        ("type", "order.created "),
        ("type", "x" * 100_000),
        ("type", "\x00"),
        ("limit", "0"),
        ("limit", "101"),
        ("limit", "1000000000"),
        ("limit", "ten"),
    ],
)
def test_refused_when_a_value_cannot_be_read(listener: Merchant, name: str, value: str) -> None:
    response = listener.api.get("/messages", **{name: value})

    assert response.status_code == 422
    assert response.json()["code"] == "field_invalid"
    assert [fault["pointer"] for fault in response.json()["errors"]] == [f"?{name}"]
    assert len(response.content) < 2000


@pytest.mark.parametrize("name", ["cursor", "since", "sequence__gt", "partner", "types"])
def test_refused_when_a_parameter_is_unknown(listener: Merchant, name: str) -> None:
    response = listener.api.get("/messages", **{name: "1"})

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_nothing_is_seen_when_the_messages_are_anothers(
    listener: Merchant, stranger: Merchant
) -> None:
    response = stranger.api.get("/messages")

    assert response.json() == {"results": [], "head": 0, "oldest": None, "next_after": 0}


def test_refused_when_the_key_lacks_the_scope(merchant: Merchant) -> None:
    response = merchant.api_with("orders:read", "webhooks:write").get("/messages")

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")


def test_key_is_asked_for_when_none_is_sent(db: None) -> None:
    response = Api().get("/messages")

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")
