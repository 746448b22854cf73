"""Prices in the back office: agreements and the prices of the house, shown before they count."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils.timezone import localtime

from catalog.models import PriceChange, PurchasePrice, Sku
from openplatform.audit.models import AuditEntry
from openplatform.core import clock
from tests.cast import Merchant, World

LIST = "/admin/catalog/purchaseprice/"


def _messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def _way(response: Any) -> str:
    """Where an action leads."""
    url: str = response.url
    return url


def _seen(response: Any) -> dict[str, str]:
    """What the page's hidden fields send along once the preview was looked at."""
    return {
        "expected": response.context["look"].fingerprint,
        "values": response.context["values"],
    }


def _terms(merchant: Merchant, **fields: Any) -> dict[str, Any]:
    return {
        "partner": merchant.partner.pk, "applies_to": "all", "sku": "", "category": "",
        "brand": "", "fixed_price": "", "discount_percent": "50", "starts_at_0": "",
        "starts_at_1": "", "ends_at_0": "", "ends_at_1": "", **fields,
    }  # fmt: skip


@pytest.fixture
def goods(shop: World) -> World:
    """Two SKUs, one of them bought dear."""
    shop.make_sku("A", price="10.00")
    shop.make_sku("B", price="10.00", cost_price="6.00")
    return shop


def test_agreement_is_shown_first_and_made_once_confirmed(
    goods: World, merchant: Merchant, boss: Client
) -> None:
    url = reverse("admin:catalog_purchaseprice_add")

    shown = boss.post(url, _terms(merchant))
    unconfirmed = boss.post(url, {**_terms(merchant), **_seen(shown)})
    none = PurchasePrice.objects.count()
    made = boss.post(url, {**_terms(merchant), **_seen(shown), "confirmed": "1"}, follow=True)

    look = shown.context["look"]
    assert [number for _label, number in look.numbers] == [2, 2, 2, 1, 0, 0]
    assert [(line.sku.code, line.cells[-1], len(line.odd)) for line in look.lines] == [
        ("B", "5.00", 1), ("A", "5.00", 0),
    ]  # fmt: skip
    assert (_messages(unconfirmed), unconfirmed.context["is_unconfirmed"]) == ([], True)
    assert none == 0
    assert _messages(made) == ["Agreed: acme all"]
    assert PurchasePrice.objects.get().discount_percent == Decimal("50.00")
    assert AuditEntry.objects.filter(action="make_agreement").count() == 1


def test_preview_is_shown_again_when_values_or_the_world_moved(
    goods: World, merchant: Merchant, boss: Client
) -> None:
    url = reverse("admin:catalog_purchaseprice_add")
    shown = boss.post(url, _terms(merchant, discount_percent="10"))

    other = boss.post(url, {**_terms(merchant, discount_percent="20"), **_seen(shown)})
    Sku.objects.filter(code="A").update(sale_price="20.00")
    moved = boss.post(url, {**_terms(merchant, discount_percent="10"), **_seen(shown)})

    assert [line.cells[-1] for line in other.context["look"].lines] == ["8.00", "8.00"]
    assert _messages(moved) == ["The numbers have changed since the preview; look at them again"]
    assert not PurchasePrice.objects.exists()


