"""Who sees which SKU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from django.db.models import Exists, OuterRef, QuerySet

from catalog.models import PoolMembership, Sku
from openplatform.core.statements import send

# For statements that have a `sku` in scope: whether %(partner_id)s sees it.
IS_VISIBLE = """EXISTS (
    SELECT FROM catalog_poolmembership membership
    JOIN catalog_poolassignment assignment ON assignment.pool_id = membership.pool_id
    WHERE membership.sku_id = sku.id AND assignment.partner_id = %(partner_id)s
)"""

# The same, looked up for one row after the other. A list that ends early must not first find all
# that a partner sees, which the planner, who does not know whom it plans for, takes to be little.
IS_VISIBLE_EACH = """EXISTS (
    SELECT FROM catalog_poolmembership membership
    JOIN catalog_poolassignment assignment ON assignment.pool_id = membership.pool_id
    WHERE membership.sku_id = sku.id AND assignment.partner_id = %(partner_id)s
    OFFSET 0
)"""

# SKUs in the pools of %(partner_id)s, once for each pool: all of them, unless they are many.
FEW_SEEN = 5_000
SEEN = f"""SELECT array_agg(sku_id) FROM (
    SELECT held.sku_id FROM catalog_poolassignment assignment
    CROSS JOIN LATERAL (
        SELECT sku_id FROM catalog_poolmembership membership
        WHERE membership.pool_id = assignment.pool_id LIMIT {FEW_SEEN + 1}
    ) held
    WHERE assignment.partner_id = %(partner_id)s LIMIT {FEW_SEEN + 1}
) seen"""  # noqa: S608 - put together from constants

AUDIENCE = """
    SELECT DISTINCT assignment.partner_id, sku.code
    FROM unnest(%s::text[]) AS wanted (code)
    JOIN catalog_sku sku ON sku.code = wanted.code
    JOIN catalog_poolmembership membership ON membership.sku_id = sku.id
    JOIN catalog_poolassignment assignment ON assignment.pool_id = membership.pool_id
    ORDER BY assignment.partner_id, sku.code
"""


def list_visible_skus(*, partner_id: int) -> QuerySet[Sku]:
    """The SKUs in the partner's pools."""
    seen = PoolMembership.objects.filter(
        sku=OuterRef("pk"), pool__assignments__partner_id=partner_id
    )
    return Sku.objects.filter(Exists(seen))


def get_audience(skus: Collection[str]) -> Mapping[int, Collection[str]]:
    """The partners that see any of these SKUs, each with those that it sees."""
    audience: dict[int, list[str]] = defaultdict(list)
    for partner_id, code in send(AUDIENCE, [list(skus)]).rows():
        audience[partner_id].append(code)
    return audience
