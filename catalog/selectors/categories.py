"""The part of the category tree that a partner has goods in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from catalog.models import Category
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.errors import NotFound
from openplatform.core.statements import send

# A category is in use when it, or one below it, has a SKU that %(partner_id)s sees. Parents come
# before their children.
IN_USE = f"""
    SELECT category.id, category.code, category.name, category.level, category.path
    FROM catalog_category category
    WHERE category.id IN (
        SELECT unnest(filled.path) FROM catalog_category filled
        WHERE EXISTS (
            SELECT FROM catalog_product product JOIN catalog_sku sku ON sku.product_id = product.id
            WHERE product.category_id = filled.id AND {IS_VISIBLE}
        )
    )
    ORDER BY category.level, category.code
"""  # noqa: S608 - put together from constants


def get_categories(*, partner_id: int, codes: Sequence[str] | None) -> list[dict[str, Any]]:
    """``GET /catalog/categories``: an entry a code, in the order asked for.

    :param codes: None asks for all that are in use, parents before their children.
    """
    documents = _documents_in_use(partner_id)
    if codes is None:
        return list(documents.values())
    return [documents.get(code) or {"code": code, "error": NotFound.code} for code in codes]


def get_category(*, partner_id: int, code: str) -> dict[str, Any]:
    """``GET /catalog/categories/{code}``.

    :raises NotFound: when the partner has no goods in it.
    """
    document = _documents_in_use(partner_id).get(code)
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


def _documents_in_use(partner_id: int) -> dict[str, dict[str, Any]]:
    rows = send(IN_USE, {"partner_id": partner_id}).rows()
    steps = {pk: _step(code, name, level) for pk, code, name, level, _path in rows}
    return {
        code: {**steps[pk], "path": [steps[step] for step in path]}
        for pk, code, _name, _level, path in rows
    }


def _step(code: str, name: str, level: int) -> dict[str, Any]:
    return {"code": code, "name": name, "level": level}
