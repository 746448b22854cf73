"""What merchants are told when the category tree changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from catalog.models import Category
from catalog.services.changes import tell_updated
from catalog.services.placements import list_skus_of
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import Draft, publish_all

CATEGORY_CHANGED = "category.changed"
CATEGORIES = "categories"  # the subject of every change of the tree
MAX_CATEGORIES = 100

# Of these categories, those in use by each partner: with a SKU that it sees, in them or below. Few
# pairs of category and pool stand for many SKUs.
IN_USE = """
    WITH shown AS MATERIALIZED (
        SELECT DISTINCT filled.id, filled.path, membership.pool_id
        FROM catalog_category filled
        JOIN catalog_product product ON product.category_id = filled.id
        JOIN catalog_sku sku ON sku.product_id = product.id
        JOIN catalog_poolmembership membership ON membership.sku_id = sku.id
        WHERE filled.path && %(ids)s::bigint[]
    )
    SELECT assignment.partner_id, array_agg(DISTINCT step.id)
    FROM shown
    JOIN catalog_poolassignment assignment ON assignment.pool_id = shown.pool_id
    CROSS JOIN LATERAL unnest(shown.path) AS step (id)
    WHERE step.id = ANY(%(ids)s::bigint[])
    GROUP BY assignment.partner_id
"""

Use = Mapping[int, frozenset[int]]
NOTHING: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Place:
    """What is told of a category: its own row, and the names on the way to it."""

    code: str
    path: tuple[int, ...]
    names: tuple[str, ...]


def read_places(nodes: Iterable[Category]) -> dict[int, Place]:
    """The places of all categories, by their ids. ``nodes`` are the whole tree."""
    by_id = {node.pk: node for node in nodes}
    return {
        pk: Place(node.code, tuple(node.path), tuple(by_id[step].name for step in node.path))
        for pk, node in by_id.items()
    }


@dataclass(frozen=True, slots=True)
class TreeChange:
    """What differs between two states of the tree; categories that are new are left out.

    :param differing: categories of which something else is told now.
    :param moved: those of them whose path is another.
    :param passed: all that stand in a path of the moved ones, before or after.
    """

    differing: frozenset[int]
    moved: frozenset[int]
    passed: frozenset[int]

    @classmethod
    def between(cls, before: Mapping[int, Place], after: Mapping[int, Place]) -> TreeChange:
        """Compare the places of all categories."""
        known = before.keys() & after.keys()
        moved = frozenset(pk for pk in known if before[pk].path != after[pk].path)
        return cls(
            differing=frozenset(pk for pk in known if before[pk] != after[pk]),
            moved=moved,
            passed=frozenset(step for pk in moved for step in (*before[pk].path, *after[pk].path)),
        )

    @property
    def concerned(self) -> frozenset[int]:
        """Categories that may be other ones to a partner, or come into its use or out of it."""
        return self.differing | self.passed


def read_use(category_ids: Collection[int]) -> Use:
    """Which of these categories are in use by which partners."""
    if not category_ids:
        return {}
    rows = send(IN_USE, {"ids": list(category_ids)}).rows()
    return {partner_id: frozenset(ids) for partner_id, ids in rows}


def tell_tree(
    change: TreeChange, *, before: Use, after: Use, codes: Mapping[int, str], now: datetime
) -> None:
    """Step: tell of a change that is written.

    The SKUs in categories that differ are updated for whoever sees them. ``category.changed`` goes
    to the partners that have, or had, a category in use; each is told the codes of those only.
    """
    sku_ids = list_skus_of(category_ids=change.differing)
    tell_updated(fields=dict.fromkeys(sku_ids, ("category",)), now=now)
    told: dict[frozenset[int], list[int]] = defaultdict(list)
    for partner_id in sorted(before.keys() | after.keys()):
        then, since = before.get(partner_id, NOTHING), after.get(partner_id, NOTHING)
        categories = (then ^ since) | ((then | since) & change.differing)
        if categories:
            told[categories].append(partner_id)
    drafts = []
    for categories, partner_ids in told.items():
        names = sorted(codes[pk] for pk in categories)
        drafts += [
            Draft(
                CATEGORY_CHANGED,
                CATEGORIES,
                {"categories": names[start : start + MAX_CATEGORIES]},
                partner_ids,
            )
            for start in range(0, len(names), MAX_CATEGORIES)
        ]
    if drafts:
        publish_all(drafts)
