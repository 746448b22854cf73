"""The live statement, what is to come and the history, against the rule in plain words.

The world of each seed is made at random: agreements on SKUs, categories, brands and everything,
versions of them, changes of the base prices, and products that were moved.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from catalog.models import (
    Brand,
    Category,
    FormerPlacement,
    PriceChange,
    Product,
    PurchasePrice,
    Sku,
)
from catalog.selectors.availability import get_line_facts
from catalog.selectors.price_history import list_price_moves
from catalog.selectors.prices import get_prices
from openplatform.core import clock
from tests.cast import Merchant, World
from tests.catalog.range import make_category

HOUR = timedelta(hours=1)
INSTANT = timedelta(microseconds=1)
LONG_AGO = timedelta(days=400)
Four = tuple[Decimal, Decimal, Decimal, Decimal | None]


@dataclass
class Stage:
    """A random world, and what was put into it."""

    drawn: random.Random
    now: datetime
    partner_id: int
    skus: list[Sku]
    places: list[Category]
    brands: list[Brand]

    def moment(self, low: int, high: int) -> datetime:
        """A moment so many hours from now; whole hours, so that some coincide."""
        hours = self.drawn.choice([hour for hour in range(low, high) if hour != 0])
        return self.now + hours * HOUR


def build(seed: int, world: World, merchant: Merchant) -> Stage:
    drawn = random.Random(seed)
    top = make_category("top", "Top", None)
    middle = make_category("middle", "Middle", top)
    deep = make_category("deep", "Deep", middle)
    other = make_category("other", "Other", None)
    places = [top, middle, deep, other]
    brands = [Brand.objects.create(name="one"), Brand.objects.create(name="two")]
    stage = Stage(drawn, clock.now(), merchant.partner.pk, [], places, brands)
    for index in range(4):
        add_sku(stage, world, f"S{index}")
    for _ in range(16):
        add_agreement(stage)
    return stage


def add_sku(stage: Stage, world: World, code: str) -> None:
    drawn = stage.drawn
    product = Product.objects.create(
        code=f"P-{code}",
        name=code,
        category=drawn.choice(stage.places),
        brand=drawn.choice([*stage.brands, None]),
    )
    for _ in range(drawn.randrange(3)):
        FormerPlacement.objects.create(
            product=product,
            category_path=drawn.choice(stage.places).path,
            brand=drawn.choice([*stage.brands, None]),
            until_at=stage.moment(-30, 0),
        )
    sku = world.make_sku(code, product=product, created_at=stage.now - LONG_AGO)
    for _ in range(drawn.randrange(3)):
        FormerPlacement.objects.create(
            sku=sku,
            category_path=drawn.choice(stage.places).path,
            brand=drawn.choice([*stage.brands, None]),
            until_at=stage.moment(-30, 0),
        )
    moments = {stage.now - LONG_AGO, *(stage.moment(-30, 20) for _ in range(drawn.randrange(6)))}
    for moment in sorted(moments):
        # The last ones that are due may not have been written to the SKU yet.
        is_applied = moment < stage.now - 3 * HOUR
        change = PriceChange.objects.create(
            sku=sku,
            effective_at=moment,
            market_price=drawn.choice(["20.00", "30.00"]),
            sale_price=drawn.choice(["9.99", "10.01", "0.01"]),
            floor_price=drawn.choice(["5.00", None]),
            applied_at=moment if is_applied else None,
        )
        if is_applied:
            for name in ("market_price", "sale_price", "floor_price"):
                setattr(sku, name, getattr(change, name))
    sku.save()
    stage.skus.append(sku)


def add_agreement(stage: Stage) -> None:
    drawn = stage.drawn
    target: dict[str, Any] = drawn.choice(
        [
            {"sku": drawn.choice(stage.skus)},
            {"category": drawn.choice(stage.places)},
            {"brand": drawn.choice(stage.brands)},
            {},
        ]
    )
    is_fixed = "sku" in target and drawn.random() < 0.5
    terms: dict[str, Any] = (
        {"fixed_price": drawn.choice(["7.00", "8.00"])}
        if is_fixed
        else {"discount_percent": drawn.choice(["15", "50", "66.67"])}
    )
    starts_at = stage.moment(-40, 30)
    created_at = stage.moment(-40, 0)
    superseded_at = drawn.choice([None, None, stage.moment(-20, 0)])
    if superseded_at is not None and superseded_at <= created_at:
        superseded_at = None
    if superseded_at is None and PurchasePrice.objects.filter(
        partner_id=stage.partner_id, starts_at=starts_at, superseded_at=None,
        sku=target.get("sku"), category=target.get("category"), brand=target.get("brand"),
    ).exists():  # fmt: skip
        return
    PurchasePrice.objects.create(
        partner_id=stage.partner_id,
        starts_at=starts_at,
        ends_at=drawn.choice([None, starts_at + drawn.randrange(1, 40) * HOUR]),
        created_at=created_at,
        superseded_at=superseded_at,
        **target,
        **terms,
    )


# The rule


class Tables:
    """All rows that are about a SKU and a partner."""

    def __init__(self, sku: Sku, partner_id: int) -> None:
        self.sku = Sku.objects.select_related("product__category").get(pk=sku.pk)
        self.changes = list(PriceChange.objects.filter(sku=sku).order_by("effective_at"))
        self.agreements = list(PurchasePrice.objects.filter(partner_id=partner_id))
        self.former = list(
            FormerPlacement.objects.filter(product=sku.product).order_by("until_at", "pk")
        )
        self.own_former = list(FormerPlacement.objects.filter(sku=sku).order_by("until_at", "pk"))


def price_in_words(tables: Tables, moment: datetime) -> Four | None:
    """What the SKU costs the partner at that moment, by everything that is in the tables."""
    bases = [change for change in tables.changes if change.effective_at <= moment]
    if not bases:
        return None
    base = bases[-1]
    path, brand_id = place_in_words(tables, moment)
    ranked: list[tuple[int, datetime, PurchasePrice]] = []
    for agreed in tables.agreements:
        if moment < agreed.starts_at or moment < agreed.created_at:
            continue
        if agreed.ends_at is not None and agreed.ends_at <= moment:
            continue
        if agreed.superseded_at is not None and agreed.superseded_at <= moment:
            continue
        rank = rank_in_words(agreed, tables.sku, path, brand_id)
        if rank is not None:
            ranked.append((rank, agreed.starts_at, agreed))
    own = base.sale_price
    if ranked:
        agreed = max(ranked, key=lambda entry: entry[:2])[2]
        if agreed.fixed_price is not None:
            own = agreed.fixed_price
        else:
            assert agreed.discount_percent is not None
            exact = base.sale_price * (Decimal(100) - agreed.discount_percent) / Decimal(100)
            own = max(exact.quantize(Decimal("0.01"), ROUND_HALF_UP), Decimal("0.01"))
    return base.market_price, base.sale_price, own, base.floor_price


def place_in_words(tables: Tables, moment: datetime) -> tuple[list[int], int | None]:
    left = [former for former in tables.own_former if moment < former.until_at]
    came_at = tables.own_former[-1].until_at if tables.own_former else None
    left = left or [
        former
        for former in tables.former
        if moment < former.until_at and (came_at is None or came_at < former.until_at)
    ]
    if left:
        return left[0].category_path, left[0].brand_id
    return tables.sku.product.category.path, tables.sku.product.brand_id


def rank_in_words(
    agreed: PurchasePrice, sku: Sku, path: list[int], brand_id: int | None
) -> int | None:
    if agreed.sku_id is not None:
        return 1000 if agreed.sku_id == sku.pk else None
    if agreed.category_id is not None:
        return 10 + path.index(agreed.category_id) if agreed.category_id in path else None
    if agreed.brand_id is not None:
        return 1 if agreed.brand_id == brand_id else None
    return 0


def moments_of(tables: Tables) -> list[datetime]:
    """Whenever anything at all may move."""
    moments: set[datetime | None] = {change.effective_at for change in tables.changes}
    moments |= {former.until_at for former in tables.former}
    for agreed in tables.agreements:
        moments |= {agreed.starts_at, agreed.created_at, agreed.ends_at, agreed.superseded_at}
    return sorted(moment for moment in moments if moment is not None)


def told(entry: dict[str, Any]) -> Four:
    """The four prices of an answer."""
    floor = entry["floor_price"]
    return (
        Decimal(entry["market_price"]),
        Decimal(entry["sale_price"]),
        Decimal(entry["purchase_price"]),
        None if floor is None else Decimal(floor),
    )


@pytest.mark.parametrize("seed", range(12))
def test_prices_of_every_moment_are_those_of_the_rule(
    shop: World, merchant: Merchant, seed: int
) -> None:
    stage = build(seed, shop, merchant)
    partner_id = stage.partner_id
    codes = [sku.code for sku in stage.skus]

    entries = get_prices(partner_id=partner_id, codes=codes)
    facts = get_line_facts(partner_id=partner_id, codes=codes, region=None)

    for sku, entry in zip(stage.skus, entries, strict=True):
        tables = Tables(sku, partner_id)
        present = price_in_words(tables, stage.now)
        assert told(entry) == present
        assert present is not None
        assert (facts[sku.code].market_price, facts[sku.code].sale_price) == present[:2]
        assert facts[sku.code].purchase_price == present[2]
        moments = moments_of(tables)
        coming = next(
            (
                moment
                for moment in moments
                if moment > stage.now
                and price_in_words(tables, moment) != price_in_words(tables, moment - INSTANT)
            ),
            None,
        )
        if coming is None:
            assert entry["next_change"] is None
        else:
            assert entry["next_change"]["effective_at"] == clock.to_text(coming)
            assert told(entry["next_change"]) == price_in_words(tables, coming)
        spans = list_price_moves(
            partner_id=partner_id, sku_id=sku.pk, from_at=stage.now - 2 * LONG_AGO, to_at=None
        )
        for moment in (at + step for at in moments for step in (-INSTANT, timedelta(), INSTANT)):
            around = [
                span.prices
                for span in spans
                if span.effective_at <= moment and (not span.until_at or moment < span.until_at)
            ]
            expected = price_in_words(tables, moment)
            assert [tuple(prices)[:4] for prices in around] == (
                [] if expected is None else [expected]
            )
        assert all(
            earlier.until_at == later.effective_at and earlier.prices != later.prices
            for earlier, later in itertools.pairwise(spans)
        )
