"""Every type is told through its own door and is what its schema says; the pages show all."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.test import Client

from openplatform.core.clock import to_text
from openplatform.messaging.events.publication import FOLDER, file_name
from openplatform.messaging.events.schemas import example_of, list_types
from openplatform.messaging.messages import ENDPOINT_FAILING
from openplatform.messaging.models import Message
from openplatform.messaging.types import TYPES
from tests.cast import Merchant, World
from tests.messaging.delivery.receivers import failing, receiving
from tests.messaging.delivery.sending import register, send_due, sequence_all
from tests.messaging.doors import DOORS, make_stage
from tests.messaging.told import tell

NAMES = sorted(TYPES)


def closed(schema: Any) -> Any:
    """The same, but for fields that it does not name: a reader allows them, a test does not."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: closed(part) for name, part in schema.items()}
    return {"additionalProperties": False, **parts} if "properties" in schema else parts


def published(type_name: str) -> jsonschema.Draft202012Validator:
    """What partners hold messages against, and nothing more."""
    file = FOLDER / file_name(type_name, TYPES[type_name].version)
    return jsonschema.Draft202012Validator(closed(json.loads(file.read_text(encoding="utf-8"))))


def test_every_type_has_a_door_when_the_catalogue_is_complete() -> None:
    assert sorted([*DOORS, ENDPOINT_FAILING]) == NAMES


@pytest.mark.parametrize("type_name", sorted(DOORS))
def test_message_is_what_its_schema_says_when_it_comes_about(
    shop: World, merchant: Merchant, tmp_path: Path, settings: Any, type_name: str
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    stage = make_stage(shop, merchant, tmp_path)

    DOORS[type_name](stage)
    sequence_all()

    require_agreement(merchant, type_name)


@pytest.mark.django_db(transaction=True)
def test_message_is_what_its_schema_says_when_an_endpoint_fails(
    merchant: Merchant, settings: Any
) -> None:
    settings.WEBHOOK_PRIVATE_HOSTS = ["127.0.0.1"]
    with receiving() as broken, receiving() as sound:
        broken.answer = failing()
        register(merchant, broken)
        register(merchant, sound, types=(ENDPOINT_FAILING,))
        for number in range(5):
            tell(merchant, subject=f"order:{number}")
        sequence_all()
        send_due()
        sequence_all()
        send_due()

    [fed] = require_agreement(merchant, ENDPOINT_FAILING)
    assert [received.document for received in sound.received] == [fed]
    assert fed["data"]["endpoint"]["status"] == "failing"


def require_agreement(merchant: Merchant, type_name: str) -> list[dict[str, Any]]:
    """What a merchant was told of a type: the same in the log and in the feed, and as its schema
    says.
    """
    rows = Message.objects.filter(partner=merchant.partner, type=type_name).order_by("sequence")
    response = merchant.api_with("messages:read").get("/messages", type=type_name)
    fed: list[dict[str, Any]] = response.json()["results"]
    assert fed
    assert fed == [
        {
            "id": row.message_id,
            "sequence": row.sequence,
            "type": type_name,
            "timestamp": to_text(row.created_at),
            "data": row.data,
        }
        for row in rows
    ]
    for message in fed:
        published(type_name).validate(message)
    return fed


@pytest.mark.parametrize("type_name", NAMES)
def test_example_is_what_the_schema_says(type_name: str) -> None:
    published(type_name).validate(example_of(TYPES[type_name]))


def test_order_is_still_what_its_schema_says_when_the_consignee_was_erased() -> None:
    message = deepcopy(example_of(TYPES["order.created"]))
    message["data"]["order"]["consignee"] = None

    published("order.created").validate(message)


@pytest.mark.parametrize(
    ("language", "title", "mark"),
    [("zh-hans", "事件目录", "zh-Hans"), ("en", "Event catalogue", "en")],
)
def test_page_shows_every_type_when_it_is_read_in_a_language(
    client: Client, language: str, title: str, mark: str
) -> None:
    page = client.get("/docs/events", {"language": language})

    text = page.content.decode()
    assert page.status_code == 200
    assert f'<html lang="{mark}">' in text
    assert f"<h1>{title}</h1>" in text
    for message_type in list_types():
        assert f'<section id="{message_type.name}">' in text
        assert f'href="/docs/schemas/{message_type.name}.v{message_type.version}.json"' in text


def test_page_is_in_the_language_of_the_browser_when_none_is_asked_for(client: Client) -> None:
    page = client.get("/docs/events", headers={"Accept-Language": "en"})
    other = client.get("/docs/events", {"language": "fr"}, headers={"Accept-Language": "en"})

    assert "<h1>Event catalogue</h1>" in page.content.decode()
    assert "<h1>Event catalogue</h1>" in other.content.decode()


def test_page_fetches_nothing_when_the_browser_is_offline(client: Client) -> None:
    text = client.get("/docs/events").content.decode()

    assert not re.findall(r"""(?:src|href)=["'](?!#|/docs|\?language=)[^"']*""", text)
    assert "<script" not in text
    assert "url(" not in text


def test_page_tells_of_deep_fields_and_choices_when_a_form_has_them(client: Client) -> None:
    text = client.get("/docs/events", {"language": "en"}).content.decode()

    assert "<code>order.suborders[].lines[].refunded_quantity</code>" in text
    assert "<code>partly_shipped</code> Partly shipped" in text
    assert "Null once it was erased" in text


def test_schema_is_answered_as_it_was_committed(client: Client) -> None:
    answer = client.get("/docs/schemas/order.created.v1.json")

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/schema+json"
    assert answer.getvalue() == (FOLDER / "order.created.v1.json").read_bytes()


@pytest.mark.parametrize(
    "name",
    ["order.created.v9.json", "order.exploded.v1.json", "order.created.v0.json", "../openapi.yaml"],
)
def test_no_schema_is_answered_when_there_is_none(client: Client, name: str) -> None:
    assert client.get(f"/docs/schemas/{name}").status_code == 404
