"""Pools curated in the back office: looked at first, then confirmed."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from django.urls import reverse

from catalog.models import (
    Brand,
    Category,
    PoolAssignment,
    PoolChange,
    PoolExclusion,
    PoolMembership,
    PoolRule,
    Product,
    Sku,
)
from catalog.services.categories import CategoryDraft, save_categories
from openplatform.core import clock
from openplatform.core.clock import PLATFORM_ZONE
from openplatform.core.uploads import limited_process
from openplatform.core.uploads.limited_process import held_slot
from openplatform.messaging.models import Outbox
from tests.backoffice.conftest import Staff
from tests.cast import Merchant, World
from tests.imports.test_workbooks import with_cells


def pool_url(page: str, world: World) -> str:
    """A page of the pool."""
    return reverse(f"admin:catalog_pool_{page}", args=(world.pool.pk,))


def hidden_fields(response: Any) -> dict[str, Any]:
    """What the preview's form sends when it is confirmed."""
    fields: dict[str, Any] = {}
    for name, value in response.context["hidden"]:
        fields.setdefault(name, []).append(value)
    return fields


def numbers_of(response: Any) -> dict[str, int]:
    """The numbers that a preview shows."""
    return {str(label): number for label, number in response.context["numbers"]}


def members() -> set[str]:
    """The codes of the SKUs in the pool."""
    return set(PoolMembership.objects.values_list("sku__code", flat=True))


def flash(response: Any) -> list[str]:
    """What the page tells on top."""
    return [str(message) for message in response.context["messages"]]


def confirm(client: Client, url: str, preview: Any) -> Any:
    """Press the button under a preview."""
    return client.post(url, hidden_fields(preview), follow=True)


@pytest.fixture
def range_of_five(shop: World) -> World:
    """A is in the pool; B, C, D and E are not, and D is excluded."""
    for code in "ABCDE":
        shop.make_sku(code, in_pool=code == "A")
    PoolExclusion.objects.create(pool=shop.pool, sku=Sku.objects.get(code="D"))
    return shop


def test_pasted_codes_come_in_when_the_preview_is_confirmed(
    range_of_five: World, merchant: Merchant, boss: Client
):
    url = pool_url("curate", range_of_five)

    preview = boss.post(url, {"act": "take_in", "codes": "A, B\nC；D X"})

    assert numbers_of(preview) == {
        "Come in by hand": 2,
        "Stay out, because they are excluded": 1,
        "Were in it already": 1,
        "Codes that do not exist": 1,
    }
    assert preview.context["unknown"] == ["X"]
    assert preview.context["merchants"] == [(merchant.partner, 2, 0)]
    assert members() == {"A"}
    assert not Outbox.objects.exists()

    done = confirm(boss, url, preview)

    assert flash(done) == ["SKUs that came into the pool: 2 · Merchants that see a change: 1"]
    assert members() == {"A", "B", "C"}
    assert [(row.type, row.data["skus"]) for row in Outbox.objects.all()] == [
        ("pool.sku_added", ["B", "C"])
    ]
    assert set(PoolChange.objects.values_list("sku__code", "actor")) == {
        ("B", "boss"), ("C", "boss"),
    }  # fmt: skip


def test_codes_of_a_file_are_excluded_when_it_is_confirmed(range_of_five: World, boss: Client):
    url = pool_url("curate", range_of_five)
    file = SimpleUploadedFile("codes.csv", b"name,sku\nApple,A\nPear,B\n")

    preview = boss.post(url, {"act": "exclude", "codes": "", "file": file})
    confirm(boss, url, preview)

    assert numbers_of(preview) == {"Leave the pool": 1, "Are excluded from now on": 2}
    assert members() == set()
    assert set(PoolExclusion.objects.values_list("sku__code", flat=True)) == {"A", "B", "D"}


@pytest.mark.parametrize(
    ("form", "fault"),
    [
        ({"codes": ""}, "Name at least one SKU"),
        ({"codes": "X Y \x00"}, None),
        ({"codes": "X Y"}, "None of these codes exists"),
        ({"chosen": "forged:text:here"}, "Choose the SKUs once more"),
    ],
)
def test_page_says_what_is_missing(
    range_of_five: World, boss: Client, form: dict[str, str], fault: str | None
):
    response = boss.post(pool_url("curate", range_of_five), {"act": "take_in", **form})

    faults = [text for texts in response.context["form"].errors.values() for text in texts]
    assert faults == [fault] if fault else faults
    assert members() == {"A"}


