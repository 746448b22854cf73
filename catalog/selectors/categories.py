"""The part of the category tree that a partner has goods in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catalog.models import Category
from catalog.selectors.visibility import FEW_SEEN, IS_VISIBLE_EACH, SEEN
from openplatform.core.errors import NotFound
from openplatform.core.statements import send

# A category is in use when it, or one below it, has a SKU that %(partner_id)s sees. Of somebody who
# sees few SKUs, their categories are taken; else each category is asked for the first SKU in sight.
HOLDS_SEEN = f"""EXISTS (
    SELECT FROM catalog_product product JOIN catalog_sku sku ON sku.product_id = product.id
    WHERE product.category_id = filled.id AND {IS_VISIBLE_EACH}
    OFFSET 0
)"""
HOLDS_ONE_OF_FEW = """filled.id IN (
    SELECT product.category_id FROM catalog_sku sku
    JOIN catalog_product product ON product.id = sku.product_id
    WHERE sku.id = ANY(%(ids)s::bigint[])
)"""
# Parents come before their children. With %(codes)s, only these and what is above them.
IN_USE = """
    WITH wanted AS MATERIALIZED (
        SELECT array_agg(id) AS ids FROM catalog_category WHERE code = ANY(%(codes)s::text[])
    ), used AS MATERIALIZED (
        SELECT filled.path FROM catalog_category filled
        WHERE (%(codes)s::text[] IS NULL OR filled.path && (SELECT ids FROM wanted)) AND {holds}
    )
    SELECT category.id, category.code, category.name, category.level, category.path
    FROM catalog_category category
    WHERE category.id IN (SELECT unnest(path) FROM used)
    ORDER BY category.level, category.code
"""


def get_categories(*, partner_id: int, codes: Sequence[str] | None) -> list[dict[str, Any]]:
    """``GET /catalog/categories``: an entry a code, in the order asked for.

    :param codes: None asks for all that are in use, parents before their children.
    """
    documents = _documents_in_use(partner_id, codes)
    if codes is None:
        return list(documents.values())
    return [documents.get(code) or {"code": code, "error": NotFound.code} for code in codes]


def get_category(*, partner_id: int, code: str) -> dict[str, Any]:
    """``GET /catalog/categories/{code}``.

    :raises NotFound: when the partner has no goods in it.
    """
    document = _documents_in_use(partner_id, [code]).get(code)
    if document is None:
        raise NotFound
    return document


def get_paths(categories: Iterable[Category]) -> Mapping[int, list[dict[str, Any]]]:
    """The way from the root to each category, itself included, by the category's primary key."""
    wanted = {category.pk: category.path for category in categories}
    ids = {step for path in wanted.values() for step in path}
    rows = Category.objects.filter(pk__in=ids).values_list("id", "code", "name", "level")
    steps = {pk: _step(code, name, level) for pk, code, name, level in rows}
    return {pk: [steps[step] for step in path] for pk, path in wanted.items()}


def _documents_in_use(partner_id: int, codes: Sequence[str] | None) -> dict[str, dict[str, Any]]:
    """By code: what is in use of the categories asked for, and at least all that is above them."""
    reach = send(SEEN, {"partner_id": partner_id}).row()
    assert reach is not None  # noqa: S101 - an aggregate always has a row
    ids = reach[0] or []
    holds = HOLDS_ONE_OF_FEW
    if len(ids) > FEW_SEEN:
        holds, ids = HOLDS_SEEN, []
    rows = send(
        IN_USE.format(holds=holds),
        {"partner_id": partner_id, "ids": ids, "codes": None if codes is None else list(codes)},
    ).rows()
    steps = {pk: _step(code, name, level) for pk, code, name, level, _path in rows}
    return {
        code: {**steps[pk], "path": [steps[step] for step in path]}
        for pk, code, _name, _level, path in rows
    }


def _step(code: str, name: str, level: int) -> dict[str, Any]:
    return {"code": code, "name": name, "level": level}
