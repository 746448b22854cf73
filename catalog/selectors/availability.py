"""Can this be delivered? The one answer that stock checks give and orders are placed on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple, Protocol

from catalog.errors import (
    BelowMinimum,
    RegionNotServed,
    SkuOffShelf,
    StockInsufficient,
    WrongStep,
)
from catalog.models import Sku
from catalog.price_timeline import purchase_price
from catalog.selectors.prices import AGREEMENT, DUE, MARKET_PRICE, SALE_PRICE
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.errors import DomainError
from openplatform.core.statements import Sent, send

# Where a warehouse ships. Places are told by their paths, from the province down, so that two of
# them have a part in common exactly when one path begins with the other; the empty path is the
# whole country. A retired code stands for its successor; only a retired code has one.
#
# `area` has a row for each place that a warehouse serves, with the codes it leaves out.
AREAS = """area AS MATERIALIZED (
        SELECT warehouse.id AS warehouse_id, warehouse.priority, warehouse.region_id, served.path,
            ARRAY(
                SELECT coalesce(named.successor_id, named.code)
                FROM catalog_warehouse_excludes excludes
                JOIN regions_region named ON named.code = excludes.region_id
                WHERE excludes.warehouse_id = warehouse.id
            ) AS excluded
        FROM catalog_warehouse warehouse
        CROSS JOIN LATERAL (
            SELECT place.path FROM catalog_warehouse_serves serves
            JOIN regions_region named ON named.code = serves.region_id
            JOIN regions_region place
                ON place.code = coalesce(named.successor_id, named.code) AND NOT place.is_retired
            WHERE serves.warehouse_id = warehouse.id
            UNION ALL
            SELECT '{}'::varchar[] WHERE NOT EXISTS (
                SELECT FROM catalog_warehouse_serves serves WHERE serves.warehouse_id = warehouse.id
            )
        ) served
    )"""


def nested(one: str, other: str) -> str:
    """SQL: whether two paths have a part in common."""
    return f"{one}[:cardinality({other})] = {other}[:cardinality({one})]"


def deeper(one: str, other: str) -> str:
    """SQL: that part, of two that have one."""
    return f"CASE WHEN cardinality({one}) > cardinality({other}) THEN {one} ELSE {other} END"


# `overlap` has a row for each part that a warehouse's area and a place of `asked (path)` have in
# common, unless the warehouse excludes all of it: whoever has a row ships to a part of the place at
# least. It stands behind AREAS and `asked`.
OVERLAPS = f"""overlap AS MATERIALIZED (
        SELECT asked.path AS asked_path, area.warehouse_id, area.priority, area.region_id,
            area.excluded,
            {deeper("area.path", "asked.path")} AS path
        FROM asked JOIN area ON {nested("area.path", "asked.path")}
        WHERE NOT ({deeper("area.path", "asked.path")}) && area.excluded
    )"""  # noqa: S608 - put together from constants

# For a `sku` in scope: whether there are places that it is not delivered to, or alone.
IS_RESTRICTED = "EXISTS (SELECT FROM catalog_skuregion limited WHERE limited.sku_id = sku.id)"
# Whether one of the overlaps is left for such a `sku`; `{where}` says which ones are asked about.
IS_DELIVERED = """EXISTS (
        SELECT FROM overlap
        WHERE {where} AND catalog_is_delivered(sku.id, overlap.path, overlap.excluded)
    )"""
IS_DELIVERED_BY_WAREHOUSE = IS_DELIVERED.format(where="overlap.warehouse_id = serving.id")
IS_DELIVERED_AT_ALL = IS_DELIVERED.format(where="true")
# The same for a `warehouse` in scope and a place of `asked`, where there are several.
IS_DELIVERED_TO_PLACE = IS_DELIVERED.format(
    where="overlap.warehouse_id = warehouse.id AND overlap.asked_path = asked.path"
)

# Which warehouses serve %(region)s, or some part of it. Without a region, any part at all. The
# planner has no idea how few warehouses there are, hence MATERIALIZED.
REACH = f"""asked AS MATERIALIZED (
        SELECT '{{}}'::varchar[] AS path WHERE %(region)s::text IS NULL
        UNION ALL
        SELECT wanted.path FROM regions_region given
        JOIN regions_region wanted ON wanted.code = coalesce(given.successor_id, given.code)
        WHERE given.code = %(region)s
    ), {AREAS}, {OVERLAPS}"""  # noqa: S608 - put together from constants
SERVING = f"""{REACH}, serving AS MATERIALIZED (
        SELECT DISTINCT warehouse_id AS id FROM overlap
    )"""  # noqa: S608 - put together from constants
# The same in the order in which they are asked to ship: by priority, then the nearest, which has
# more of its path in common with the place that is delivered to.
RANKED_SERVING = f"""{REACH}, serving AS MATERIALIZED (
        SELECT candidate.id, row_number() OVER (
            ORDER BY candidate.priority DESC, (
                SELECT count(*) FROM unnest(coalesce(successor.path, place.path)) AS code
                WHERE code = ANY(asked.path)
            ) DESC, candidate.id
        ) AS rank
        FROM (SELECT DISTINCT warehouse_id AS id, priority, region_id FROM overlap) candidate
        CROSS JOIN asked
        JOIN regions_region place ON place.code = candidate.region_id
        LEFT JOIN regions_region successor ON successor.code = place.successor_id
    )"""  # noqa: S608 - put together from constants

# For a `sku` in scope: its stock everywhere, with the warehouse where that serves the region. All
# that is told of the delivery of a SKU is an aggregate over these rows.
STOCK = f"""FROM catalog_stock stock
        LEFT JOIN serving ON serving.id = stock.warehouse_id
            AND (NOT {IS_RESTRICTED} OR {IS_DELIVERED_BY_WAREHOUSE})
        WHERE stock.sku_id = sku.id"""
# What a warehouse can still promise; below zero when more is kept for safety than there is.
SELLABLE = "stock.on_hand - stock.reserved - stock.safety_quantity"
# Known somewhere, but in no warehouse that serves the region: not delivered there. A SKU that no
# warehouse ever held has no stock rather than no delivery.
IS_SERVED = f"""count(serving.id) > 0 OR NOT (
            count(*) > 0 OR NOT EXISTS (SELECT FROM serving)
            OR ({IS_RESTRICTED} AND NOT {IS_DELIVERED_AT_ALL})
        )"""

# The warehouses alone.
SERVING_IDS = f"WITH {RANKED_SERVING} SELECT id FROM serving ORDER BY rank"  # noqa: S608 - constants

# Of each SKU asked for that the partner sees: whether it can be delivered.
DELIVERY_FACTS = f"""
    WITH {SERVING}
    SELECT sku.code, sku.shelf_state, stock.is_served, stock.sellable
    FROM unnest(%(codes)s::text[]) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code
    CROSS JOIN LATERAL (
        SELECT {IS_SERVED} AS is_served,
            coalesce(
                sum(greatest({SELLABLE}, 0)) FILTER (WHERE serving.id IS NOT NULL), 0
            )::bigint AS sellable
        {STOCK}
    ) stock
    WHERE {IS_VISIBLE}
