"""POST /orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import HoldEntry, Partner, Wallet
from catalog.models import PurchasePrice, Sku, Stock
from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order, OrderEvent, OrderLine
from tests.cast import BEIJING, CONSIGNEE, GUANGZHOU, URUMQI, Merchant, World, order_body
from tests.orders.acts import assert_nothing_written


def test_order_is_placed_whole(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="12.50", north=10, weight_grams=700)

    response = merchant.api.post(
        "/orders",
        order_body(
            items=[("A", 3)],
            remark="请放门口",
            purchase_order_no="PO-7",
            metadata={"channel": "app"},
        ),
    )

    assert response.status_code == 201
    order = Order.objects.get()
    body = response.json()
    assert body == {
        "order_no": order.order_no,
        "merchant_order_no": "M-1",
        "status": "pending_payment",
        "is_split": False,
        "currency": "CNY",
        "goods_amount": "37.50",
        "freight_amount": "14.00",
        "total_amount": "51.50",
        "refunded_amount": "0.00",
        "dropped": [],
        "quote_id": None,
        "remark": "请放门口",
        "purchase_order_no": "PO-7",
        "metadata": {"channel": "app"},
        "expires_at": body["expires_at"],
        "created_at": body["created_at"],
        "updated_at": body["created_at"],
        "paid_at": None,
        "cancelled_at": None,
        "closed_at": None,
        "close_reason": None,
        "consignee": {**CONSIGNEE, "region_confidence": None},
        "version": 1,
        "suborders": [
            {
                "order_no": f"{order.order_no}-1",
                "parent_order_no": order.order_no,
                "split_from": None,
                "status": "pending_payment",
                "goods_amount": "37.50",
                "freight_amount": "14.00",
                "total_amount": "51.50",
                "refunded_amount": "0.00",
                "shipped_at": None,
                "delivered_at": None,
                "completed_at": None,
                "lines": [
                    {
                        "line_no": "1",
                        "origin_line_no": None,
                        "sku": "A",
                        "name": "商品 A",
                        "quantity": 3,
                        "shipped_quantity": 0,
                        "refunded_quantity": 0,
                        "purchase_price": "12.50",
                        "market_price": "25.00",
                        "sale_price": "12.50",
                        "tax_rate": "0.13",
                        "amount": "37.50",
                        "refunded_amount": "0.00",
                    }
                ],
                "shipments": [],
            }
        ],
    }
    assert body["created_at"].endswith("+08:00")
    stock = Stock.objects.get()
    assert (stock.on_hand, stock.reserved, stock.outgoing) == (10, 3, 0)
    wallet = Wallet.objects.get(pk=merchant.partner.pk)
    assert (wallet.balance, wallet.held_amount) == (Decimal("10000.00"), Decimal("51.50"))
    hold = HoldEntry.objects.get()
    assert (hold.kind, hold.amount, hold.order_no) == ("held", Decimal("51.50"), order.order_no)
    event = OrderEvent.objects.get()
    assert (event.from_status, event.to_status) == ("", "pending_payment")
    assert merchant.api.get(f"/orders/{order.order_no}").json() == body


def test_message_carries_the_order_as_answered(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)

    body = merchant.api.post("/orders", order_body()).json()

    sequence_outbox()
    message = Message.objects.get()
    assert (message.partner, message.type) == (merchant.partner, "order.created")
    assert message.data == {"order": body, "changed": [body["order_no"]]}


def test_order_is_split_by_warehouse_when_one_does_not_hold_all(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("N", price="10.00", north=5)
    shop.make_sku("S", price="20.00", south=5)

    body = merchant.api.post("/orders", order_body(items=[("N", 1), ("S", 2)])).json()

    assert body["is_split"] is True
    assert [part["goods_amount"] for part in body["suborders"]] == ["10.00", "40.00"]
    assert body["goods_amount"] == "50.00"
    assert body["freight_amount"] == "16.00"
    sequence_outbox()
    assert [(m.type, m.data["changed"]) for m in Message.objects.all()] == [
        ("order.created", [body["order_no"]]),
        ("order.split", [f"{body['order_no']}-1", f"{body['order_no']}-2"]),
    ]


def test_line_is_divided_when_no_warehouse_holds_enough(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3, south=4)

    body = merchant.api.post("/orders", order_body(items=[("A", 6)])).json()

    assert [line["quantity"] for part in body["suborders"] for line in part["lines"]] == [3, 3]
    assert [line["line_no"] for part in body["suborders"] for line in part["lines"]] == ["1", "2"]
    assert list(Stock.objects.order_by("id").values_list("reserved", flat=True)) == [3, 3]


def test_own_price_is_frozen_on_the_line(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A", price="10.00", north=5)
    PurchasePrice.objects.create(partner=merchant.partner, sku=sku, discount_percent=Decimal("15"))

    body = merchant.api.post("/orders", order_body()).json()
    Sku.objects.update(sale_price=Decimal("99.00"))

    line = merchant.api.get(f"/orders/{body['order_no']}").json()["suborders"][0]["lines"][0]
    assert (line["purchase_price"], line["sale_price"]) == ("8.50", "10.00")


def test_all_faults_of_the_first_stage_come_at_once(shop: World, merchant: Merchant) -> None:
    shop.make_sku("MIN", north=99, min_quantity=5)
    shop.make_sku("STEP", north=99, quantity_step=4)
    shop.make_sku("HIDDEN", north=99, in_pool=False)
    shop.make_sku("OFF", north=99, shelf_state="off_shelf")

    response = merchant.api.post(
        "/orders",
        order_body(items=[("MIN", 1), ("STEP", 6), ("HIDDEN", 1), ("NONE", 1), ("OFF", 1)]),
    )

    assert response.status_code == 422
    errors = response.json()["errors"]
    assert [(error["pointer"], error["code"]) for error in errors] == [
        ("/items/0/quantity", "below_minimum"),
        ("/items/1/quantity", "wrong_step"),
        ("/items/2/sku", "sku_not_available"),
        ("/items/3/sku", "sku_not_available"),
    ]
    assert (errors[0]["minimum"], errors[1]["step"]) == (5, 4)
    hidden, unknown = errors[2], errors[3]
    assert {**hidden, "pointer": "", "sku": ""} == {**unknown, "pointer": "", "sku": ""}
    assert_nothing_written()


def test_conflicts_come_together_with_their_facts(shop: World, merchant: Merchant) -> None:
    shop.make_sku("OFF", north=99, shelf_state="off_shelf")
    shop.make_sku("SHORT", north=1)
    shop.make_sku("DEAR", price="10.00", north=9)
    body = order_body(items=[("OFF", 1), ("SHORT", 2), ("DEAR", 1)])
    body["items"][2]["expected_price"] = "9.99"

    response = merchant.api.post("/orders", body)

    assert response.status_code == 409
    assert [
        {name: value for name, value in error.items() if name != "detail"}
        for error in response.json()["errors"]
    ] == [
        {"pointer": "/items/0", "code": "sku_off_shelf", "sku": "OFF"},
        {"pointer": "/items/1", "code": "stock_insufficient", "sku": "SHORT"},
        {
            "pointer": "/items/2/expected_price",
            "code": "price_changed",
            "sku": "DEAR",
            "current_price": "10.00",
        },
    ]
    assert_nothing_written()


@pytest.mark.parametrize(
    ("region", "code"),
    [
        (URUMQI, "region_not_served"),
        ("999999", "region_unknown"),
        ("440000", "field_invalid"),
        ("110100", "field_invalid"),
    ],
)
def test_region_that_cannot_be_delivered_to_is_refused(
    shop: World, merchant: Merchant, region: str, code: str
) -> None:
    shop.make_sku("A", north=9, south=9)

    response = merchant.api.post("/orders", order_body(consignee={**CONSIGNEE, "region": region}))

    assert (response.status_code, response.json()["code"]) == (422, code)
    assert_nothing_written()


@pytest.mark.parametrize("region", [BEIJING, "110101001", "441900003"])
def test_district_and_childless_region_are_addresses(
    shop: World, merchant: Merchant, region: str
) -> None:
    shop.make_sku("A", north=9, south=9)

    response = merchant.api.post("/orders", order_body(consignee={**CONSIGNEE, "region": region}))

    assert response.status_code == 201


def test_stock_of_a_warehouse_that_does_not_serve_the_region_is_left_alone(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=9, south=1)

    response = merchant.api.post(
        "/orders", order_body(items=[("A", 2)], consignee={**CONSIGNEE, "region": GUANGZHOU})
    )

    assert (response.status_code, response.json()["code"]) == (409, "stock_insufficient")
    assert_nothing_written()


def test_safety_stock_is_never_promised(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    Stock.objects.update(safety_quantity=3)

    statuses = [
        merchant.api.post("/orders", order_body(f"M-{n}", items=[("A", n)])).status_code
        for n in (3, 2)
    ]

    assert statuses == [409, 201]


def test_refused_when_the_balance_is_short_by_a_cent(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    Wallet.objects.update(balance=Decimal("17.99"))

    response = merchant.api.post("/orders", order_body())

    assert response.status_code == 402
    assert response.json()["errors"] == [
        {
            "pointer": "",
            "code": "balance_insufficient",
            "detail": response.json()["detail"],
            "balance_missing": "0.01",
            "total_amount": "18.00",
        }
    ]
    assert_nothing_written()


def test_credit_line_counts_as_available(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    Wallet.objects.update(balance=Decimal("17.99"), credit_limit=Decimal("0.01"))

    response = merchant.api.post("/orders", order_body())

    assert response.status_code == 201


def test_refused_when_the_total_is_more_than_any_balance(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="9999999999.00", north=1_000_000, market_price=Decimal("9999999999"))

    response = merchant.api.post("/orders", order_body(items=[("A", 1_000_000)]))

    assert (response.status_code, response.json()["code"]) == (402, "balance_insufficient")
    assert_nothing_written()


def test_suspended_partner_cannot_place(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    Partner.objects.update(status="suspended")

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == (403, "partner_suspended")
    assert_nothing_written()


def test_thousand_lines_make_one_order(shop: World, merchant: Merchant) -> None:
    for number in range(1000):
        shop.make_sku(f"S{number}", price="0.01", north=1, weight_grams=1)

    response = merchant.api.post(
        "/orders", order_body(items=[(f"S{number}", 1) for number in range(1000)])
    )

    assert response.status_code == 201
    assert response.json()["goods_amount"] == "10.00"
    assert OrderLine.objects.count() == 1000


def test_placing_needs_a_fixed_number_of_queries(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for number in range(20):
        shop.make_sku(f"S{number}", north=1)
    merchant.api.get("/carriers")  # the key is known for a second

    # The limits, 3 reads, the lock on stock, all writes at once.
    with django_assert_num_queries(6):
        merchant.api.post("/orders", order_body(items=[(f"S{n}", 1) for n in range(20)]))


def test_refused_without_a_key_or_scope(shop: World, merchant: Merchant) -> None:
    from tests.cast import Api

    shop.make_sku("A", north=5)

    answers = [
        api.post("/orders", order_body()) for api in (Api(), merchant.api_with("orders:read"))
    ]

    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (401, "key_missing"),
        (403, "scope_missing"),
    ]
    assert_nothing_written()


def test_unknown_region_is_told_once(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    shop.make_sku("MIN", north=9, min_quantity=5)

    response = merchant.api.post(
        "/orders",
        order_body(items=[("A", 1), ("MIN", 1)], consignee={**CONSIGNEE, "region": "999999"}),
    )

    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        ("/consignee/region", "region_unknown"),
        ("/items/1/quantity", "below_minimum"),
    ]


def test_refused_when_the_orders_of_the_day_cost_too_much(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    Wallet.objects.filter(partner=merchant.partner).update(daily_spending_cap=Decimal("10.00"))

    response = merchant.api.post("/orders", order_body())

    assert (response.status_code, response.json()["code"]) == (402, "spending_cap_exceeded")
    assert response.json()["errors"][0]["spending_cap"] == "10.00"
    assert_nothing_written()


def test_refused_when_too_many_orders_are_open(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", price="10.00", north=5)
    Wallet.objects.filter(partner=merchant.partner).update(max_open_orders=1)
    first = merchant.api.post("/orders", order_body())

    refused = merchant.api.post("/orders", order_body("M-2"))
    merchant.api.post(f"/orders/{first.json()['order_no']}/cancel")
    third = merchant.api.post("/orders", order_body("M-2"))

    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_open_orders")
    assert refused["Retry-After"] == "60"
    assert third.status_code == 201
