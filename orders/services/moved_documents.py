"""The document of an order, made by the very statement that moves it.

For statements that are a transaction of their own, so that nothing comes back to be answered with
before it is committed. It is the document of ``orders/documents.py`` for an order that is not paid
or just paid: nothing of it was shipped or split yet. A test holds the two against each other.
"""

from __future__ import annotations

from openplatform.core.clock import PLATFORM_ZONE


def _time(moment: str) -> str:
    """SQL: a time as the contract writes it. The zone has known no summer time since 1991."""
    local = f"to_char({moment} AT TIME ZONE '{PLATFORM_ZONE.key}', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')"
    return f"replace({local}, '.000000', '') || '+08:00'"


# Steps of a statement, behind those of `transitions.STEPS`: `goods` has the lines with their rows
# of stock, `answer (status, body)` the answer, its body as JSON. row_to_json writes columns in
# their order and by their names.
STEPS = f"""goods AS MATERIALIZED (
        SELECT line.*, stock.id AS stock_id
        FROM parts
        JOIN orders_orderline line ON line.suborder_id = parts.id
        JOIN catalog_stock stock
            ON stock.sku_id = line.sku_id AND stock.warehouse_id = parts.warehouse_id
    ), answer AS MATERIALIZED (
        SELECT 200 AS status, row_to_json(shown) AS body
        FROM moved CROSS JOIN LATERAL (
            SELECT moved.order_no, moved.merchant_order_no, moved.status,
                (SELECT count(*) > 1 FROM parts) AS is_split, %(currency)s::text AS currency,
                moved.goods_amount::text, moved.freight_amount::text, moved.total_amount::text,
                moved.refunded_amount::text, moved.dropped,
                nullif(moved.quote_id, '') AS quote_id, nullif(moved.remark, '') AS remark,
                nullif(moved.purchase_order_no, '') AS purchase_order_no, moved.metadata,
                {_time("moved.expires_at")} AS expires_at,
                {_time("moved.created_at")} AS created_at,
                {_time("moved.updated_at")} AS updated_at,
                {_time("moved.paid_at")} AS paid_at,
                {_time("moved.cancelled_at")} AS cancelled_at,
                {_time("moved.closed_at")} AS closed_at,
                nullif(moved.close_reason, '') AS close_reason,
                CASE WHEN moved.consignee_erased_at IS NULL THEN (
                    SELECT row_to_json(consignee) FROM (
                        SELECT moved.consignee_name AS name, moved.consignee_phone AS phone,
                            moved.consignee_region_id AS region,
                            trim_scale(moved.region_confidence) AS region_confidence,
                            moved.consignee_address AS address
                    ) consignee
                ) END AS consignee,
                moved.version,
                (
                    SELECT json_agg(suborder ORDER BY parts.id) FROM parts CROSS JOIN LATERAL (
                        SELECT parts.order_no, moved.order_no AS parent_order_no,
                            NULL AS split_from, parts.status, parts.goods_amount::text,
                            parts.freight_amount::text, parts.total_amount::text,
                            parts.refunded_amount::text, NULL AS shipped_at, NULL AS delivered_at,
                            NULL AS completed_at,
                            (
                                SELECT json_agg(line ORDER BY goods.line_no)
                                FROM goods CROSS JOIN LATERAL (
                                    SELECT goods.line_no::text,
                                        goods.origin_line_no::text AS origin_line_no,
                                        goods.sku_code AS sku, goods.name, goods.quantity,
                                        goods.shipped_quantity, goods.refunded_quantity,
                                        goods.purchase_price::text, goods.market_price::text,
                                        goods.sale_price::text,
                                        trim_scale(goods.tax_rate)::text AS tax_rate,
                                        goods.amount::text, goods.refunded_amount::text
                                ) line
                                WHERE goods.suborder_id = parts.id
                            ) AS lines,
                            '[]'::json AS shipments
                    ) suborder
                ) AS suborders
        ) shown
    )"""  # noqa: S608 - put together from constants
