"""What the carriage of a suborder costs, and by which rule."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from openplatform.core import money
from openplatform.core.statements import Sent, send
from orders.models import FreightRule

# Of each template in use, the rule of the deepest region that the place lies in, else the one for
# all other regions; a template without either is not meant for this place. A retired code stands
# for its successor; where a rule names the successor itself, too, that one counts. `skus` are those
# asked for that lie in the template's category, null where it is for any.
RULES = """
    WITH asked AS MATERIALIZED (
        SELECT place.path FROM regions_region given
        JOIN regions_region place ON place.code = coalesce(given.successor_id, given.code)
        WHERE given.code = %(region)s
    ), meant AS MATERIALIZED (
        SELECT named.code, around.code AS region, around.depth, named.code = around.code AS is_own
        FROM asked CROSS JOIN LATERAL unnest(asked.path) WITH ORDINALITY AS around (code, depth)
        JOIN regions_region named ON named.code = around.code OR named.successor_id = around.code
    )
    SELECT template.code, template.warehouse_id, coalesce(category.level, 0) AS depth,
        CASE WHEN template.category_id IS NOT NULL THEN ARRAY(
            SELECT sku.code FROM catalog_sku sku
            JOIN catalog_product product ON product.id = sku.product_id
            JOIN catalog_category placed ON placed.id = product.category_id
            WHERE sku.code = ANY(%(codes)s::text[]) AND template.category_id = ANY(placed.path)
        ) END AS skus,
        best.region, rule.basis, rule.first_size, rule.first_amount, rule.step_size,
        rule.step_amount, rule.free_from_amount, rule.remote_amount
    FROM orders_freighttemplate template
    LEFT JOIN catalog_category category ON category.id = template.category_id
    CROSS JOIN LATERAL (
        SELECT named.freightrule_id AS id, meant.region, meant.depth, meant.is_own
        FROM meant
        JOIN orders_freightrule_regions named ON named.region_id = meant.code
        JOIN orders_freightrule own ON own.id = named.freightrule_id
        WHERE own.template_id = template.id
        UNION ALL
        SELECT other.id, NULL, 0, false FROM orders_freightrule other
        WHERE other.template_id = template.id AND NOT EXISTS (
            SELECT FROM orders_freightrule_regions named WHERE named.freightrule_id = other.id
        )
        ORDER BY depth DESC, is_own DESC, id LIMIT 1
    ) best
    JOIN orders_freightrule rule ON rule.id = best.id
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
        """The first part and each further one that is begun.

        What no balance could pay is told as the limit of all amounts, whatever it comes to.
        """
        units, scale = size.as_integer_ratio()  # exact, however large
        beyond = max(units - self.first_size * scale, 0)
        steps = -(-beyond // (self.step_size * scale))
        return min(self.first_amount + steps * self.step_amount, money.LIMIT)


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
    it, as quotes show them: the rule, what it was counted on and what it gave.
    """

    amount: Decimal
    details: list[dict[str, Any]]


def send_tariffs(*, region: str | None, codes: Sequence[str]) -> Sent:
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
        "first_size": tariff.first_size,
        "first_amount": money.to_text(tariff.first_amount),
        "step_size": tariff.step_size,
        "step_amount": money.to_text(tariff.step_amount),
        "free_from_amount": (
            None if tariff.free_from_amount is None else money.to_text(tariff.free_from_amount)
        ),
        "size": str(size),
        "is_free": is_free,
        "base_amount": money.to_text(base),
        "remote_amount": money.to_text(tariff.remote_amount),
        "amount": money.to_text(base + tariff.remote_amount),
        "skus": [piece.sku for piece in pieces],
    }
