"""POST /orders without a region: the address tells it, or nothing is ordered."""

from __future__ import annotations

from decimal import Decimal
from gzip import compress
from typing import Any

import pytest

from openplatform.core import clock
from openplatform.messaging.models import Message
from openplatform.messaging.services.sequencing import sequence_outbox
from openplatform.regions.models import Region, RegionLibrary
from orders.models import Order
from tests.cast import GUANGZHOU, Merchant, World, order_body

WHO = {"name": "张三", "phone": "13800138000"}
TIANHE = "广东省广州市天河区体育西路 1 号"


@pytest.fixture(autouse=True)
def library(shop: World) -> RegionLibrary:
    """The corner of the library that the world has, named so that its index is built anew."""
    return RegionLibrary.objects.create(
        version="corner", file=compress(b"code"), loaded_at=clock.now()
    )


def body_to(address: str, **fields: Any) -> dict[str, Any]:
    return order_body(consignee={**WHO, "address": address}, **fields)


def test_region_is_found_by_the_address(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3, south=3)

    response = merchant.api.post("/orders", body_to(TIANHE))

    assert response.status_code == 201
    body = response.json()
    assert body["consignee"] == {
        **WHO,
        "region": GUANGZHOU,
        "region_confidence": 1.0,
        "address": TIANHE,
    }
    order = Order.objects.get()
    assert order.region_confidence == Decimal("1.00")
    assert order.consignee_region_name == "广东省 广州市 天河区"
    assert merchant.api.get(f"/orders/{order.order_no}").json() == body
    sequence_outbox()
    assert Message.objects.get().data["order"] == body


def test_less_than_certain_is_told(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", south=3)

    body = merchant.api.post("/orders", body_to("广州天河体育西路 1 号")).json()

    assert (body["consignee"]["region"], body["consignee"]["region_confidence"]) == (
        GUANGZHOU,
        0.97,
    )
    assert merchant.api.get(f"/orders/{body['order_no']}").json() == body


def test_a_region_that_is_named_is_not_looked_for(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3)

    body = merchant.api.post(
        "/orders", order_body(consignee={**WHO, "region": "110101", "address": TIANHE})
    ).json()

    assert body["consignee"]["region"] == "110101"
    assert body["consignee"]["region_confidence"] is None


def test_refused_with_candidates_when_the_address_is_ambiguous(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=3, south=3)

    response = merchant.api.post("/orders", body_to("东城区东城街道 1 号"))

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/consignee/address", "region_ambiguous")
    resolved = merchant.api.post("/regions/resolve", {"text": "东城区东城街道 1 号"}).json()[
        "results"
    ]
    assert [(one["code"], one["confidence"]) for one in resolved] == [
        ("110101", 0.76),
        ("441900003", 0.16),
    ]
    assert error["candidates"] == resolved
    assert Order.objects.count() == 0


@pytest.mark.parametrize(
    ("address", "candidates"), [("1 号楼", []), ("广东省广州市 1 号", ["440100"])]
)
def test_refused_when_the_address_names_no_district(
    shop: World, merchant: Merchant, address: str, candidates: list[str]
) -> None:
    shop.make_sku("A", north=3, south=3)

    response = merchant.api.post("/orders", body_to(address))

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/consignee/address", "region_ambiguous")
    assert [one["code"] for one in error["candidates"]] == candidates
    assert Order.objects.count() == 0


def test_faults_of_lines_come_with_the_ambiguous_address(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", north=3, min_quantity=2)

    response = merchant.api.post("/orders", body_to("1 号楼", items=[("A", 1), ("NONE", 1)]))

    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        ("/consignee/address", "region_ambiguous"),
        ("/items/0/quantity", "below_minimum"),
        ("/items/1/sku", "sku_not_available"),
    ]


def test_refused_when_no_library_is_loaded(
    shop: World, merchant: Merchant, library: RegionLibrary
) -> None:
    shop.make_sku("A", south=3)
    library.delete()

    response = merchant.api.post("/orders", body_to(TIANHE))

    assert (response.status_code, response.json()["code"]) == (422, "region_ambiguous")
    assert response.json()["errors"][0]["candidates"] == []


def test_same_order_again_is_a_replay_when_the_address_tells_nothing_by_now(
    shop: World, merchant: Merchant, library: RegionLibrary
) -> None:
    shop.make_sku("A", south=3)
    first = merchant.api.post("/orders", body_to(TIANHE))
    library.delete()

    again = merchant.api.post("/orders", body_to(TIANHE))

    assert (again.status_code, again.json()) == (200, first.json())


def test_conflict_when_the_same_number_comes_with_the_region_named(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", south=3)
    merchant.api.post("/orders", body_to(TIANHE))

    response = merchant.api.post(
        "/orders", order_body(consignee={**WHO, "region": GUANGZHOU, "address": TIANHE})
    )

    assert (response.status_code, response.json()["code"]) == (409, "merchant_order_no_conflict")


def test_address_of_a_retired_place_goes_to_its_successor(shop: World, merchant: Merchant) -> None:
    shop.make_sku("A", south=3)
    Region.objects.create(
        code="440183",
        parent_id="440100",
        level=3,
        name="增城市",
        path=["440000", "440100", "440183"],
        path_name="广东省 广州市 增城市",
        has_children=False,
        is_retired=True,
        successor_id=GUANGZHOU,
    )
    RegionLibrary.objects.update(version="corner with a retired place")

    body = merchant.api.post("/orders", body_to("广州市增城市荔城街 1 号")).json()

    assert body["consignee"]["region"] == GUANGZHOU


def test_placing_by_address_needs_one_query_more(
    shop: World, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    shop.make_sku("A", south=3)
    merchant.api.post("/regions/resolve", {"text": TIANHE})  # the index is built, the key known

    with django_assert_num_queries(7):
        merchant.api.post("/orders", body_to(TIANHE))
