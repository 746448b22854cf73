"""POST /orders/quotes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from gzip import compress
from typing import Any

import pytest

from accounts.models import HoldEntry, Partner, Wallet
from catalog.models import PurchasePrice, Stock, StockMovement
from openplatform.core import clock
from openplatform.messaging.models import Outbox
from openplatform.regions.models import RegionLibrary
from orders.models import FreightRule, Order, Quote
from tests.cast import (
    BEIJING,
    GUANGZHOU,
    URUMQI,
    Api,
    Merchant,
    World,
    order_body,
)
from tests.orders.quoting import quote, quote_body

PATH = "/orders/quotes"


def assert_neither_stock_nor_money_moved() -> None:
    assert Order.objects.count() == 0
    assert Outbox.objects.count() == 0
    assert HoldEntry.objects.count() == 0
    assert StockMovement.objects.count() == 0
    assert not Stock.objects.exclude(reserved=0).exists()
    assert not Wallet.objects.exclude(held_amount=0).exists()


def codes_of(response: Any) -> list[tuple[str, str]]:
    assert response.status_code == 200
    body = response.json()
    assert (body["orderable"], body["quote_id"], body["expires_at"]) == (False, None, None)
    return [(error["pointer"], error["code"]) for error in body["errors"]]


def test_order_is_quoted_whole(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A", price="10.00", north=2, south=9, weight_grams=700)
    PurchasePrice.objects.create(partner=merchant.partner, sku=sku, discount_percent=Decimal("15"))
    FreightRule.objects.update(remote_amount=Decimal("5.00"))

    response = merchant.api.post(PATH, quote_body([("A", 3)]))

    assert response.status_code == 200
    kept = Quote.objects.get()
    assert response.json() == {
        "quote_id": kept.quote_id,
        "expires_at": clock.to_text(kept.expires_at),
        "orderable": True,
        "errors": [],
        "region": BEIJING,
        "region_confidence": None,
        "currency": "CNY",
        "goods_amount": "25.50",
        "freight_amount": "19.00",
        "total_amount": "44.50",
        "available_after": "9955.50",
        "items": [
            {
                "sku": "A",
                "quantity": 3,
                "orderable": True,
                "name": "商品 A",
                "purchase_price": "8.50",
                "market_price": "20.00",
                "sale_price": "10.00",
                "tax_rate": "0.13",
                "amount": "25.50",
            }
        ],
        "suborders": [
            {
                "goods_amount": "25.50",
                "freight_amount": "19.00",
                "total_amount": "44.50",
                "freight": [
                    {
                        "template": "standard",
                        "region": None,
                        "basis": "weight",
                        "first_size": 1000,
                        "first_amount": "8.00",
                        "step_size": 500,
                        "step_amount": "2.00",
                        "free_from_amount": None,
                        "size": "2100",
                        "is_free": False,
                        "base_amount": "14.00",
                        "remote_amount": "5.00",
                        "amount": "19.00",
                        "skus": ["A"],
                    }
                ],
                "lines": [
                    {
                        "sku": "A",
                        "name": "商品 A",
                        "quantity": 3,
                        "purchase_price": "8.50",
                        "market_price": "20.00",
                        "sale_price": "10.00",
                        "tax_rate": "0.13",
                        "amount": "25.50",
                    }
                ],
            }
        ],
    }
    assert kept.partner == merchant.partner
    assert kept.total_amount == Decimal("44.50")
    assert kept.expires_at - kept.created_at == pytest.approx(
        timedelta(minutes=15), abs=timedelta(seconds=5)
    )
    assert_neither_stock_nor_money_moved()


def test_split_is_the_one_that_the_order_would_get(shop: World, merchant: Merchant) -> None:
    shop.make_sku("N", price="10.00", north=5)
    shop.make_sku("S", price="20.00", south=5)

    body = quote(merchant, [("N", 1), ("S", 2)])
    placed = merchant.api.post("/orders", order_body(items=[("N", 1), ("S", 2)])).json()

    amounts = ("goods_amount", "freight_amount", "total_amount")
    assert [[part[name] for name in amounts] for part in body["suborders"]] == [
        [part[name] for name in amounts] for part in placed["suborders"]
    ]
    assert [body[name] for name in amounts] == [placed[name] for name in amounts]


def test_whole_body_of_an_order_may_be_sent(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    body = order_body(
        on_shortage="reject", remark="请放门口", purchase_order_no="PO", metadata={"a": "b"}
    )

    response = merchant.api.post(PATH, body)

    assert response.json()["orderable"] is True


def test_every_reason_comes_at_once_with_what_would_fix_it(shop: World, merchant: Merchant) -> None:
    shop.make_sku("MIN", north=99, min_quantity=5)
    shop.make_sku("OFF", south=0, shelf_state="off_shelf")
    shop.make_sku("DEAR", price="10.00", north=9)
    body = quote_body([("OFF", 1), ("MIN", 1), ("NONE", 1), ("DEAR", 1)])
    body["items"][3]["expected_price"] = "9.99"

    response = merchant.api.post(PATH, body)

    assert codes_of(response) == [
        ("/items/1/quantity", "below_minimum"),
        ("/items/2/sku", "sku_not_available"),
        ("/items/0", "sku_off_shelf"),
        ("/items/0", "stock_insufficient"),
        ("/items/3/expected_price", "price_changed"),
    ]
    errors = response.json()["errors"]
    assert (errors[0]["minimum"], errors[0]["allowed_quantities"]) == (5, [5])
    assert errors[2]["next_listing_at"] is None
    assert errors[4]["current_price"] == "10.00"
    answer = response.json()
    assert [item["orderable"] for item in answer["items"]] == [False, False, False, False]
    assert [item["purchase_price"] for item in answer["items"]] == ["10.00", "10.00", None, "10.00"]
    assert (answer["suborders"], answer["total_amount"], answer["available_after"]) == (
        [],
        None,
        None,
    )
    assert Quote.objects.count() == 0


def test_region_that_is_not_served_is_told_with_those_that_are(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=9)

    response = merchant.api.post(PATH, quote_body(consignee={"region": URUMQI}))

    assert codes_of(response) == [("/items/0", "region_not_served")]
    assert [one["code"] for one in response.json()["errors"][0]["regions_served"]] == [
        "110000",
        "310000",
    ]


@pytest.mark.parametrize(
    ("region", "code"), [("999999", "region_unknown"), ("440000", "field_invalid")]
)
def test_region_that_is_no_address_is_a_reason(
    shop: World, merchant: Merchant, region: str, code: str
) -> None:
    shop.make_sku("A", south=9)

    response = merchant.api.post(PATH, quote_body(consignee={"region": region}))

    assert codes_of(response) == [("/consignee/region", code)]
    assert response.json()["items"][0]["purchase_price"] == "10.00"


def test_region_is_found_by_an_address(shop: World, merchant: Merchant) -> None:
    RegionLibrary.objects.create(version="quoted", file=compress(b"code"), loaded_at=clock.now())
    shop.make_sku("A", south=9)

    sure = merchant.api.post(PATH, quote_body(consignee={"address": "广州天河体育西路 1 号"}))
    unsure = merchant.api.post(PATH, quote_body(consignee={"address": "1 号楼"}))

    assert (sure.json()["region"], sure.json()["region_confidence"]) == (GUANGZHOU, 0.97)
    assert sure.json()["orderable"] is True
    assert codes_of(unsure) == [("/consignee/address", "region_ambiguous")]
    assert unsure.json()["errors"][0]["candidates"] == []


def test_balance_that_is_short_is_a_reason_beside_the_amounts(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", price="10.00", north=5)
    Wallet.objects.update(balance=Decimal("17.99"), daily_spending_cap=Decimal("10.00"))

    response = merchant.api.post(PATH, quote_body())

    assert codes_of(response) == [("", "balance_insufficient"), ("", "spending_cap_exceeded")]
    body = response.json()
    assert body["errors"][0]["balance_missing"] == "0.01"
    assert (body["total_amount"], body["available_after"]) == ("18.00", "-0.01")
    assert body["suborders"][0]["total_amount"] == "18.00"
    assert body["items"][0]["orderable"] is True
    assert Quote.objects.count() == 0


def test_too_many_open_orders_are_a_reason(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    Wallet.objects.update(max_open_orders=1)
    merchant.api.post("/orders", order_body())

    response = merchant.api.post(PATH, quote_body())

    assert codes_of(response) == [("", "too_many_open_orders")]
    assert response.json()["errors"][0]["maximum"] == 1


def test_suspension_is_a_reason(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5, min_quantity=2)
    Partner.objects.update(status="suspended")

    response = merchant.api.post(PATH, quote_body())

    assert codes_of(response) == [("", "partner_suspended"), ("/items/0/quantity", "below_minimum")]


def test_number_that_is_taken_is_a_reason(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    placed = merchant.api.post("/orders", order_body("M-1")).json()

    response = merchant.api.post(PATH, quote_body(merchant_order_no="M-1"))

    assert codes_of(response) == [("/merchant_order_no", "merchant_order_no_conflict")]
    assert response.json()["errors"][0]["order_no"] == placed["order_no"]


@pytest.mark.parametrize("on_shortage", ["reject", "drop_line"])
def test_no_answer_tells_how_many_units_there_are(
    shop: World, merchant: Merchant, on_shortage: str
) -> None:
    shop.make_sku("A", north=7654, south=321)

    response = merchant.api.post(PATH, quote_body([("A", 500_000)], on_shortage=on_shortage))

    assert codes_of(response) == [("/items/0", "stock_insufficient")]
    (error,) = response.json()["errors"]
    assert {name: value for name, value in error.items() if name != "detail"} == {
        "pointer": "/items/0",
        "code": "stock_insufficient",
        "sku": "A",
    }
    for number in (b"7654", b"321", b"7975"):
        assert number not in response.content


def test_sku_out_of_sight_is_as_unknown(shop: World, merchant: Merchant) -> None:
    shop.make_sku("HIDDEN", north=5, in_pool=False)

    response = merchant.api.post(PATH, quote_body([("HIDDEN", 1), ("NONE", 1)]))

    hidden, unknown = response.json()["errors"]
    assert hidden["code"] == "sku_not_available"
    assert {**hidden, "pointer": "", "sku": ""} == {**unknown, "pointer": "", "sku": ""}
    first, second = response.json()["items"]
    assert {**first, "sku": ""} == {**second, "sku": ""}


def test_total_beyond_any_balance_is_a_reason(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="9999999999.00", north=1_000_000, market_price=Decimal("9999999999"))

    response = merchant.api.post(PATH, quote_body([("A", 1_000_000)]))

    assert codes_of(response) == [("", "balance_insufficient")]
    assert Quote.objects.count() == 0


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"items": []}, "/items", "field_required"),
        ({"items": [{"sku": "A", "quantity": 1}] * 2}, "/items/1/sku", "duplicate_sku"),
        ({"items": [{"sku": "A", "quantity": True}]}, "/items/0/quantity", "quantity_invalid"),
        ({"items": [{"sku": f"S{n}", "quantity": 1} for n in range(1001)]},
         "/items", "too_many_items"),
        ({"consignee": {}}, "/consignee/region", "field_required"),
        ({"consignee": {"region": None}}, "/consignee/region", "field_required"),
        ({"consignee": {"name": "张三", "phone": "13800138000"}},
         "/consignee/region", "field_required"),
        ({"consignee": {"region": BEIJING, "phone": "call me"}},
         "/consignee/phone", "field_invalid"),
        ({"consignee": {"region": BEIJING, "name": "张\u0000"}},
         "/consignee/name", "string_invalid"),
        ({"consignee": None}, "/consignee", "field_required"),
        ({"region": BEIJING}, "/region", "unknown_field"),
        ({"quote_id": "Q1"}, "/quote_id", "unknown_field"),
        ({"price": "1.00"}, "/price", "unknown_field"),
        ({"merchant_order_no": " M"}, "/merchant_order_no", "string_invalid"),
    ],
)  # fmt: skip
def test_malformed_body_is_refused_with_its_place(
    shop: World, merchant: Merchant, changes: dict[str, Any], pointer: str, code: str
) -> None:
    shop.make_sku("A", north=5)

    response = merchant.api.post(PATH, {**quote_body(), **changes})

    assert response.status_code == 422
    assert (response.json()["code"], response.json()["errors"][0]["pointer"]) == (code, pointer)
    assert Quote.objects.count() == 0


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    response = merchant.api.post(f"{PATH}?dry=1", quote_body())

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_without_a_key_or_scope(shop: World, merchant: Merchant) -> None:
    answers = [api.post(PATH, quote_body()) for api in (Api(), merchant.api_with("orders:read"))]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]


def test_idempotency_key_gives_the_first_quote(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    headers = {"Idempotency-Key": "k-1"}
    first = merchant.api.post(PATH, quote_body(), headers)

    again = merchant.api.post(PATH, quote_body(), headers)
    other = merchant.api.post(PATH, quote_body([("A", 2)]), headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert Quote.objects.count() == 1


def test_reasons_come_in_the_language_asked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)

    details = [
        merchant.api.post(PATH, quote_body([("A", 2)]), {"Accept-Language": language}).json()[
            "errors"
        ][0]["detail"]
        for language in ("en", "zh-hans")
    ]

    assert details[0] == "There is not enough stock for the region"
    assert details[1] != details[0]


def test_quoting_needs_a_fixed_number_of_queries(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        shop.make_sku(f"S{number}", north=1)
    merchant.api.get("/carriers")  # the key is known for a second

    # The limits, 4 reads, the quote, savepoint and its end in a test.
    with django_assert_num_queries(8):
        merchant.api.post(PATH, quote_body([(f"S{n}", 1) for n in range(20)]))


def test_get_is_not_allowed(merchant: Merchant) -> None:
    response = merchant.api.get(PATH)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
