"""POST /orders to a region whose code was retired."""

from __future__ import annotations

import pytest

from openplatform.messaging.models import Message, Outbox
from openplatform.messaging.services.sequencing import sequence_outbox
from openplatform.regions.models import Region
from orders.models import Order
from tests.cast import BEIJING, CONSIGNEE, GUANGZHOU, SHANGHAI, Merchant, World, order_body

OLD = "440183"


@pytest.fixture
def retired(shop: World) -> Region:
    """A district that became a part of the one in 广州."""
    return Region.objects.create(
        code=OLD,
        parent_id="440100",
        level=3,
        name="增城市",
        path=["440000", "440100", OLD],
        path_name="广东省 广州市 增城市",
        has_children=False,
        is_retired=True,
        successor_id=GUANGZHOU,
    )


def body_to(region: str) -> dict[str, object]:
    return order_body(consignee={**CONSIGNEE, "region": region})


def test_order_goes_to_the_successor_when_the_region_is_retired(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=3)

    response = merchant.api.post("/orders", body_to(OLD))

    assert response.status_code == 201
    body = response.json()
    assert body["consignee"] == {
        **CONSIGNEE,
        "region": GUANGZHOU,
        "region_confidence": None,
    }
    order = Order.objects.get()
    assert order.consignee_region_id == GUANGZHOU
    assert order.consignee_region_name == "广东省 广州市 天河区"
    assert merchant.api.get(f"/orders/{body['order_no']}").json() == body
    sequence_outbox()
    assert Message.objects.get().data["order"] == body


def test_same_order_again_is_a_replay_when_the_region_is_retired(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=3)
    first = merchant.api.post("/orders", body_to(OLD))

    again = merchant.api.post("/orders", body_to(OLD))

    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert Order.objects.count() == 1


def test_same_order_again_is_a_replay_when_the_region_retired_in_between(
    shop: World, merchant: Merchant
) -> None:
    shop.make_sku("A", north=3)
    first = merchant.api.post("/orders", body_to(SHANGHAI))
    Region.objects.filter(code=SHANGHAI).update(is_retired=True, successor_id=BEIJING)

    again = merchant.api.post("/orders", body_to(SHANGHAI))

    assert (again.status_code, again.json()) == (200, first.json())
    assert again.json()["consignee"]["region"] == SHANGHAI


def test_region_is_unknown_when_nothing_follows_the_retired_one(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=3)
    Region.objects.filter(code=OLD).update(successor_id=None)

    response = merchant.api.post("/orders", body_to(OLD))

    assert response.status_code == 422
    assert [(error["pointer"], error["code"]) for error in response.json()["errors"]] == [
        ("/consignee/region", "region_unknown")
    ]
    assert Order.objects.count() == 0
    assert Outbox.objects.count() == 0


def test_region_is_unknown_when_the_successor_is_retired_without_one(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=3)
    Region.objects.filter(code=GUANGZHOU).update(is_retired=True)

    response = merchant.api.post("/orders", body_to(OLD))

    assert (response.status_code, response.json()["code"]) == (422, "region_unknown")
    assert Order.objects.count() == 0


def test_district_is_asked_for_when_the_successor_is_a_city(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=3)
    Region.objects.filter(code=OLD).update(successor_id="440100")

    response = merchant.api.post("/orders", body_to(OLD))

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["code"], error["reason"]) == ("field_invalid", "name_a_district")
    assert Order.objects.count() == 0


def test_goods_come_from_what_serves_the_successor_when_the_region_is_retired(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", north=3)  # 北京 and 上海 only

    response = merchant.api.post("/orders", body_to(OLD))

    assert (response.status_code, response.json()["code"]) == (422, "region_not_served")
    assert Order.objects.count() == 0


def test_warehouse_that_serves_a_retired_region_ships_to_its_successor(
    shop: World, merchant: Merchant, retired: Region
) -> None:
    shop.make_sku("A", south=3)
    shop.south.serves.set([retired])

    response = merchant.api.post("/orders", body_to(GUANGZHOU))

    assert response.status_code == 201
