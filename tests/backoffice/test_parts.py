"""Rows that are part of a page's row: an operator, who may delete nothing, takes them out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from catalog.models import CategoryAttribute, Sku, SkuImage, SkuRegion, StockHint
from openplatform.audit.models import AuditEntry
from openplatform.messaging.models import Outbox
from tests.backoffice.conftest import Staff
from tests.backoffice.test_goods import sent_back
from tests.cast import Merchant, World
from tests.catalog.news import news_of
from tests.catalog.range import make_category, make_product, settle


@pytest.fixture
def operator(staff: Staff) -> Client:
    """Somebody of the group as it comes with the platform."""
    call_command("load_roles")
    client = staff(username="olive")
    User.objects.get(username="olive").groups.add(Group.objects.get(name="operator"))
    return client


@pytest.fixture
def lamp(shop: World) -> Sku:
    """A SKU with two pictures and a delivery restriction, in a category with an attribute."""
    lamps = make_category("lamps", "Lamps", None)
    CategoryAttribute.objects.create(category=lamps, name="power")
    sku = shop.make_sku("LAMP", product=make_product("LAMP", lamps), north=10)
    SkuImage.objects.create(sku=sku, url="https://e.com/a.png", position=0)
    SkuImage.objects.create(sku=sku, url="https://e.com/b.png", position=1)
    SkuRegion.objects.create(sku=sku, region_id="110000", kind="not_to")
    settle(shop)
    StockHint.objects.all().delete()
    return sku


def sku_page(sku: Sku) -> str:
    return reverse("admin:catalog_sku_change", args=(sku.pk,))


def category_page(sku: Sku) -> str:
    return reverse("admin:catalog_category_change", args=(sku.product.category_id,))


def deletions(page: Any) -> set[str]:
    """The rows that the page offers to take out."""
    return {
        form.add_prefix("DELETE")
        for shown in page.context["inline_admin_formsets"]
        for form in shown.formset.initial_forms
        if "DELETE" in form.fields
    }


def test_picture_goes_and_merchants_hear_when_an_operator_takes_it_out(
    lamp: Sku, merchant: Merchant, operator: Client
) -> None:
    page = operator.get(sku_page(lamp))
    assert deletions(page) == {"images-0-DELETE", "images-1-DELETE", "regions-0-DELETE"}

    response = operator.post(sku_page(lamp), sent_back(page) | {"images-0-DELETE": "on"})

    assert response.status_code == 302, response.context["errors"]
    assert [(image.url, image.position) for image in lamp.images.all()] == [
        ("https://e.com/b.png", 0)
    ]
    assert news_of(merchant) == [("sku.updated", {"skus": ["LAMP"], "fields": ["images"]})]
    assert AuditEntry.objects.get(action="change_images").actor == "olive"


def test_stock_answers_are_compared_when_an_operator_lifts_a_delivery_restriction(
    lamp: Sku, operator: Client
) -> None:
    form = sent_back(operator.get(sku_page(lamp)))

    response = operator.post(sku_page(lamp), form | {"regions-0-DELETE": "on"})

    assert response.status_code == 302, response.context["errors"]
    assert not SkuRegion.objects.exists()
    assert StockHint.objects.get().sku_id == lamp.pk
    entry = AuditEntry.objects.get(subject_type="catalog.skuregion")
    assert (entry.action, entry.actor) == ("delete", "olive")
    assert entry.before["kind"] == "not_to"


def test_attribute_goes_when_an_operator_takes_it_out(lamp: Sku, operator: Client) -> None:
    page = operator.get(category_page(lamp))
    assert deletions(page) == {"attributes-0-DELETE"}

    response = operator.post(category_page(lamp), sent_back(page) | {"attributes-0-DELETE": "on"})

    assert response.status_code == 302, response.context["errors"]
    assert not CategoryAttribute.objects.exists()
    entry = AuditEntry.objects.get(subject_type="catalog.categoryattribute")
    assert (entry.action, entry.actor, entry.before["name"]) == ("delete", "olive", "power")


def test_parts_stay_when_one_may_change_them_but_not_the_whole(
    lamp: Sku, boss: Client, staff: Staff
) -> None:
    looker = staff(
        "catalog.view_sku", "catalog.change_skuimage", "catalog.change_skuregion",
        "catalog.view_category", "catalog.change_categoryattribute",
    )  # fmt: skip
    form = sent_back(boss.get(sku_page(lamp)))
    doomed = {"images-0-DELETE": "on", "regions-0-DELETE": "on"}
    assert deletions(looker.get(sku_page(lamp))) == set()
    assert deletions(looker.get(category_page(lamp))) == set()

    assert looker.post(sku_page(lamp), form | doomed).status_code == 403

    assert lamp.images.count() == 2
    assert SkuRegion.objects.count() == 1
    assert not Outbox.objects.exists()
