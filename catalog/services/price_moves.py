"""Agreements begin and end by themselves, and merchants hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import structlog

from accounts.models import Partner
from catalog.price_timeline import SkuTimeline
from catalog.selectors.own_prices import SkuScope, list_timelines
from catalog.services.changes import tell_own_prices
from catalog.services.price_telling import hold_placements, hold_sight
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send

log = structlog.get_logger(__name__)

BATCH = 5000
INSTANT = timedelta(microseconds=1)

ARE_DUE = """
    SELECT EXISTS (
        SELECT FROM catalog_purchaseprice
        WHERE superseded_at IS NULL AND next_move_at <= clock_timestamp()
    ), clock_timestamp()
"""
DUE_PARTNERS = """
    SELECT DISTINCT partner_id FROM catalog_purchaseprice
    WHERE superseded_at IS NULL AND next_move_at <= clock_timestamp()
"""
DUE = """
    SELECT id, sku_id, category_id, brand_id, starts_at, ends_at, next_move_at
    FROM catalog_purchaseprice
    WHERE partner_id = %s AND superseded_at IS NULL AND next_move_at <= %s
    ORDER BY next_move_at, id LIMIT %s
"""
ADVANCE = """
    UPDATE catalog_purchaseprice SET next_move_at = CASE
        WHEN starts_at > %(at)s THEN starts_at
        WHEN ends_at > %(at)s THEN ends_at
    END
    WHERE id = ANY(%(ids)s::bigint[])
"""


def move_prices() -> int:
    """Tell merchants of agreements that began or ended; how many of these it took up.

    For a loop: it looks first, which takes no lock.
    """
    are_due = send(ARE_DUE).row()
    return _move_prices() if are_due is not None and are_due[0] else 0


@transactional
def _move_prices() -> int:
    """One partner's. Another worker that holds it already will do it."""
    due = [partner_id for (partner_id,) in send(DUE_PARTNERS).rows()]
    partner = (
        Partner.objects.select_for_update(no_key=True, skip_locked=True, of=("self",))
        .filter(pk__in=due)
        .order_by("id")
        .only("id")
        .first()
    )
    if partner is None:
        return 0
    clock_row = send(ARE_DUE).row()
    assert clock_row is not None  # noqa: S101 - it always has a row
    taken = tell_due_moves(partner_id=partner.pk, at=clock_row[1])
    log.info("prices_moved", partner_id=partner.pk, agreements=taken)
    return taken


def tell_due_moves(*, partner_id: int, at: datetime) -> int:
    """Step: what began or ended until ``at`` and nobody told of yet; how many agreements.

    The caller has locked the partner. Whoever changes its agreements comes by here first, since
    a superseded one is not told of any more.
    """
    require_transaction()
    taken = 0
    while rows := send(DUE, [partner_id, at, BATCH]).rows():
        _tell(partner_id, rows, at)
        taken += len(rows)
    return taken


def _tell(partner_id: int, rows: Sequence[tuple[Any, ...]], at: datetime) -> None:
    scope = _scope_of(rows)
    first = min(row[-1] for row in rows)
    if not scope.names_skus_only:
        hold_placements()
    hold_sight()
    moved = {
        timeline.sku_id
        for timeline in list_timelines(partner_id=partner_id, scope=scope, at=first - INSTANT)
        if _moves_between(timeline, first, at)
    }
    if moved:
        tell_own_prices(pairs={partner_id: moved}, now=at)
    send(ADVANCE, {"at": at, "ids": [row[0] for row in rows]})


def _scope_of(rows: Sequence[tuple[Any, ...]]) -> SkuScope:
    return SkuScope(
        sku_ids=sorted({row[1] for row in rows if row[1] is not None}),
        category_ids=sorted({row[2] for row in rows if row[2] is not None}),
        brand_ids=sorted({row[3] for row in rows if row[3] is not None}),
        is_everything=any(row[1:4] == (None, None, None) for row in rows),
    )


def _moves_between(timeline: SkuTimeline, first: datetime, last: datetime) -> bool:
    """Whether the price moved at any moment, were it to move back later: who read in between has
    to read again.
    """
    return any(
        _own_price(timeline, moment - INSTANT) != _own_price(timeline, moment)
        for moment in timeline.moments()
        if first <= moment <= last
    )


def _own_price(timeline: SkuTimeline, moment: datetime) -> Decimal | None:
    prices = timeline.prices_at(moment)
    return None if prices is None else prices.purchase_price
