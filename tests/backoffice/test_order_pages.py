"""The list of orders, and the page of one."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from openplatform.core import clock
from openplatform.core.admin.paging import BoundedPaginator
from orders.models import Order, Suborder
from orders.services.closing import close_lines
from orders.services.rearrangement import split_suborder
from orders.services.shipping import change_waybill
from tests.backoffice.conftest import Staff
from tests.cast import CONSIGNEE, Merchant, World
from tests.orders.acts import pay, place, ship

LIST = reverse("admin:orders_order_changelist")


def order_page(client: Client, order_no: str) -> str:
    order = Order.objects.get(order_no=order_no)
    response = client.get(reverse("admin:orders_order_change", args=(order.pk,)))
    assert response.status_code == 200
    return response.content.decode()


def text_of(html: str) -> str:
    """Without tags, blanks drawn together."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


def shown(client: Client, **parameters: Any) -> list[str]:
    response = client.get(LIST, parameters)
    assert response.status_code == 200
    return [order.merchant_order_no for order in response.context["cl"].result_list]


@pytest.fixture
def two_orders(shop: World, merchant: Merchant, stranger: Merchant) -> None:
    """M-1 of the merchant for 张三, S-1 of the stranger for 李四."""
    shop.open_pool_to(stranger)
    shop.make_sku("A", north=100)
    place(merchant, "M-1")
    place(stranger, "S-1", consignee={**CONSIGNEE, "name": "李四", "phone": "13900139000"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [("M-1", ["M-1"]), ("139", ["S-1"]), ("李", ["S-1"]), ("nobody", []), ("", ["S-1", "M-1"])],
)
def test_list_shows_what_is_found(
    two_orders: None, boss: Client, text: str, expected: list[str]
) -> None:
    assert shown(boss, q=text) == expected


def test_filters_narrow_what_is_found(
    two_orders: None, boss: Client, merchant: Merchant, stranger: Merchant
) -> None:
    for partner, expected in ((merchant, []), (stranger, ["S-1"])):
        assert shown(boss, q="139", partner__id__exact=partner.partner.pk) == expected


def test_unreadable_search_text_is_refused_or_finds_nothing(two_orders: None, boss: Client) -> None:
    for text in ("\0", "x" * 10_000, "\U0010ffff", "%", "'"):
        response = boss.get(LIST, {"q": text})
        assert response.status_code == 200
        if text != "\0":
            assert list(response.context["cl"].result_list) == []


def test_list_counts_and_adds_up_to_a_bound(
    two_orders: None, boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert boss.get(LIST).context["totals"][0][1] == 36

    monkeypatch.setattr(BoundedPaginator, "maximum", 1)
    response = boss.get(LIST)

    assert response.context["cl"].result_count == 1
    assert response.context["totals"] == []
    assert "the first 1; search or filter for the others" in text_of(response.content.decode())


def test_list_asks_no_more_when_it_is_longer(
    shop: World, merchant: Merchant, boss: Client, django_assert_max_num_queries: Any
) -> None:
    shop.make_sku("A", north=100)
    for number in range(12):
        place(merchant, f"M-{number}")

    with django_assert_max_num_queries(11):
        boss.get(LIST)
    with django_assert_max_num_queries(12):
        boss.get(LIST, {"q": "M-"})


def test_page_tells_of_money_parts_parcels_and_states(
    shop: World, merchant: Merchant, boss: Client
) -> None:
    shop.make_sku("A", price="10.00", north=50, south=50, weight_grams=100)
    order_no = pay(merchant, items=[("A", 5)])["order_no"]
    now = clock.now()
    who: dict[str, Any] = {"actor": "operator", "now": now, "reason": "broken"}
    split_suborder(
        suborder_no=f"{order_no}-1", quantities={1: 2}, to_warehouse_id=shop.south.pk,
        restock=True, **who,
    )  # fmt: skip
    close_lines(
        suborder_no=f"{order_no}-1", quantities={1: 1}, restock=True, refund_freight=False, **who
    )
    shipment = ship(f"{order_no}-1", {1: 1}, waybill_no="SF-1")
    change_waybill(
        shipment_no=shipment.shipment_no, carrier_code="sf", waybill_no="SF-2",
        reason="relabelled", actor="operator", now=now,
    )  # fmt: skip

    text = text_of(order_page(boss, order_no))

    assert "Held 0.00 Paid 58.00 Refunded 10.00 Paid less refunded 48.00" in text
    assert "Refunded 10.00" in text
    assert f"split from {order_no}-1" in text
    assert "Splits and moves" in text
    assert "SF-2" in text
    assert "SF-1, changed by operator : relabelled" in text.replace("operator:", "operator :")
    assert text.count("How the freight came about") == 2
    assert f"3.20 of it went to {order_no}-2 with the split, divided by the goods." in text
    assert f"3.20 of the freight of {order_no}-1 came here with the split" in text
    assert "History of states" in text


def test_page_of_a_bare_order_shows_its_hold_only(two_orders: None, boss: Client) -> None:
    text = text_of(order_page(boss, Order.objects.get(merchant_order_no="M-1").order_no))

    assert "Held 18.00 Paid 0.00 Refunded 0.00 Paid less refunded 0.00" in text
    assert "Splits and moves" not in text


def test_page_asks_no_more_when_the_order_has_more_parts(
    shop: World, merchant: Merchant, boss: Client, django_assert_max_num_queries: Any
) -> None:
    for code in ("A", "B", "C"):
        shop.make_sku(code, north=50, south=50)
    order_no = pay(merchant, items=[("A", 5), ("B", 5), ("C", 5)])["order_no"]
    for line in (1, 2):
        split_suborder(
            suborder_no=f"{order_no}-1", quantities={line: 3}, to_warehouse_id=shop.south.pk,
            restock=True, reason="", actor="operator", now=clock.now(),
        )  # fmt: skip
    for number, part in enumerate(Suborder.objects.order_by("id")):
        ship(part.order_no, waybill_no=f"SF-{number}")

    with django_assert_max_num_queries(40):
        order_page(boss, order_no)


def test_page_that_does_not_exist_leads_back(boss: Client, shop: World) -> None:
    for object_id in ("1", "x", "9" * 30):
        response = boss.get(f"{LIST}{object_id}/change/")
        assert response.status_code == 302


def test_page_is_for_those_who_may_see_orders(two_orders: None, staff: Staff) -> None:
    order = Order.objects.get(merchant_order_no="M-1")
    url = reverse("admin:orders_order_change", args=(order.pk,))

    assert staff("catalog.view_sku", username="other").get(url).status_code == 403
    assert staff("orders.view_order").get(url).status_code == 200
