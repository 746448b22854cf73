"""POST /orders."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from accounts.models import HoldEntry, Partner, Wallet
from catalog.models import PurchasePrice, Sku, Stock, StockMovement
from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from orders.models import Order, OrderEvent, OrderLine
from tests.cast import BEIJING, CONSIGNEE, GUANGZHOU, URUMQI, Merchant, World, order_body


def assert_nothing_written() -> None:
    assert Order.objects.count() == 0
    assert Outbox.objects.count() == 0
    assert HoldEntry.objects.count() == 0
    assert StockMovement.objects.count() == 0
    assert not Stock.objects.exclude(reserved=0).exists()
    assert not Wallet.objects.exclude(held_amount=0).exists()


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


def test_same_order_again_is_a_replay(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    first = merchant.api.post("/orders", order_body(items=[("A", 1), ("B", 2)]))

    again = merchant.api.post("/orders", order_body(items=[("B", 2), ("A", 1)], remark="other"))

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert Order.objects.count() == 1
    assert "Idempotent-Replayed" not in first.headers


def test_replay_is_answered_before_any_other_check(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    first = merchant.api.post("/orders", order_body())
    Sku.objects.update(shelf_state="off_shelf")
    Partner.objects.update(status="suspended")

    again = merchant.api.post("/orders", order_body())

    assert (again.status_code, again.json()) == (200, first.json())


@pytest.mark.parametrize(
    "changes",
    [
        {"items": [{"sku": "A", "quantity": 2}]},
        {"items": [{"sku": "B", "quantity": 1}]},
        {"consignee": {**CONSIGNEE, "phone": "13900139000"}},
    ],
)
def test_conflict_when_the_number_stands_for_another_order(
    shop: World, merchant: Merchant, changes: dict[str, Any]
) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    first = merchant.api.post("/orders", order_body()).json()

    response = merchant.api.post("/orders", {**order_body(), **changes})

    assert response.status_code == 409
    assert response.json()["code"] == "merchant_order_no_conflict"
    assert response.json()["errors"][0]["order_no"] == first["order_no"]
    assert Order.objects.count() == 1


def test_number_is_not_used_up_by_a_refusal(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    refused = merchant.api.post("/orders", order_body(items=[("A", 2)]))

    placed = merchant.api.post("/orders", order_body(items=[("A", 1)]))

    assert (refused.status_code, placed.status_code) == (409, 201)


def test_two_merchants_may_use_the_same_number(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    shop.make_sku("A", north=10)

    statuses = [one.api.post("/orders", order_body()).status_code for one in (merchant, stranger)]

    assert statuses == [201, 201]


def test_idempotency_key_gives_the_first_answer(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    headers = {"Idempotency-Key": "k-1"}
    first = merchant.api.post("/orders", order_body(), headers)
    merchant.api.post(f"/orders/{first.json()['order_no']}/cancel")

    again = merchant.api.post("/orders", order_body(), headers)

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert again.content == first.content


def test_idempotency_key_with_another_body_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=10)
    headers = {"Idempotency-Key": "k-1"}
    merchant.api.post("/orders", order_body(), headers)

    response = merchant.api.post("/orders", order_body("M-2"), headers)

    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")
    assert Order.objects.count() == 1


def test_idempotency_key_is_not_used_up_by_a_refusal(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=1)
    headers = {"Idempotency-Key": "k-1"}
    merchant.api.post("/orders", order_body(items=[("A", 2)]), headers)

    response = merchant.api.post("/orders", order_body(items=[("A", 1)]), headers)

    assert response.status_code == 201


@pytest.mark.parametrize("key", ["", " ", "a b", "é", "x" * 129])
def test_malformed_idempotency_key_is_refused(shop: World, merchant: Merchant, key: str) -> None:
    shop.make_sku("A", north=1)

    response = merchant.api.post("/orders", order_body(), {"Idempotency-Key": key})

    assert (response.status_code, response.json()["code"]) == (422, "field_invalid")
    assert_nothing_written()


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


@pytest.mark.parametrize(
    "quantity", [0, -1, 1.5, True, "1_000", "１", "1", 2**31, 1_000_001, None, [], {}]
)
def test_quantity_that_is_no_whole_number_is_refused(
    shop: World, merchant: Merchant, quantity: Any
) -> None:
    shop.make_sku("A", north=5)

    response = merchant.api.post(
        "/orders", {**order_body(), "items": [{"sku": "A", "quantity": quantity}]}
    )

    code = "field_required" if quantity is None else "quantity_invalid"
    assert response.status_code == 422
    assert [(e["pointer"], e["code"]) for e in response.json()["errors"]] == [
        ("/items/0/quantity", code)
    ]
    assert_nothing_written()


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"price": "1.00"}, "/price", "unknown_field"),
        ({"status": "paid"}, "/status", "unknown_field"),
        ({"merchant_id": 1}, "/merchant_id", "unknown_field"),
        ({"quote_id": "q"}, "/quote_id", "field_invalid"),
        ({"quote_id": " q"}, "/quote_id", "string_invalid"),
        ({"quote_id": 7}, "/quote_id", "field_invalid"),
        ({"on_shortage": "drop"}, "/on_shortage", "field_invalid"),
        ({"on_shortage": ""}, "/on_shortage", "field_invalid"),
        ({"on_shortage": ["reject"]}, "/on_shortage", "field_invalid"),
        ({"on_shortage": True}, "/on_shortage", "field_invalid"),
        ({"items": []}, "/items", "field_required"),
        ({"items": "A"}, "/items", "field_invalid"),
        ({"items": [{"sku": "A", "quantity": 1, "price": "1"}]}, "/items/0/price", "unknown_field"),
        ({"items": [{"sku": "A", "quantity": 1, "expected_price": "1"}]},
         "/items/0/expected_price", "field_invalid"),
        ({"items": [{"sku": "A", "quantity": 1, "expected_price": 1.0}]},
         "/items/0/expected_price", "field_invalid"),
        ({"items": [{"sku": "A", "quantity": 1}] * 2}, "/items/1/sku", "duplicate_sku"),
        ({"items": [{"sku": f"S{n}", "quantity": 1} for n in range(1001)]},
         "/items", "too_many_items"),
        ({"merchant_order_no": " M-1"}, "/merchant_order_no", "string_invalid"),
        ({"merchant_order_no": "M-1\u200b"}, "/merchant_order_no", "string_invalid"),
        ({"merchant_order_no": "e\u0301"}, "/merchant_order_no", "string_invalid"),
        ({"merchant_order_no": "M\n1"}, "/merchant_order_no", "string_invalid"),
        ({"merchant_order_no": "M-1\u0000"}, "/merchant_order_no", "string_invalid"),
        ({"merchant_order_no": ""}, "/merchant_order_no", "field_required"),
        ({"merchant_order_no": "x" * 65}, "/merchant_order_no", "string_invalid"),
        ({"merchant_order_no": 7}, "/merchant_order_no", "field_invalid"),
        ({"merchant_order_no": None}, "/merchant_order_no", "field_required"),
        ({"remark": "x" * 501}, "/remark", "field_invalid"),
        ({"metadata": {"a": 1}}, "/metadata", "field_invalid"),
        ({"metadata": {"": "x"}}, "/metadata", "field_invalid"),
        ({"metadata": "x"}, "/metadata", "field_invalid"),
        ({"metadata": {"a": "x\u0000"}}, "/metadata/a", "string_invalid"),
        ({"metadata": {"a": "\udfff"}}, "/metadata/a", "string_invalid"),
        ({"remark": "a\u0000"}, "/remark", "string_invalid"),
        ({"remark": "a\u202eb"}, "/remark", "string_invalid"),
        ({"purchase_order_no": "PO\ud800"}, "/purchase_order_no", "string_invalid"),
        ({"quote_id": "Q\u0000"}, "/quote_id", "string_invalid"),
        ({"consignee": {**CONSIGNEE, "address": "a\u0000"}},
         "/consignee/address", "string_invalid"),
        ({"consignee": {**CONSIGNEE, "address": " a"}}, "/consignee/address", "string_invalid"),
        ({"consignee": {**CONSIGNEE, "name": "x" * 65}}, "/consignee/name", "field_invalid"),
        ({"consignee": {**CONSIGNEE, "name": ""}}, "/consignee/name", "field_required"),
        ({"consignee": {**CONSIGNEE, "phone": "１３８００１３８０００"}},
         "/consignee/phone", "field_invalid"),
        ({"consignee": {**CONSIGNEE, "phone": 13800138000}},
         "/consignee/phone", "field_invalid"),
        ({"consignee": {**CONSIGNEE, "phone": "1\n2345678"}},
         "/consignee/phone", "string_invalid"),
        ({"consignee": {**CONSIGNEE, "vip": True}}, "/consignee/vip", "unknown_field"),
        ({"consignee": {**CONSIGNEE, "phone": "call me"}}, "/consignee/phone", "field_invalid"),
        ({"consignee": {**CONSIGNEE, "name": "张\ud800"}}, "/consignee/name", "string_invalid"),
        ({"consignee": {n: CONSIGNEE[n] for n in ("name", "phone", "region")}},
         "/consignee/address", "field_required"),
        ({"consignee": {n: CONSIGNEE[n] for n in ("name", "phone", "address")}},
         "/consignee/address", "region_ambiguous"),
        ({"consignee": {**CONSIGNEE, "region": ""}}, "/consignee/region", "field_required"),
    ],
)  # fmt: skip
def test_malformed_body_is_refused_with_its_place(
    shop: World, merchant: Merchant, changes: dict[str, Any], pointer: str, code: str
) -> None:
    shop.make_sku("A", north=5)

    response = merchant.api.post("/orders", {**order_body(), **changes})

    assert response.status_code == 422
    assert (response.json()["code"], response.json()["errors"][0]["pointer"]) == (code, pointer)
    assert_nothing_written()


@pytest.mark.parametrize("sent", ["Reject", ["reject"], 7])
def test_allowed_values_are_told_when_on_shortage_is_none_of_them(
    shop: World, merchant: Merchant, sent: Any
) -> None:
    response = merchant.api.post("/orders", order_body(on_shortage=sent), {"Accept-Language": "en"})

    assert response.json()["errors"] == [
        {
            "pointer": "/on_shortage",
            "code": "field_invalid",
            "detail": "This value is not valid",
            "allowed": ["reject", "drop_line"],
        }
    ]
    assert_nothing_written()


def test_unknown_parameter_is_refused(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)

    response = merchant.api.post("/orders?x=1", order_body())

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")
    assert response.json()["errors"][0]["pointer"] == "?x"
    assert_nothing_written()


@pytest.mark.parametrize("body", [[], "text", 7, None])
def test_body_that_is_no_object_is_refused(shop: World, merchant: Merchant, body: Any) -> None:
    response = merchant.api.post("/orders", body)

    assert response.status_code == 422
    assert_nothing_written()


def test_metadata_comes_back_unchanged(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    metadata = {"门店": "一号 \n店", "k" * 40: "v" * 500, "empty": ""}

    body = merchant.api.post("/orders", order_body(metadata=metadata)).json()

    assert body["metadata"] == metadata
    assert merchant.api.get(f"/orders/{body['order_no']}").json()["metadata"] == metadata


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

    # The limits, 3 reads, all writes at once, savepoint and its end in a test.
    with django_assert_num_queries(7):
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


def test_null_is_as_good_as_left_out(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    item = {"sku": "A", "quantity": 1, "expected_price": None}

    response = merchant.api.post(
        "/orders", {**order_body(), "items": [item], "remark": None, "metadata": None}
    )

    assert response.status_code == 201
    assert (response.json()["remark"], response.json()["metadata"]) == (None, {})


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
