"""Why quantities cannot be ordered now: every reason, and what would fix it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from catalog.errors import BelowMinimum, RegionNotServed, SkuNotAvailable, SkuOffShelf, WrongStep
from catalog.models import MAX_QUANTITY
from catalog.selectors.availability import (
    AREAS,
    LineFacts,
    deeper,
    delivery_refusals,
    nested,
    quantity_refusals,
)
from catalog.selectors.stock_answers import StockQuestion, get_facts
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.statements import send

MAX_REGIONS = 100

# Where a SKU ships from, and what limits its delivery: SKUs that are alike in both are served in
# the same regions.
REMEDIES = """
    SELECT sku.id,
        (
            SELECT min(change.effective_at) FROM catalog_shelfchange change
            WHERE change.sku_id = sku.id AND change.applied_at IS NULL
                AND change.shelf_state = 'on_shelf'
        ),
        ARRAY(
            SELECT stock.warehouse_id FROM catalog_stock stock
            WHERE stock.sku_id = sku.id ORDER BY stock.warehouse_id
        ),
        ARRAY(
            SELECT limited.kind || limited.region_id FROM catalog_skuregion limited
            WHERE limited.sku_id = sku.id ORDER BY 1
        )
    FROM catalog_sku sku WHERE sku.id = ANY(%s::bigint[])
"""
# A place that lies in a warehouse's area with nothing in it left out is served whole; one that has
# an overlap with it is served in part.
STATE = f"""CROSS JOIN LATERAL (
        SELECT bool_or(
            holder.path = place.path[:cardinality(holder.path)]
            AND catalog_is_delivered(
                holder.sku_id, place.path || '*'::varchar, holder.excluded
            )
            AND NOT EXISTS (
                SELECT FROM hole
                WHERE hole.sku_id = holder.sku_id
                    AND (hole.warehouse_id IS NULL OR hole.warehouse_id = holder.warehouse_id)
                    AND place.code = ANY(hole.path)
            )
        ) AS is_whole, bool_or(
            NOT ({deeper("holder.path", "place.path")}) && holder.excluded
            AND catalog_is_delivered(
                holder.sku_id, {deeper("holder.path", "place.path")}, holder.excluded
            )
        ) AS is_partly
        FROM holder
        WHERE holder.sku_id = place.sku_id AND {nested("holder.path", "place.path")}
    ) state"""  # noqa: S608 - put together from constants
# From the provinces down, only below places that are served in part.
SERVED = f"""
    WITH RECURSIVE {AREAS}, holder AS MATERIALIZED (
        SELECT stock.sku_id, area.warehouse_id, area.path, area.excluded
        FROM catalog_stock stock JOIN area ON area.warehouse_id = stock.warehouse_id
        WHERE stock.sku_id = ANY(%(sku_ids)s::bigint[])
    ), hole AS MATERIALIZED (
        SELECT DISTINCT holder.sku_id, holder.warehouse_id, region.path
        FROM holder JOIN regions_region region ON region.code = ANY(holder.excluded)
        UNION ALL
        SELECT limited.sku_id, NULL, region.path
        FROM catalog_skuregion limited
        JOIN regions_region named ON named.code = limited.region_id
        JOIN regions_region region ON region.code = coalesce(named.successor_id, named.code)
        WHERE limited.sku_id = ANY(%(sku_ids)s::bigint[]) AND limited.kind = 'not_to'
    ), reached AS (
        SELECT place.sku_id, place.code, place.name, place.parent_id,
            coalesce(state.is_whole, false) AS is_whole,
            coalesce(state.is_partly, false) AS is_partly
        FROM (
            SELECT sku.id AS sku_id, region.code, region.name, region.parent_id, region.path
            FROM unnest(%(sku_ids)s::bigint[]) AS sku (id)
            CROSS JOIN regions_region region
            WHERE region.level = 1 AND NOT region.is_retired
        ) place
        {STATE}
        UNION ALL
        SELECT place.sku_id, place.code, place.name, place.parent_id,
            coalesce(state.is_whole, false), coalesce(state.is_partly, false)
        FROM (
            SELECT reached.sku_id, region.code, region.name, region.parent_id, region.path
            FROM reached JOIN regions_region region ON region.parent_id = reached.code
            WHERE reached.is_partly AND NOT reached.is_whole AND NOT region.is_retired
        ) place
        {STATE}
    )
    SELECT sku_id, code, name, parent_id, is_whole FROM reached
