"""POST /orders: what a request may look like."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cast import CONSIGNEE, Merchant, World, order_body
from tests.orders.acts import assert_nothing_written


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


def test_null_is_as_good_as_left_out(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=5)
    item = {"sku": "A", "quantity": 1, "expected_price": None}

    response = merchant.api.post(
        "/orders", {**order_body(), "items": [item], "remark": None, "metadata": None}
    )

    assert response.status_code == 201
    assert (response.json()["remark"], response.json()["metadata"]) == (None, {})
