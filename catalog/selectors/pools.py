"""What pools hold, what their rules bring, and what an act would make of it.

A SKU is in a pool if it was picked by hand or a rule matches it, and it is not excluded. Everything
that changes a pool says what is picked, excluded and ruled from now on, and has the members follow
by the one sentence above (:func:`plan_members`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext_lazy as _

from catalog.models import Pool, PoolMembership, PoolRule
from openplatform.core.json_text import to_json
from openplatform.core.statements import send

# What %(pool_id)s has to do with SKUs: whether each is in it and picked (null: not in it), is
# excluded, and is matched by any of the rules given. A rule's category has everything below it.
STANDINGS = """
    WITH rule AS MATERIALIZED (
        SELECT * FROM json_to_recordset(%(rules)s::json) AS rule (
            category_id bigint, brand_id bigint, min_price numeric, max_price numeric
        )
    )
    SELECT sku.id, membership.is_picked, exclusion.id IS NOT NULL AS is_excluded,
        EXISTS (
            SELECT FROM rule
            WHERE (rule.category_id IS NULL OR rule.category_id = ANY(category.path))
                AND (rule.brand_id IS NULL OR rule.brand_id = product.brand_id)
                AND (rule.min_price IS NULL OR sku.sale_price >= rule.min_price)
                AND (rule.max_price IS NULL OR sku.sale_price <= rule.max_price)
        ) AS is_matched
    FROM catalog_sku sku
    JOIN catalog_product product ON product.id = sku.product_id
    JOIN catalog_category category ON category.id = product.category_id
    LEFT JOIN catalog_poolmembership membership
        ON membership.sku_id = sku.id AND membership.pool_id = %(pool_id)s
    LEFT JOIN catalog_poolexclusion exclusion
        ON exclusion.sku_id = sku.id AND exclusion.pool_id = %(pool_id)s
"""
# Asked for by id; joined, because a list of many in a condition is searched through row by row.
STANDINGS_OF_SOME = f"""
    {STANDINGS} JOIN unnest(%(sku_ids)s::bigint[]) AS asked (id) ON asked.id = sku.id
    ORDER BY sku.id
"""
# All that the pool has to do with.
STANDINGS_OF_ALL = f"""
    SELECT * FROM ({STANDINGS}) standing
    WHERE is_matched OR is_excluded OR is_picked IS NOT NULL
    ORDER BY id
"""  # noqa: S608 - put together from constants


class Act(TextChoices):
    """What is done to SKUs of a pool by hand."""

    TAKE_IN = "take_in", _("Take in")
    TAKE_OUT = "take_out", _("Take out")
    EXCLUDE = "exclude", _("Exclude")
    READMIT = "readmit", _("Lift the exclusion")


class RuleDraft(NamedTuple):
    """The conditions of a rule, all of which a SKU has to meet; None is no condition."""

    category_id: int | None = None
    brand_id: int | None = None
    min_price: Decimal | None = None
    max_price: Decimal | None = None


class Standing(NamedTuple):
    """What a pool has to do with a SKU.

    ``is_picked`` is None while it is not in the pool.
    """

    sku_id: int
    is_picked: bool | None
    is_excluded: bool
    is_matched: bool

    @property
    def is_in(self) -> bool:
        """Whether the pool shows it."""
        return self.is_picked is not None


class Wish(NamedTuple):
    """What holds for a SKU from now on, as far as people decide it."""

    is_picked: bool
    is_excluded: bool


@dataclass(slots=True)
class PoolPlan:
    """What becomes of SKUs of a pool, by their ids in ascending order.

    :param picked: join it by hand.
    :param brought: join it by a rule.
    :param kept: are in it by a rule, and by hand as well from now on.
    :param left: leave it.
    :param excluded: are excluded from now on, whether they were in it or not.
    :param readmitted: are no longer excluded.
    :param barred: were to be taken in, and stay out because they are excluded.
    :param unchanged: how many stay as they were.
    """

    pool_id: int
    picked: list[int] = field(default_factory=list)
    brought: list[int] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    excluded: list[int] = field(default_factory=list)
    readmitted: list[int] = field(default_factory=list)
    barred: list[int] = field(default_factory=list)
    unchanged: int = 0

    @property
    def joined(self) -> list[int]:
        """All that come into the pool."""
        return [*self.picked, *self.brought]

    @property
    def moved(self) -> list[int]:
        """All that come into the pool or leave it."""
        return [*self.joined, *self.left]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to be written."""
        return not (self.moved or self.kept or self.excluded or self.readmitted)


