"""Orders whose prices went wrong: bought for more than the sale price, or for less than the floor.

Purchase and sale price are frozen on the line. The floor price is that of the SKU when the order
was placed, by the history of its prices.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple

from aftersales.selectors.figures import Period
from openplatform.core.statements import send

MOST_ROWS = 20_000  # of a file
# Most SKUs have no floor price, and most purchase prices lie above the highest that there ever was:
# the history is looked at for the few others only.
FOUND = """
    WITH floored AS (
        SELECT sku_id, max(floor_price) AS highest FROM (
            SELECT sku_id, floor_price FROM catalog_pricechange WHERE floor_price IS NOT NULL
            UNION ALL
            SELECT id, floor_price FROM catalog_sku WHERE floor_price IS NOT NULL
        ) every GROUP BY sku_id
    ), suspect AS (
        SELECT "order".id AS order_id, "order".order_no, "order".merchant_order_no,
            "order".partner_id, "order".created_at, "order".status, line.line_no,
            line.sku_id, line.sku_code, line.name, line.quantity, line.refunded_quantity,
            line.purchase_price, line.sale_price,
            coalesce(line.purchase_price < floored.highest, FALSE) AS may_be_under
        FROM orders_order "order"
        JOIN orders_orderline line ON line.order_id = "order".id
        LEFT JOIN floored ON floored.sku_id = line.sku_id
        WHERE "order".created_at >= %(start)s AND "order".created_at < %(end)s
            AND "order".status NOT IN ('cancelled', 'expired')
            AND (%(partner_id)s::bigint IS NULL OR "order".partner_id = %(partner_id)s)
            AND (line.purchase_price > line.sale_price OR line.purchase_price < floored.highest)
    ), priced AS (
        SELECT suspect.*, CASE WHEN may_be_under THEN (
            -- A SKU without any history holds its first prices itself.
            SELECT known.floor_price FROM (
                SELECT floor_price, effective_at, id FROM catalog_pricechange
                WHERE sku_id = suspect.sku_id AND effective_at <= suspect.created_at
                UNION ALL
                SELECT floor_price, '-infinity', 0 FROM catalog_sku WHERE id = suspect.sku_id
            ) known
            ORDER BY known.effective_at DESC, known.id DESC LIMIT 1
        ) END AS floor_price
        FROM suspect
    ), found AS (
        SELECT priced.*, quantity - refunded_quantity AS kept,
            greatest(purchase_price - sale_price, 0) AS above_sale,
            greatest(coalesce(floor_price - purchase_price, 0), 0) AS under_floor
        FROM priced
    ), wanted AS (
        SELECT * FROM found
        WHERE above_sale > 0 AND %(what)s <> 'under_floor'
            OR under_floor > 0 AND %(what)s <> 'above_sale'
    )
"""
LINES = f"""
    {FOUND}
    SELECT partner.code, partner.name, order_id, order_no, merchant_order_no, wanted.created_at,
        wanted.status, sku_code, wanted.name, quantity, refunded_quantity, purchase_price,
        sale_price, floor_price, above_sale * kept, under_floor * kept
    FROM wanted JOIN accounts_partner partner ON partner.id = wanted.partner_id
    ORDER BY wanted.created_at DESC, order_id DESC, line_no
    LIMIT %(limit)s
"""  # noqa: S608 - put together from constants
MERCHANTS = f"""
    {FOUND}
    SELECT partner.code, partner.name, count(DISTINCT order_id), count(*),
        count(*) FILTER (WHERE above_sale > 0), sum(above_sale * kept),
        count(*) FILTER (WHERE under_floor > 0), sum(under_floor * kept)
    FROM wanted JOIN accounts_partner partner ON partner.id = wanted.partner_id
    GROUP BY partner.id
    ORDER BY sum((above_sale + under_floor) * kept) DESC, partner.code
"""  # noqa: S608 - as above


class What(StrEnum):
    """Which prices are asked for."""

    ALL = "all"
    ABOVE_SALE = "above_sale"
    UNDER_FLOOR = "under_floor"


class WrongLine(NamedTuple):
    """A line of an order; the amounts are over its units that were not refunded."""

    partner_code: str
    partner_name: str
    order_id: int
    order_no: str
    merchant_order_no: str
    ordered_at: datetime
    status: str
    sku: str
    name: str
    quantity: int
    refunded_quantity: int
    purchase_price: Decimal
    sale_price: Decimal
    floor_price: Decimal | None
    above_sale_amount: Decimal
    under_floor_amount: Decimal


class WrongSums(NamedTuple):
    """What a merchant's wrong prices come to."""

    partner_code: str
    partner_name: str
    order_count: int
    line_count: int
    above_sale_count: int
    above_sale_amount: Decimal
    under_floor_count: int
    under_floor_amount: Decimal


@dataclass(frozen=True, slots=True)
class WrongPrices:
    """All of a period: the merchants with the most first, the lines of the newest orders first."""

    period: Period
    merchants: Sequence[WrongSums]
    lines: Sequence[WrongLine]

    @property
    def line_count(self) -> int:
        """How many there are, also when fewer are listed."""
        return sum(merchant.line_count for merchant in self.merchants)


def get_wrong_prices(
    *, period: Period, partner_id: int | None, what: What, limit: int = MOST_ROWS
) -> WrongPrices:
    """Of orders placed in these days of the platform's calendar and neither cancelled nor expired.

    :param partner_id: None for all merchants.
    :param limit: of the lines.
    """
    asked: dict[str, Any] = {
        "start": period.start,
        "end": period.end,
        "partner_id": partner_id,
        "what": what.value,
    }
    return WrongPrices(
        period=period,
        merchants=[WrongSums(*row) for row in send(MERCHANTS, asked).rows()],
        lines=[WrongLine(*row) for row in send(LINES, {**asked, "limit": limit}).rows()],
    )
