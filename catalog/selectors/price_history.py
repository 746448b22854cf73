"""What a SKU cost a partner on some day, costs it now, and will cost as far as that is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings

from catalog.price_timeline import (
    Agreed,
    Agreements,
    OwnPrices,
    Placement,
    ShownPrices,
    SkuTimeline,
)
from catalog.selectors.prices import prices_document
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core import clock
from openplatform.core.errors import NotFound
from openplatform.core.statements import send, together

SKU = """
    SELECT sku.created_at, sku.market_price, sku.sale_price, sku.floor_price,
        sku.product_id, category.path, product.brand_id
    FROM catalog_sku sku
    JOIN catalog_product product ON product.id = sku.product_id
    JOIN catalog_category category ON category.id = product.category_id
    WHERE sku.id = %(sku_id)s
"""
BASES = """
    SELECT effective_at, market_price, sale_price, floor_price FROM catalog_pricechange
    WHERE sku_id = %(sku_id)s ORDER BY effective_at, id
"""
# A version counted from when it was written, and until it was superseded.
VERSIONS = """
    SELECT agreed.sku_id, category_id, brand_id, fixed_price, discount_percent, starts_at,
        greatest(starts_at, created_at), least(ends_at, superseded_at)
    FROM catalog_purchaseprice agreed
    WHERE partner_id = %(partner_id)s AND (sku_id = %(sku_id)s OR sku_id IS NULL)
        AND greatest(starts_at, created_at)
            < coalesce(least(ends_at, superseded_at), 'infinity'::timestamptz)
"""
# Where it stood by itself, and where its present product has since it came to it.
FORMER = """
    WITH own AS (
        SELECT id, until_at, category_path, brand_id FROM catalog_formerplacement
        WHERE sku_id = %(sku_id)s
    )
    SELECT until_at, category_path, brand_id FROM (
        SELECT * FROM own
        UNION ALL
        SELECT former.id, former.until_at, former.category_path, former.brand_id
        FROM catalog_formerplacement former
        JOIN catalog_sku sku ON sku.product_id = former.product_id
        WHERE sku.id = %(sku_id)s
            AND former.until_at > coalesce((SELECT max(until_at) FROM own), '-infinity')
    ) placement
    ORDER BY until_at, id
"""
VISIBLE = f"""
    SELECT sku.id FROM catalog_sku sku WHERE sku.code = %(code)s AND {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


class PriceSpan(NamedTuple):
    """Prices for a while. ``until_at`` None: as long as nothing else is known."""

    effective_at: datetime
    until_at: datetime | None
    prices: OwnPrices


def get_price_history(
    *, partner_id: int, code: str, from_at: datetime, to_at: datetime | None
) -> dict[str, Any]:
    """``GET /catalog/skus/{sku}/price-history``: what the SKU cost in ``[from_at, to_at)``.

    :raises NotFound: when the partner does not see the SKU.
    """
    row = send(VISIBLE, {"partner_id": partner_id, "code": code}).row()
    if row is None:
        raise NotFound
    spans = list_price_moves(partner_id=partner_id, sku_id=row[0], from_at=from_at, to_at=to_at)
    return {
        "sku": code,
        "currency": settings.CURRENCY,
        "results": [
            {
                "effective_at": clock.to_text(span.effective_at),
                "until": clock.to_text(span.until_at),
                **prices_document(span.prices),
            }
            for span in spans
        ],
    }


def list_price_moves(
    *, partner_id: int, sku_id: int, from_at: datetime, to_at: datetime | None
) -> Sequence[PriceSpan]:
    """The prices of the SKU in ``[from_at, to_at)``, the earliest first, each with when it began
    and ended, be that outside. ``to_at`` None: with all that is known to come.

    Whether the partner saw the SKU then is not asked.
    """
    parameters = {"partner_id": partner_id, "sku_id": sku_id}
    with together():
        sent = [send(statement, parameters) for statement in (SKU, BASES, VERSIONS, FORMER)]
    [sku], bases, versions, former = (answer.rows() for answer in sent)
    created_at, market_price, sale_price, floor_price, _product_id, path, brand_id = sku
    timeline = SkuTimeline(
        sku_id=sku_id,
        # Without any change written down it always cost what it costs.
        bases=[(at, ShownPrices(*prices)) for at, *prices in bases]
        or [(created_at, ShownPrices(market_price, sale_price, floor_price))],
        placements=[
            *((until_at, Placement(tuple(there), brand)) for until_at, there, brand in former),
            (None, Placement(tuple(path), brand_id)),
        ],
        agreements=Agreements(Agreed(*version) for version in versions),
    )
    return [
        span
        for span in _spans(timeline)
        if (to_at is None or span.effective_at < to_at)
        and (span.until_at is None or span.until_at > from_at)
    ]


def _spans(timeline: SkuTimeline) -> list[PriceSpan]:
    spans: list[PriceSpan] = []
    for moment in sorted(timeline.moments()):
        prices = timeline.prices_at(moment)
        if prices is None or (spans and spans[-1].prices == prices):
            continue
        if spans:
            spans[-1] = spans[-1]._replace(until_at=moment)
        spans.append(PriceSpan(moment, None, prices))
    return spans
