"""The catalogue as one merchant sees it: what its API answers, put together, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from catalog.selectors.details import get_details
from catalog.selectors.prices import get_prices
from catalog.selectors.skus import SkuFilters, page_by_code
from catalog.selectors.stock_answers import StockQuestion, get_stock_answers

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SeenSku:
    """A SKU with what ``/catalog/details``, ``/catalog/prices`` and ``/catalog/stock-checks`` (for
    its minimum quantity) say of it.
    """

    code: str
    details: Document
    prices: Document
    stock: Document

    @property
    def picture(self) -> str | None:
        """The address of the main picture, in its smallest size."""
        images = self.details["images"]
        if not images:
            return None
        sizes = images[0].get("sizes") or images
        address: str = sizes[0]["url"]
        return address


def list_seen_skus(
    *,
    partner_id: int,
    filters: SkuFilters,
    region: str | None,
    after: str | None,
    limit: int,
) -> list[SeenSku]:
    """A page of what a merchant sees, by code.

    :param region: where stock is asked for; None asks about anywhere.
    :raises RegionUnknown: for a region that does not exist.
    """
    rows = page_by_code(partner_id=partner_id, filters=filters, after=after, limit=limit)
    codes = [row.code for row in rows]
    if not codes:
        return []
    details = _seen(get_details(partner_id=partner_id, codes=codes))
    codes = [code for code in codes if code in details]
    prices = _seen(get_prices(partner_id=partner_id, codes=codes))
    answers = get_stock_answers(
        partner_id=partner_id,
        questions=[StockQuestion(code, details[code]["min_quantity"]) for code in codes],
        region=region,
        region_pointer="/region",
    )
    stock = _seen(answers)
    return [
        SeenSku(code, details[code], prices[code], stock[code])
        for code in codes
        if code in prices and code in stock
    ]


def _seen(documents: list[dict[str, Any]]) -> dict[str, Document]:
    """By code; without what has gone out of sight between two answers."""
    return {document["sku"]: document for document in documents if "error" not in document}
