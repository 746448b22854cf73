"""Edits of products, SKUs and brands: what differs is written and told, field by field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from catalog.models import (
    Brand,
    Category,
    FormerPlacement,
    Pool,
    PoolAssignment,
    PoolHint,
    PoolMembership,
    PriceChange,
    Product,
    PurchasePrice,
    Sku,
    SkuStamp,
    StockHint,
)
from catalog.selectors.price_history import list_price_moves
from catalog.services.goods import add_sku, edit_brand, edit_product, edit_sku
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, NotFound
from openplatform.core.locking import transactional
from openplatform.messaging.models import Outbox
from tests.cast import Merchant, World
from tests.catalog.news import act, news_of
from tests.catalog.range import SETTLED_AT, make_category, make_product, settle
from tests.racing import race

LATER = SETTLED_AT + timedelta(hours=1)


@pytest.fixture
def shirt(shop: World) -> Product:
    """A product with two SKUs in the pool, nothing of it new."""
    product = make_product(
        "SHIRT", shop.category, unit="件", attributes={"material": "cotton", "sizes": 4}
    )
    shop.make_sku("S-RED", product=product, specs={"color": "red"})
    shop.make_sku("S-BLUE", product=product)
    settle(shop)
    return product


def edit(product: Product, **fields: Any) -> Callable[[], frozenset[str]]:
    attributes = fields.pop("attributes", None)
    return lambda: edit_product(
        product_id=product.pk, fields=fields, attributes=attributes, now=LATER
    )


def updated(skus: list[str], *fields: str) -> tuple[str, dict[str, Any]]:
    return ("sku.updated", {"skus": skus, "fields": list(fields)})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("unit", "箱"),
        ("description", "<p>soft</p>"),
        ("attributes", {"material": "linen"}),
        ("attributes", {"material": None}),
        ("attributes", {"care": "30 °C"}),
    ],
)
def test_every_sku_is_told_of_a_field_when_its_product_is_edited(
    field: str, value: Any, shirt: Product, merchant: Merchant, stranger: Merchant
) -> None:
    changed = act(edit(shirt, **{field: value}))

    assert changed == {field}
    assert news_of(merchant) == [updated(["S-BLUE", "S-RED"], field)]
    assert news_of(stranger) == []
    assert set(Sku.objects.values_list("updated_at", flat=True)) == {LATER}


def test_fields_are_named_together_when_several_are_edited(
    shirt: Product, merchant: Merchant
) -> None:
    brand = Brand.objects.create(name="Acme")

    act(edit(shirt, name="Shirt", unit="箱", brand_id=brand.pk))

    assert news_of(merchant) == [updated(["S-BLUE", "S-RED"], "brand", "unit")]
    shirt.refresh_from_db()
    assert (shirt.name, shirt.unit, shirt.brand_id) == ("Shirt", "箱", brand.pk)


def test_others_stay_when_one_attribute_is_edited(shirt: Product) -> None:
    act(edit(shirt, attributes={"material": None, "care": "30 °C"}))

    shirt.refresh_from_db()
    assert shirt.attributes == {"sizes": 4, "care": "30 °C"}


def test_nobody_is_told_when_nothing_that_is_shown_differs(shirt: Product) -> None:
    same = {
        "unit": "件",
        "category_id": shirt.category_id,
        "brand_id": None,
        "description": "",
        "attributes": {"material": "cotton", "none": None},
    }

    assert act(edit(shirt, **same)) == frozenset()
    assert act(edit(shirt, name="Other name")) == {"name"}

    assert not Outbox.objects.exists()
    assert set(Sku.objects.values_list("updated_at", flat=True)) == {SETTLED_AT}
    assert not FormerPlacement.objects.exists()
    assert not PoolHint.objects.exists()


def test_scripts_are_gone_when_a_description_has_some(shirt: Product) -> None:
    html = "<p onclick='x()'>ok</p><script>x()</script><img src='https://e.com/a.png' onerror=x>"

    act(edit(shirt, description=html))
    shirt.refresh_from_db()

    assert shirt.description == '<p>ok</p><img src="https://e.com/a.png">'
    assert act(edit(shirt, description=html)) == frozenset()
    assert not Outbox.objects.exists()


def test_former_place_is_kept_and_rules_look_again_when_a_product_moves(
    shirt: Product, shop: World, merchant: Merchant
) -> None:
    brand = Brand.objects.create(name="Acme")
    Product.objects.filter(pk=shirt.pk).update(brand=brand)
    shirts = make_category("shirts", "Shirts", shop.category)

    act(edit(shirt, category_id=shirts.pk))

    assert news_of(merchant) == [updated(["S-BLUE", "S-RED"], "category")]
    [former] = FormerPlacement.objects.all()
    assert (former.product_id, former.category_path, former.brand_id, former.until_at) == (
        shirt.pk,
        [shop.category.pk],
        brand.pk,
        LATER,
    )
    assert set(PoolHint.objects.values_list("sku__code", flat=True)) == {"S-BLUE", "S-RED"}


def test_partners_whose_price_moves_are_told_when_a_product_moves(
    shirt: Product, shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    shop.open_pool_to(stranger)
    cheap = make_category("cheap", "Cheap", None)
    PurchasePrice.objects.create(
        partner=merchant.partner, category=cheap, discount_percent=50, starts_at=SETTLED_AT
    )

    act(edit(shirt, category_id=cheap.pk))

    told = news_of(merchant)
    assert sorted(told, key=lambda one: one[0]) == [
        ("price.changed", {"skus": ["S-BLUE", "S-RED"]}),
        updated(["S-BLUE", "S-RED"], "category"),
    ]
    assert news_of(stranger) == [updated(["S-BLUE", "S-RED"], "category")]


def test_partners_whose_price_moves_are_told_when_a_product_gets_another_brand(
    shirt: Product, merchant: Merchant
) -> None:
    acme, other = Brand.objects.create(name="Acme"), Brand.objects.create(name="Other")
    PurchasePrice.objects.create(
        partner=merchant.partner, brand=acme, discount_percent=50, starts_at=SETTLED_AT
    )

    act(edit(shirt, brand_id=other.pk))
    without = news_of(merchant)
    act(edit(shirt, brand_id=acme.pk))

    assert without == [updated(["S-BLUE", "S-RED"], "brand")]
    assert sorted(news_of(merchant), key=lambda one: one[0]) == [
        ("price.changed", {"skus": ["S-BLUE", "S-RED"]}),
        updated(["S-BLUE", "S-RED"], "brand"),
    ]
    former = FormerPlacement.objects.order_by("id").values_list("brand__name", flat=True)
    assert list(former) == [None, "Other"]


def test_product_stays_when_its_new_category_is_gone(shirt: Product) -> None:
    with pytest.raises(FieldInvalid):
        act(edit(shirt, category_id=987_654_321, unit="箱"))

    shirt.refresh_from_db()
    assert shirt.unit == "件"
    assert not Outbox.objects.exists()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("name", "名" * 255),
        ("specs", {"color": "green"}),
        ("weight_grams", 501),
        ("barcode", "6901234567892"),
        ("tax_rate", Decimal("0.09")),
        ("min_quantity", 2),
        ("quantity_step", 2),
    ],
)
def test_only_this_sku_is_told_of_a_field_when_it_is_edited(
    column: str, value: Any, shirt: Product, merchant: Merchant, stranger: Merchant
) -> None:
    sku = Sku.objects.get(code="S-RED")

    changed = act(lambda: edit_sku(sku_id=sku.pk, fields={column: value}, now=LATER))

    assert changed == {column}
    assert news_of(merchant) == [updated(["S-RED"], column)]
    assert news_of(stranger) == []
    sku.refresh_from_db()
    assert (getattr(sku, column), sku.updated_at) == (value, LATER)
    assert StockHint.objects.exists() is (column == "min_quantity")


def test_nobody_is_told_when_a_sku_is_as_it_was(shirt: Product) -> None:
    sku = Sku.objects.get(code="S-RED")
    same = {"name": sku.name, "specs": {"color": "red"}, "tax_rate": Decimal("0.13"),
            "product_id": shirt.pk}  # fmt: skip

    assert act(lambda: edit_sku(sku_id=sku.pk, fields=same, now=LATER)) == frozenset()

    assert not Outbox.objects.exists()
    sku.refresh_from_db()
    assert sku.updated_at == SETTLED_AT


def test_prices_and_shelf_are_not_edited_when_somebody_tries_it_here(shirt: Product) -> None:
    sku = Sku.objects.get(code="S-RED")

    for column in ("sale_price", "shelf_state", "updated_at"):
        with pytest.raises(ValueError, match=column):
            act(partial(edit_sku, sku_id=sku.pk, fields={column: 1}, now=LATER))


def test_siblings_are_told_to_whoever_sees_both_when_a_sku_moves(
    shirt: Product, shop: World, merchant: Merchant, stranger: Merchant
) -> None:
    """The stranger sees what stays behind, and not what leaves."""
    acme = Brand.objects.create(name="Acme")
    coat = make_product("COAT", shop.category, unit="件", brand=acme)
    shop.make_sku("COAT-1", product=coat)
    small = Pool.objects.create(code="small", name="Small")
    PoolAssignment.objects.create(pool=small, partner=stranger.partner)
    PoolMembership.objects.create(pool=small, sku=Sku.objects.get(code="S-BLUE"))
    settle(shop)
    red = Sku.objects.get(code="S-RED")

    act(lambda: edit_sku(sku_id=red.pk, fields={"product_id": coat.pk}, now=LATER))

    told = {tuple(data["skus"]): data["fields"] for _type, data in news_of(merchant)}
    assert told == {
        ("S-RED",): ["attributes", "brand", "product", "siblings"],
        ("COAT-1", "S-BLUE"): ["siblings"],
    }
    assert news_of(stranger) == []
    moved = SkuStamp.objects.filter(changed_at=LATER).order_by("sku__code")
    stamps = moved.values_list("partner__code", "sku__code")
    assert list(stamps) == [("acme", "COAT-1"), ("acme", "S-BLUE")]


def test_days_that_passed_keep_their_price_when_a_sku_goes_to_another_product(
    shirt: Product, shop: World, merchant: Merchant
) -> None:
    """And it does not inherit the days that the other product had before."""
    cheap, dear = make_category("cheap", "Cheap", None), make_category("dear", "Dear", None)
    for category, percent in ((cheap, 50), (dear, 10)):
        PurchasePrice.objects.create(
            partner=merchant.partner, category=category, discount_percent=percent,
            starts_at=SETTLED_AT, created_at=SETTLED_AT,
        )  # fmt: skip
    coat = make_product("COAT", cheap)
    Sku.objects.update(created_at=SETTLED_AT)
    red = Sku.objects.get(code="S-RED")
    first, second, third, fourth = (SETTLED_AT + timedelta(hours=hour) for hour in range(1, 5))
    moves = [
        partial(edit_product, product_id=coat.pk, fields={"category_id": dear.pk}, now=first),
        partial(edit_product, product_id=shirt.pk, fields={"category_id": cheap.pk}, now=second),
        partial(edit_sku, sku_id=red.pk, fields={"product_id": coat.pk}, now=third),
        partial(
            edit_product, product_id=coat.pk, fields={"category_id": shop.category.pk}, now=fourth
        ),
    ]
    for move in moves:
        act(move)

    spans = list_price_moves(
        partner_id=merchant.partner.pk, sku_id=red.pk, from_at=SETTLED_AT, to_at=None
    )

    sale = red.sale_price
    prices = [(span.until_at, span.prices.purchase_price / sale) for span in spans]
    assert prices == [
        (second, Decimal(1)), (third, Decimal("0.5")), (fourth, Decimal("0.9")),
        (None, Decimal(1)),
    ]  # fmt: skip
    assert news_of(merchant).count(("price.changed", {"skus": ["S-RED"]})) == 1  # of all, merged


def test_former_places_stay_in_order_when_a_sku_goes_twice(shirt: Product, shop: World) -> None:
    acme = Brand.objects.create(name="Acme")
    coat = make_product("COAT", shop.category, brand=acme)
    red = Sku.objects.get(code="S-RED")
    first, second = (SETTLED_AT + timedelta(hours=hour) for hour in (1, 2))

    act(partial(edit_sku, sku_id=red.pk, fields={"product_id": coat.pk}, now=first))
    act(partial(edit_sku, sku_id=red.pk, fields={"product_id": shirt.pk}, now=second))

    former = FormerPlacement.objects.filter(sku=red, product=None).order_by("until_at")
    assert [(one.brand, one.until_at) for one in former] == [(None, first), (acme, second)]
    assert FormerPlacement.objects.count() == 2


def test_no_sibling_is_told_when_a_sku_moves_and_had_none(shop: World, merchant: Merchant) -> None:
    lone = shop.make_sku("LONE")
    new = make_product("NEW", shop.category)

    act(lambda: edit_sku(sku_id=lone.pk, fields={"product_id": new.pk}, now=LATER))

    assert news_of(merchant) == [updated(["LONE"], "product")]


def test_sku_stays_when_the_product_it_goes_to_is_gone(shirt: Product) -> None:
    sku = Sku.objects.get(code="S-RED")

    with pytest.raises(NotFound):
        act(lambda: edit_sku(sku_id=sku.pk, fields={"product_id": 987_654_321}, now=LATER))

    sku.refresh_from_db()
    assert sku.product_id == shirt.pk
    assert not Outbox.objects.exists()


def test_prices_begin_their_history_when_a_sku_is_added(shirt: Product) -> None:
    sku = Sku(
        code="S-NEW", product=shirt, name="New", market_price=Decimal("30.00"),
        sale_price=Decimal("20.00"), cost_price=Decimal("10.00"),
    )  # fmt: skip

    act(lambda: add_sku(sku=sku, actor="li", now=LATER))

    [change] = PriceChange.objects.filter(sku=sku)
    assert (change.market_price, change.sale_price, change.cost_price, change.floor_price) == (
        Decimal("30.00"), Decimal("20.00"), Decimal("10.00"), None,
    )  # fmt: skip
    assert (change.effective_at, change.applied_at, change.actor) == (LATER, LATER, "li")
    assert not Outbox.objects.exists()


def test_goods_of_a_brand_are_told_when_it_is_renamed(shirt: Product, merchant: Merchant) -> None:
    brand = Brand.objects.create(name="Acme")
    Product.objects.filter(pk=shirt.pk).update(brand=brand)

    renamed = act(lambda: edit_brand(brand_id=brand.pk, name="ACME", now=LATER))

    assert renamed is True
    assert news_of(merchant) == [updated(["S-BLUE", "S-RED"], "brand")]
    assert act(lambda: edit_brand(brand_id=brand.pk, name="ACME", now=LATER)) is False
    assert not Outbox.objects.exists()
    assert not FormerPlacement.objects.exists()


def test_brand_stays_when_another_has_the_name(shirt: Product) -> None:
    brand = Brand.objects.create(name="Acme")
    Brand.objects.create(name="Other")

    with pytest.raises(FieldInvalid):
        act(lambda: edit_brand(brand_id=brand.pk, name="Other", now=LATER))

    brand.refresh_from_db()
    assert brand.name == "Acme"


@pytest.mark.django_db(transaction=True)
def test_both_are_written_and_told_when_two_edit_different_fields_at_once(
    shirt: Product, merchant: Merchant
) -> None:
    now = clock.now()

    @transactional
    def set_unit() -> frozenset[str]:
        return edit_product(product_id=shirt.pk, fields={"unit": "箱"}, now=now)

    @transactional
    def set_attribute() -> frozenset[str]:
        return edit_product(product_id=shirt.pk, fields={}, attributes={"care": "30 °C"}, now=now)

    Outbox.objects.all().delete()
    outcomes = race(set_unit, set_attribute)

    assert sorted(outcomes, key=str) == [frozenset({"attributes"}), frozenset({"unit"})]
    shirt.refresh_from_db()
    assert shirt.unit == "箱"
    assert shirt.attributes == {"material": "cotton", "sizes": 4, "care": "30 °C"}
    assert news_of(merchant) == [updated(["S-BLUE", "S-RED"], "attributes", "unit")]


@pytest.mark.django_db(transaction=True)
def test_one_of_two_tells_when_both_write_the_same_at_once(
    shirt: Product, merchant: Merchant
) -> None:
    now = clock.now()

    @transactional
    def set_unit() -> frozenset[str]:
        return edit_product(product_id=shirt.pk, fields={"unit": "箱"}, now=now)

    Outbox.objects.all().delete()
    outcomes = race(set_unit, set_unit)

    assert sorted(map(len, outcomes)) == [0, 1]  # type: ignore[arg-type] # none raised
    assert Outbox.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_products_end_in_their_places_when_they_cross_at_once(shirt: Product, shop: World) -> None:
    now = clock.now()
    one, two = make_category("one", "One", None), make_category("two", "Two", None)
    other = make_product("OTHER", one)

    @transactional
    def move(product: Product, category: Category) -> frozenset[str]:
        return edit_product(product_id=product.pk, fields={"category_id": category.pk}, now=now)

    outcomes = race(lambda: move(shirt, two), lambda: move(other, two), lambda: move(shirt, two))

    assert [str(one) for one in outcomes if isinstance(one, BaseException)] == []
    moved = Product.objects.filter(code__in=["SHIRT", "OTHER"])
    assert set(moved.values_list("category__code", flat=True)) == {"two"}
    assert FormerPlacement.objects.count() == 2


def test_rules_are_asked_about_a_sku_when_it_is_added(shirt: Product) -> None:
    sku = Sku(code="NEW", product=shirt, name="新", market_price=12, sale_price=10)

    act(lambda: add_sku(sku=sku, actor="li", now=LATER))

    [hint] = PoolHint.objects.all()
    assert (hint.sku_id, hint.pool_id) == (sku.pk, None)
