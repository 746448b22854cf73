"""Merchants hear when the answer for the minimum quantity of a SKU turned in some region.

Whatever may turn it leaves a hint in its own transaction. :func:`tell_stock` takes hints up, works
out the answers everywhere, and compares them with those that were told last. It reads the stock
after the hint, so it sees all that stood behind it; whoever commits later leaves a later hint.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from catalog.models import Sku
from catalog.selectors.availability import (
    AREAS,
    IS_DELIVERED_TO_PLACE,
    IS_RESTRICTED,
    OVERLAPS,
)
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_skus

STOCK_CHANGED = "stock.changed"
BATCH = 500
# Stands for everything in a place that is not asked about by name, in the place of a code.
REST = "*"

Place = tuple[str, ...]
Answers = Mapping[str, bool]
_News = tuple[bool, tuple[str, ...] | None]  # in stock or not, and the provinces; None: in all

TAKE = f"""
    WITH picked AS MATERIALIZED (
        SELECT id FROM catalog_stockhint ORDER BY id LIMIT {BATCH} FOR UPDATE SKIP LOCKED
    ), taken AS (
        DELETE FROM catalog_stockhint hint USING picked WHERE hint.id = picked.id
        RETURNING hint.sku_id
    )
    SELECT DISTINCT sku_id FROM taken ORDER BY sku_id
"""  # noqa: S608 - put together from constants
# Two tellers of one SKU follow one another: the second compares with what the first told.
MAKE = """
    INSERT INTO catalog_stocktold (sku_id, answers, told_at)
    SELECT id, '{}'::jsonb, statement_timestamp() FROM unnest(%(sku_ids)s::bigint[]) AS sku (id)
    WHERE NOT EXISTS (SELECT FROM catalog_stocktold told WHERE told.sku_id = sku.id)
    ORDER BY id
    ON CONFLICT (sku_id) DO NOTHING
"""
LOCK = """
    SELECT sku_id FROM catalog_stocktold WHERE sku_id = ANY(%(sku_ids)s::bigint[])
    ORDER BY sku_id FOR NO KEY UPDATE
"""
GOODS = f"""
    SELECT sku.id, sku.code, sku.min_quantity, sku.shelf_state, {IS_RESTRICTED}, told.answers::text,
        stock.warehouse_ids, stock.sellable
    FROM catalog_sku sku
    JOIN catalog_stocktold told ON told.sku_id = sku.id
    CROSS JOIN LATERAL (
        SELECT array_agg(stock.warehouse_id) AS warehouse_ids,
            array_agg(stock.on_hand - stock.reserved - stock.safety_quantity) AS sellable
        FROM catalog_stock stock
        WHERE stock.sku_id = sku.id
            AND stock.on_hand - stock.reserved - stock.safety_quantity > 0
    ) stock
    WHERE sku.id = ANY(%(sku_ids)s::bigint[])
    ORDER BY sku.code
"""  # noqa: S608 - put together from constants
# The country, its provinces, and deeper places only where a warehouse or one of these SKUs names
# one: with the places above it, and with what is left of each of those.
ASKED = """
    named AS MATERIALIZED (
        SELECT DISTINCT place.path
        FROM (
            SELECT region_id FROM catalog_warehouse_serves
            UNION SELECT region_id FROM catalog_warehouse_excludes
            UNION SELECT region_id FROM catalog_skuregion
                WHERE sku_id = ANY(%(sku_ids)s::bigint[])
        ) link
        JOIN regions_region region ON region.code = link.region_id
        JOIN regions_region place
            ON place.code = coalesce(region.successor_id, region.code) AND NOT place.is_retired
    ), asked AS MATERIALIZED (
        SELECT '{}'::varchar[] AS path
        UNION SELECT path FROM regions_region WHERE level = 1 AND NOT is_retired
        UNION SELECT path[:depth] FROM named, generate_series(1, cardinality(path)) AS depth
        UNION SELECT path[:depth] || '*'::varchar
            FROM named, generate_series(1, cardinality(path) - 1) AS depth
    )"""
SERVING = f"""
    WITH {ASKED}, {AREAS}, {OVERLAPS}
    SELECT asked.path, array_agg(DISTINCT overlap.warehouse_id ORDER BY overlap.warehouse_id)
        FILTER (WHERE overlap.warehouse_id IS NOT NULL)
    FROM asked LEFT JOIN overlap ON overlap.asked_path = asked.path
    GROUP BY asked.path
"""  # noqa: S608 - put together from constants
# The same for SKUs that are not delivered everywhere.
SERVING_RESTRICTED = f"""
    WITH {ASKED}, {AREAS}, {OVERLAPS}
    SELECT sku.id, asked.path, array_agg(warehouse.id ORDER BY warehouse.id)
        FILTER (WHERE warehouse.id IS NOT NULL)
    FROM catalog_sku sku
    CROSS JOIN asked
    LEFT JOIN catalog_warehouse warehouse ON {IS_DELIVERED_TO_PLACE}
    WHERE sku.id = ANY(%(sku_ids)s::bigint[])
    GROUP BY sku.id, asked.path
"""  # noqa: S608 - put together from constants
STORE = """
    UPDATE catalog_stocktold told
    SET answers = new.answers::jsonb, told_at = statement_timestamp()
    FROM unnest(%s::bigint[], %s::text[]) AS new (sku_id, answers)
    WHERE told.sku_id = new.sku_id
