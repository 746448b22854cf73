"""What many SKUs cost one partner, now and at moments to come; for whoever has to tell of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from catalog.price_timeline import (
    BEGINNING,
    Agreed,
    Agreements,
    Placement,
    ShownPrices,
    SkuTimeline,
)
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.statements import send, together

# In one row: the prices of the house, and where the product stands.
SKUS = """
    SELECT sku.id, sku.market_price, sku.sale_price, sku.floor_price, category.path,
        product.brand_id
    FROM catalog_sku sku
    JOIN catalog_product product ON product.id = sku.product_id
    JOIN catalog_category category ON category.id = product.category_id
    WHERE
"""
# The planner is not left to guess which of these a scope has no use for.
IS_NAMED = "sku.id = ANY(%(sku_ids)s::bigint[])"
IS_BELOW = """(
    sku.id = ANY(%(sku_ids)s::bigint[]) OR category.path && %(category_ids)s::bigint[]
    OR product.brand_id = ANY(%(brand_ids)s::bigint[])
)"""
COMING = """
    SELECT sku_id, effective_at, market_price, sale_price, floor_price FROM catalog_pricechange
    WHERE applied_at IS NULL {condition} ORDER BY effective_at
"""
AGREED = """
    SELECT id, sku_id, category_id, brand_id, fixed_price, discount_percent, starts_at, ends_at
    FROM catalog_purchaseprice
    WHERE partner_id = %(partner_id)s AND superseded_at IS NULL
        AND (ends_at IS NULL OR ends_at > %(at)s) {condition}
"""

# The price now (None), then each moment to come with the price from then on.
Outlook = tuple[tuple[datetime | None, Decimal], ...]


@dataclass(frozen=True, slots=True)
class SkuScope:
    """Which SKUs are meant: those named, and those in categories (or below), or of brands."""

    sku_ids: Collection[int] = ()
    category_ids: Collection[int] = ()
    brand_ids: Collection[int] = ()
    is_everything: bool = False

    @property
    def names_skus_only(self) -> bool:
        """Whether the ids are all there is to it."""
        return not (self.is_everything or self.category_ids or self.brand_ids)


EVERYTHING = SkuScope(is_everything=True)


def list_timelines(
    *,
    partner_id: int,
    scope: SkuScope,
    at: datetime,
    instead: Mapping[int | None, Agreed | None] | None = None,
    is_seen_only: bool = True,
) -> Iterator[SkuTimeline]:
    """The timelines, from ``at`` on, of the SKUs in scope.

    What was superseded is not in them; they do not tell of the past.

    :param instead: supposed agreements, in the place of the one with that id (None for a new one);
        no agreement takes one away.
    :param is_seen_only: leave out what the partner does not see.
    """
    parameters = {
        "partner_id": partner_id,
        "at": at,
        "sku_ids": list(scope.sku_ids),
        "category_ids": list(scope.category_ids),
        "brand_ids": list(scope.brand_ids),
    }
    is_own, is_coming, is_meant = "", "", "true" if scope.is_everything else IS_BELOW
    if scope.names_skus_only:
        is_own = "AND (sku_id IS NULL OR sku_id = ANY(%(sku_ids)s::bigint[]))"
        is_coming = "AND sku_id = ANY(%(sku_ids)s::bigint[])"
        is_meant = IS_NAMED
    if is_seen_only:
        is_meant = f"{is_meant} AND {IS_VISIBLE}"
    with together():
        agreed = send(AGREED.format(condition=is_own), parameters)
        changes = send(COMING.format(condition=is_coming), parameters)
        skus = send(f"{SKUS} {is_meant}", parameters)
    known = {row[0]: _agreed(row) for row in agreed.rows()}
    supposed = {**known, **(instead or {})}
    agreements = Agreements(one for one in supposed.values() if one is not None)
    coming: dict[int, list[tuple[datetime, ShownPrices]]] = defaultdict(list)
    for sku_id, effective_at, *prices in changes.rows():
        coming[sku_id].append((effective_at, ShownPrices(*prices)))
    for sku_id, market_price, sale_price, floor_price, path, brand_id in skus.rows():
        base = (BEGINNING, ShownPrices(market_price, sale_price, floor_price))
        yield SkuTimeline(
            sku_id=sku_id,
            bases=(base, *coming[sku_id]) if sku_id in coming else (base,),
            placements=((None, Placement(tuple(path), brand_id)),),
            agreements=agreements,
        )


def get_outlooks(*, partner_id: int, scope: SkuScope, at: datetime) -> Mapping[int, Outlook]:
    """By SKU id, for those in scope that the partner sees: its own price at ``at`` and later."""
    return {
        timeline.sku_id: _outlook(timeline, at)
        for timeline in list_timelines(partner_id=partner_id, scope=scope, at=at)
    }


def list_partners_with_wide_agreements() -> list[int]:
    """The partners whose price of a SKU may hang on its category or brand, by id."""
    rows = send(
        "SELECT DISTINCT partner_id FROM catalog_purchaseprice"
        " WHERE superseded_at IS NULL AND (category_id IS NOT NULL OR brand_id IS NOT NULL)"
        " AND (ends_at IS NULL OR ends_at > statement_timestamp()) ORDER BY partner_id"
    ).rows()
    return [partner_id for (partner_id,) in rows]


def _agreed(row: tuple[Any, ...]) -> Agreed:
    _id, sku_id, category_id, brand_id, fixed_price, discount_percent, starts_at, ends_at = row
    return Agreed(
        sku_id=sku_id,
        category_id=category_id,
        brand_id=brand_id,
        fixed_price=fixed_price,
        discount_percent=discount_percent,
        starts_at=starts_at,
        from_at=starts_at,
        until_at=ends_at,
    )


def _outlook(timeline: SkuTimeline, at: datetime) -> Outlook:
    prices = timeline.prices_at(at)
    assert prices is not None  # noqa: S101 - the base counts from ever
    own = prices.purchase_price
    outlook: list[tuple[datetime | None, Decimal]] = [(None, own)]
    for move in timeline.moves_after(at):
        if move.prices.purchase_price != own:
            own = move.prices.purchase_price
            outlook.append((move.effective_at, own))
    return tuple(outlook)
