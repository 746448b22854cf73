"""Can this be delivered? The one answer that stock checks give and orders are placed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from catalog.errors import RegionNotServed, SkuOffShelf, StockInsufficient
from catalog.models import Sku
from catalog.selectors.prices import AGREEMENT, purchase_price
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.errors import DomainError
from openplatform.core.statements import Sent, send

# 1. Which warehouses serve the region: those that serve all of it, through itself or a place above
#    it, or a part of it, through a place below. Without a region, all of them. A retired code,
#    asked for or served, stands for its successor; only a retired code has one.
# 2. Each SKU asked for that the partner sees, with its own price.
# 3. What each warehouse could still promise of it; `is_known` is false for a SKU that no warehouse
#    ever held, which has no stock rather than no delivery to the region.
# The planner has no idea how few warehouses there are, hence MATERIALIZED.
LINE_FACTS = f"""
    WITH serving AS MATERIALIZED (
        SELECT warehouse.id, warehouse.priority
        FROM catalog_warehouse warehouse
        LEFT JOIN regions_region given ON given.code = %(region)s
        LEFT JOIN regions_region wanted
            ON wanted.code = coalesce(given.successor_id, given.code)
        WHERE %(region)s::text IS NULL
            OR NOT EXISTS (
                SELECT FROM catalog_warehouse_serves serves WHERE serves.warehouse_id = warehouse.id
            )
            OR EXISTS (
                SELECT FROM catalog_warehouse_serves serves
                JOIN regions_region named ON named.code = serves.region_id
                JOIN regions_region served
                    ON served.code = coalesce(named.successor_id, named.code)
                    AND NOT served.is_retired
                WHERE serves.warehouse_id = warehouse.id
                    AND (served.code = ANY(wanted.path) OR wanted.code = ANY(served.path))
            )
    )
    SELECT sku.code, sku.id, sku.name, sku.shelf_state, sku.min_quantity, sku.quantity_step,
        sku.weight_grams, sku.tax_rate, sku.market_price, sku.sale_price,
        agreement.fixed_price, agreement.discount_percent,
        stock.ids, stock.warehouse_ids, stock.sellable, stock.is_known
    FROM unnest(%(codes)s::text[]) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code
    {AGREEMENT}
    CROSS JOIN LATERAL (
        SELECT count(*) > 0 OR NOT EXISTS (SELECT FROM serving) AS is_known,
            array_agg(stock.id ORDER BY serving.priority DESC, serving.id)
                FILTER (WHERE serving.id IS NOT NULL) AS ids,
            array_agg(stock.warehouse_id ORDER BY serving.priority DESC, serving.id)
                FILTER (WHERE serving.id IS NOT NULL) AS warehouse_ids,
            array_agg(
                stock.on_hand - stock.reserved - stock.safety_quantity
                ORDER BY serving.priority DESC, serving.id
            ) FILTER (WHERE serving.id IS NOT NULL) AS sellable
        FROM catalog_stock stock
        LEFT JOIN serving ON serving.id = stock.warehouse_id
        WHERE stock.sku_id = sku.id
    ) stock
    WHERE {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class Lot:
    """What one warehouse that serves the region can promise of a SKU."""

    stock_id: int
    warehouse_id: int
    sellable: int


@dataclass(frozen=True, slots=True)
class LineFacts:
    """All that placing a line depends on. ``lots`` come by priority, the first one ships first."""

    code: str
    sku_id: int
    name: str
    shelf_state: str
    min_quantity: int
    quantity_step: int
    weight_grams: int
    tax_rate: Decimal
    market_price: Decimal
    sale_price: Decimal
    purchase_price: Decimal
    lots: tuple[Lot, ...]
    is_served: bool

    @property
    def sellable(self) -> int:
        """Units that can be promised to the region, over all its warehouses."""
        return sum(lot.sellable for lot in self.lots)


def send_line_facts(*, partner_id: int, codes: Sequence[str], region: str | None) -> Sent:
    """Ask for the facts; read them with :func:`read_line_facts`."""
    return send(LINE_FACTS, {"partner_id": partner_id, "codes": list(codes), "region": region})


def read_line_facts(sent: Sent) -> Mapping[str, LineFacts]:
    """By code, for each SKU that the partner sees."""
    return {
        code: LineFacts(
            code=code,
            sku_id=sku_id,
            name=name,
            shelf_state=shelf_state,
            min_quantity=min_quantity,
            quantity_step=quantity_step,
            weight_grams=weight_grams,
            tax_rate=tax_rate,
            market_price=market_price,
            sale_price=sale_price,
            purchase_price=purchase_price(sale_price, fixed_price, discount_percent),
            lots=tuple(
                Lot(stock_id, warehouse_id, units)
                for stock_id, warehouse_id, units in zip(
                    stock_ids or (), warehouse_ids or (), sellable or (), strict=True
                )
                if units > 0
            ),
            # Known somewhere, but in no warehouse that serves the region: not delivered there.
            is_served=stock_ids is not None or not is_known,
        )
        for (
            code, sku_id, name, shelf_state, min_quantity, quantity_step, weight_grams, tax_rate,
            market_price, sale_price, fixed_price, discount_percent, stock_ids, warehouse_ids,
            sellable, is_known,
        ) in sent.rows()
    }  # fmt: skip


def get_line_facts(
    *, partner_id: int, codes: Sequence[str], region: str | None
) -> Mapping[str, LineFacts]:
    """By code, for each SKU that the partner sees; ``region`` None asks about anywhere."""
    return read_line_facts(send_line_facts(partner_id=partner_id, codes=codes, region=region))


def delivery_refusal(facts: LineFacts, quantity: int, *, pointer: str) -> DomainError | None:
    """Why so many units cannot be delivered to the region that the facts are about, or None."""
    if not facts.is_served:
        return RegionNotServed(pointer=pointer)
    if facts.shelf_state != Sku.ShelfState.ON_SHELF:
        return SkuOffShelf(pointer=pointer)
    if facts.sellable < quantity:
        return StockInsufficient(pointer=pointer)
    return None