"""
HINT_ALL = "INSERT INTO catalog_stockhint (sku_id) SELECT sku_id FROM catalog_stocktold"


@dataclass(frozen=True, slots=True)
class _Map:
    """Which warehouses ship to which place: places with the same ones belong together."""

    warehouses: Sequence[frozenset[int]]
    places: Mapping[Place, int]  # position in `warehouses`


@transactional
def tell_stock() -> int:
    """Tell what turned for the SKUs of some hints; answers how many SKUs were looked at.

    1. take hints, 2. lock what was told, by SKU, 3. read stock and who ships where, 4. publish.
    The hints are gone when that commits: if it does not, they are taken up again.
    """
    sku_ids = [sku_id for (sku_id,) in send(TAKE).rows()]
    if not sku_ids:
        return 0
    send(MAKE, {"sku_ids": sku_ids})
    send(LOCK, {"sku_ids": sku_ids}).rows()
    goods = send(GOODS, {"sku_ids": sku_ids}).rows()
    provinces, everywhere = _read_map(sku_ids)
    restricted = _read_restricted([row[0] for row in goods if row[4]])
    news: dict[_News, list[str]] = defaultdict(list)
    stored: dict[int, str] = {}
    seen: dict[tuple[int, tuple[bool, ...], str], tuple[Answers | None, list[_News]]] = {}
    for sku_id, code, minimum, shelf_state, _limited, told_text, warehouse_ids, sellable in goods:
        is_on_shelf = shelf_state == Sku.ShelfState.ON_SHELF
        stock = zip(warehouse_ids or (), sellable or (), strict=True) if is_on_shelf else ()
        units = dict(stock)
        delivery = restricted.get(sku_id, everywhere)
        enough = tuple(
            sum(units[one] for one in warehouses & units.keys()) >= minimum
            for warehouses in delivery.warehouses
        )
        alike = (id(delivery), enough, told_text)  # most SKUs are like many others
        if alike not in seen:
            answers = {place: enough[number] for place, number in delivery.places.items()}
            seen[alike] = _compared(answers, json.loads(told_text), provinces)
        new, turned = seen[alike]
        for one in turned:
            news[one].append(code)
        if new is not None:
            stored[sku_id] = to_json(new).decode()
    if stored:
        send(STORE, [list(stored), list(stored.values())])
    for in_stock, regions in sorted(news, reverse=True, key=lambda one: one[0]):
        facts = {"in_stock": in_stock, "regions": None if regions is None else list(regions)}
        publish_skus(type=STOCK_CHANGED, skus=news[in_stock, regions], facts=facts)
    return len(sku_ids)


@transactional
def hint_all_stock() -> None:
    """Have every answer that was ever told compared once more.

    What changes the address library knows nothing of stock, and nobody else may have to.
    """
    send(HINT_ALL)


def _read_map(sku_ids: Collection[int]) -> tuple[set[str], _Map]:
    """The codes of all provinces, and who ships where."""
    rows = send(SERVING, {"sku_ids": list(sku_ids)}).rows()
    provinces = {path[0] for path, _warehouses in rows if path}
    return provinces, _map_of(rows)


def _read_restricted(sku_ids: Collection[int]) -> Mapping[int, _Map]:
    if not sku_ids:
        return {}
    rows: dict[int, list[tuple[list[str], list[int] | None]]] = defaultdict(list)
    for sku_id, path, warehouses in send(SERVING_RESTRICTED, {"sku_ids": list(sku_ids)}).rows():
        rows[sku_id].append((path, warehouses))
    return {sku_id: _map_of(own) for sku_id, own in rows.items()}


def _map_of(rows: Collection[tuple[list[str], list[int] | None]]) -> _Map:
    known: dict[frozenset[int], int] = {}
    places = {
        tuple(path): known.setdefault(frozenset(warehouses or ()), len(known))
        for path, warehouses in rows
    }
    return _Map(list(known), places)


def _compared(
    answers: Mapping[Place, bool], told: Answers, provinces: Collection[str]
) -> tuple[Answers | None, list[_News]]:
    """What to remember as told, None when nothing else than before; and what to tell."""
    new = _compressed(answers)
    if new == told:
        return None, []
    return new, _turned(answers, told, provinces)


def _turned(
    answers: Mapping[Place, bool], told: Answers, provinces: Collection[str]
) -> list[_News]:
    """The provinces in which some place has an answer now that had not been told."""
    places = {*answers, *(_place_of(key) for key in told)}
    regions: dict[bool, set[str]] = {True: set(), False: set()}
    for place in places:
        answer = _answer_at(place, answers)
        if place and place[0] in provinces and _told_at(place, told) is not answer:
            regions[answer].add(place[0])
    return [
        (answer, None if codes == provinces else tuple(sorted(codes)))
        for answer, codes in regions.items()
        if codes
    ]


def _above(place: Place) -> Place:
    """Where a place is looked up that has no answer of its own: in what is left of the one above
    it, and then in that one as a whole."""
    return place[:-1] if place[-1] == REST else (*place[:-1], REST)


def _answer_at(place: Place, answers: Mapping[Place, bool]) -> bool:
    while place not in answers:
        place = _above(place)
    return answers[place]


def _told_at(place: Place, told: Answers) -> bool | None:
    while (key := "/".join(place)) not in told:
        if not place:
            return None
        place = _above(place)
    return told[key]


def _compressed(answers: Mapping[Place, bool]) -> dict[str, bool]:
    """Without those that are the same one step above."""
    return {
        "/".join(place): answer
        for place, answer in answers.items()
        if not place or _answer_at(_above(place), answers) is not answer
    }


def _place_of(key: str) -> Place:
    return tuple(key.split("/")) if key else ()