def test_codes_are_found_when_they_are_more_than_a_statement_has_parameters(
    range_of_five: World, boss: Client
):
    codes = " ".join(["B", *map(str, range(65_536))])

    preview = boss.post(
        pool_url("curate", range_of_five), {"act": "take_in", "codes": codes, "chosen": ""}
    )

    assert numbers_of(preview) == {"Come in by hand": 1, "Codes that do not exist": 65_536}


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            "sku\n苹果".encode("gbk"),
            "The file is not UTF-8 text (GBK, perhaps?); save it as “CSV UTF-8” or as XLSX",
        ),
        (b"PK\x03\x04", "The workbook cannot be read"),
        (with_cells("<row/>" + " " * (20 << 20)), "The workbook is too large"),
    ],
    ids=["GBK", "broken", "bomb"],
)
@pytest.mark.parametrize("codes", ["", "B"])
def test_file_is_refused_with_its_fault_alone_when_it_cannot_be_read(
    range_of_five: World, boss: Client, content: bytes, fault: str, codes: str
):
    file = SimpleUploadedFile("codes.xlsx", content)

    response = boss.post(
        pool_url("curate", range_of_five), {"act": "take_in", "codes": codes, "file": file}
    )

    assert response.context["form"].errors == {"file": [fault]}
    assert members() == {"A"}


