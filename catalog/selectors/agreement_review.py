"""What an agreement would do, before it is made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cached_property
from typing import NamedTuple

from catalog.models import PurchasePrice, Sku
from catalog.price_timeline import Agreed, price_by
from catalog.selectors.own_prices import IS_BELOW, IS_NAMED, SkuScope, list_supposed_timelines
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.statements import send

MAX_EXAMPLES = 10
MAX_OVERLAPS = 20

FACTS = """
    SELECT sku.id, sku.cost_price, {is_visible}
    FROM catalog_sku sku
    JOIN catalog_product product ON product.id = sku.product_id
    JOIN catalog_category category ON category.id = product.category_id
    WHERE {is_meant}
"""
# Agreements of the partner that hold at some moment for some SKU for which the new one holds, too.
# Each kind of them is asked by its own index; what is about everything meets any other.
OVERLAPS = """
    SELECT other.id, count(*) OVER () FROM catalog_purchaseprice other
    WHERE other.partner_id = %(partner_id)s AND other.superseded_at IS NULL
        AND other.id IS DISTINCT FROM %(agreement_id)s::bigint
        AND (other.ends_at IS NULL OR other.ends_at > %(from_at)s)
        AND (%(until_at)s::timestamptz IS NULL OR other.starts_at < %(until_at)s::timestamptz)
        AND (
            (other.sku_id IS NULL AND other.category_id IS NULL AND other.brand_id IS NULL)
            OR {meets}
        )
    ORDER BY other.sku_id NULLS FIRST, other.starts_at, other.id LIMIT %(limit)s
"""
MEETS = """(
    CASE
        WHEN other.sku_id IS NOT NULL THEN EXISTS (
            SELECT FROM catalog_sku sku
            JOIN catalog_product product ON product.id = sku.product_id
            JOIN catalog_category category ON category.id = product.category_id
            WHERE sku.id = other.sku_id AND {is_meant}
        )
        WHEN other.category_id IS NOT NULL THEN EXISTS (
            SELECT FROM catalog_sku sku
            JOIN catalog_product product ON product.id = sku.product_id
            JOIN catalog_category category ON category.id = product.category_id
            WHERE other.category_id = ANY(category.path) AND {is_meant}
        )
        ELSE EXISTS (
            SELECT FROM catalog_sku sku
            JOIN catalog_product product ON product.id = sku.product_id
            JOIN catalog_category category ON category.id = product.category_id
            WHERE product.brand_id = other.brand_id AND {is_meant}
        )
    END
)"""


# Agreements on one SKU follow each other as a rule, the former left open. One that was to end later
# and is overtaken before, or comes back afterwards, is another matter.
OVERTAKEN = """
    SELECT mine.id, count(*) FROM catalog_purchaseprice mine
    JOIN catalog_purchaseprice other
        ON other.partner_id = mine.partner_id AND other.sku_id = mine.sku_id
        AND other.superseded_at IS NULL AND other.id <> mine.id
        AND (other.ends_at IS NULL OR other.ends_at > statement_timestamp())
    WHERE mine.id = ANY(%s::bigint[])
        AND CASE WHEN mine.starts_at < other.starts_at THEN mine.ends_at ELSE other.ends_at END
            > greatest(mine.starts_at, other.starts_at)
    GROUP BY mine.id
"""


class Example(NamedTuple):
    """The partner's price of a SKU without the agreement and with it."""

    sku: Sku
    sale_price: Decimal
    before: Decimal
    after: Decimal

    @property
    def is_below_cost(self) -> bool:
        """Whether it is sold below what it cost."""
        return self.sku.cost_price is not None and self.after < self.sku.cost_price

    @property
    def is_above_sale(self) -> bool:
        """Whether the partner would pay more than without any agreement."""
        return self.after > self.sale_price


@dataclass(frozen=True)
class AgreementReview:
    """What an agreement does from the moment on at which it begins.

    ``skus`` are those that it is about, ``seen`` those of them that the partner sees; ``moved``
    get another price by it. ``below_cost`` and ``above_sale`` count among those that it prices.
    """

    at: datetime
    skus: int
    seen: int
    moved: int
    below_cost: int
    above_sale: int
    examples: Sequence[Example]
    overlap_count: int
    overlaps: Sequence[PurchasePrice]

    @property
    def asks_for_confirmation(self) -> bool:
        """Whether any price is below cost or above the sale price."""
        return bool(self.below_cost or self.above_sale)

    @cached_property
    def fingerprint(self) -> str:
        """Stands for what somebody looked at."""
        seen = [
            self.skus, self.seen, self.moved, self.below_cost, self.above_sale, self.overlap_count,
            *((one.sku.pk, one.sale_price, one.before, one.after) for one in self.examples),
        ]  # fmt: skip
        return hashlib.sha256(repr(seen).encode()).hexdigest()