@pytest.mark.parametrize(
    ("fields", "faulty"),
    [
        ({"applies_to": "sku", "sku": ""}, "sku"),
        ({"applies_to": "sku", "sku": "nowhere"}, "sku"),
        ({"applies_to": "category"}, "category"),
        ({"discount_percent": ""}, "__all__"),
        ({"discount_percent": "", "fixed_price": "5"}, "fixed_price"),
        ({"discount_percent": "100"}, "discount_percent"),
        ({"discount_percent": "0"}, "discount_percent"),
        ({"starts_at_0": "0001-01-01", "starts_at_1": "00:00:00"}, "starts_at"),
        ({"applies_to": "sku", "sku": "A", "discount_percent": "", "fixed_price": "0"},
         "fixed_price"),
        ({"starts_at_0": "2020-01-01", "starts_at_1": "00:00"}, "starts_at"),
        ({"starts_at_0": "2030-01-02", "starts_at_1": "00:00", "ends_at_0": "2030-01-01",
          "ends_at_1": "00:00"}, "ends_at"),
        ({"ends_at_0": "2020-01-01", "ends_at_1": "00:00"}, "ends_at"),
    ],
)  # fmt: skip
def test_agreement_is_refused_when_its_terms_cannot_be(
    goods: World, merchant: Merchant, boss: Client, fields: dict[str, Any], faulty: str
) -> None:
    response = boss.post(reverse("admin:catalog_purchaseprice_add"), _terms(merchant, **fields))

    assert response.context["look"] is None
    assert list(response.context["form"].errors) == [faulty]
    assert not PurchasePrice.objects.exists()


def test_refusal_is_shown_when_the_start_passes_between_preview_and_confirmation(
    goods: World, merchant: Merchant, boss: Client
) -> None:
    url = reverse("admin:catalog_purchaseprice_add")
    soon = localtime(clock.now() + timedelta(minutes=5))
    terms = _terms(
        merchant,
        discount_percent="10",
        starts_at_0=f"{soon:%Y-%m-%d}",
        starts_at_1=f"{soon:%H:%M:%S}",
    )

    shown = boss.post(url, terms)
    with time_machine.travel(soon + timedelta(minutes=1), tick=False):
        response = boss.post(url, {**terms, **_seen(shown)})

    assert response.context["form"].errors == {
        "starts_at": ["The moment has passed; leave it out to have it start now"]
    }
    assert not PurchasePrice.objects.exists()


@pytest.mark.parametrize("price", ["6.00", "5.00"])
def test_nothing_is_previewed_when_the_same_is_agreed_from_the_same_moment_on(
    goods: World, merchant: Merchant, boss: Client, price: str
) -> None:
    url = reverse("admin:catalog_purchaseprice_add")
    terms = _terms(
        merchant, applies_to="sku", sku="A", discount_percent="", fixed_price="5.00",
        starts_at_0="2099-01-01", starts_at_1="00:00:00",
    )  # fmt: skip
    boss.post(url, {**terms, **_seen(boss.post(url, terms)), "confirmed": "1"})
    present = PurchasePrice.objects.get()

    response = boss.post(url, {**terms, "fixed_price": price})

    assert response.context["look"] is None
    assert response.context["form"].errors == {
        "starts_at": ["There is an agreement on the same from the same moment on; edit that one"]
    }
    assert reverse("admin:catalog_purchaseprice_change", args=(present.pk,)) in (
        response.content.decode()
    )
    assert PurchasePrice.objects.get() == present


def test_agreement_is_edited_and_withdrawn(goods: World, merchant: Merchant, boss: Client) -> None:
    start = clock.now() - timedelta(days=1)
    agreement = PurchasePrice.objects.create(
        partner=merchant.partner, discount_percent=10, starts_at=start, created_at=start
    )
    url = reverse("admin:catalog_purchaseprice_edit", args=(agreement.pk,))
    form = boss.get(url).context["form"]
    day, time = form["starts_at"].subwidgets[0].data["subwidgets"]
    same_start = {"starts_at_0": day["value"], "starts_at_1": time["value"]}
    terms = {"fixed_price": "", "discount_percent": "20", "ends_at_0": "", "ends_at_1": "",
             **same_start}  # fmt: skip

    shown = boss.post(url, terms)
    changed = boss.post(url, {**terms, **_seen(shown)}, follow=True)
    present = PurchasePrice.objects.get(superseded_at=None)
    gone = boss.post(
        reverse("admin:catalog_purchaseprice_withdraw", args=(present.pk,)), follow=True
    )

    assert [line.cells[-2:] for line in shown.context["look"].lines] == [["9.00", "8.00"]] * 2
    assert _messages(changed) == [
        "The agreement is changed; days that have passed keep their price"
    ]
    assert (present.discount_percent, present.starts_at) == (Decimal("20.00"), start)
    assert _messages(gone) == ["The agreement is withdrawn"]
    assert not PurchasePrice.objects.filter(superseded_at=None).exists()
    assert PurchasePrice.objects.count() == 2


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ("", {"now", "soon", "past"}), ("in_force", {"now"}), ("to_come", {"soon"}),
        ("over", {"past"}), ("replaced", {"gone"}),
    ],
)  # fmt: skip
def test_agreements_are_found_by_state(
    goods: World, merchant: Merchant, boss: Client, state: str, expected: set[str]
) -> None:
    now, day = clock.now(), timedelta(days=1)
    times: dict[str, dict[str, Any]] = {
        "now": {"starts_at": now - day},
        "soon": {"starts_at": now + day},
        "past": {"starts_at": now - 2 * day, "ends_at": now - day},
        "gone": {"starts_at": now - 3 * day, "superseded_at": now},
    }
    for actor, fields in times.items():
        PurchasePrice.objects.create(
            partner=merchant.partner, discount_percent=10, actor=actor, **fields
        )

    response = boss.get(LIST, {"state": state} if state else {})

    assert {row.actor for row in response.context["cl"].result_list} == expected