def test_file_is_not_read_while_the_process_is_at_another_one(
    range_of_five: World, boss: Client, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(limited_process, "PATIENCE", 0.2)
    file = SimpleUploadedFile("codes.csv", b"sku\nB\n")

    with held_slot():
        response = boss.post(
            pool_url("curate", range_of_five), {"act": "take_in", "codes": "", "file": file}
        )

    assert response.context["form"].errors == {
        "file": ["Busy at the moment; the same request may be sent again"]
    }
    assert members() == {"A"}


def test_new_numbers_are_shown_when_they_have_changed_meanwhile(range_of_five: World, boss: Client):
    url = pool_url("curate", range_of_five)
    preview = boss.post(url, {"act": "take_in", "codes": "B C"})
    PoolMembership.objects.create(pool=range_of_five.pool, sku=Sku.objects.get(code="C"))

    again = boss.post(url, hidden_fields(preview))

    assert flash(again) == ["The numbers have changed since the preview; look at them again"]
    assert numbers_of(again) == {"Come in by hand": 1, "Were in it already": 1}
    assert members() == {"A", "C"}

    confirm(boss, url, again)

    assert members() == {"A", "B", "C"}


PERIOD = {
    "created_at_from": "2000-01-01",
    "created_at_to": "2001-01-01",
}


def list_action(client: Client, action: str, query: str = "", **form: Any) -> Any:
    """Run an action of the list of SKUs and go where it leads."""
    url = reverse("admin:catalog_sku_changelist") + query
    return client.post(url, {"action": action, **form}, follow=True)


def test_selected_skus_come_in_from_the_list(range_of_five: World, boss: Client):
    chosen = [Sku.objects.get(code=code).pk for code in "BC"]

    page = list_action(boss, "choose_pool", _selected_action=chosen)
    url = page.redirect_chain[-1][0]
    preview = boss.post(url, {"pool": range_of_five.pool.pk, "act": "take_in"})
    done = confirm(boss, url, preview)

    assert "Chosen: 2 SKUs." in page.content.decode()
    assert numbers_of(preview) == {"Come in by hand": 2}
    assert done.status_code == 200
    assert members() == {"A", "B", "C"}


def test_whole_result_comes_in_with_what_has_joined_it_since(range_of_five: World, boss: Client):
    brand = Brand.objects.create(name="Brand")
    Product.objects.filter(skus__code__in="BCE").update(brand=brand)
    Sku.objects.filter(code="E").update(sale_price=Decimal("500"))
    query = f"?product__brand__id__exact={brand.pk}&sale_price_to=100"
    one = Sku.objects.get(code="B").pk

    page = list_action(boss, "choose_pool", query, _selected_action=[one], select_across="1")
    url = page.redirect_chain[-1][0]
    preview = boss.post(url, {"pool": range_of_five.pool.pk, "act": "take_in"})
    Sku.objects.filter(code="E").update(sale_price=Decimal("10"))
    again = boss.post(url, hidden_fields(preview))
    confirm(boss, url, again)

    assert numbers_of(preview) == {"Come in by hand": 2}
    assert numbers_of(again) == {"Come in by hand": 3}
    assert members() == {"A", "B", "C", "E"}


@pytest.mark.parametrize(
    "query", ["", "?ids=", "?ids=1,x", "?ids=" + "9" * 30, "?search=nofield=1"]
)
def test_page_of_the_list_is_not_found_when_it_names_nothing(
    range_of_five: World, boss: Client, query: str
):
    assert boss.get(reverse("admin:catalog_sku_pools") + query).status_code in (404, 302)


def test_rule_comes_and_goes_when_its_preview_is_confirmed(
    range_of_five: World, merchant: Merchant, boss: Client
):
    add, remove = pool_url("add_rule", range_of_five), pool_url("remove_rules", range_of_five)

    preview = boss.post(add, {"category": range_of_five.category.pk, "max_price": "10.00"})
    assert not PoolRule.objects.exists()
    confirm(boss, add, preview)

    assert numbers_of(preview) == {"Come in by a rule": 3}
    assert preview.context["merchants"] == [(merchant.partner, 3, 0)]
    assert members() == {"A", "B", "C", "E"}

    preview = boss.post(remove, {"rules": [PoolRule.objects.get().pk]})
    confirm(boss, remove, preview)

    assert numbers_of(preview) == {"Leave the pool": 3}
    assert members() == {"A"}
    assert not PoolRule.objects.exists()


def test_rule_is_added_and_removed_when_it_brings_nothing_today(range_of_five: World, boss: Client):
    add, remove = pool_url("add_rule", range_of_five), pool_url("remove_rules", range_of_five)
    with transaction.atomic():
        save_categories(drafts=[CategoryDraft("NEW", "New")], now=clock.now())
    category = Category.objects.get(code="NEW")
    rule = {"category": category.pk}

    preview = boss.post(add, rule)
    text = preview.content.decode()
    assert "No SKU comes in or leaves now; the rule counts from now on" in text
    assert "Nothing would change." not in text
    assert "Add the rule" in text
    assert numbers_of(preview) == {}
    assert not PoolRule.objects.exists()
    confirm(boss, add, preview)

    assert PoolRule.objects.get().category == category
    assert members() == {"A"}

    preview = boss.post(remove, {"rules": [PoolRule.objects.get().pk]})
    text = preview.content.decode()
    assert "No SKU comes in or leaves now; the rules count no more" in text
    confirm(boss, remove, preview)

    assert not PoolRule.objects.exists()
    assert members() == {"A"}


def test_tab_without_rows_says_so(range_of_five: World, boss: Client):
    url = reverse("admin:catalog_pool_change", args=(range_of_five.pool.pk,))

    assert "None yet." in boss.get(url).content.decode()  # rules


def test_rule_without_condition_is_refused_at_its_field(range_of_five: World, boss: Client):
    response = boss.post(pool_url("add_rule", range_of_five), {})

    assert response.context["form"].errors == {"category": ["Give at least one condition"]}
    assert not PoolRule.objects.exists()


def test_pool_opens_to_partners_when_the_preview_is_confirmed(
    range_of_five: World, merchant: Merchant, stranger: Merchant, boss: Client
):
    url = pool_url("assign", range_of_five)

    preview = boss.post(url, {"partners": [stranger.partner.pk]})
    before = set(PoolAssignment.objects.values_list("partner__code", flat=True))
    confirm(boss, url, preview)

    assert before == {"acme"}
    assert preview.context["merchants"] == [(merchant.partner, 0, 1), (stranger.partner, 1, 0)]
    assert set(PoolAssignment.objects.values_list("partner__code", flat=True)) == {"stranger"}


def test_exclusions_of_one_pool_are_lifted_from_their_list(range_of_five: World, boss: Client):
    chosen = [PoolExclusion.objects.get().pk]

    page = boss.post(
        reverse("admin:catalog_poolexclusion_changelist"),
        {"action": "readmit", "_selected_action": chosen},
        follow=True,
    )

    assert page.context["form"].initial == {"act": "readmit", "codes": "D"}
    url = pool_url("curate", range_of_five)
    done = confirm(boss, url, boss.post(url, {"act": "readmit", "codes": "D"}))
    assert not PoolExclusion.objects.exists()
    assert flash(done) == ["SKUs no longer excluded: 1"]


def test_history_is_found_by_sku_pool_person_and_time(range_of_five: World, boss: Client):
    url = pool_url("curate", range_of_five)
    confirm(boss, url, boss.post(url, {"act": "take_in", "codes": "B C"}))
    one = Sku.objects.get(code="B")
    listed = reverse("admin:catalog_poolchange_changelist")

    def count(**query: Any) -> int:
        response = boss.get(listed, query)
        assert response.status_code == 200
        return int(response.context["cl"].result_count)

    assert count() == 2
    assert count(sku__id__exact=one.pk) == 1
    assert count(pool__id__exact=range_of_five.pool.pk) == 2
    assert count(actor="boss") == 2
    assert count(actor="nobody") == 0
    assert count(**PERIOD) == 0
    assert count(q="B") == 1
    today = clock.now().astimezone(PLATFORM_ZONE).date().isoformat()
    assert count(created_at_from=today, created_at_to=today) == 2
    assert count(created_at_from="yesterday") == 2


@pytest.mark.parametrize("page", ["curate", "assign", "add_rule", "remove_rules"])
def test_nothing_changes_when_one_may_only_look(range_of_five: World, staff: Staff, page: str):
    client = staff("catalog.view_pool", "catalog.view_sku")
    url = pool_url(page, range_of_five)

    assert client.get(pool_url("change", range_of_five)).status_code == 200
    assert client.get(url).status_code == 403
    assert client.post(url, {"act": "take_in", "codes": "B"}).status_code == 403
    chosen = Sku.objects.get(code="B").pk
    assert client.get(f"{reverse('admin:catalog_sku_pools')}?ids={chosen}").status_code == 403
    listing = list_action(client, "choose_pool", _selected_action=[chosen])
    assert not listing.redirect_chain or "pools" not in listing.redirect_chain[-1][0]
    assert members() == {"A"}


# Seen by


def rows_of(response: Any) -> list[tuple[str, str, str, bool]]:
    """Code, sale price, own price and stock answer of each row."""
    return [
        (row.code, row.prices["sale_price"], row.prices["purchase_price"], row.stock["in_stock"])
        for row in response.context["rows"]
    ]


def test_catalogue_is_shown_as_the_merchant_sees_it(
    shop: World, merchant: Merchant, stranger: Merchant, boss: Client
):
    shop.make_sku("A", price="10.00", north=5, min_quantity=6)
    sku = shop.make_sku("B", price="20.00", north=5, floor_price=Decimal("15.00"))
    shop.make_sku("C", in_pool=False)
    merchant.partner.purchase_prices.create(sku=sku, fixed_price=Decimal("12.50"))
    url = reverse("admin:catalog_pool_seen_by")

    seen = boss.get(url, {"partner": "acme"})
    by_stranger = boss.get(url, {"partner": "stranger"})

    assert rows_of(seen) == [("A", "10.00", "10.00", False), ("B", "20.00", "12.50", True)]
    assert seen.context["total"] == 2
    assert rows_of(by_stranger) == []
    assert rows_of(boss.get(url, {"partner": "acme", "region": "440000"})) == [
        ("A", "10.00", "10.00", False), ("B", "20.00", "12.50", False),
    ]  # fmt: skip
    assert rows_of(boss.get(url, {"partner": "acme", "shelf_state": "off_shelf"})) == []
    assert [row[0] for row in rows_of(boss.get(url, {"partner": "acme", "after": "A"}))] == ["B"]
    assert boss.get(url, {"partner": "acme", "q": "\x00"}).status_code == 200


def test_pages_of_the_sight_follow_each_other(shop: World, merchant: Merchant, boss: Client):
    for number in range(60):
        shop.make_sku(f"S{number:02}")
    url = reverse("admin:catalog_pool_seen_by")

    first = boss.get(url, {"partner": "acme", "category": "home"})
    second = boss.get(url + first.context["next"])

    assert [row.code for row in first.context["rows"]] == [f"S{number:02}" for number in range(50)]
    assert [row.code for row in second.context["rows"]] == [
        f"S{number:02}" for number in range(50, 60)
    ]
    assert second.context["next"] == ""
    assert re.search("category=home", second.context["first"])


def test_sight_is_not_shown_when_one_may_not_see_prices(
    shop: World, merchant: Merchant, staff: Staff
):
    client = staff("catalog.view_sku")

    assert client.get(reverse("admin:catalog_pool_seen_by")).status_code == 403


def test_page_of_a_partner_leads_to_its_sight_when_one_may_see_prices(
    shop: World, merchant: Merchant, staff: Staff
):
    page = reverse("admin:accounts_partner_change", args=(merchant.partner.pk,))
    link = f'href="{reverse("admin:catalog_pool_seen_by")}?partner={merchant.partner.code}"'
    seller = staff("accounts.view_partner", "catalog.view_sku", "catalog.view_purchaseprice")
    looker = staff("accounts.view_partner", "catalog.view_sku", username="looker")

    assert link in seller.get(page).content.decode()
    assert link not in looker.get(page).content.decode()
