"""The SKUs that a partner sees, page by page, and when each last changed for it.

A page is found in one of two ways. What few SKUs come into question for is looked at whole. Else
indexes are walked in the order of the list, a stretch at a time, until the page is full: it costs
the same in the middle of a long list as at its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

from catalog.selectors.prices import in_order_asked
from catalog.selectors.search import HAS_WORDS, IS_FOUND, read_question
from catalog.selectors.visibility import FEW_SEEN, IS_VISIBLE, IS_VISIBLE_EACH, SEEN
from openplatform.core.statements import send

FEW_FOUND = 2_000  # SKUs that filters leave and that are looked at whole
STRETCHES = (250, 1_000, 4_000, 16_000, 64_000)  # rows of an index; the last one goes on
BEGINNING = datetime(1, 1, 1, tzinfo=UTC)

# Of a `sku` in scope, each looked up by its index for one row after the other: the planner knows
# neither the partner nor the words, and would rather join what it takes to be small.
CHANGED = """greatest(sku.updated_at, (
    SELECT stamp.changed_at FROM catalog_skustamp stamp
    WHERE stamp.sku_id = sku.id AND stamp.partner_id = %(partner_id)s
))"""
CATEGORY = """(
    SELECT category.code FROM catalog_product product
    JOIN catalog_category category ON category.id = product.category_id
    WHERE product.id = sku.product_id
)"""
# An unknown category is above nothing.
IS_BELOW = """path @> ARRAY[
    (SELECT above.id FROM catalog_category above WHERE above.code = %(category)s)
]"""
CONDITIONS = {
    "category": f"""(
        SELECT category.{IS_BELOW} FROM catalog_product product
        JOIN catalog_category category ON category.id = product.category_id
        WHERE product.id = sku.product_id
    )""",  # noqa: S608 - put together from constants
    "shelf_state": "sku.shelf_state = %(shelf_state)s",
    "text": HAS_WORDS,
}
# The same for a statement that looks for few SKUs from wherever it finds them.
FINDINGS = {
    **CONDITIONS,
    "category": f"""sku.product_id IN (
        SELECT product.id FROM catalog_product product
        WHERE product.category_id IN (
            SELECT category.id FROM catalog_category category WHERE category.{IS_BELOW}
        )
    )""",  # noqa: S608 - put together from constants
    "text": IS_FOUND,
}
# How much the partner sees, and before when no list by update has anything, in either of its two
# indexes: nothing came into its sight before it was there itself (an hour for clocks that differ),
# and a stamp that is older than all SKUs does not count.
REACH = f"""
    SELECT ({SEEN}),
        (SELECT created_at - interval '1 hour' FROM accounts_partner WHERE id = %(partner_id)s),
        (SELECT min(updated_at) FROM catalog_sku)
"""  # noqa: S608 - put together from constants
CHANGED_AT = f"""
    SELECT sku.code, {CHANGED} FROM catalog_sku sku
    WHERE sku.code = ANY(%(codes)s::text[]) AND {IS_VISIBLE}
"""  # noqa: S608 - put together from constants
SHELF_STATES = f"""
    SELECT sku.code, sku.shelf_state FROM catalog_sku sku
    WHERE sku.code = ANY(%(codes)s::text[]) AND {IS_VISIBLE}
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class SkuFilters:
    """Which SKUs are asked for; what is empty does not count.

    :param category: a code; everything below it belongs to it. None has what is unknown.
    :param text: words of name, code, barcode or brand, see :mod:`catalog.selectors.search`.
    """

    category: str = ""
    shelf_state: str = ""
    text: str = ""


class SkuRow(NamedTuple):
    """A row of ``GET /catalog/skus``; ``updated_at`` is this partner's."""

    code: str
    shelf_state: str
    category: str
    updated_at: datetime


Position = tuple[datetime, str]


def page_by_code(
    *, partner_id: int, filters: SkuFilters, after: str | None, limit: int
) -> list[SkuRow]:
    """The SKUs that the partner sees, by code."""
    asked = _Asked.read(partner_id, filters)
    if asked.ids is None:
        return _walk_codes(asked, after or "", limit)
    statement = f"""
        SELECT sku.code, sku.shelf_state, {CATEGORY}, {CHANGED} FROM (
            SELECT * FROM catalog_sku sku
            WHERE sku.id = ANY(%(ids)s::bigint[]) AND {asked.conditions} AND sku.code > %(after)s
            ORDER BY sku.code LIMIT %(limit)s
        ) sku ORDER BY sku.code
    """  # noqa: S608 - put together from constants
    rows = send(statement, {**asked.parameters, "after": after or "", "limit": limit}).rows()
    return [SkuRow(*row) for row in rows]


