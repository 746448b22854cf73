"""Pages and actions that call services."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import ApiKey
from accounts.services.keys import digest_of
from catalog.models import (
    Category,
    Product,
    Sku,
    Stock,
    StockMovement,
)
from openplatform.messaging.models import Outbox
from orders.models import FreightTemplate, OrderLine, Shipment, Suborder
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World


def _messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def _empty_inlines(*prefixes: str) -> dict[str, str]:
    return {
        f"{prefix}-{name}": "0"
        for prefix in prefixes
        for name in ("TOTAL_FORMS", "INITIAL_FORMS", "MIN_NUM_FORMS", "MAX_NUM_FORMS")
    }


# Keys


def test_key_is_shown_once_when_it_is_made(merchant: Merchant, boss: Client):
    form = {"partner": merchant.partner.pk, "scopes": ["orders:read"], "note": "shop"}

    response = boss.post(reverse("admin:accounts_apikey_add"), form)

    text = response.context["text"]
    assert text in response.content.decode()
    assert "no-store" in response.headers["Cache-Control"]
    key = ApiKey.objects.get(digest=digest_of(text))
    assert (key.partner_id, key.scopes, key.note) == (merchant.partner.pk, ["orders:read"], "shop")
    page = boss.get(reverse("admin:accounts_apikey_change", args=(key.pk,)))
    assert text not in page.content.decode()


def test_key_is_revoked_when_it_is_confirmed_and_not_before(merchant: Merchant, boss: Client):
    key = ApiKey.objects.get()
    url = reverse("admin:accounts_apikey_revoke", args=(key.pk,))

    asked = boss.get(url)
    key.refresh_from_db()
    before = key.revoked_at
    boss.post(url)

    assert asked.status_code == 200
    assert before is None
    key.refresh_from_db()
    assert key.revoked_at is not None
    assert merchant.api.get("/key").status_code == 401


# Goods


def test_skus_leave_the_shelf_when_the_action_is_run(shop: World, boss: Client):
    sku = shop.make_sku("A")
    other = shop.make_sku("B")

    response = boss.post(
        reverse("admin:catalog_sku_changelist"),
        {"action": "take_off_shelf", "_selected_action": [sku.pk]},
        follow=True,
    )

    assert response.status_code == 200
    sku.refresh_from_db()
    other.refresh_from_db()
    assert (sku.shelf_state, other.shelf_state) == ("off_shelf", "on_shelf")
    assert Outbox.objects.get().type == "sku.off_shelf"


def test_shelf_action_is_missing_when_staff_may_only_look(shop: World, staff: Staff):
    sku = shop.make_sku("A")

    staff("catalog.view_sku").post(
        reverse("admin:catalog_sku_changelist"),
        {"action": "take_off_shelf", "_selected_action": [sku.pk]},
    )

    sku.refresh_from_db()
    assert sku.shelf_state == "on_shelf"


def _sku_form(sku: Sku, **fields: Any) -> dict[str, Any]:
    return {
        "product": sku.product_id, "name": sku.name, "specs": "", "min_quantity": 1,
        "quantity_step": 1, "tax_rate": "0.13", "weight_grams": 500, "barcode": "",
        **_empty_inlines(
            "images", "stocks", "regions", "purchase_prices", "memberships", "pool_changes"
        ),
        **fields,
    }  # fmt: skip


def test_sku_moves_its_stamp_and_keeps_price_and_shelf_when_it_is_edited(shop: World, boss: Client):
    sku = shop.make_sku("A", price="10.00")
    before = Sku.objects.get(pk=sku.pk).updated_at
    url = reverse("admin:catalog_sku_change", args=(sku.pk,))

    form = _sku_form(sku, name="A!", sale_price="12.00", shelf_state="off_shelf")
    response = boss.post(url, form)

    assert response.status_code == 302, response.context["errors"]
    edited = Sku.objects.get(pk=sku.pk)
    assert (edited.name, edited.sale_price) == ("A!", Decimal("10.00"))
    assert edited.updated_at > before
    assert edited.shelf_state == "on_shelf"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "n" * 256),
        ("name", "a\u200bb"),
        ("specs", "[1]"),
        ("specs", "{"),
        ("specs", "color=red\ncolor=blue"),
        ("specs", "=red"),
        ("specs", "color="),
        ("specs", "n" * 101 + "=x"),
        ("specs", "a=b\u202ec"),
        ("min_quantity", "0"),
        ("min_quantity", "1000001"),
        ("quantity_step", "1.5"),
        ("weight_grams", "-1"),
        ("tax_rate", "1.1"),
        ("barcode", "1" * 33),
        ("product", "999999"),
    ],
)
def test_sku_stays_when_an_edit_is_wrong(field: str, value: str, shop: World, boss: Client):
    sku = shop.make_sku("A", price="10.00")
    before = Sku.objects.values().get(pk=sku.pk)
    url = reverse("admin:catalog_sku_change", args=(sku.pk,))

    response = boss.post(url, _sku_form(sku, **{field: value}))

    assert response.status_code == 200
    assert list(response.context["adminform"].form.errors) == [field]
    assert Sku.objects.values().get(pk=sku.pk) == before


def test_description_is_clean_when_a_product_is_added(world: World, boss: Client):
    form = {
        "code": "P1", "name": "P", "category": world.category.pk, "brand": "", "unit": "",
        "other_attributes": "", "description": "<p onclick='x()'>ok</p><script>x()</script>",
        **_empty_inlines("skus"),
    }  # fmt: skip

    response = boss.post(reverse("admin:catalog_product_add"), form)

    assert response.status_code == 302, response.context["errors"]
    assert Product.objects.get(code="P1").description == "<p>ok</p>"


@pytest.mark.parametrize("name", ["P\u200b", "P\u202e1", "P\u20281", "P\r\n1"], ids=ascii)
def test_product_is_refused_when_its_name_hides_something(name: str, world: World, boss: Client):
    form = {
        "code": "P1", "name": name, "category": world.category.pk, "brand": "", "unit": "",
        "other_attributes": "", "description": "one\ntwo", **_empty_inlines("skus"),
    }  # fmt: skip

    response = boss.post(reverse("admin:catalog_product_add"), form)

    assert list(response.context["adminform"].form.errors) == ["name"]
    assert not Product.objects.filter(code="P1").exists()


def test_categories_below_move_when_a_category_is_moved(world: World, boss: Client):
    for code, parent in (("a", ""), ("b", "a"), ("c", "b")):
        parent_id = Category.objects.get(code=parent).pk if parent else ""
        form = {"code": code, "name": code, "parent": parent_id, **_empty_inlines("attributes")}
        assert boss.post(reverse("admin:catalog_category_add"), form).status_code == 302
    moved = Category.objects.get(code="b")

    boss.post(
        reverse("admin:catalog_category_change", args=(moved.pk,)),
        {"name": "b", "parent": world.category.pk, **_empty_inlines("attributes")},
    )

    deepest = Category.objects.get(code="c")
    assert deepest.path == [world.category.pk, moved.pk, deepest.pk]
    assert deepest.level == 3


def test_category_stays_when_it_would_stand_below_itself(world: World, boss: Client):
    child = Category.objects.create(code="child", name="c", parent=world.category, level=2, path=[])
    Category.objects.filter(pk=child.pk).update(path=[world.category.pk, child.pk])

    response = boss.post(
        reverse("admin:catalog_category_change", args=(world.category.pk,)),
        {"name": "家居", "parent": child.pk, **_empty_inlines("attributes")},
        follow=True,
    )

    assert response.status_code == 200
    assert _messages(response) == ["The category would stand below itself"]
    assert Category.objects.get(pk=world.category.pk).parent_id is None


COUNT = {
    "kind": "sellable", "on_hand": "7", "expected_on_hand": "10", "safety_quantity": "2",
    "document_no": "SHEET-1",
}  # fmt: skip


def _count_url(sku: Sku) -> str:
    return reverse("admin:catalog_stock_count", args=(Stock.objects.get(sku=sku).pk,))


def test_count_is_booked_with_a_movement_when_it_is_entered(shop: World, boss: Client):
    sku = shop.make_sku("A", north=10)

    response = boss.post(_count_url(sku), COUNT, follow=True)

    assert _messages(response) == ["On hand 7, reserved 0, shortage 0"]
    stock = Stock.objects.get(sku=sku)
    assert (stock.on_hand, stock.safety_quantity) == (7, 2)
    movement = StockMovement.objects.get()
    assert (movement.cause, movement.on_hand_change, movement.document_no, movement.actor) == (
        "count", -3, "SHEET-1", "boss",
    )  # fmt: skip


def test_count_is_refused_when_the_books_moved_meanwhile(shop: World, boss: Client):
    sku = shop.make_sku("A", north=12)

    response = boss.post(_count_url(sku), COUNT)

    assert response.context["form"].errors == {
        "expected_on_hand": ["The stock is not as expected: it is 12"]
    }
    assert Stock.objects.get(sku=sku).on_hand == 12
    assert not StockMovement.objects.exists()


def test_count_is_forbidden_when_staff_may_only_look(shop: World, staff: Staff):
    sku = shop.make_sku("A", north=10)

    assert staff("catalog.view_stock").post(_count_url(sku), COUNT).status_code == 403
    assert Stock.objects.get(sku=sku).on_hand == 10


# Shipping


def _parcel(world: World, **fields: Any) -> dict[str, Any]:
    return {
        "carrier": world.carrier.pk, "waybill_no": "SF100", "shipped_at_0": "2026-01-31",
        "shipped_at_1": "08:00:00", "line_1": "3", "line_2": "2", **fields,
    }  # fmt: skip


def _ship_url(part: Suborder) -> str:
    return reverse("admin:orders_suborder_ship", args=(part.pk,))


def test_suborder_is_shipped_once_when_the_parcel_is_sent_twice(
    to_ship: Suborder, shop: World, staff: Staff
):
    client = staff("orders.view_suborder", "orders.add_shipment", username="packer")

    first = client.post(_ship_url(to_ship), _parcel(shop), follow=True)
    client.post(_ship_url(to_ship), _parcel(shop), follow=True)

    shipment = Shipment.objects.get()
    assert _messages(first) == [f"Shipment {shipment.shipment_no} is on its way"]
    assert (shipment.carrier.code, shipment.waybill_no, shipment.actor) == (
        "sf", "SF100", "packer",
    )  # fmt: skip
    to_ship.refresh_from_db()
    assert to_ship.status == "shipped"
    assert list(OrderLine.objects.order_by("line_no").values_list("shipped_quantity")) == [
        (3,), (2,),
    ]  # fmt: skip
    assert Outbox.objects.filter(type="shipment.created").count() == 1


def test_suborder_is_partly_shipped_when_units_are_left(
    to_ship: Suborder, shop: World, boss: Client
):
    boss.post(_ship_url(to_ship), _parcel(shop, line_1="1", line_2="0"))

    to_ship.refresh_from_db()
    assert to_ship.status == "partly_shipped"
    assert list(OrderLine.objects.order_by("line_no").values_list("shipped_quantity")) == [
        (1,), (0,),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"line_1": "4"}, "More units than are left to ship"),
        ({"line_1": "0", "line_2": "0"}, "Nothing is in the parcel"),
    ],
)
def test_nothing_is_shipped_when_the_parcel_is_wrong(
    fields: dict[str, str], fault: str, to_ship: Suborder, shop: World, boss: Client
):
    response = boss.post(_ship_url(to_ship), _parcel(shop, **fields))

    assert response.status_code == 200
    assert response.context["form"].errors == {"__all__": [fault]}
    assert not Shipment.objects.exists()


def test_nothing_is_shipped_when_the_time_is_a_slip_of_the_pen(
    to_ship: Suborder, shop: World, boss: Client
):
    parcel = _parcel(shop, shipped_at_0="0001-01-01", shipped_at_1="00:00:00")

    response = boss.post(_ship_url(to_ship), parcel)

    assert response.context["form"].errors == {"shipped_at": ["There is no such time"]}
    assert not Shipment.objects.exists()


def test_ship_page_leads_back_when_nothing_is_left(to_ship: Suborder, shop: World, boss: Client):
    boss.post(_ship_url(to_ship), _parcel(shop), follow=True)

    answers = [
        boss.get(_ship_url(to_ship), follow=True),
        boss.post(_ship_url(to_ship), _parcel(shop, waybill_no="SF101"), follow=True),
    ]

    back_to = reverse("admin:orders_suborder_change", args=(to_ship.pk,))
    assert [answer.redirect_chain for answer in answers] == [[(back_to, 302)]] * 2
    assert [_messages(answer) for answer in answers] == [["Nothing is left to ship"]] * 2
    assert _ship_url(to_ship) not in answers[0].content.decode()
    assert Shipment.objects.count() == 1


def test_shipping_is_forbidden_when_staff_may_only_look(
    to_ship: Suborder, shop: World, staff: Staff
):
    client = staff("orders.view_suborder", "orders.view_order")

    assert client.post(_ship_url(to_ship), _parcel(shop)).status_code == 403
    assert not Shipment.objects.exists()


def test_second_template_is_refused_when_one_is_in_use(world: World, boss: Client):
    form = {
        "code": "other", "name": "other", "is_active": "on", "rules-TOTAL_FORMS": 0,
        "rules-INITIAL_FORMS": 0,
    }  # fmt: skip

    response = boss.post(reverse("admin:orders_freighttemplate_add"), form)

    assert response.status_code == 200
    assert response.context["adminform"].form.non_field_errors()
    assert FreightTemplate.objects.count() == 1


def test_suborders_to_ship_are_listed_when_the_filter_is_on(to_ship: Suborder, boss: Client):
    url = reverse("admin:orders_suborder_changelist")

    assert list(boss.get(url, {"to_ship": "yes"}).context["cl"].queryset) == [to_ship]
    Suborder.objects.update(status="shipped")
    assert list(boss.get(url, {"to_ship": "yes"}).context["cl"].queryset) == []


# Addresses


@pytest.mark.parametrize("object_id", ["abc", "1x", str(2**70), "１０", "0"])
@pytest.mark.parametrize(
    "name",
    [
        "accounts_partner_top_up", "accounts_partner_adjust", "accounts_partner_withdraw",
        "accounts_partner_credit_line", "accounts_partner_threshold", "accounts_partner_limits",
        "accounts_partner_suspend", "accounts_partner_resume", "approvals_approval_approve",
        "approvals_approval_reject", "accounts_apikey_revoke", "catalog_pool_curate",
        "catalog_pool_assign", "catalog_stock_count", "orders_suborder_ship",
    ],
)  # fmt: skip
def test_action_is_not_found_when_the_id_is_none(boss: Client, name: str, object_id: str) -> None:
    response = boss.get(reverse(f"admin:{name}", args=(0,)).replace("/0/", f"/{object_id}/"))

    assert response.status_code == 404
