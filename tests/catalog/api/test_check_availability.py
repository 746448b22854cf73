from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import QuerySet

from catalog.models import ShelfChange, Sku, SkuRegion, Stock
from openplatform.core import clock
from openplatform.regions.models import Region
from tests.cast import BEIJING, GUANGZHOU, SHANGHAI, URUMQI, Api, Merchant, World, order_body

PATH = "/catalog/availability-checks"


def regions(*codes: str) -> QuerySet[Region]:
    return Region.objects.filter(code__in=codes)


def item(sku: str, quantity: Any = 1) -> dict[str, Any]:
    return {"sku": sku, "quantity": quantity}


def ask(merchant: Merchant, *items: dict[str, Any], region: str | None = None) -> Any:
    body: dict[str, Any] = {"items": list(items)}
    if region is not None:
        body["region"] = region
    response = merchant.api.post(PATH, body, headers={"Accept-Language": "en"})
    assert response.status_code == 200
    return response.json()["results"]


def regions_served(merchant: Merchant, sku: str, region: str) -> list[str]:
    [entry] = ask(merchant, item(sku), region=region)
    [served] = [fault for fault in entry["errors"] if fault["code"] == "region_not_served"]
    return [place["code"] for place in served["regions_served"]]


def test_every_reason_and_what_would_fix_it_is_told_when_a_line_cannot_be_ordered(
    shop: World, merchant: Merchant
) -> None:
    sku = shop.make_sku(
        "A", south=5, min_quantity=6, quantity_step=4, shelf_state=Sku.ShelfState.OFF_SHELF
    )
    listed_at = clock.now() + timedelta(days=1)
    ShelfChange.objects.create(sku=sku, shelf_state="off_shelf", effective_at=clock.now())
    ShelfChange.objects.create(sku=sku, shelf_state="on_shelf", effective_at=listed_at)
    shop.make_sku("B", north=7)

    answers = ask(merchant, item("A", 5), item("NONE"), item("B", 7), region=SHANGHAI)

    assert answers == [
        {
            "sku": "A",
            "quantity": 5,
            "region": SHANGHAI,
            "orderable": False,
            "errors": [
                {
                    "pointer": "/items/0/quantity",
                    "code": "below_minimum",
                    "detail": "The quantity is below the minimum",
                    "minimum": 6,
                    "allowed_quantities": [8],
                },
                {
                    "pointer": "/items/0/quantity",
                    "code": "wrong_step",
                    "detail": "The quantity is not a multiple of the step",
                    "step": 4,
                    "allowed_quantities": [8],
                },
                {
                    "pointer": "/items/0",
                    "code": "region_not_served",
                    "detail": "This SKU is not delivered to the region",
                    "sku": "A",
                    "regions_served": [
                        {"code": "110000", "name": "北京市"},
                        {"code": "440000", "name": "广东省"},
                    ],
                },
                {
                    "pointer": "/items/0",
                    "code": "sku_off_shelf",
                    "detail": "This SKU is off the shelf",
                    "sku": "A",
                    "next_listing_at": clock.to_text(listed_at),
                },
            ],
        },
        {
            "sku": "NONE",
            "quantity": 1,
            "region": SHANGHAI,
            "orderable": False,
            "errors": [
                {
                    "pointer": "/items/1/sku",
                    "code": "sku_not_available",
                    "detail": "This SKU is not in your pools",
                    "sku": "NONE",
                }
            ],
        },
        {"sku": "B", "quantity": 7, "region": SHANGHAI, "orderable": True, "errors": []},
    ]


def test_no_number_of_units_is_told_when_there_are_too_few(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=41, shelf_state=Sku.ShelfState.OFF_SHELF)

    [answer] = ask(merchant, item("A", 42))

    assert answer["errors"] == [
        {
            "pointer": "/items/0",
            "code": "sku_off_shelf",
            "detail": "This SKU is off the shelf",
            "sku": "A",
            "next_listing_at": None,
        },
        {
            "pointer": "/items/0",
            "code": "stock_insufficient",
            "detail": "There is not enough stock for the region",
            "sku": "A",
        },
    ]


@pytest.mark.parametrize(
    ("rule", "quantity", "allowed"),
    [((1, 4), 5, [4, 8]), ((6, 4), 7, [8]), ((6, 4), 13, [12, 16]), ((3, 1), 1, [3])],
)
def test_nearest_quantities_are_told_when_one_is_not_allowed(
    shop: World, merchant: Merchant, rule: tuple[int, int], quantity: int, allowed: list[int]
) -> None:
    minimum, step = rule
    shop.make_sku("A", north=100, min_quantity=minimum, quantity_step=step)

    [answer] = ask(merchant, item("A", quantity))

    assert {tuple(fault["allowed_quantities"]) for fault in answer["errors"]} == {tuple(allowed)}


