"""The four prices of SKUs as they will be at a moment, by what is planned until then."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from catalog.price_plans import SkuPrices
from openplatform.core.statements import send

THEN = """
    SELECT sku.id, sku.code, sku.name,
        CASE WHEN coming.sku_id IS NULL THEN sku.market_price ELSE coming.market_price END,
        CASE WHEN coming.sku_id IS NULL THEN sku.sale_price ELSE coming.sale_price END,
        CASE WHEN coming.sku_id IS NULL THEN sku.cost_price ELSE coming.cost_price END,
        CASE WHEN coming.sku_id IS NULL THEN sku.floor_price ELSE coming.floor_price END
    FROM catalog_sku sku
    LEFT JOIN LATERAL (
        SELECT * FROM catalog_pricechange change
        WHERE change.sku_id = sku.id AND change.applied_at IS NULL
            AND (
                change.effective_at < coalesce(%(moment)s::timestamptz, statement_timestamp())
                OR (
                    change.effective_at = %(moment)s::timestamptz AND NOT %(is_before)s::boolean
                )
            )
        ORDER BY change.effective_at DESC LIMIT 1
    ) coming ON true
    WHERE sku.id = ANY(%(sku_ids)s::bigint[])
    ORDER BY sku.id
"""


def list_prices_then(
    *, sku_ids: Collection[int], moment: datetime | None, is_before: bool
) -> list[SkuPrices]:
    """By id.

    :param moment: None means now.
    :param is_before: what is planned for the very moment itself does not count yet.
    """
    rows = send(THEN, {"sku_ids": list(sku_ids), "moment": moment, "is_before": is_before}).rows()
    return [SkuPrices(pk, code, name, tuple(prices)) for pk, code, name, *prices in rows]
