"""Quotes, for tests that begin with one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db import connection

from tests.cast import BEIJING, Merchant


def quote_body(items: Iterable[tuple[str, int]] = (("A", 1),), **fields: Any) -> dict[str, Any]:
    """The least body of POST /orders/quotes."""
    return {
        "items": [{"sku": sku, "quantity": quantity} for sku, quantity in items],
        "consignee": {"region": BEIJING},
        **fields,
    }


def quote(
    merchant: Merchant, items: Iterable[tuple[str, int]] = (("A", 1),), **fields: Any
) -> dict[str, Any]:
    """A quote that can be ordered."""
    response = merchant.api.post("/orders/quotes", quote_body(items, **fields))
    assert response.status_code == 200, response.content
    body: dict[str, Any] = response.json()
    assert body["orderable"], body["errors"]
    return body


def let_quotes_expire() -> None:
    """Put their end a moment behind the clock that counts, the database's."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE orders_quote SET expires_at = clock_timestamp()")