def review_agreement(
    *,
    partner_id: int,
    scope: SkuScope,
    agreed: Agreed,
    now: datetime,
    agreement_id: int | None = None,
) -> AgreementReview:
    """What an agreement would do, or does.

    :param scope: the SKUs of its target.
    :param agreement_id: the agreement whose place it takes; None for a new one.
    """
    at = max(agreed.from_at, now)
    before: dict[int, _Price] = {}
    after: dict[int, _Price] = {}
    for timeline, supposed in list_supposed_timelines(
        partner_id=partner_id, scope=scope, at=at, agreement_id=agreement_id, instead=agreed
    ):
        base = timeline.base_at(at)
        if base is not None:
            before[timeline.sku_id] = _price(timeline.agreement_at(at), base.sale_price)
            after[timeline.sku_id] = _price(supposed.agreement_at(at), base.sale_price)
    parameters = {
        "partner_id": partner_id,
        "sku_ids": list(scope.sku_ids),
        "category_ids": list(scope.category_ids),
        "brand_ids": list(scope.brand_ids),
    }
    is_meant = _condition(scope)
    facts = send(FACTS.format(is_visible=IS_VISIBLE, is_meant=is_meant), parameters).rows()
    costs = {sku_id: cost for sku_id, cost, _is_seen in facts if cost is not None}
    seen = {sku_id for sku_id, _cost, is_seen in facts if is_seen}
    priced = {pk: price for pk, price in after.items() if price.agreed is agreed}
    below = {pk for pk, price in priced.items() if pk in costs and price.own < costs[pk]}
    above = {pk for pk, price in priced.items() if price.own > price.sale}
    moved = {pk for pk in after if pk in before and before[pk].own != after[pk].own}
    overlaps = send(
        OVERLAPS.format(meets="true" if scope.is_everything else MEETS.format(is_meant=is_meant)),
        {
            **parameters,
            "agreement_id": agreement_id,
            "from_at": at,
            "until_at": agreed.until_at,
            "limit": MAX_OVERLAPS,
        },
    ).rows()
    # What asks for a second look stands first.
    odd = below | above
    shown = sorted(priced.keys() | moved, key=lambda pk: (pk not in odd, pk not in moved, pk))
    return AgreementReview(
        at=at,
        skus=len(facts),
        seen=len(seen),
        moved=len(moved & seen),
        below_cost=len(below),
        above_sale=len(above),
        examples=_examples(shown[:MAX_EXAMPLES], before, after),
        overlap_count=overlaps[0][1] if overlaps else 0,
        overlaps=_agreements([agreement_id for agreement_id, _count in overlaps]),
    )


def count_overtaken(agreement_ids: Sequence[int]) -> Mapping[int, int]:
    """Of agreements on SKUs, by id: with how many on the same SKU each overlaps, one of the two
    being limited in time. Those with none are left out.
    """
    return dict(send(OVERTAKEN, [list(agreement_ids)]).rows())


class _Price(NamedTuple):
    own: Decimal
    sale: Decimal
    agreed: Agreed | None


def _price(agreed: Agreed | None, sale_price: Decimal) -> _Price:
    return _Price(price_by(agreed, sale_price), sale_price, agreed)


def _examples(
    sku_ids: Sequence[int], before: Mapping[int, _Price], after: Mapping[int, _Price]
) -> list[Example]:
    skus = Sku.objects.in_bulk(sku_ids)
    return [
        Example(skus[pk], after[pk].sale, before[pk].own, after[pk].own)
        for pk in sku_ids
        if pk in skus and pk in before
    ]


def _agreements(ids: Sequence[int]) -> list[PurchasePrice]:
    found = PurchasePrice.objects.select_related("sku", "category", "brand", "partner").in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def _condition(scope: SkuScope) -> str:
    if scope.is_everything:
        return "true"
    return IS_NAMED if scope.names_skus_only else IS_BELOW