def page_by_update(
    *,
    partner_id: int,
    filters: SkuFilters,
    since: datetime | None,
    after: Position | None,
    limit: int,
) -> list[SkuRow]:
    """The SKUs that the partner sees and that changed at ``since`` or later, by (time, code)."""
    asked = _Asked.read(partner_id, filters)
    start = max((since or BEGINNING, ""), after or (BEGINNING, ""))  # no code comes before ""
    if asked.ids is None:
        return _walk_updates(asked, start, limit)
    statement = f"""
        SELECT sku.code, sku.shelf_state, {CATEGORY}, sku.changed_at FROM (
            SELECT * FROM (
                SELECT *, {CHANGED} AS changed_at FROM catalog_sku sku
                WHERE sku.id = ANY(%(ids)s::bigint[]) AND {asked.conditions}
                OFFSET 0
            ) sku
            WHERE (sku.changed_at, sku.code) > (%(after_at)s, %(after_code)s)
            ORDER BY sku.changed_at, sku.code LIMIT %(limit)s
        ) sku ORDER BY sku.changed_at, sku.code
    """  # noqa: S608 - put together from constants
    after_at, after_code = start
    rows = send(
        statement,
        {**asked.parameters, "after_at": after_at, "after_code": after_code, "limit": limit},
    ).rows()
    return [SkuRow(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class _Asked:
    """A partner's question, as statements take it.

    :param ids: the SKUs among which the answer is; None when those are many.
    """

    ids: list[int] | None
    conditions: str
    parameters: dict[str, Any]
    first_sight_at: datetime
    first_update_at: datetime

    @classmethod
    def read(cls, partner_id: int, filters: SkuFilters) -> _Asked:
        question = read_question(filters.text)
        named = [
            name
            for name in CONDITIONS
            if (question.patterns if name == "text" else getattr(filters, name))
        ]
        parameters = {
            "partner_id": partner_id,
            "category": filters.category,
            "shelf_state": filters.shelf_state,
            **question.parameters(),
        }
        reach = send(REACH, {"partner_id": partner_id}).row()
        assert reach is not None  # noqa: S101 - a SELECT without FROM has one row
        seen, first_sight_at, first_update_at = reach
        ids: list[int] | None = list(set(seen or ()))
        if len(seen or ()) > FEW_SEEN:
            ids = _find_few(named, parameters) if named else None
        return cls(
            ids=ids,
            conditions=_all_of(CONDITIONS, named),
            parameters={**parameters, "ids": ids},
            first_sight_at=first_sight_at or BEGINNING,
            first_update_at=first_update_at or BEGINNING,
        )


def _all_of(conditions: Mapping[str, str], named: Sequence[str]) -> str:
    return " AND ".join([*(conditions[name] for name in named), IS_VISIBLE_EACH])


def _find_few(named: Sequence[str], parameters: Mapping[str, Any]) -> list[int] | None:
    """The SKUs that meet the conditions, unless they are more than a few."""
    statement = f"""
        SELECT sku.id FROM catalog_sku sku WHERE {_all_of(FINDINGS, named)} LIMIT {FEW_FOUND + 1}
    """  # noqa: S608 - put together from constants
    ids = [pk for (pk,) in send(statement, parameters).rows()]
    return None if len(ids) > FEW_FOUND else ids


def _walk_codes(asked: _Asked, after: str, limit: int) -> list[SkuRow]:
    """Along the index of codes."""
    found: list[SkuRow] = []
    for stretch in _stretches():
        statement = f"""
            WITH passed AS MATERIALIZED (
                SELECT id, code, shelf_state, product_id, updated_at
                FROM catalog_sku WHERE code > %(after)s ORDER BY code LIMIT {stretch}
            ), ending AS MATERIALIZED (
                SELECT code FROM passed ORDER BY code OFFSET {stretch - 1}
            ), met AS MATERIALIZED (
                SELECT * FROM passed sku WHERE {asked.conditions}
                ORDER BY sku.code LIMIT %(limit)s
            )
            SELECT (SELECT code FROM ending), sku.code, sku.shelf_state, {CATEGORY}, {CHANGED}
            FROM (SELECT) one LEFT JOIN met sku ON true ORDER BY sku.code
        """  # noqa: S608 - put together from constants
        rows = send(
            statement, {**asked.parameters, "after": after, "limit": limit - len(found)}
        ).rows()
        found += [SkuRow(*row[1:]) for row in rows if row[1] is not None]
        ending = rows[0][0]
        if ending is None or len(found) >= limit:
            break
        after = ending
    return found


def _walk_updates(asked: _Asked, start: Position, limit: int) -> list[SkuRow]:
    """Along two indexes at once: what changed for everybody, and for this partner alone.

    Each SKU stands in both and counts where the later of the two is. A stretch of each is read;
    what lies behind the end of either has to wait for the next one.
    """
    found: list[SkuRow] = []
    for stretch in _stretches():
        update_at, update_code = max(start, (asked.first_sight_at, ""))
        stamp_at, stamp_code = max(start, (asked.first_update_at, ""))
        statement = f"""
            WITH updated AS MATERIALIZED (
                SELECT id, code, updated_at AS at FROM catalog_sku
                WHERE (updated_at, code) > (%(update_at)s, %(update_code)s)
                ORDER BY updated_at, code LIMIT {stretch}
            ), stamped AS MATERIALIZED (
                SELECT sku_id AS id, code, changed_at AS at FROM catalog_skustamp
                WHERE partner_id = %(partner_id)s
                    AND (changed_at, code) > (%(stamp_at)s, %(stamp_code)s)
                ORDER BY changed_at, code LIMIT {stretch}
            ), ending AS MATERIALIZED (
                (SELECT at, code FROM updated ORDER BY at, code OFFSET {stretch - 1})
                UNION ALL
                (SELECT at, code FROM stamped ORDER BY at, code OFFSET {stretch - 1})
                ORDER BY at, code LIMIT 1
            ), passed AS MATERIALIZED (
                SELECT * FROM (SELECT * FROM updated UNION SELECT * FROM stamped) both_indexes
                WHERE NOT EXISTS (SELECT FROM ending)
                    OR (at, code) <= (SELECT at, code FROM ending)
            ), met AS MATERIALIZED (
                SELECT passed.at, sku.code, sku.shelf_state, sku.product_id
                FROM passed JOIN catalog_sku sku ON sku.id = passed.id
                WHERE passed.at = {CHANGED} AND {asked.conditions}
                ORDER BY passed.at, sku.code LIMIT %(limit)s
            )
            SELECT ending.at, ending.code, sku.code, sku.shelf_state, {CATEGORY}, sku.at
            FROM (SELECT) one LEFT JOIN ending ON true LEFT JOIN met sku ON true
            ORDER BY sku.at, sku.code
        """  # noqa: S608 - put together from constants
        rows = send(
            statement,
            {
                **asked.parameters,
                "update_at": update_at,
                "update_code": update_code,
                "stamp_at": stamp_at,
                "stamp_code": stamp_code,
                "limit": limit - len(found),
            },
        ).rows()
        found += [SkuRow(*row[2:]) for row in rows if row[2] is not None]
        ending_at, ending_code = rows[0][:2]
        if ending_at is None or len(found) >= limit:
            break
        start = ending_at, ending_code
    return found


def _stretches() -> Iterator[int]:
    """How many rows of an index to read at a time: more and more while the page is not full."""
    yield from STRETCHES
    while True:
        yield STRETCHES[-1]


def get_changed_at(*, partner_id: int, codes: Sequence[str]) -> Mapping[str, datetime]:
    """When each of these SKUs last changed for the partner; those that it sees, by code."""
    return dict(send(CHANGED_AT, {"partner_id": partner_id, "codes": list(codes)}).rows())


def get_shelf_states(*, partner_id: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    """``GET /catalog/shelf-states``: an entry a code, in the order asked for."""
    rows = send(SHELF_STATES, {"partner_id": partner_id, "codes": list(codes)}).rows()
    return in_order_asked(
        codes, {code: {"sku": code, "shelf_state": shelf_state} for code, shelf_state in rows}
    )