"""  # noqa: S608 - put together from constants

# The same with its own price, and what each warehouse can promise.
LINE_FACTS = f"""
    WITH {RANKED_SERVING}
    SELECT sku.code, sku.id, sku.name, sku.shelf_state, sku.min_quantity, sku.quantity_step,
        sku.weight_grams, sku.tax_rate, {MARKET_PRICE}, {SALE_PRICE},
        agreement.fixed_price, agreement.discount_percent,
        stock.ids, stock.warehouse_ids, stock.sellable, stock.ranks, stock.is_served
    FROM unnest(%(codes)s::text[]) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code
    {DUE}
    {AGREEMENT}
    CROSS JOIN LATERAL (
        SELECT {IS_SERVED} AS is_served,
            array_agg(stock.id ORDER BY serving.rank)
                FILTER (WHERE serving.id IS NOT NULL) AS ids,
            array_agg(stock.warehouse_id ORDER BY serving.rank)
                FILTER (WHERE serving.id IS NOT NULL) AS warehouse_ids,
            array_agg({SELLABLE} ORDER BY serving.rank)
                FILTER (WHERE serving.id IS NOT NULL) AS sellable,
            array_agg(serving.rank ORDER BY serving.rank)
                FILTER (WHERE serving.id IS NOT NULL) AS ranks
        {STOCK}
    ) stock
    WHERE {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


class Delivery(Protocol):
    """What decides whether a SKU can be delivered to the region that was asked about."""

    @property
    def shelf_state(self) -> str: ...

    @property
    def is_served(self) -> bool: ...

    @property
    def sellable(self) -> int:
        """Units that can be promised to the region, over all its warehouses."""


class DeliveryFacts(NamedTuple):
    """That, and nothing else."""

    code: str
    shelf_state: str
    is_served: bool
    sellable: int


@dataclass(frozen=True, slots=True)
class Lot:
    """What one warehouse that serves the region can promise of a SKU.

    ``rank`` is the warehouse's place among all that serve the region: by priority, then by how near
    it is; the lower ships first.
    """

    stock_id: int
    warehouse_id: int
    sellable: int
    rank: int


@dataclass(frozen=True, slots=True)
class LineFacts:
    """All that placing a line depends on. ``lots`` come by rank, the first one ships first."""

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


def send_delivery_facts(*, partner_id: int, codes: Sequence[str], region: str | None) -> Sent:
    """Ask for the facts; read them with :func:`read_delivery_facts`."""
    return send(DELIVERY_FACTS, {"partner_id": partner_id, "codes": list(codes), "region": region})


def read_delivery_facts(sent: Sent) -> Mapping[str, DeliveryFacts]:
    """By code, for each SKU that the partner sees."""
    return {row[0]: DeliveryFacts._make(row) for row in sent.rows()}


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
                Lot(stock_id, warehouse_id, units, rank)
                for stock_id, warehouse_id, units, rank in zip(
                    stock_ids or (), warehouse_ids or (), sellable or (), ranks or (), strict=True
                )
                if units > 0
            ),
            is_served=is_served,
        )
        for (
            code, sku_id, name, shelf_state, min_quantity, quantity_step, weight_grams, tax_rate,
            market_price, sale_price, fixed_price, discount_percent, stock_ids, warehouse_ids,
            sellable, ranks, is_served,
        ) in sent.rows()
    }  # fmt: skip


