"""What SKUs cost a partner."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from catalog.price_timeline import Move, OwnPrices, purchase_price
from catalog.selectors.own_prices import SkuScope, list_timelines
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core import clock, money
from openplatform.core.statements import send

# Prices of a `sku` in scope that are due and not written to it yet: they count when they are due,
# whether or not a worker has come by.
DUE = """LEFT JOIN LATERAL (
    SELECT market_price, sale_price, floor_price FROM catalog_pricechange coming
    WHERE coming.sku_id = sku.id AND coming.applied_at IS NULL
        AND coming.effective_at <= statement_timestamp()
    ORDER BY coming.effective_at DESC LIMIT 1
) due ON true"""
MARKET_PRICE = "coalesce(due.market_price, sku.market_price)"
SALE_PRICE = "coalesce(due.sale_price, sku.sale_price)"
FLOOR_PRICE = "CASE WHEN due.sale_price IS NULL THEN sku.floor_price ELSE due.floor_price END"

IN_FORCE = """agreed.superseded_at IS NULL AND agreed.starts_at <= statement_timestamp()
            AND (agreed.ends_at IS NULL OR agreed.ends_at > statement_timestamp())"""
# The agreement of %(partner_id)s in force for a `sku` in scope: SKU before deepest category before
# brand before everything, then the later start.
AGREEMENT = f"""LEFT JOIN LATERAL (
    SELECT fixed_price, discount_percent FROM (
        SELECT agreed.fixed_price, agreed.discount_percent, agreed.starts_at, 32767 AS closeness
        FROM catalog_purchaseprice agreed
        WHERE agreed.sku_id = sku.id AND agreed.partner_id = %(partner_id)s AND {IN_FORCE}
        UNION ALL
        SELECT agreed.fixed_price, agreed.discount_percent, agreed.starts_at,
            CASE
                WHEN agreed.category_id IS NOT NULL
                THEN 1 + array_position(category.path, agreed.category_id)
                WHEN agreed.brand_id IS NOT NULL THEN 1
                ELSE 0
            END
        FROM catalog_purchaseprice agreed
        JOIN catalog_product product ON product.id = sku.product_id
        JOIN catalog_category category ON category.id = product.category_id
        WHERE agreed.partner_id = %(partner_id)s AND agreed.sku_id IS NULL AND {IN_FORCE}
            AND (
                agreed.category_id = ANY(category.path)
                OR agreed.brand_id = product.brand_id
                OR (agreed.category_id IS NULL AND agreed.brand_id IS NULL)
            )
    ) applicable
    ORDER BY closeness DESC, starts_at DESC LIMIT 1
) agreement ON true"""  # noqa: S608 - put together from constants

# Whether anything is to come for a `sku` in scope, or may be: an agreement on more than the SKU
# counts for all of them, and is looked up once.
IS_TO_COME = """(
    EXISTS (
        SELECT FROM catalog_pricechange coming
        WHERE coming.sku_id = sku.id AND coming.applied_at IS NULL
            AND coming.effective_at > statement_timestamp()
    ) OR EXISTS (
        SELECT FROM catalog_purchaseprice agreed
        WHERE agreed.sku_id = sku.id AND agreed.partner_id = %(partner_id)s
            AND agreed.superseded_at IS NULL
            AND greatest(agreed.starts_at, agreed.ends_at) > statement_timestamp()
    ) OR EXISTS (
        SELECT FROM catalog_purchaseprice agreed
        WHERE agreed.sku_id IS NULL AND agreed.partner_id = %(partner_id)s
            AND agreed.superseded_at IS NULL
            AND greatest(agreed.starts_at, agreed.ends_at) > statement_timestamp()
    )
)"""

PRICES = f"""
    SELECT sku.code, sku.id, {MARKET_PRICE} AS market_price, {SALE_PRICE} AS sale_price,
        {FLOOR_PRICE} AS floor_price, sku.tax_rate,
        agreement.fixed_price, agreement.discount_percent,
        {IS_TO_COME} AS is_to_come, statement_timestamp() AS at
    FROM unnest(%(codes)s::text[]) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code
    {DUE}
    {AGREEMENT}
    WHERE {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


def get_prices(*, partner_id: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    """``GET /catalog/prices``: an entry a code, in the order asked for.

    One statement; for SKUs that something is to come for, a fixed few more.
    """
    rows = send(PRICES, {"partner_id": partner_id, "codes": list(codes)}).named_rows()
    own_prices = {row["id"]: _own_prices(row) for row in rows}
    next_moves: dict[int, Move] = {}
    coming = [row["id"] for row in rows if row["is_to_come"]]
    if coming:
        at = rows[0]["at"]
        for timeline in list_timelines(
            partner_id=partner_id, scope=SkuScope(sku_ids=coming), at=at
        ):
            prices = timeline.prices_at(at)
            if prices is not None:  # of one moment with what comes next
                own_prices[timeline.sku_id] = prices
            move = next(timeline.moves_after(at), None)
            if move is not None:
                next_moves[timeline.sku_id] = move
    documents = {
        row["code"]: {
            "sku": row["code"],
            **prices_document(own_prices[row["id"]]),
            "currency": settings.CURRENCY,
            "tax_rate": money.rate_to_text(row["tax_rate"]),
            "next_change": _move_document(next_moves.get(row["id"])),
        }
        for row in rows
    }
    return in_order_asked(codes, documents)


def prices_document(prices: OwnPrices) -> dict[str, str | None]:
    """The four prices that a merchant is shown."""
    # numeric(14,2) comes out of Postgres with its two decimals
    return {
        "market_price": str(prices.market_price),
        "sale_price": str(prices.sale_price),
        "purchase_price": str(prices.purchase_price),
        "floor_price": None if prices.floor_price is None else str(prices.floor_price),
    }


def _own_prices(row: dict[str, Any]) -> OwnPrices:
    return OwnPrices(
        market_price=row["market_price"],
        sale_price=row["sale_price"],
        purchase_price=purchase_price(
            row["sale_price"], row["fixed_price"], row["discount_percent"]
        ),
        floor_price=row["floor_price"],
    )


def _move_document(move: Move | None) -> dict[str, str | None] | None:
    if move is None:
        return None
    return {
        "effective_at": clock.to_text(move.effective_at),
        **prices_document(move.prices),
    }


def in_order_asked(
    codes: Sequence[str], documents: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """One entry a code; a code that cannot be seen answers so in its place."""
    return [documents.get(code) or {"sku": code, "error": "sku_not_available"} for code in codes]
