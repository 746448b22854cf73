"""The published schemas are those that the code makes, or break nothing. To renew them:
``make openapi``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from openplatform.messaging.events.publication import FOLDER, file_name, list_publications
from openplatform.messaging.events.schemas import example_of
from openplatform.messaging.types import TYPES
from tests.cast import openapi_document, validate

CONTRACT = {
    "account.balance_low", "account.changed", "account.top_up_rejected", "account.topped_up",
    "aftersale.completed", "aftersale.failed", "aftersale.note_added", "aftersale.reviewed",
    "aftersale.status_changed", "bill.issued", "bill.overdue", "category.changed",
    "invoice.status_changed", "key.expiring", "order.cancelled", "order.created", "order.expired",
    "order.split", "order.status_changed", "order.updated", "pool.sku_added", "pool.sku_removed",
    "price.announced", "price.changed", "reconciliation.ready", "regions.changed",
    "shipment.created", "shipment.updated", "sku.off_shelf", "sku.on_shelf", "sku.updated",
    "statement.ready", "stock.changed", "test.ping", "webhook_endpoint.disabled",
    "webhook_endpoint.failing",
}  # fmt: skip
PUBLICATIONS = list(list_publications())
each_publication = pytest.mark.parametrize("publication", PUBLICATIONS, ids=lambda one: one.name)


def test_types_are_those_of_the_contract() -> None:
    assert set(TYPES) == CONTRACT


@each_publication
def test_published_schema_is_the_one_of_the_code(publication: Any) -> None:
    assert publication.breaks() == []
    assert publication.is_current


def test_every_version_stays_published_and_nothing_else() -> None:
    names = {
        file_name(message_type.name, version)
        for message_type in TYPES.values()
        for version in range(1, message_type.version + 1)
    }

    assert {file.name for file in FOLDER.iterdir()} == names


@each_publication
def test_schema_is_valid_and_whole(publication: Any) -> None:
    jsonschema.Draft202012Validator.check_schema(publication.schema)

    assert "$ref" not in publication.text
    assert not [name for name in _keywords(publication.schema) if name.startswith("x-")]


def test_every_type_is_a_webhook_of_the_document() -> None:
    webhooks = openapi_document()["webhooks"]

    assert set(webhooks) == set(TYPES)
    assert {webhook["post"]["operationId"] for webhook in webhooks.values()} == {
        f"on_{name.replace('.', '_')}" for name in TYPES
    }


@pytest.mark.parametrize("type_name", sorted(CONTRACT))
def test_example_is_what_the_document_says(type_name: str) -> None:
    operation = openapi_document()["webhooks"][type_name]["post"]
    body = operation["requestBody"]["content"]["application/json"]

    validate(body["example"], body["schema"])

    assert body["example"] == example_of(TYPES[type_name])


def _keywords(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for name, part in schema.items():
            yield name
            yield from _keywords(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _keywords(part)
