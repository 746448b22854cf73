"""POST /orders on a quote: exactly what was quoted, or nothing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from gzip import compress
from typing import Any

import pytest
import time_machine

from accounts.models import HoldEntry, Partner, Wallet
from catalog.models import PoolMembership, Sku, Stock, StockMovement
from openplatform.core import clock
from openplatform.messaging.models import Outbox
from openplatform.regions.models import RegionLibrary
from orders.models import FreightRule, FreightTemplate, Order, OrderLine, Quote, Suborder
from tests.cast import BEIJING, CONSIGNEE, GUANGZHOU, SHANGHAI, Merchant, World, order_body
from tests.orders.quoting import let_quotes_expire, quote


def assert_nothing_written() -> None:
    assert Order.objects.count() == 0
    assert Outbox.objects.count() == 0
    assert HoldEntry.objects.count() == 0
    assert StockMovement.objects.count() == 0
    assert not Stock.objects.exclude(reserved=0).exists()


def errors_of(response: Any) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in error.items() if name != "detail"}
        for error in response.json()["errors"]
    ]


def test_order_is_what_was_quoted_whatever_has_moved_since(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=3, south=9)
    shop.make_sku("B", price="20.00", south=9)
    promised = quote(merchant, [("A", 5), ("B", 1)])
    Sku.objects.update(sale_price=Decimal("99.00"), name="other", shelf_state="off_shelf")
    PoolMembership.objects.all().delete()
    FreightRule.objects.update(first_amount=Decimal("80.00"))
    Stock.objects.filter(warehouse=shop.north).update(on_hand=1000)

    response = merchant.api.post(
        "/orders", order_body(items=[("B", 1), ("A", 5)], quote_id=promised["quote_id"])
    )

    assert response.status_code == 201
    body = response.json()
    amounts = ("goods_amount", "freight_amount", "total_amount")
    assert [body[name] for name in amounts] == [promised[name] for name in amounts]
    assert body["quote_id"] == promised["quote_id"]
    assert (body["consignee"], body["dropped"]) == ({**CONSIGNEE, "region_confidence": None}, [])
    names = ("sku", "name", "quantity", "purchase_price", "market_price", "sale_price", "amount")
    assert [
        {
            **{name: part[name] for name in amounts},
            "lines": [{name: line[name] for name in names} for line in part["lines"]],
        }
        for part in body["suborders"]
    ] == [
        {
            **{name: part[name] for name in amounts},
            "lines": [{name: line[name] for name in names} for line in part["lines"]],
        }
        for part in promised["suborders"]
    ]
    assert [part["order_no"] for part in body["suborders"]] == [
        f"{body['order_no']}-{number}" for number in range(1, len(body["suborders"]) + 1)
    ]
    assert merchant.api.get(f"/orders/{body['order_no']}").json() == body
    assert Wallet.objects.get().held_amount == Decimal(promised["total_amount"])
    assert [part.freight_details for part in Suborder.objects.order_by("id")] == [
        part["freight"] for part in promised["suborders"]
    ]
    assert OrderLine.objects.count() == sum(len(part["lines"]) for part in body["suborders"])
    assert Order.objects.get().quote_id == promised["quote_id"]


def test_stock_comes_from_the_warehouse_that_was_planned(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", south=5)
    promised = quote(merchant)
    Stock.objects.create(warehouse=shop.north, sku=Sku.objects.get(), on_hand=5)

    merchant.api.post("/orders", order_body(quote_id=promised["quote_id"]))

    assert Stock.objects.get(warehouse=shop.south).reserved == 1
    assert Stock.objects.get(warehouse=shop.north).reserved == 0


def test_freight_stays_when_its_template_is_gone(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)
    FreightTemplate.objects.all().delete()

    body = merchant.api.post("/orders", order_body(quote_id=promised["quote_id"])).json()

    assert body["freight_amount"] == "8.00"


def test_refused_when_the_quote_has_expired_by_the_clock_of_the_database(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)

    with time_machine.travel(clock.now() + timedelta(hours=2), tick=True):
        in_time = merchant.api.post("/orders", order_body("M-1", quote_id=promised["quote_id"]))
    late = quote(merchant)
    let_quotes_expire()
    with time_machine.travel(clock.now() - timedelta(hours=2), tick=True):
        refused = merchant.api.post("/orders", order_body("M-2", quote_id=late["quote_id"]))

    assert in_time.status_code == 201
    assert refused.status_code == 409
    kept = Quote.objects.get(quote_id=late["quote_id"])
    assert errors_of(refused) == [
        {
            "pointer": "/quote_id",
            "code": "quote_expired",
            "expired_at": clock.to_text(kept.expires_at),
        }
    ]
    assert Order.objects.count() == 1


@pytest.mark.parametrize(
    ("items", "region", "differs"),
    [
        ([("A", 2)], BEIJING, ["items"]),
        ([("B", 1)], BEIJING, ["items"]),
        ([("A", 1), ("B", 1)], BEIJING, ["items"]),
        ([("A", 1)], SHANGHAI, ["region"]),
        ([("A", 2)], SHANGHAI, ["items", "region"]),
    ],
)
def test_refused_when_the_quote_is_for_something_else(
    shop: World,
    merchant: Merchant,
    items: list[tuple[str, int]],
    region: str,
    differs: list[str],
) -> None:
    shop.make_sku("A", north=5)
    shop.make_sku("B", north=5)
    promised = quote(merchant)

    response = merchant.api.post(
        "/orders",
        order_body(
            items=items, quote_id=promised["quote_id"], consignee={**CONSIGNEE, "region": region}
        ),
    )

    assert response.status_code == 409
    assert errors_of(response) == [
        {"pointer": "/quote_id", "code": "quote_mismatch", "differs": differs}
    ]
    assert_nothing_written()


def test_refused_when_another_order_used_the_quote(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)
    first = merchant.api.post("/orders", order_body("M-1", quote_id=promised["quote_id"])).json()

    response = merchant.api.post("/orders", order_body("M-2", quote_id=promised["quote_id"]))

    assert response.status_code == 409
    assert errors_of(response) == [
        {
            "pointer": "/quote_id",
            "code": "quote_used",
            "order_no": first["order_no"],
            "merchant_order_no": "M-1",
        }
    ]
    assert Order.objects.count() == 1
    assert Stock.objects.get().reserved == 1


def test_quote_stays_used_when_its_order_is_cancelled(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)
    first = merchant.api.post("/orders", order_body("M-1", quote_id=promised["quote_id"])).json()
    merchant.api.post(f"/orders/{first['order_no']}/cancel")

    response = merchant.api.post("/orders", order_body("M-2", quote_id=promised["quote_id"]))

    assert (response.status_code, response.json()["code"]) == (409, "quote_used")


def test_same_order_again_is_a_replay(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)
    body = order_body(quote_id=promised["quote_id"])
    first = merchant.api.post("/orders", body)
    let_quotes_expire()

    again = merchant.api.post("/orders", body)

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.headers["Idempotent-Replayed"] == "true"


def test_quote_is_not_used_up_by_a_refusal(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    promised = quote(merchant)
    Wallet.objects.update(balance=Decimal("17.99"))
    refused = merchant.api.post("/orders", order_body(quote_id=promised["quote_id"]))
    Wallet.objects.update(balance=Decimal("18.00"))

    placed = merchant.api.post("/orders", order_body(quote_id=promised["quote_id"]))

    assert (refused.status_code, refused.json()["code"]) == (402, "balance_insufficient")
    assert refused.json()["errors"][0]["balance_missing"] == "0.01"
    assert placed.status_code == 201


def test_suspended_partner_cannot_place_on_a_quote(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)
    Partner.objects.update(status="suspended")

    response = merchant.api.post("/orders", order_body(quote_id=promised["quote_id"]))

    assert (response.status_code, response.json()["code"]) == (403, "partner_suspended")
    assert_nothing_written()


@pytest.mark.parametrize("on_shortage", ["reject", "drop_line"])
def test_refused_when_the_planned_warehouse_is_short(
    shop: World, merchant: Merchant, on_shortage: str
) -> None:
    shop.make_sku("A", north=5)
    shop.make_sku("B", north=5)
    promised = quote(merchant, [("A", 2), ("B", 2)])
    Stock.objects.filter(sku__code="B").update(on_hand=1)
    Stock.objects.create(warehouse=shop.south, sku=Sku.objects.get(code="B"), on_hand=99)

    response = merchant.api.post(
        "/orders",
        order_body(
            items=[("A", 2), ("B", 2)], quote_id=promised["quote_id"], on_shortage=on_shortage
        ),
    )

    assert response.status_code == 409
    assert errors_of(response) == [
        {"pointer": "/items/1", "code": "stock_insufficient", "sku": "B"}
    ]
    assert_nothing_written()


def test_expected_price_is_held_against_the_quoted_one(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    promised = quote(merchant)
    Sku.objects.update(sale_price=Decimal("12.00"))
    body = order_body(quote_id=promised["quote_id"])

    body["items"][0]["expected_price"] = "12.00"
    refused = merchant.api.post("/orders", body)
    body["items"][0]["expected_price"] = "10.00"
    placed = merchant.api.post("/orders", body)

    assert errors_of(refused) == [
        {
            "pointer": "/items/0/expected_price",
            "code": "price_changed",
            "sku": "A",
            "current_price": "10.00",
        }
    ]
    assert placed.status_code == 201


def test_quote_of_another_merchant_is_as_unknown(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    shop.make_sku("A", north=5)
    theirs = quote(stranger)

    foreign, unknown = (
        merchant.api.post("/orders", order_body(quote_id=quote_id))
        for quote_id in (theirs["quote_id"], "Q000000NOTHING")
    )

    assert (foreign.status_code, unknown.status_code) == (422, 422)
    assert errors_of(foreign) == [
        {"pointer": "/quote_id", "code": "field_invalid", "reason": "unknown_quote"}
    ]
    assert {**foreign.json(), "request_id": ""} == {**unknown.json(), "request_id": ""}
    assert_nothing_written()


def test_region_is_checked_before_the_quote(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)
    let_quotes_expire()

    response = merchant.api.post(
        "/orders",
        order_body(quote_id=promised["quote_id"], consignee={**CONSIGNEE, "region": "999999"}),
    )

    assert (response.status_code, response.json()["code"]) == (422, "region_unknown")


def test_quote_for_an_address_serves_an_order_to_it(shop: World, merchant: Merchant) -> None:
    RegionLibrary.objects.create(version="on quote", file=compress(b"code"), loaded_at=clock.now())
    shop.make_sku("A", south=5)
    address = "广东省广州市天河区体育西路 1 号"
    promised = quote(merchant, consignee={"address": address})
    who = {"name": "张三", "phone": "13800138000", "address": address}

    by_address = merchant.api.post(
        "/orders", order_body(quote_id=promised["quote_id"], consignee=who)
    )

    assert by_address.status_code == 201
    assert by_address.json()["consignee"] == {
        **who,
        "region": GUANGZHOU,
        "region_confidence": 1.0,
    }


def test_placing_on_a_quote_needs_no_more_queries_than_without(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    shop.make_sku("A", north=5)
    promised = quote(merchant)

    # The limits, 2 reads, the lock on stock, all writes at once.
    with django_assert_num_queries(5):
        merchant.api.post("/orders", order_body(quote_id=promised["quote_id"]))
