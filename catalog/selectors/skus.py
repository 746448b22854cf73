"""The SKUs that a partner sees, page by page, and when each last changed for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from catalog.selectors.prices import in_order_asked
from catalog.selectors.visibility import IS_VISIBLE
from openplatform.core.statements import send

# When the SKUs in `chosen` (id, code, shelf_state, category, updated_at) last changed for
# %(partner_id)s: themselves, by coming into its sight, or in its own price, which also moves when
# an agreement starts or ends.
CHANGED = """
    SELECT chosen.code, chosen.shelf_state, chosen.category,
        greatest(chosen.updated_at, sight.changed_at, agreement.changed_at) AS updated_at
    FROM chosen
    JOIN (
        SELECT membership.sku_id,
            max(greatest(membership.created_at, assignment.created_at)) AS changed_at
        FROM catalog_poolassignment assignment
        JOIN catalog_poolmembership membership ON membership.pool_id = assignment.pool_id
        WHERE assignment.partner_id = %(partner_id)s
            AND membership.sku_id IN (SELECT id FROM chosen)
        GROUP BY membership.sku_id
    ) sight ON sight.sku_id = chosen.id
    LEFT JOIN (
        SELECT agreed.sku_id,
            max(greatest(
                agreed.updated_at,
                CASE WHEN agreed.starts_at <= statement_timestamp() THEN agreed.starts_at END,
                CASE WHEN agreed.ends_at <= statement_timestamp() THEN agreed.ends_at END
            )) AS changed_at
        FROM catalog_purchaseprice agreed
        WHERE agreed.partner_id = %(partner_id)s AND agreed.sku_id IN (SELECT id FROM chosen)
        GROUP BY agreed.sku_id
    ) agreement ON agreement.sku_id = chosen.id
"""
ROWS = """
    SELECT sku.id, sku.code, sku.shelf_state, category.code AS category, sku.updated_at
    FROM catalog_sku sku
    JOIN catalog_product product ON product.id = sku.product_id
    JOIN catalog_category category ON category.id = product.category_id
"""
CONDITIONS = {
    # An unknown category is above nothing.
    "category": """category.path @> ARRAY[
        (SELECT above.id FROM catalog_category above WHERE above.code = %(category)s)
    ]""",
    "shelf_state": "sku.shelf_state = %(shelf_state)s",
    "text": """(
        sku.name ILIKE %(text)s OR sku.code ILIKE %(text)s OR sku.barcode ILIKE %(text)s
    )""",
}
CHANGED_AT = f"""
    WITH chosen AS ({ROWS} WHERE sku.code = ANY(%(codes)s::text[]) AND {IS_VISIBLE})
    SELECT code, updated_at FROM ({CHANGED}) changed
"""  # noqa: S608 - put together from constants
SHELF_STATES = f"""
    SELECT sku.code, sku.shelf_state FROM catalog_sku sku
    WHERE sku.code = ANY(%(codes)s::text[]) AND {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class SkuFilters:
    """Which SKUs are asked for; what is empty does not count.

    :param category: a code; everything below it belongs to it. None has what is unknown.
    :param text: a part of name, code or barcode, in capitals or small letters.
    """

    category: str = ""
    shelf_state: str = ""
    text: str = ""

    def conditions(self) -> str:
        """For the WHERE of a statement over ROWS."""
        named = [name for name in CONDITIONS if getattr(self, name)]
        return " AND ".join([IS_VISIBLE, *(CONDITIONS[name] for name in named)])

    def parameters(self) -> dict[str, str]:
        """What the conditions refer to."""
        escaped = self.text.translate({ord(sign): f"\\{sign}" for sign in "\\%_"})
        return {
            "category": self.category,
            "shelf_state": self.shelf_state,
            "text": f"%{escaped}%",
        }


class SkuRow(NamedTuple):
    """A row of ``GET /catalog/skus``; ``updated_at`` is this partner's."""

    code: str
    shelf_state: str
    category: str
    updated_at: datetime


def page_by_code(
    *, partner_id: int, filters: SkuFilters, after: str | None, limit: int
) -> list[SkuRow]:
    """The SKUs that the partner sees, by code."""
    # The index on the code leads to the first rows; only for them it is asked when they changed.
    continues = "" if after is None else "AND sku.code > %(after)s"
    statement = f"""
        WITH chosen AS (
            {ROWS} WHERE {filters.conditions()} {continues}
            ORDER BY sku.code LIMIT %(limit)s
        )
        {CHANGED} ORDER BY chosen.code
    """
    return _rows(
        statement,
        {"partner_id": partner_id, "after": after, "limit": limit, **filters.parameters()},
    )


def page_by_update(
    *,
    partner_id: int,
    filters: SkuFilters,
    since: datetime | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[SkuRow]:
    """The SKUs that the partner sees and that changed at ``since`` or later, by (time, code)."""
    # The time of change comes from three tables, so no index has it: this goes once over all that
    # the partner sees.
    conditions = ["true"]
    if since is not None:
        conditions.append("updated_at >= %(since)s")
    if after is not None:
        conditions.append("(updated_at, code) > (%(after_at)s, %(after_code)s)")
    after_at, after_code = after or (None, None)
    statement = f"""
        WITH chosen AS ({ROWS} WHERE {filters.conditions()})
        SELECT code, shelf_state, category, updated_at FROM ({CHANGED}) changed
        WHERE {" AND ".join(conditions)}
        ORDER BY updated_at, code LIMIT %(limit)s
    """  # noqa: S608 - put together from constants
    return _rows(
        statement,
        {
            "partner_id": partner_id,
            "since": since,
            "after_at": after_at,
            "after_code": after_code,
            "limit": limit,
            **filters.parameters(),
        },
    )


def get_changed_at(*, partner_id: int, codes: Sequence[str]) -> Mapping[str, datetime]:
    """When each of these SKUs last changed for the partner; those that it sees, by code."""
    return dict(send(CHANGED_AT, {"partner_id": partner_id, "codes": list(codes)}).rows())


def get_shelf_states(*, partner_id: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    """``GET /catalog/shelf-states``: an entry a code, in the order asked for."""
    rows = send(SHELF_STATES, {"partner_id": partner_id, "codes": list(codes)}).rows()
    return in_order_asked(
        codes, {code: {"sku": code, "shelf_state": shelf_state} for code, shelf_state in rows}
    )


def _rows(statement: str, parameters: Mapping[str, Any]) -> list[SkuRow]:
    return [SkuRow(*row) for row in send(statement, parameters).rows()]
