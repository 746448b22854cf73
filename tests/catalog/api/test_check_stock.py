from __future__ import annotations

from typing import Any

import pytest

from catalog.models import Sku, Stock
from tests.cast import BEIJING, GUANGZHOU, SHANGHAI, URUMQI, Api, Merchant, World

PATH = "/catalog/stock-checks"


def item(sku: str, quantity: Any = 1) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity}


def test_each_item_is_answered_in_its_place_when_asked_together(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=7, south=5)
    shop.make_sku("B", north=7)
    shop.make_sku("OFF", south=5, shelf_state=Sku.ShelfState.OFF_SHELF)
    shop.make_sku("HIDDEN", south=5, in_pool=False)
    items = [item("B"), item("HIDDEN"), item("A", 5), item("OFF"), item("A", 6), item("NONE")]

    response = merchant.api.post(PATH, {"region": GUANGZHOU, "items": items})

    assert response.status_code == 200
    assert response.json() == {
        "results": [
            {
                "sku": "B",
                "quantity": 1,
                "region": GUANGZHOU,
                "in_stock": False,
                "reason": "region_not_served",
            },
            {"sku": "HIDDEN", "error": "sku_not_available"},
            {
                "sku": "A",
                "quantity": 5,
                "region": GUANGZHOU,
                "in_stock": True,
                "reason": None,
            },
            {
                "sku": "OFF",
                "quantity": 1,
                "region": GUANGZHOU,
                "in_stock": False,
                "reason": "sku_off_shelf",
            },
            {
                "sku": "A",
                "quantity": 6,
                "region": GUANGZHOU,
                "in_stock": False,
                "reason": "stock_insufficient",
            },
            {"sku": "NONE", "error": "sku_not_available"},
        ]
    }


def test_items_do_not_share_stock_when_a_sku_stands_in_several(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=7)

    response = merchant.api.post(PATH, {"items": [item("A", 7), item("A", 7), item("A", 8)]})

    assert [entry["in_stock"] for entry in response.json()["results"]] == [True, True, False]
    assert [entry["region"] for entry in response.json()["results"]] == [None, None, None]


@pytest.mark.parametrize(
    ("region", "in_stock"),
    [
        (BEIJING, True),
        ("110000", True),
        ("440000", False),
        (SHANGHAI, True),
        (URUMQI, False),
        ("650000", False),
        (None, True),
    ],
)
def test_answer_is_that_of_the_single_read_when_the_region_is_of_any_level(
    shop: World, merchant: Merchant, region: str | None, in_stock: bool
) -> None:
    shop.make_sku("A", north=7)
    named = {} if region is None else {"region": region}

    response = merchant.api.post(PATH, {"items": [item("A", 7)], **named})

    assert response.json()["results"][0]["in_stock"] is in_stock
    assert response.json()["results"] == [
        merchant.api.get("/catalog/skus/A/stock", quantity=7, **named).json()
    ]


def test_nothing_is_told_when_a_stranger_asks(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", north=7)

    response = stranger.api.post(PATH, {"items": [item("A")]})

    assert response.json() == {"results": [{"sku": "A", "error": "sku_not_available"}]}


def test_two_queries_are_made_when_a_hundred_items_are_asked_for(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    codes = [f"SKU-{number:03}" for number in range(100)]
    for code in codes:
        shop.make_sku(code, north=1, south=1)
    body = {"region": BEIJING, "items": [item(code, 2) for code in codes]}
    merchant.api.get("/catalog/skus", limit=1)  # from here on the key is known

    with django_assert_num_queries(3):  # limits; facts and region, in one round trip
        response = merchant.api.post(PATH, body)

    assert [entry["sku"] for entry in response.json()["results"]] == codes
    assert all(entry["in_stock"] for entry in response.json()["results"])


def test_stock_stays_as_it_is_when_it_is_asked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=7)
    before = list(Stock.objects.values())

    merchant.api.post(PATH, {"items": [item("A", 7)]})

    assert list(Stock.objects.values()) == before


@pytest.mark.parametrize(
    "quantity", [0, -1, 1.5, 1.0, True, "1", "1_000", "１", 2**31, 1_000_001, None, [1], {}]
)
def test_refused_when_a_quantity_is_none(shop: World, merchant: Merchant, quantity: Any) -> None:
    shop.make_sku("A", north=7)

    response = merchant.api.post(PATH, {"items": [item("A"), item("A", quantity)]})

    assert response.status_code == 422
    expected = "field_required" if quantity is None else "quantity_invalid"
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == [
        ("/items/1/quantity", expected)
    ]


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("/items", "field_required")]),
        ({"items": []}, [("/items", "field_required")]),
        ({"items": None}, [("/items", "field_required")]),
        ({"items": {}}, [("/items", "field_invalid")]),
        ({"items": ["A"]}, [("/items/0", "field_invalid")]),
        ({"items": [{"sku": "A"}]}, [("/items/0/quantity", "field_required")]),
        ({"items": [{"quantity": 1}]}, [("/items/0/sku", "field_required")]),
        ({"items": [item("A")] * 101}, [("/items", "too_many_items")]),
        ({"items": [item("A b")]}, [("/items/0/sku", "string_invalid")]),
        ({"items": [item("A\x00")]}, [("/items/0/sku", "string_invalid")]),
        ({"items": [item("１")]}, [("/items/0/sku", "string_invalid")]),
        ({"items": [{**item("A"), "price": "1.00"}]}, [("/items/0/price", "unknown_field")]),
        ({"items": [item("A")], "warehouse": "x"}, [("/warehouse", "unknown_field")]),
        ({"items": [item("A")], "region": 110000}, [("/region", "field_invalid")]),
        ({"items": [item("A")], "region": "999999"}, [("/region", "region_unknown")]),
        (
            {"items": [item("A", 0), item(" ")], "region": ""},
            [
                ("/region", "field_required"),
                ("/items/0/quantity", "quantity_invalid"),
                ("/items/1/sku", "string_invalid"),
            ],
        ),
    ],
)
def test_refused_when_the_body_is_wrong(
    shop: World, merchant: Merchant, body: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    shop.make_sku("A", north=7)

    response = merchant.api.post(PATH, body)

    assert response.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == faults
    assert response.json()["code"] == faults[0][1]


def test_refused_when_a_query_parameter_is_sent(shop: World, merchant: Merchant) -> None:
    response = merchant.api.request(
        "POST", PATH, body={"items": [item("A")]}, query={"region": "110000"}
    )

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().post(PATH, {"items": [item("A")]})

    assert response.status_code == 401
    assert response.json()["code"] == "key_missing"


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("orders:write").post(PATH, {"items": [item("A")]})

    assert response.status_code == 403
    assert response.json()["code"] == "scope_missing"
