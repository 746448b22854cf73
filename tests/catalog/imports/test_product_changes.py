"""What a file of products changes of known ones: who is told, and what is kept of before."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from catalog.models import (
    Category,
    FormerPlacement,
    Pool,
    PoolAssignment,
    PoolExclusion,
    PoolHint,
    PoolMembership,
    PriceChange,
    Product,
    PurchasePrice,
    Sku,
    SkuImage,
    SkuStamp,
    StockHint,
)
from openplatform.imports.errors import ImportNeedsConfirmation
from openplatform.imports.resources import ImportReport
from openplatform.messaging.models import Message, Outbox
from tests.cast import Merchant, World, make_merchant
from tests.catalog.imports.test_products import full_row, row
from tests.catalog.news import news_of
from tests.catalog.range import make_category
from tests.imports.files import Desk

LATER = datetime(2030, 1, 1, tzinfo=UTC)
News = list[tuple[str, dict[str, Any]]]


@pytest.fixture
def family(desk: Desk, shop: World) -> World:
    """A product with two SKUs in the pool, of which everybody has heard."""
    desk.load("products", full_row("A"), full_row("B", name="Name A"))
    forget()
    return shop


def forget() -> None:
    """Nobody has heard of anything, and nothing waits to be looked at."""
    for model in (Outbox, Message, PoolHint, StockHint):
        model.objects.all().delete()


def load_later(desk: Desk, *rows: dict[str, Any], **options: Any) -> ImportReport:
    with time_machine.travel(LATER, tick=False):
        return desk.load("products", *rows, **options)


def warnings_of(desk: Desk, *rows: dict[str, Any]) -> list[tuple[int, str, str]]:
    """Row, column and code of what has to be accepted first."""
    with pytest.raises(ImportNeedsConfirmation) as asked:
        desk.load("products", *rows)
    return [(warning.row, warning.column, warning.code) for warning in asked.value.report.warnings]


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("name", "Another name"),
        ("specs", "color=blue"),
        ("images", "https://a.example/2.jpg https://a.example/1.jpg"),
        ("weight_grams", "251"),
        ("barcode", "1"),
        ("tax_rate", "13%"),
        ("min_quantity", "4"),
        ("quantity_step", "1"),
    ],
)
def test_field_of_one_sku_is_told_when_its_cell_differs(
    desk: Desk, family: World, merchant: Merchant, column: str, text: str
) -> None:
    report = load_later(desk, full_row("A", **{column: text}), full_row("B", name="Name A"))

    assert (report.updated, report.unchanged) == (1, 1)
    assert news_of(merchant) == [("sku.updated", {"skus": ["A"], "fields": [column]})]
    assert Sku.objects.get(code="A").updated_at == LATER
    assert Sku.objects.get(code="B").updated_at < LATER
    assert StockHint.objects.count() == (1 if column == "min_quantity" else 0)


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("brand", "Other brand"),
        ("category", "other"),
        ("unit", "箱"),
        ("attributes", "care=dry"),
        ("description", "<p>Better</p>"),
    ],
)
def test_field_of_a_product_is_told_of_every_sku_when_the_file_has_only_one(
    desk: Desk, family: World, merchant: Merchant, column: str, text: str
) -> None:
    make_category("other", "Other", None)

    report = load_later(desk, full_row("A", **{column: text}))

    assert (report.updated, report.unchanged) == (1, 0)
    assert news_of(merchant) == [("sku.updated", {"skus": ["A", "B"], "fields": [column]})]
    assert set(Sku.objects.values_list("updated_at", flat=True)) == {LATER}
    assert PoolHint.objects.count() == (2 if column in {"brand", "category"} else 0)


def test_fields_are_named_together_when_several_differ(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    load_later(desk, full_row("A", name="Other", barcode="", weight_grams="", unit="箱"))

    assert news_of(merchant) == [
        ("sku.updated", {"skus": ["A"], "fields": ["barcode", "name", "unit", "weight_grams"]}),
        ("sku.updated", {"skus": ["B"], "fields": ["unit"]}),
    ]


def test_siblings_are_told_when_a_sku_moves_to_another_product(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    desk.load("products", full_row("C", product="Q", name="Name C"))
    forget()

    report = load_later(desk, full_row("B", name="Name A", product="Q"))

    assert (report.updated, report.unchanged) == (1, 0)
    assert Sku.objects.get(code="B").product == Product.objects.get(code="Q")
    assert news_of(merchant) == [
        ("sku.updated", {"skus": ["A", "C"], "fields": ["siblings"]}),
        ("sku.updated", {"skus": ["B"], "fields": ["product", "siblings"]}),
    ]


def test_siblings_are_told_to_those_alone_who_see_them_differ_when_a_sku_moves(
    desk: Desk, family: World, merchant: Merchant, stranger: Merchant
) -> None:
    """One sees only what stays behind, another only what leaves."""
    desk.load("products", full_row("C", product="Q", name="Name C"))
    mover_only = make_merchant("mover-only")
    for reader, code in ((stranger, "A"), (mover_only, "B")):
        pool = Pool.objects.create(code=f"only-{code}", name=code)
        PoolAssignment.objects.create(pool=pool, partner=reader.partner)
        PoolMembership.objects.create(pool=pool, sku=Sku.objects.get(code=code))
    before = stranger.api.get("/catalog/skus/A").json()
    forget()

    load_later(desk, full_row("B", name="Name A", product="Q"))

    assert news_of(merchant) == [
        ("sku.updated", {"skus": ["A", "C"], "fields": ["siblings"]}),
        ("sku.updated", {"skus": ["B"], "fields": ["product", "siblings"]}),
    ]
    assert news_of(stranger) == []
    assert stranger.api.get("/catalog/skus/A").json() == before
    assert news_of(mover_only) == [("sku.updated", {"skus": ["B"], "fields": ["product"]})]
    stamps = SkuStamp.objects.filter(changed_at=LATER).order_by("sku__code")
    assert list(stamps.values_list("partner__code", "sku__code")) == [("acme", "A"), ("acme", "C")]
    assert list(Sku.objects.filter(updated_at=LATER).values_list("code", flat=True)) == ["B"]


def test_siblings_are_not_told_when_a_family_goes_over_as_a_whole(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    """Those that go over together stay each other's siblings, and are told of nothing else."""
    desk.load("products", full_row("C", name="Name A"), full_row("D", product="Q", name="Name D"))
    forget()

    report = load_later(
        desk,
        full_row("A", product="R", name="Name A"),
        full_row("B", product="R", name="Name A"),
        full_row("C", product="R", name="Name A"),
        full_row("D", product="Q", name="Name D"),
    )

    assert (report.updated, report.unchanged) == (3, 1)
    assert news_of(merchant) == [("sku.updated", {"skus": ["A", "B", "C"], "fields": ["product"]})]
    assert not SkuStamp.objects.filter(changed_at=LATER).exists()