def test_order_is_refused_for_the_first_stage_of_the_same_reasons(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=3, min_quantity=2, quantity_step=2)
    shop.make_sku("B", south=3)
    shop.make_sku("C", north=1)
    lines = [("A", 1), ("B", 1), ("C", 2)]

    [first, second, third] = ask(merchant, *(item(*line) for line in lines), region=SHANGHAI)
    body = order_body(items=lines)
    body["consignee"] = {**body["consignee"], "region": SHANGHAI}
    refused = merchant.api.post("/orders", body).json()

    told = [fault for entry in (first, second) for fault in entry["errors"]]
    assert [(fault["pointer"], fault["code"]) for fault in refused["errors"]] == [
        (fault["pointer"], fault["code"]) for fault in told
    ]
    assert [fault["code"] for fault in third["errors"]] == ["stock_insufficient"]


def test_regions_served_leave_out_what_is_excluded(shop: World, merchant: Merchant) -> None:
    sku = shop.make_sku("A", south=5)
    shop.south.excludes.set(regions("440106"))

    assert regions_served(merchant, "A", URUMQI) == ["110000", "441900"]

    SkuRegion.objects.create(sku=sku, region_id="110100", kind="not_to")
    assert regions_served(merchant, "A", URUMQI) == ["441900"]

    SkuRegion.objects.filter(sku=sku).update(region_id="440106", kind="only_to")
    assert regions_served(merchant, "A", URUMQI) == []


def test_region_is_served_whole_when_two_warehouses_together_serve_it(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=1, south=1)
    shop.south.excludes.set(regions("440106"))
    shop.north.serves.set(regions("440106"))

    assert regions_served(merchant, "A", URUMQI) == ["110000", "440000"]


def test_everywhere_but_the_excluded_is_served_when_a_warehouse_names_no_regions(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=1)
    shop.north.serves.clear()
    shop.north.excludes.set(regions("650000"))

    assert regions_served(merchant, "A", URUMQI) == ["110000", "310000", "440000"]


def test_queries_stay_the_same_when_more_items_are_asked_for(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    for number in range(30):
        sku = shop.make_sku(f"S-{number}", south=1, shelf_state=Sku.ShelfState.OFF_SHELF)
        if number % 3 == 0:
            SkuRegion.objects.create(sku=sku, region_id=GUANGZHOU, kind="not_to")
    merchant.api.get("/catalog/skus", limit=1)  # from here on the key is known

    for count in (1, 30):
        items = [item(f"S-{number}") for number in range(count)]
        with django_assert_num_queries(5):  # limits; facts and region; remedies; regions served
            ask(merchant, *items, region=URUMQI)


def test_texts_are_in_the_language_asked_for(shop: World, merchant: Merchant) -> None:
    response = merchant.api.post(
        PATH, {"items": [item("NONE")]}, headers={"Accept-Language": "zh-hans"}
    )

    assert response.json()["results"][0]["errors"][0]["detail"] != "This SKU is not in your pools"


def test_nothing_is_told_when_a_stranger_asks(
    shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.make_sku("A", north=7)

    [answer] = ask(stranger, item("A"), region=BEIJING)

    assert [fault["code"] for fault in answer["errors"]] == ["sku_not_available"]


def test_stock_stays_as_it_is_when_it_is_asked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=7)
    before = list(Stock.objects.values())

    ask(merchant, item("A", 8))

    assert list(Stock.objects.values()) == before


@pytest.mark.parametrize(
    ("body", "faults"),
    [
        ({}, [("/items", "field_required")]),
        ({"items": []}, [("/items", "field_required")]),
        ({"items": [item("A")] * 101}, [("/items", "too_many_items")]),
        ({"items": [item("A", 0)]}, [("/items/0/quantity", "quantity_invalid")]),
        ({"items": [item("A\x00")]}, [("/items/0/sku", "string_invalid")]),
        ({"items": [item("A")], "stock": 1}, [("/stock", "unknown_field")]),
        ({"items": [item("A")], "region": "999999"}, [("/region", "region_unknown")]),
    ],
)
def test_refused_when_the_body_is_wrong(
    shop: World, merchant: Merchant, body: dict[str, Any], faults: list[tuple[str, str]]
) -> None:
    response = merchant.api.post(PATH, body)

    assert response.status_code == 422
    assert [(fault["pointer"], fault["code"]) for fault in response.json()["errors"]] == faults


def test_refused_when_a_query_parameter_is_sent(shop: World, merchant: Merchant) -> None:
    response = merchant.api.request(
        "POST", PATH, body={"items": [item("A")]}, query={"region": "110000"}
    )

    assert (response.status_code, response.json()["code"]) == (400, "filter_not_allowed")


def test_refused_when_no_key_is_sent(shop: World) -> None:
    response = Api().post(PATH, {"items": [item("A")]})

    assert (response.status_code, response.json()["code"]) == (401, "key_missing")


def test_refused_when_the_scope_is_missing(shop: World, merchant: Merchant) -> None:
    response = merchant.api_with("orders:write").post(PATH, {"items": [item("A")]})

    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