def get_line_facts(
    *, partner_id: int, codes: Sequence[str], region: str | None
) -> Mapping[str, LineFacts]:
    """By code, for each SKU that the partner sees; ``region`` None asks about anywhere."""
    return read_line_facts(send_line_facts(partner_id=partner_id, codes=codes, region=region))


def list_serving(*, region: str) -> list[int]:
    """The warehouses that serve a region, or some part of it, in the order in which they ship."""
    return [warehouse_id for (warehouse_id,) in send(SERVING_IDS, {"region": region}).rows()]


def quantity_refusals(facts: LineFacts, quantity: int, *, pointer: str) -> list[DomainError]:
    """Why so many units cannot be asked for, whatever there is of them."""
    refusals: list[DomainError] = []
    if quantity < facts.min_quantity:
        refusals.append(BelowMinimum(pointer=pointer, minimum=facts.min_quantity))
    if quantity % facts.quantity_step:
        refusals.append(WrongStep(pointer=pointer, step=facts.quantity_step))
    return refusals


def delivery_refusals(facts: Delivery, quantity: int, *, pointer: str) -> list[DomainError]:
    """Every reason why so many units cannot be delivered to the region that the facts are about."""
    refusals: list[DomainError] = []
    if not facts.is_served:
        refusals.append(RegionNotServed(pointer=pointer))
    if facts.shelf_state != Sku.ShelfState.ON_SHELF:
        refusals.append(SkuOffShelf(pointer=pointer))
    if facts.is_served and facts.sellable < quantity:
        refusals.append(StockInsufficient(pointer=pointer))
    return refusals


def delivery_refusal(facts: Delivery, quantity: int, *, pointer: str) -> DomainError | None:
    """The first of these reasons, or None."""
    return next(iter(delivery_refusals(facts, quantity, pointer=pointer)), None)
