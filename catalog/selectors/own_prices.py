"""What many SKUs cost one partner, now and at moments to come; for whoever has to tell of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from catalog.price_timeline import (
    BEGINNING,
    Agreed,
    Agreements,
    Outlook,
    Placement,
    ShownPrices,
    SkuTimeline,
)
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.statements import send, together

# In one row: the prices of the house, and where the product stands.
SKUS = """
    SELECT sku.id, sku.market_price, sku.sale_price, sku.floor_price, category.path::text,
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
) -> Iterator[SkuTimeline]:
    """The timelines, from ``at`` on, of the SKUs in scope that the partner sees.

    What was superseded is not in them; they do not tell of the past.
    """
    known, timelines = _read(partner_id=partner_id, scope=scope, at=at, is_seen_only=True)
    return timelines(Agreements(known.values()))


def list_supposed_timelines(
    *,
    partner_id: int,
    scope: SkuScope,
    at: datetime,
    agreement_id: int | None,
    instead: Agreed,
) -> Iterator[tuple[SkuTimeline, SkuTimeline]]:
    """The timelines of the SKUs in scope, seen or not, as they are and as they would be with an
    agreement in the place of the one with that id; None for a new one.
    """
    known, timelines = _read(partner_id=partner_id, scope=scope, at=at, is_seen_only=False)
    supposed = Agreements({**known, agreement_id: instead}.values())
    for timeline in timelines(Agreements(known.values())):
        yield timeline, timeline._replace(agreements=supposed)


def _read(
    *, partner_id: int, scope: SkuScope, at: datetime, is_seen_only: bool
) -> tuple[dict[int | None, Agreed], Callable[[Agreements], Iterator[SkuTimeline]]]:
    """The partner's agreements by id, and what makes timelines with them."""
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
    known: dict[int | None, Agreed] = {row[0]: _agreed(row) for row in agreed.rows()}
    return known, partial(_timelines, skus.rows(), changes.rows())


def _timelines(
    skus: Sequence[tuple[Any, ...]], changes: Sequence[tuple[Any, ...]], agreements: Agreements
) -> Iterator[SkuTimeline]:
    coming: dict[int, list[tuple[datetime, ShownPrices]]] = defaultdict(list)
    for sku_id, effective_at, *prices in changes:
        coming[sku_id].append((effective_at, ShownPrices(*prices)))
    # Many SKUs stand in few places; a path is taken apart once.
    placed: dict[tuple[str, int | None], tuple[tuple[None, Placement]]] = {}
    for sku_id, market_price, sale_price, floor_price, path, brand_id in skus:
        base = (BEGINNING, ShownPrices(market_price, sale_price, floor_price))
        if (path, brand_id) not in placed:
            steps = tuple(int(step) for step in path.strip("{}").split(",") if step)
            placed[path, brand_id] = ((None, Placement(steps, brand_id)),)
        yield SkuTimeline(
            sku_id=sku_id,
            bases=(base, *coming[sku_id]) if sku_id in coming else (base,),
            placements=placed[path, brand_id],
            agreements=agreements,
        )


def get_outlooks(*, partner_id: int, scope: SkuScope, at: datetime) -> Mapping[int, Outlook]:
    """By SKU id, for those in scope that the partner sees: its own price at ``at`` and later."""
    return {
        timeline.sku_id: timeline.outlook(at)
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