"""  # noqa: S608 - put together from constants


@dataclass(frozen=True, slots=True)
class _Remedies:
    """What would fix it, by SKU."""

    listed_at: Mapping[int, datetime | None]
    regions: Mapping[int, Sequence[Mapping[str, str]]]


def get_availability(
    *,
    partner_id: int,
    questions: Sequence[StockQuestion],
    region: str | None,
    region_pointer: str,
) -> list[dict[str, Any]]:
    """``POST /catalog/availability-checks``: an entry a question, each answered for itself.

    The errors are those that an order of these lines would be refused with, all stages at once;
    what would fix them stands beside them, never a number of units. Texts are in the active
    language.

    :raises RegionUnknown: with ``region_pointer``.
    """
    codes = [question.sku for question in questions]
    facts, region = get_facts(partner_id, codes, region, region_pointer)
    refusals = [
        _refusals(facts.get(question.sku), question, f"/items/{index}")
        for index, question in enumerate(questions)
    ]
    explained = explain(
        [
            (facts.get(question.sku), question.quantity, found)
            for question, found in zip(questions, refusals, strict=True)
        ]
    )
    return [
        {
            "sku": question.sku,
            "quantity": question.quantity,
            "region": region,
            "orderable": not errors,
            "errors": errors,
        }
        for question, errors in zip(questions, explained, strict=True)
    ]


def explain(
    refused: Sequence[tuple[LineFacts | None, int, Sequence[DomainError]]],
) -> list[list[dict[str, Any]]]:
    """Refusals as they are answered, with what would fix them.

    :param refused: for each line what is known of it, the quantity asked for, and why not.
    """
    remedies = _get_remedies(
        {
            (facts.sku_id, type(refusal))
            for facts, _quantity, found in refused
            for refusal in found
            if facts is not None and isinstance(refusal, SkuOffShelf | RegionNotServed)
        }
    )
    return [
        [
            {
                "pointer": refusal.pointer,
                "code": refusal.code,
                "detail": str(refusal.detail),
                **refusal.facts,
                **_remedy(refusal, facts, quantity, remedies),
            }
            for refusal in found
        ]
        for facts, quantity, found in refused
    ]


def _refusals(
    facts: LineFacts | None, question: StockQuestion, pointer: str
) -> Sequence[DomainError]:
    if facts is None:
        return [SkuNotAvailable(pointer=f"{pointer}/sku", sku=question.sku)]
    found = quantity_refusals(facts, question.quantity, pointer=f"{pointer}/quantity")
    for refusal in delivery_refusals(facts, question.quantity, pointer=pointer):
        refusal.facts["sku"] = question.sku
        found.append(refusal)
    return found


def _remedy(
    refusal: DomainError, facts: LineFacts | None, quantity: int, remedies: _Remedies
) -> dict[str, Any]:
    if facts is None:
        return {}
    if isinstance(refusal, BelowMinimum | WrongStep):
        return {"allowed_quantities": nearest_quantities(facts, quantity)}
    if isinstance(refusal, SkuOffShelf):
        listed_at = remedies.listed_at[facts.sku_id]
        return {"next_listing_at": None if listed_at is None else clock.to_text(listed_at)}
    if isinstance(refusal, RegionNotServed):
        return {"regions_served": remedies.regions[facts.sku_id]}
    return {}


def nearest_quantities(facts: LineFacts, quantity: int) -> list[int]:
    """The closest quantities that can be asked for: below and above, as far as there are any."""
    step = facts.quantity_step
    lowest = -(-facts.min_quantity // step) * step
    below = quantity // step * step
    above = max(-(-quantity // step) * step, lowest)
    return sorted({one for one in (below, above) if lowest <= one <= MAX_QUANTITY})


def _get_remedies(wanted: Collection[tuple[int, type[DomainError]]]) -> _Remedies:
    """One look at all SKUs that need any, and one at the regions of those not served."""
    if not wanted:
        return _Remedies({}, {})
    rows = send(REMEDIES, [sorted({sku_id for sku_id, _error in wanted})]).rows()
    unserved = {sku_id for sku_id, error in wanted if error is RegionNotServed}
    alike: dict[tuple[tuple[int, ...], tuple[str, ...]], list[int]] = defaultdict(list)
    for sku_id, _listed_at, warehouses, limits in rows:
        if sku_id in unserved:
            alike[tuple(warehouses), tuple(limits)].append(sku_id)
    served = _served_regions([sku_ids[0] for sku_ids in alike.values()])
    return _Remedies(
        listed_at={row[0]: row[1] for row in rows},
        regions={sku_id: served[sku_ids[0]] for sku_ids in alike.values() for sku_id in sku_ids},
    )


def _served_regions(sku_ids: Sequence[int]) -> Mapping[int, Sequence[Mapping[str, str]]]:
    """The highest regions that are served whole, by SKU."""
    if not sku_ids:
        return {}
    reached: dict[int, dict[str | None, list[tuple[str, str, bool]]]]
    reached = {sku_id: defaultdict(list) for sku_id in sku_ids}
    for sku_id, code, name, parent, is_whole in send(SERVED, {"sku_ids": list(sku_ids)}).rows():
        reached[sku_id][parent].append((code, name, is_whole))
    return {
        sku_id: sorted(_highest(None, below)[0], key=lambda region: region["code"])[:MAX_REGIONS]
        for sku_id, below in reached.items()
    }


def _highest(
    parent: str | None, below: Mapping[str | None, Sequence[tuple[str, str, bool]]]
) -> tuple[list[dict[str, str]], bool]:
    """What is served below a place, and whether that is all of it: several warehouses together may
    serve whole what each serves in part."""
    found: list[dict[str, str]] = []
    is_all = True
    for code, name, is_whole in below[parent]:
        inner, is_whole_by_parts = _highest(code, below) if code in below else ([], False)
        if is_whole or is_whole_by_parts:
            found.append({"code": code, "name": name})
        else:
            found += inner
            is_all = False
    return found, is_all
