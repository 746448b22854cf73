"""The statements that change the prices of the house, each of a set of SKUs that are locked."""

from __future__ import annotations

LOCK = """
    SELECT id, market_price, sale_price, cost_price, floor_price FROM catalog_sku
    WHERE id = ANY(%s::bigint[]) ORDER BY id FOR NO KEY UPDATE
"""
# A SKU that is being changed by somebody else is left to the next round.
LOCK_DUE = """
    SELECT id, market_price, sale_price, cost_price, floor_price FROM catalog_sku
    WHERE id IN (
        SELECT sku_id FROM catalog_pricechange
        WHERE applied_at IS NULL AND effective_at <= statement_timestamp()
    )
    ORDER BY id LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
"""
APPLY = """
    UPDATE catalog_pricechange SET applied_at = greatest(%s, effective_at)
    WHERE sku_id = ANY(%s::bigint[]) AND applied_at IS NULL
        AND effective_at <= statement_timestamp()
    RETURNING sku_id, effective_at, market_price, sale_price, cost_price, floor_price
"""
# SKUs whose prices were never written down get what they hold as their first prices.
ADD_FIRST = """
    INSERT INTO catalog_pricechange
        (sku_id, effective_at, market_price, sale_price, cost_price, floor_price, applied_at,
         reason, actor)
    SELECT sku.id, sku.created_at, sku.market_price, sku.sale_price, sku.cost_price,
        sku.floor_price, sku.created_at, '', %s
    FROM catalog_sku sku
    WHERE sku.id = ANY(%s::bigint[]) AND NOT EXISTS (
        SELECT FROM catalog_pricechange known
        WHERE known.sku_id = sku.id AND known.applied_at IS NOT NULL
    )
"""
# Never before the change before it, whatever clock the writer went by.
ADD_APPLIED = """
    INSERT INTO catalog_pricechange
        (sku_id, effective_at, market_price, sale_price, cost_price, floor_price, applied_at,
         reason, actor)
    SELECT new.sku_id, moment.at, new.market_price, new.sale_price, new.cost_price,
        new.floor_price, moment.at, %(reason)s, %(actor)s
    FROM unnest(%(ids)s::bigint[], %(market)s::numeric[], %(sale)s::numeric[],
        %(cost)s::numeric[], %(floor)s::numeric[])
        AS new (sku_id, market_price, sale_price, cost_price, floor_price)
    CROSS JOIN LATERAL (
        SELECT greatest(%(now)s, max(known.effective_at)) AS at FROM catalog_pricechange known
        WHERE known.sku_id = new.sku_id AND known.applied_at IS NOT NULL
    ) moment
"""
# With the stamp in the same go: each update of a row writes to every index of it. Answers the
# codes of those that merchants have to hear of.
WRITE = """
    UPDATE catalog_sku sku SET market_price = new.market_price, sale_price = new.sale_price,
        cost_price = new.cost_price, floor_price = new.floor_price,
        updated_at = CASE WHEN new.is_told THEN greatest(sku.updated_at, %(now)s)
            ELSE sku.updated_at END
    FROM unnest(%(ids)s::bigint[], %(market)s::numeric[], %(sale)s::numeric[],
        %(cost)s::numeric[], %(floor)s::numeric[], %(told)s::boolean[])
        AS new (sku_id, market_price, sale_price, cost_price, floor_price, is_told)
    WHERE sku.id = new.sku_id
    RETURNING new.is_told, sku.id, sku.code
"""
ADD_COMING = """
    INSERT INTO catalog_pricechange
        (sku_id, effective_at, market_price, sale_price, cost_price, floor_price, reason, actor)
    SELECT new.sku_id, %(at)s, new.market_price, new.sale_price, new.cost_price, new.floor_price,
        %(reason)s, %(actor)s
    FROM unnest(%(ids)s::bigint[], %(market)s::numeric[], %(sale)s::numeric[],
        %(cost)s::numeric[], %(floor)s::numeric[])
        AS new (sku_id, market_price, sale_price, cost_price, floor_price)
    ON CONFLICT (sku_id, effective_at) WHERE applied_at IS NULL DO UPDATE
        SET market_price = excluded.market_price, sale_price = excluded.sale_price,
            cost_price = excluded.cost_price, floor_price = excluded.floor_price,
            reason = excluded.reason, actor = excluded.actor, created_at = now()
"""
TOUCH = """
    UPDATE catalog_sku SET updated_at = greatest(updated_at, %s) WHERE id = ANY(%s::bigint[])
    RETURNING id, code
"""
PLANNED = """
    SELECT sku_id, market_price, sale_price, cost_price, floor_price FROM catalog_pricechange
    WHERE sku_id = ANY(%s::bigint[]) AND applied_at IS NULL AND effective_at = %s
"""
NEXT_MOMENTS = """
    SELECT sku_id, min(effective_at) FROM catalog_pricechange
    WHERE applied_at IS NULL AND sku_id = ANY(%s::bigint[]) GROUP BY sku_id
"""