def test_page_of_an_agreement_offers_no_field_to_edit(
    goods: World, merchant: Merchant, boss: Client
) -> None:
    agreement = PurchasePrice.objects.create(partner=merchant.partner, discount_percent=10)

    page = boss.get(reverse("admin:catalog_purchaseprice_change", args=(agreement.pk,)))

    assert page.status_code == 200
    assert list(page.context["adminform"].form.fields) == []


# The prices of the house


def _four(**fields: Any) -> dict[str, Any]:
    return {
        "market_price": "20.00", "sale_price": "10.00", "cost_price": "", "floor_price": "",
        "effective_at_0": "", "effective_at_1": "", "reason": "spring", **fields,
    }  # fmt: skip


def test_prices_of_a_sku_change_once_confirmed_when_they_are_odd(
    goods: World, boss: Client
) -> None:
    sku = Sku.objects.get(code="A")
    to = _way(boss.get(reverse("admin:catalog_sku_change_sku_prices", args=(sku.pk,))))
    values = _four(sale_price="5.00", cost_price="5.50", floor_price="6.00")

    shown = boss.post(to, values)
    unconfirmed = boss.post(to, {**values, **_seen(shown)})
    sku.refresh_from_db()
    before = sku.sale_price
    done = boss.post(to, {**values, **_seen(shown), "confirmed": "1"}, follow=True)

    assert len(shown.context["look"].lines[0].odd) == 3
    assert (_messages(unconfirmed), unconfirmed.context["is_unconfirmed"]) == ([], True)
    assert before == Decimal("10.00")
    assert _messages(done) == ["Prices of 1 SKU changed"]
    sku.refresh_from_db()
    assert (sku.sale_price, sku.cost_price, sku.floor_price) == (
        Decimal("5.00"), Decimal("5.50"), Decimal("6.00"),
    )  # fmt: skip
    assert PriceChange.objects.filter(reason="spring", actor=done.wsgi_request.user).count() == 1


def test_prices_of_chosen_skus_change_at_a_time_and_are_withdrawn(
    goods: World, boss: Client
) -> None:
    ids = list(Sku.objects.values_list("pk", flat=True))
    to = _way(
        boss.post(
            reverse("admin:catalog_sku_changelist"),
            {"action": "choose_prices", "_selected_action": ids},
        )
    )
    values = {"price": "sale_price", "how": "percent", "value": "-10", "reason": "",
              "effective_at_0": "2999-01-01", "effective_at_1": "00:00"}  # fmt: skip

    shown = boss.post(to, values)
    done = boss.post(to, {**values, **_seen(shown)}, follow=True)
    coming = PriceChange.objects.filter(applied_at=None)
    made = set(coming.values_list("sku__code", "sale_price"))
    gone = boss.post(
        reverse("admin:catalog_pricechange_changelist"),
        {"action": "withdraw", "_selected_action": list(coming.values_list("pk", flat=True))},
        follow=True,
    )

    assert _messages(done) == ["Prices of 2 SKUs will change"]
    assert made == {("A", Decimal("9.00")), ("B", Decimal("9.00"))}
    assert set(Sku.objects.values_list("sale_price", flat=True)) == {Decimal("10.00")}
    assert _messages(gone) == ["2 price changes withdrawn"]
    assert not PriceChange.objects.filter(applied_at=None).exists()


