"""The document that a statement makes of the order it moves is the one that everybody reads."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from openplatform.core import clock
from orders.models import Order, OrderLine
from orders.services.confirmation import confirm_order
from tests.cast import Merchant, World
from tests.orders.acts import place

AWKWARD = "引号 \" 反斜杠 \\ 撇号 ' 表情 😀 </script> \t 百分 %s 100%"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"remark": AWKWARD, "purchase_order_no": "PO-1"},
        {"metadata": {"a": AWKWARD, "z": "", "b": "1"}},
        {"consignee_name": AWKWARD[:64], "consignee_address": AWKWARD},
        {"region_confidence": Decimal("0.95")},
        {"region_confidence": Decimal("1.00")},
        {"quote_id": "Q-1", "dropped": [{"sku": "A", "requested": 2, "ordered": 1}]},
        {"created_at": datetime(2026, 1, 1, 16, tzinfo=UTC)},
        {"created_at": datetime(2026, 1, 1, 15, 59, 59, 120_000, tzinfo=UTC)},
    ],
)  # fmt: skip
def test_answer_is_the_document_when_an_order_is_confirmed(
    shop: World, merchant: Merchant, fields: dict[str, Any]
) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]
    Order.objects.update(**fields)

    body = merchant.api.post(f"/orders/{order_no}/confirm").json()

    known = merchant.api.get(f"/orders/{order_no}").json()
    assert body == known
    assert list(body) == list(known)
    assert [list(part) for part in body["suborders"]] == [list(part) for part in known["suborders"]]


@pytest.mark.parametrize("rate", ["0.0000", "0.1300", "0.0600", "0.1234", "1.0000", "0.1000"])
def test_lines_are_those_of_the_document_when_an_order_is_confirmed(
    shop: World, merchant: Merchant, rate: str
) -> None:
    for code in ("N", "M"):
        shop.make_sku(code, price="0.01", north=5)
    shop.make_sku("S", price="1234.56", south=5)
    order_no = place(merchant, items=[("N", 1), ("S", 2), ("M", 5)])["order_no"]
    OrderLine.objects.update(tax_rate=Decimal(rate), name=AWKWARD)

    body = merchant.api.post(f"/orders/{order_no}/confirm").json()

    assert [len(part["lines"]) for part in body["suborders"]] in ([2, 1], [1, 2])
    assert body == merchant.api.get(f"/orders/{order_no}").json()


def test_whole_seconds_are_written_without_a_fraction_when_an_order_is_confirmed(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    order_no = place(merchant)["order_no"]
    now = clock.now().replace(microsecond=0) + timedelta(seconds=1)

    answer = confirm_order(partner_id=merchant.partner.pk, order_no=order_no, actor="test", now=now)

    document = json.loads(answer.body)
    assert document == merchant.api.get(f"/orders/{order_no}").json()
    assert document["paid_at"] == now.astimezone(clock.PLATFORM_ZONE).isoformat()