def _take_in(now: Standing) -> Wish:
    return Wish(is_picked=not now.is_excluded, is_excluded=now.is_excluded)


def _take_out(now: Standing) -> Wish:
    # A rule would bring it back at once, so it is kept out.
    return Wish(is_picked=False, is_excluded=now.is_excluded or now.is_matched)


def _exclude(now: Standing) -> Wish:
    return Wish(is_picked=False, is_excluded=True)


def _readmit(now: Standing) -> Wish:
    return Wish(is_picked=bool(now.is_picked), is_excluded=False)


def _leave_to_rules(now: Standing) -> Wish:
    return Wish(is_picked=bool(now.is_picked), is_excluded=now.is_excluded)


WISHES: dict[Act, Callable[[Standing], Wish]] = {
    Act.TAKE_IN: _take_in,
    Act.TAKE_OUT: _take_out,
    Act.EXCLUDE: _exclude,
    Act.READMIT: _readmit,
}


def plan_act(*, pool: Pool, act: Act, sku_ids: Collection[int]) -> PoolPlan:
    """What an act by hand makes of a pool."""
    standings = _standings(pool.pk, get_rules(pool=pool), sku_ids)
    plan = plan_members(pool.pk, standings, WISHES[act])
    if act is Act.TAKE_IN:
        plan.barred = [standing.sku_id for standing in standings if standing.is_excluded]
        plan.unchanged -= len(plan.barred)
    return plan


def plan_rules(
    *, pool: Pool, rules: Sequence[RuleDraft], sku_ids: Collection[int] | None = None
) -> PoolPlan:
    """What these rules, and no others, make of a pool.

    :param sku_ids: None looks at all SKUs.
    """
    return plan_members(pool.pk, _standings(pool.pk, rules, sku_ids), _leave_to_rules)


def plan_members(
    pool_id: int, standings: Iterable[Standing], wish_of: Callable[[Standing], Wish]
) -> PoolPlan:
    """What has to be written for the wishes to hold, and the pool to follow from them."""
    plan = PoolPlan(pool_id)
    for now in standings:
        wish = wish_of(now)
        is_in = (wish.is_picked or now.is_matched) and not wish.is_excluded
        if is_in and not now.is_in:
            (plan.picked if wish.is_picked else plan.brought).append(now.sku_id)
        elif now.is_in and not is_in:
            plan.left.append(now.sku_id)
        elif wish.is_picked and not now.is_picked:
            plan.kept.append(now.sku_id)
        elif wish.is_excluded == now.is_excluded:
            plan.unchanged += 1
        if wish.is_excluded and not now.is_excluded:
            plan.excluded.append(now.sku_id)
        elif now.is_excluded and not wish.is_excluded:
            plan.readmitted.append(now.sku_id)
    return plan


def get_rules(*, pool: Pool, without: Collection[int] = ()) -> list[RuleDraft]:
    """The rules of a pool.

    :param without: ids of rules to leave out.
    """
    rules = PoolRule.objects.filter(pool=pool).exclude(pk__in=without).order_by("pk")
    return [RuleDraft(*row) for row in rules.values_list(*RuleDraft._fields)]


def list_ruled_pools() -> QuerySet[Pool]:
    """The pools that have rules, or still hold what one brought, by their ids."""
    brought = PoolMembership.objects.filter(is_picked=False).values("pool")
    ruled = PoolRule.objects.values("pool")
    return (Pool.objects.filter(pk__in=brought) | Pool.objects.filter(pk__in=ruled)).order_by("pk")


def _standings(
    pool_id: int, rules: Sequence[RuleDraft], sku_ids: Collection[int] | None
) -> list[Standing]:
    parameters = {
        "pool_id": pool_id,
        "rules": to_json([rule._asdict() for rule in rules]).decode(),
    }
    if sku_ids is None:
        rows = send(STANDINGS_OF_ALL, parameters).rows()
    else:
        asked = sorted(set(sku_ids))
        rows = send(STANDINGS_OF_SOME, {**parameters, "sku_ids": asked}).rows()
    return [Standing(*row) for row in rows]
