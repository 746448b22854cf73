"""Warehouses and stock in the back office."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from catalog.models import Sku, SkuRegion, Stock, StockHint, StockMovement
from openplatform.audit.models import AuditEntry
from tests.backoffice.conftest import Staff
from tests.cast import World

LIST = "admin:catalog_stock_changelist"


def _messages(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def _correct_url(sku: Sku) -> str:
    return reverse("admin:catalog_stock_correct", args=(Stock.objects.get(sku=sku).pk,))


def _warehouse_form(world: World, **fields: Any) -> dict[str, Any]:
    return {
        "name": "north", "region": "310115", "serves": ["110000", "310000"], "excludes": [],
        "priority": 10, "return_address": "", **fields,
    }  # fmt: skip


def test_area_is_told_in_words_and_hints_are_left_when_it_is_edited(
    shop: World, boss: Client
) -> None:
    sold = shop.make_sku("A", north=5)
    empty = shop.make_sku("B", north=1)
    Stock.objects.filter(sku=empty).update(on_hand=0)
    shop.make_sku("C", south=5)
    url = reverse("admin:catalog_warehouse_change", args=(shop.north.pk,))

    response = boss.post(url, _warehouse_form(shop, excludes=["110101"]))

    assert response.status_code == 302, response.context["errors"]
    assert [region.code for region in shop.north.excludes.all()] == ["110101"]
    assert {hint.sku_id for hint in StockHint.objects.all()} == {sold.pk, empty.pk}
    page = boss.get(url).content.decode()
    assert "上海市、北京市, but not to: 北京市 北京市 东城区" in page
    listed = boss.get(reverse("admin:catalog_warehouse_changelist")).content.decode()
    assert "上海市、北京市, but not to: 东城区" in listed


def test_no_hints_are_left_when_the_area_stays(shop: World, boss: Client) -> None:
    shop.make_sku("A", north=5)
    url = reverse("admin:catalog_warehouse_change", args=(shop.north.pk,))

    boss.post(url, _warehouse_form(shop, name="North"))

    shop.north.refresh_from_db()
    assert shop.north.name == "North"
    assert not StockHint.objects.exists()


def test_correction_is_booked_once_when_its_document_comes_again(shop: World, boss: Client) -> None:
    sku = shop.make_sku("A", north=10)
    form = {"delta": "-3", "expected_on_hand": "", "document_no": "LOSS-1"}

    first = boss.post(_correct_url(sku), form, follow=True)
    again = boss.post(_correct_url(sku), form)

    assert _messages(first) == ["On hand 7, reserved 0, shortage 0"]
    assert again.context["form"].errors == {
        "document_no": ["This document corrected the stock before"]
    }
    movement = StockMovement.objects.get()
    assert (movement.cause, movement.on_hand_change, movement.actor) == ("correction", -3, "boss")
    entry = AuditEntry.objects.get(action="correct_stock")
    assert (entry.before["on_hand"], entry.after["on_hand"]) == (10, 7)


def test_correction_is_refused_when_the_books_say_something_else(shop: World, boss: Client) -> None:
    sku = shop.make_sku("A", north=10)

    response = boss.post(
        _correct_url(sku), {"delta": "1", "expected_on_hand": "9", "document_no": ""}
    )

    assert response.context["form"].errors == {
        "expected_on_hand": ["The stock is not as expected: it is 10"]
    }
    assert Stock.objects.get().on_hand == 10
    assert not StockMovement.objects.exists()


def _choose(client: Client, *rows: Stock, across: bool = False, query: str = "") -> str:
    """The page that an action of the list leads to."""
    response: Any = client.post(
        reverse(LIST) + query,
        {
            "action": "choose_correction",
            "_selected_action": [row.pk for row in rows],
            "select_across": "1" if across else "0",
        },
    )
    assert response.status_code == 302
    return str(response.url)


def test_chosen_rows_are_changed_by_a_number(shop: World, boss: Client) -> None:
    for code, units in (("A", 10), ("B", 4), ("C", 7)):
        shop.make_sku(code, north=units)
    rows = list(Stock.objects.order_by("sku__code"))

    page = _choose(boss, rows[0], rows[1])
    form = {"kind": "change_by", "number": "-2", "document_no": "W-1"}
    response = boss.post(page, form, follow=True)

    assert _messages(response) == ["Rows changed: 2; as they were: 0"]
    numbers = Stock.objects.order_by("sku__code").values_list("on_hand", flat=True)
    assert list(numbers) == [8, 2, 7]
    causes = StockMovement.objects.values_list("cause", "document_no", "actor")
    assert list(causes) == [("correction", "W-1", "boss")] * 2
    assert AuditEntry.objects.get(action="correct_many").after["updated"] == 2


def test_nothing_changes_when_one_of_the_chosen_rows_would_be_below_zero(
    shop: World, boss: Client
) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=1)

    page = _choose(boss, *Stock.objects.all())
    response = boss.post(page, {"kind": "change_by", "number": "-2", "document_no": ""})

    assert response.context["form"].errors == {
        "number": ["north B: The stock would be below zero, or too large"]
    }
    assert sorted(Stock.objects.values_list("on_hand", flat=True)) == [1, 10]
    assert not StockMovement.objects.exists()


def test_whole_result_is_set_when_it_is_chosen(shop: World, boss: Client) -> None:
    for code in "ABC":
        shop.make_sku(code, north=10, south=10)
    query = f"?warehouse__id__exact={shop.south.pk}"

    page = _choose(boss, Stock.objects.filter(warehouse=shop.south)[0], across=True, query=query)
    boss.post(page, {"kind": "set_to", "number": "0", "document_no": ""})

    assert set(shop.south.stocks.values_list("on_hand", flat=True)) == {0}
    assert set(shop.north.stocks.values_list("on_hand", flat=True)) == {10}


def test_only_short_rows_are_shown_when_shortages_are_asked_for(shop: World, boss: Client) -> None:
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10)
    Stock.objects.filter(sku__code="B").update(shortage_quantity=2)

    page = boss.get(reverse(LIST), {"short": "yes"})

    assert [row.sku.code for row in page.context["cl"].result_list] == ["B"]


def test_totals_are_whole_zeros_when_nothing_is_short(shop: World, boss: Client) -> None:
    shop.make_sku("A", north=10)

    page = boss.get(reverse(LIST), {"short": "yes"})

    assert page.context["totals"] == [("On hand", 0), ("Reserved", 0), ("Outgoing", 0)]
    assert "0.00" not in page.content.decode()


def test_correcting_is_forbidden_when_staff_may_only_look(shop: World, staff: Staff) -> None:
    sku = shop.make_sku("A", north=10)
    client = staff("catalog.view_stock")
    page = f"{reverse('admin:catalog_stock_correct_many')}?ids={Stock.objects.get().pk}"

    assert client.post(_correct_url(sku), {"delta": "1"}).status_code == 403
    form = {"kind": "set_to", "number": "0", "document_no": ""}
    assert client.post(page, form).status_code == 403
    assert Stock.objects.get().on_hand == 10


def test_answers_are_compared_when_a_sku_s_delivery_is_restricted(
    shop: World, boss: Client
) -> None:
    sku = shop.make_sku("A", north=10)
    formset = _region_formset(sku)

    assert formset.is_valid(), formset.errors
    formset.save()

    assert SkuRegion.objects.get().region_id == "110000"
    assert StockHint.objects.get().sku_id == sku.pk


def _region_formset(sku: Sku) -> Any:
    from django.forms import inlineformset_factory

    from catalog.admin.stock import SkuRegionFormSet

    made = inlineformset_factory(
        Sku, SkuRegion, formset=SkuRegionFormSet, fields=["kind", "region"]
    )
    prefix = made.get_default_prefix()
    return made(
        {
            f"{prefix}-TOTAL_FORMS": "1", f"{prefix}-INITIAL_FORMS": "0",
            f"{prefix}-0-kind": "not_to", f"{prefix}-0-region": "110000",
        },
        instance=sku,
    )  # fmt: skip