def test_details_of_the_other_product_are_told_when_a_sku_moves_there(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    other = full_row("C", product="Q", name="Name C", unit="箱", brand="Other")
    desk.load("products", other)
    forget()

    load_later(desk, other | {"sku": "B", "name": "Name A"})

    told = {tuple(data["skus"]): data["fields"] for _type, data in news_of(merchant)}
    assert told == {
        ("A", "C"): ["siblings"],
        ("B",): ["brand", "product", "siblings", "unit"],
    }


def test_uploaded_picture_stays_when_the_file_has_no_pictures(desk: Desk, family: World) -> None:
    sku = Sku.objects.get(code="A")
    sku.images.all().delete()
    SkuImage.objects.create(sku=sku, file="pictures/a.jpg", position=0)
    without = {name: text for name, text in full_row("A").items() if name != "images"}

    assert desk.counts("products", without) == (0, 0, 1)
    assert list(sku.images.values_list("file", "url")) == [("pictures/a.jpg", "")]

    assert desk.counts("products", full_row("A", images="https://a.example/9.jpg")) == (0, 1, 0)
    assert list(sku.images.values_list("file", "url")) == [("", "https://a.example/9.jpg")]


# Prices


def test_history_begins_when_a_sku_is_new(desk: Desk, world: World) -> None:
    load_later(desk, full_row("A"))

    change = PriceChange.objects.get()
    assert (change.sku.code, change.effective_at, change.applied_at) == ("A", LATER, LATER)
    assert (change.market_price, change.sale_price) == (Decimal("12.50"), Decimal("10.00"))
    assert (change.cost_price, change.floor_price) == (Decimal("6.50"), Decimal("9.00"))
    assert change.actor == "operator"


def test_price_is_told_and_kept_when_it_moves(
    desk: Desk, family: World, merchant: Merchant, stranger: Merchant
) -> None:
    report = load_later(desk, full_row("A", sale_price="11.00"), full_row("B", name="Name A"))

    assert (report.updated, report.unchanged) == (1, 1)
    assert news_of(merchant) == [("price.changed", {"skus": ["A"]})]
    assert news_of(stranger) == []
    change = PriceChange.objects.get(effective_at=LATER)
    assert (change.sku.code, change.sale_price, change.applied_at) == (
        "A",
        Decimal("11.00"),
        LATER,
    )
    assert change.reason.startswith("import-")
    assert change.actor == "operator"
    assert Sku.objects.get(code="A").updated_at == LATER
    assert list(PoolHint.objects.values_list("sku__code", flat=True)) == ["A"]


def test_nobody_is_told_when_only_the_cost_moves(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    report = load_later(desk, full_row("A", cost_price="7"))

    assert report.updated == 1
    assert news_of(merchant) == []
    assert PriceChange.objects.get(effective_at=LATER).cost_price == Decimal("7.00")


def test_coming_price_stays_to_come_when_the_file_sets_another(desk: Desk, family: World) -> None:
    sku = Sku.objects.get(code="A")
    coming = PriceChange.objects.create(
        sku=sku,
        effective_at=datetime(2040, 1, 1, tzinfo=UTC),
        market_price=Decimal(30),
        sale_price=Decimal(25),
    )

    load_later(desk, full_row("A", sale_price="11.00"))

    coming.refresh_from_db()
    assert coming.applied_at is None
    assert Sku.objects.get(code="A").sale_price == Decimal("11.00")


def test_price_that_is_due_stays_when_the_file_comes_before_the_worker(
    desk: Desk, family: World
) -> None:
    sku = Sku.objects.get(code="A")
    due = PriceChange.objects.create(
        sku=sku,
        effective_at=datetime(2026, 1, 1, tzinfo=UTC),
        market_price=Decimal(30),
        sale_price=Decimal(25),
        floor_price=Decimal("3.33"),
    )

    desk.load("products", row("A", sale_price="26.00"))

    due.refresh_from_db()
    assert due.applied_at is not None
    sku.refresh_from_db()
    assert (sku.sale_price, sku.floor_price) == (Decimal(26), Decimal("3.33"))


# Where products stood


def test_former_placement_is_kept_when_a_product_moves(desk: Desk, family: World) -> None:
    other = make_category("other", "Other", None)
    product = Product.objects.get()
    brand = product.brand

    load_later(desk, full_row("A", category="other", brand="New"))

    placement = FormerPlacement.objects.get()
    assert (placement.product, placement.category_path) == (product, [family.category.pk])
    assert (placement.brand, placement.until_at) == (brand, LATER)
    product.refresh_from_db()
    assert product.category == other


def test_former_place_is_kept_and_prices_told_when_a_sku_goes_to_another_product(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    """The product it leaves moves at the same time, and where that stood before is not lost."""
    other = make_category("other", "Other", None)
    PurchasePrice.objects.create(
        partner=merchant.partner, category=other, discount_percent=Decimal(20)
    )
    desk.load("products", full_row("C", product="Q", name="Name C"))
    forget()

    load_later(
        desk,
        full_row("A", category="other"),
        full_row("B", name="Name A", product="Q", category="other"),
        full_row("C", product="Q", name="Name C", category="other"),
    )

    former = FormerPlacement.objects.order_by("product__code", "sku__code")
    assert set(former.values_list("product__code", "sku__code", "until_at")) == {
        (Product.objects.get(skus__code="A").code, None, LATER), ("Q", None, LATER),
        (None, "B", LATER),
    }  # fmt: skip
    assert {tuple(one.category_path) for one in former} == {(family.category.pk,)}
    assert ("price.changed", {"skus": ["A", "B", "C"]}) in news_of(merchant)


def test_former_place_is_kept_when_a_sku_goes_to_a_product_that_stands_alike(
    desk: Desk, family: World
) -> None:
    desk.load("products", full_row("C", product="Q", name="Name C"))

    load_later(desk, full_row("B", name="Name A", product="Q"))

    former = FormerPlacement.objects.get()
    assert (former.product, former.sku, former.until_at) == (
        None, Sku.objects.get(code="B"), LATER,
    )  # fmt: skip


def test_own_price_is_told_when_the_product_leaves_the_category_of_an_agreement(
    desk: Desk, family: World, merchant: Merchant, stranger: Merchant
) -> None:
    family.open_pool_to(stranger)
    make_category("other", "Other", None)
    PurchasePrice.objects.create(
        partner=merchant.partner, category=family.category, discount_percent=Decimal(20)
    )

    load_later(desk, full_row("A", category="other"))

    told = news_of(merchant)
    assert ("price.changed", {"skus": ["A", "B"]}) in told
    assert ("sku.updated", {"skus": ["A", "B"], "fields": ["category"]}) in told
    assert news_of(stranger) == [("sku.updated", {"skus": ["A", "B"], "fields": ["category"]})]


def test_no_placement_is_kept_when_nothing_moves(desk: Desk, family: World) -> None:
    load_later(desk, full_row("A", unit="箱"), full_row("C", product="Q"))

    assert not FormerPlacement.objects.exists()


# Shelf, pools, hints


def test_shelf_is_told_and_stock_looked_at_when_the_file_moves_it(
    desk: Desk, family: World, merchant: Merchant
) -> None:
    load_later(desk, full_row("A", shelf_state="on_shelf"), full_row("B", name="Name A"))

    assert news_of(merchant) == [("sku.on_shelf", {"skus": ["A"]})]
    assert [hint.sku.code for hint in StockHint.objects.all()] == ["A"]
    assert Sku.objects.get(code="A").updated_at == LATER


def test_rules_look_at_a_sku_when_it_is_new(desk: Desk, world: World) -> None:
    desk.load("products", row("A"))

    assert list(PoolHint.objects.values_list("sku__code", flat=True)) == ["A"]


def test_excluded_sku_stays_out_with_a_warning_when_the_file_names_the_pool(
    desk: Desk, shop: World, merchant: Merchant
) -> None:
    desk.load("products", row("A"), row("B"))
    PoolExclusion.objects.create(pool=shop.pool, sku=Sku.objects.get(code="A"))
    forget()
    rows = [row("A", pools="pool"), row("B", pools="pool")]

    assert warnings_of(desk, *rows) == [(2, "pools", "excluded_from_pool")]
    assert not PoolMembership.objects.exists()

    report = desk.load("products", *rows, accept_warnings=True)
    assert (report.updated, report.unchanged) == (1, 1)
    assert news_of(merchant) == [("pool.sku_added", {"skus": ["B"]})]


# Warnings


@pytest.mark.parametrize(
    ("cells", "column", "code"),
    [
        (
            {"sale_price": "5.00", "cost_price": "1", "floor_price": "1"},
            "sale_price",
            "price_falls",
        ),
        ({"sale_price": "9.50", "cost_price": "9.51"}, "sale_price", "below_cost"),
        ({"cost_price": "10.01"}, "sale_price", "below_cost"),
        ({"sale_price": "8.99"}, "sale_price", "below_floor"),
        ({"floor_price": "10.01"}, "sale_price", "below_floor"),
    ],
)
def test_odd_price_waits_for_somebody_to_accept_it(
    desk: Desk, family: World, cells: dict[str, str], column: str, code: str
) -> None:
    before = list(Sku.objects.order_by("id").values())
    rows = [full_row("A", **cells), full_row("B", name="Name A")]

    assert warnings_of(desk, *rows) == [(2, column, code)]
    assert list(Sku.objects.order_by("id").values()) == before

    assert desk.load("products", *rows, accept_warnings=True).updated == 1
    assert desk.counts("products", *rows) == (0, 0, 2)  # asked once, not every night


def test_price_just_above_half_is_no_oddity(desk: Desk, family: World) -> None:
    cells = {"sale_price": "5.01", "cost_price": "5.01", "floor_price": "5.01"}

    assert desk.counts("products", full_row("A", **cells)) == (0, 1, 0)


def test_new_code_is_odd_when_a_known_one_differs_in_case(desk: Desk, world: World) -> None:
    desk.load("products", row("Ab-1"))

    assert warnings_of(desk, row("Ab-1"), row("AB-1"), row("ab-1")) == [
        (3, "sku", "similar_code"),
        (4, "sku", "similar_code"),
    ]
    assert Sku.objects.count() == 1


# Size


def test_statements_stay_as_many_when_rows_become_more(desk: Desk, shop: World) -> None:
    def count(*rows: dict[str, Any]) -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            desk.load("products", *rows)
        return len(queries)

    few = count(*(full_row(f"A{number}", product="") for number in range(3)))
    many = count(*(full_row(f"B{number}", product="") for number in range(300)))

    assert many == few
    assert Category.objects.count() == 1