def test_prices_of_the_whole_result_change_when_all_are_chosen(goods: World, boss: Client) -> None:
    goods.make_sku("ZZ", price="10.00", name="other")
    response = boss.post(
        reverse("admin:catalog_sku_changelist") + "?shelf_state__exact=on_shelf",
        {"action": "choose_prices", "_selected_action": [Sku.objects.first().pk],  # type: ignore[union-attr] # there are three
         "select_across": "1"},
    )  # fmt: skip
    to = _way(response)
    values = {"price": "market_price", "how": "set", "value": "30", "reason": "",
              "effective_at_0": "", "effective_at_1": ""}  # fmt: skip

    shown = boss.post(to, values)
    boss.post(to, {**values, **_seen(shown)})

    assert set(Sku.objects.values_list("market_price", flat=True)) == {Decimal("30.00")}


def test_nothing_changes_when_a_price_would_not_be_above_zero(goods: World, boss: Client) -> None:
    url = f"{reverse('admin:catalog_sku_prices')}?ids=" + ",".join(
        str(pk) for pk in Sku.objects.values_list("pk", flat=True)
    )

    response = boss.post(
        url, {"price": "sale_price", "how": "amount", "value": "-10", "reason": ""}
    )

    assert response.context["look"] is None
    assert "A price would not be above zero" in str(response.context["form"].errors)
    assert not PriceChange.objects.exists()


def test_nothing_is_previewed_when_the_moment_has_passed(goods: World, boss: Client) -> None:
    sku = Sku.objects.get(code="A")
    url = f"{reverse('admin:catalog_sku_prices')}?ids={sku.pk}"

    response = boss.post(
        url, _four(sale_price="9.00", effective_at_0="2026-01-01", effective_at_1="00:00")
    )

    assert response.context["look"] is None
    assert response.context["form"].errors == {
        "effective_at": ["The moment has passed; leave it out to change the prices at once"]
    }
    assert not PriceChange.objects.exists()


def test_skus_are_found_when_more_are_named_than_a_statement_has_parameters(
    goods: World, boss: Client
) -> None:
    first, second = Sku.objects.order_by("pk").values_list("pk", flat=True)
    ids = ",".join(map(str, [first, second, *range(10**9, 10**9 + 65_536)]))

    page = boss.get(reverse("admin:catalog_sku_prices"), {"ids": ids})

    assert page.context["intro"] == "Chosen: 2 SKUs."


def test_price_history_of_a_merchant_is_shown(
    goods: World, merchant: Merchant, boss: Client
) -> None:
    sku = Sku.objects.get(code="A")
    PurchasePrice.objects.create(partner=merchant.partner, discount_percent=50)
    url = reverse("admin:catalog_sku_show_price_history", args=(sku.pk,))

    empty = boss.get(url)
    response = boss.get(url, {"partner": str(merchant.partner.pk), "first_day": "2020-01-01"})

    assert empty.context["spans"] is None
    assert response.context["spans"][-1].prices.purchase_price == Decimal("5.00")


def test_pages_are_refused_when_one_may_not_change_prices(
    goods: World, merchant: Merchant, client: Client, django_user_model: Any
) -> None:
    client.force_login(django_user_model.objects.create_user("guest", is_staff=True))

    sku_ids = Sku.objects.values_list("pk", flat=True)
    assert client.get(f"{reverse('admin:catalog_sku_prices')}?ids={sku_ids[0]}").status_code == 403
    assert client.get(reverse("admin:catalog_purchaseprice_add")).status_code == 403
