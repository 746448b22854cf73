"""What the carriage of a suborder costs, and by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from typing import Any

from openplatform.core import money
from openplatform.core.statements import Sent, send
from orders.models import FreightRule

# Of each template in use, the rule of the deepest region that the place lies in, else the one for
# all other regions; a template without either is not meant for this place. `skus` are those asked
# for that lie in the template's category, null where it is for any.
RULES = """
    WITH asked AS MATERIALIZED (
        SELECT place.path FROM regions_region given
        JOIN regions_region place ON place.code = coalesce(given.successor_id, given.code)
        WHERE given.code = %(region)s
    )
    SELECT template.code, template.warehouse_id, coalesce(category.level, 0) AS depth,
        CASE WHEN template.category_id IS NOT NULL THEN ARRAY(
            SELECT sku.code FROM catalog_sku sku
            JOIN catalog_product product ON product.id = sku.product_id
            JOIN catalog_category placed ON placed.id = product.category_id
            WHERE sku.code = ANY(%(codes)s::text[]) AND template.category_id = ANY(placed.path)
        ) END AS skus,
        rule.region, rule.basis, rule.first_size, rule.first_amount, rule.step_size,
        rule.step_amount, rule.free_from_amount, rule.remote_amount
    FROM orders_freighttemplate template
    LEFT JOIN asked ON true
    LEFT JOIN catalog_category category ON category.id = template.category_id
    CROSS JOIN LATERAL (
        SELECT rule.*, place.code AS region FROM orders_freightrule rule
        LEFT JOIN orders_freightrule_regions named ON named.freightrule_id = rule.id
        LEFT JOIN regions_region meant ON meant.code = named.region_id
        LEFT JOIN regions_region place ON place.code = coalesce(meant.successor_id, meant.code)
        WHERE rule.template_id = template.id
            AND (named.region_id IS NULL OR place.code = ANY(asked.path))
        ORDER BY cardinality(place.path) DESC NULLS LAST, rule.id LIMIT 1
    ) rule
    WHERE template.is_active
    ORDER BY template.id
"""


@dataclass(frozen=True, slots=True)
class Tariff:
    """The rule of one template for the place that is delivered to.

    ``skus`` are the codes that the template is meant for, None for any; sizes are grams, pieces or
    units of the currency, by ``basis``; ``region`` is the one that the rule names, if any.
    """

    template: str
    warehouse_id: int | None
    depth: int
    skus: frozenset[str] | None
    region: str | None
    basis: str
    first_size: int
    first_amount: Decimal
    step_size: int
    step_amount: Decimal
    free_from_amount: Decimal | None
    remote_amount: Decimal

    def is_for(self, warehouse_id: int, sku: str) -> bool:
        """Whether goods of this SKU from this warehouse may be charged by it."""
        return self.warehouse_id in (None, warehouse_id) and (self.skus is None or sku in self.skus)

    def amount_for(self, size: Decimal | int) -> Decimal:
        """The first part and each further one that is begun."""
        beyond = max(Decimal(size) - self.first_size, Decimal(0))
        steps = (beyond / self.step_size).to_integral_value(ROUND_CEILING)
        return self.first_amount + steps * self.step_amount


@dataclass(frozen=True, slots=True)
class Cargo:
    """So many units of one SKU in a suborder."""

    sku: str
    quantity: int
    weight_grams: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Freight:
    """The freight of one suborder. ``details`` has an entry for each template that has a share in
    it, as quotes show them.
    """

    amount: Decimal
    details: list[dict[str, Any]]


def send_tariffs(*, region: str, codes: Sequence[str]) -> Sent:
    """Ask for the tariffs of a place; read them with :func:`read_tariffs`."""
    return send(RULES, {"region": region, "codes": list(codes)})


def read_tariffs(sent: Sent) -> list[Tariff]:
    """The tariffs in force for a place, the closest first: by deepest category, then warehouse."""
    tariffs = [
        Tariff(template, warehouse_id, depth, None if skus is None else frozenset(skus), *rule)
        for template, warehouse_id, depth, skus, *rule in sent.rows()
    ]
    tariffs.sort(key=lambda tariff: (tariff.depth, tariff.warehouse_id is not None), reverse=True)
    return tariffs


def charge(tariffs: Sequence[Tariff], *, warehouse_id: int, cargo: Iterable[Cargo]) -> Freight:
    """What one suborder costs to carry: each line by the closest tariff that is meant for it, lines
    of one tariff together. A line without any goes free.
    """
    shares: dict[str, tuple[Tariff, list[Cargo]]] = {}
    for piece in cargo:
        for tariff in tariffs:
            if tariff.is_for(warehouse_id, piece.sku):
                shares.setdefault(tariff.template, (tariff, []))[1].append(piece)
                break
    details = [_share(tariff, pieces) for tariff, pieces in shares.values()]
    return Freight(sum((Decimal(detail["amount"]) for detail in details), money.ZERO), details)


def _share(tariff: Tariff, pieces: Sequence[Cargo]) -> dict[str, Any]:
    goods = sum((piece.amount for piece in pieces), money.ZERO)
    size: Decimal | int = goods
    if tariff.basis == FreightRule.Basis.WEIGHT:
        size = sum(piece.weight_grams * piece.quantity for piece in pieces)
    elif tariff.basis == FreightRule.Basis.PIECES:
        size = sum(piece.quantity for piece in pieces)
    is_free = tariff.free_from_amount is not None and goods >= tariff.free_from_amount
    base = money.ZERO if is_free else tariff.amount_for(size)
    return {
        "template": tariff.template,
        "region": tariff.region,
        "basis": tariff.basis,
        "size": str(size),
        "is_free": is_free,
        "base_amount": money.to_text(base),
        "remote_amount": money.to_text(tariff.remote_amount),
        "amount": money.to_text(base + tariff.remote_amount),
        "skus": [piece.sku for piece in pieces],
    }
