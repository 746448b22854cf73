"""What a basket would cost to carry, and how a freight came about, in the back office."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.template import Context, Template
from django.test import Client
from django.urls import reverse

from orders.models import FreightRule, FreightTemplate, Order, Suborder
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World, order_body
from tests.sample_regions import load_sample_regions, retire_regions

PREVIEW = reverse("admin:orders_freighttemplate_preview")
PREVIEWER = ("orders.view_freighttemplate", "catalog.view_sku", "catalog.view_purchaseprice")


def preview(client: Client, basket: str, place: str = "110101", partner: str = "acme") -> Any:
    return client.get(PREVIEW, {"partner": partner, "place": place, "basket": basket})


def test_preview_shows_split_freight_and_whose_surcharge_it_is(
    shop: World, merchant: Merchant, staff: Staff
) -> None:
    load_sample_regions()
    shop.make_sku("N", price="10.00", north=5)
    shop.make_sku("S", price="20.00", south=5, weight_grams=1400)
    shop.make_sku("OFF", north=5, shelf_state="off_shelf")
    FreightRule.objects.update(remote_amount=Decimal("12.00"))
    client = staff(*PREVIEWER)

    response = preview(client, "N 2\nS\nOFF:1\nGONE x 3\nS2,N3", place="北京市东城区东长安街 1 号")

    assert response.context["form"].errors == {}
    shown = response.context["preview"]
    assert response.context["place"].code == "110101"
    assert [
        (part.warehouse, part.goods_amount, part.freight.amount, part.freight.details[0]["skus"])
        for part in shown.parts
    ] == [
        (shop.north, Decimal("20.00"), Decimal("20.00"), ["N"]),
        (shop.south, Decimal("20.00"), Decimal("22.00"), ["S"]),
    ]
    assert [(sku, quantity) for sku, quantity, _why in shown.left_out] == [
        ("OFF", 1), ("GONE", 3), ("S2", 1), ("N3", 1),
    ]  # fmt: skip
    assert "12.00" in response.content.decode()
    assert not Order.objects.exists()


def test_preview_is_what_an_order_pays(shop: World, merchant: Merchant, staff: Staff) -> None:
    shop.make_sku("N", price="10.00", north=5, weight_grams=1700)
    shop.make_sku("S", price="20.00", south=5, weight_grams=0)

    shown = preview(staff(*PREVIEWER), "N 2\nS 3").context["preview"]
    placed = merchant.api.post("/orders", order_body(items=[("N", 2), ("S", 3)])).json()

    assert [f"{part.freight.amount}" for part in shown.parts] == [
        part["freight_amount"] for part in placed["suborders"]
    ]
    assert f"{shown.freight_amount}" == placed["freight_amount"]
    assert [part.freight.details for part in shown.parts] == list(
        Suborder.objects.order_by("pk").values_list("freight_details", flat=True)
    )


def test_preview_says_what_goes_free_when_no_template_is_meant_for_it(
    shop: World, merchant: Merchant, staff: Staff
) -> None:
    shop.make_sku("N", north=5)
    FreightTemplate.objects.update(is_active=False)

    response = preview(staff(*PREVIEWER), "N")

    assert response.context["preview"].freight_amount == Decimal("0.00")
    assert "No freight template had a part in this." in response.content.decode()


@pytest.mark.parametrize(
    ("asked", "faulty"),
    [
        (("", "110101", "acme"), "basket"),
        (("A 0", "110101", "acme"), "basket"),
        (("A 2147483648", "110101", "acme"), "basket"),
        (("A １", "110101", "acme"), "basket"),
        (("A 1\nA 2", "110101", "acme"), "basket"),
        (("=HYPERLINK(1)", "110101", "acme"), "basket"),
        (("\n".join(f"A{number}" for number in range(1001)), "110101", "acme"), "basket"),
        (("A\x00", "110101", "acme"), "basket"),
        (("A", "", "acme"), "place"),
        (("A", "999999", "acme"), "place"),
        (("A", "火星", "acme"), "place"),
        (("A", "南山区天河区", "acme"), "place"),
        (("A", "x" * 201, "acme"), "place"),
        (("A", "\x00", "acme"), "place"),
        (("A", "110101", "nobody"), "partner"),
    ],
)
def test_preview_tells_what_cannot_be_read(
    shop: World, merchant: Merchant, staff: Staff, asked: tuple[str, str, str], faulty: str
) -> None:
    load_sample_regions()

    response = preview(staff(*PREVIEWER), *asked)

    assert response.status_code == 200
    assert list(response.context["form"].errors) == [faulty]
    assert "preview" not in response.context


def test_preview_takes_the_successor_of_a_retired_region(
    shop: World, merchant: Merchant, staff: Staff
) -> None:
    retire_regions("110101", "110101001", successors={"110101": "310115"})

    response = preview(staff(*PREVIEWER), "A", place="110101")

    assert response.context["place"].code == "310115"


def test_preview_is_forbidden_without_a_right_to_the_prices(world: World, staff: Staff) -> None:
    assert staff("orders.view_freighttemplate").get(PREVIEW).status_code == 403


# How a stored freight came about


def test_details_of_a_stored_freight_are_told_in_words(
    to_ship: Suborder, django_assert_num_queries: Any
) -> None:
    FreightRule.objects.all().delete()  # told from what the suborder keeps
    text = Template("{% load freight %}{% freight_details part.freight_details %}")

    with django_assert_num_queries(1):  # no rule of it names a region
        shown = " ".join(text.render(Context({"part": to_ship})).split())

    for words in (
        ">standard</a>", "All other regions", "8.00 for the first 1,000 g",
        "2.00 for each further 500 g", ">2,500 g<", ">14.00<", ">A, B<",
    ):  # fmt: skip
        assert words in shown


@pytest.mark.parametrize("details", [[], [{"split_from": "1"}]])
def test_details_are_left_out_when_no_template_had_a_part(
    details: list[dict[str, Any]], db: None
) -> None:
    text = Template("{% load freight %}{% freight_details details %}")

    assert "No freight template had a part in this." in text.render(Context({"details": details}))
