"""What SKUs cost a partner."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.conf import settings

from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core import money
from openplatform.core.statements import send

# The agreement in force for a `sku` in scope: of several, the one that started last.
AGREEMENT = """LEFT JOIN LATERAL (
    SELECT fixed_price, discount_percent FROM catalog_purchaseprice agreed
    WHERE agreed.sku_id = sku.id AND agreed.partner_id = %(partner_id)s
        AND agreed.starts_at <= statement_timestamp()
        AND (agreed.ends_at IS NULL OR agreed.ends_at > statement_timestamp())
    ORDER BY agreed.starts_at DESC LIMIT 1
) agreement ON true"""

PRICES = f"""
    SELECT sku.code, sku.market_price, sku.sale_price, sku.floor_price, sku.tax_rate,
        agreement.fixed_price, agreement.discount_percent
    FROM unnest(%(codes)s::text[]) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code
    {AGREEMENT}
    WHERE {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


def purchase_price(
    sale_price: Decimal, fixed_price: Decimal | None, discount_percent: Decimal | None
) -> Decimal:
    """A partner's own price: fixed, a percentage of the sale price to the cent, or that price."""
    if fixed_price is not None:
        return fixed_price
    if discount_percent is not None:
        return money.discounted(sale_price, discount_percent)
    return sale_price


def get_prices(*, partner_id: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    """``GET /catalog/prices``: an entry a code, in the order asked for."""
    documents = {
        row["code"]: _price_document(row)
        for row in send(PRICES, {"partner_id": partner_id, "codes": list(codes)}).named_rows()
    }
    return in_order_asked(codes, documents)


def _price_document(row: dict[str, Any]) -> dict[str, Any]:
    # numeric(14,2) comes out of Postgres with its two decimals
    own_price = purchase_price(row["sale_price"], row["fixed_price"], row["discount_percent"])
    return {
        "sku": row["code"],
        "market_price": str(row["market_price"]),
        "sale_price": str(row["sale_price"]),
        "purchase_price": str(own_price),
        "floor_price": None if row["floor_price"] is None else str(row["floor_price"]),
        "currency": settings.CURRENCY,
        "tax_rate": money.rate_to_text(row["tax_rate"]),
        "next_change": None,
    }


def in_order_asked(
    codes: Sequence[str], documents: dict[str, dict[str, Any]]
) -> list[dict[str, Any]]:
    """One entry a code; a code that cannot be seen answers so in its place."""
    return [documents.get(code) or {"sku": code, "error": "sku_not_available"} for code in codes]
