"""Merchants hear of their own prices: what moved by an agreement, or by where a product stands.

Two kinds of writers decide together what a SKU costs a partner: those of agreements on categories
and brands, and those who move products between them. Each would tell of the world without the
other's change, so they exclude each other by an advisory lock: agreements take it shared, movers
alone. Who sees a SKU is held still by a lock on the pools that only a change of sight waits for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from catalog.price_timeline import Outlook
from catalog.selectors.own_prices import (
    EVERYTHING,
    SkuScope,
    get_outlooks,
    list_partners_with_wide_agreements,
)
from catalog.services.changes import stamp_skus, tell_own_prices
from openplatform.core.clock import to_text
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_skus

PRICE_ANNOUNCED = "price.announced"
PLACEMENT_LOCK = 7_305_041  # any number, the same in every process
# Comparing the whole range before and after may take longer than a request is given.
# An import has given itself all the time there is.
PATIENCE = """
    SELECT set_config('statement_timeout', '60s', true)
    WHERE current_setting('statement_timeout')::interval BETWEEN '1 ms' AND '60 s'
"""


@contextmanager
def telling_prices(
    *, sku_ids: Collection[int] | None, now: datetime, partner_ids: Collection[int] | None = None
) -> Iterator[None]:
    """Step: compare what SKUs cost before and after the block, and tell those for whom it differs.

    For whoever moves products between categories or brands. Enter it before rows are locked.

    :param sku_ids: None means all that the partners see.
    :param partner_ids: None means all whose prices may hang on a category or brand.
    """
    require_transaction()
    send("SELECT pg_advisory_xact_lock(%s)", [PLACEMENT_LOCK])
    asked = list_partners_with_wide_agreements() if partner_ids is None else sorted(partner_ids)
    scope = EVERYTHING if sku_ids is None else SkuScope(sku_ids=sku_ids)
    if not asked or (sku_ids is not None and not sku_ids):
        yield
        return
    hold_sight()
    before = {pk: get_outlooks(partner_id=pk, scope=scope, at=now) for pk in asked}
    yield
    moved: dict[int, set[int]] = {}
    for partner_id in asked:
        after = get_outlooks(partner_id=partner_id, scope=scope, at=now)
        own = _moved(before[partner_id], after)
        if own:
            moved[partner_id] = own
        _announce(partner_id, before.pop(partner_id), after, now)
    if moved:
        tell_own_prices(pairs=moved, now=now)


@contextmanager
def telling_agreements(*, partner_id: int, scope: SkuScope, now: datetime) -> Iterator[None]:
    """Step: the same for changed agreements of one partner, which the caller has locked."""
    require_transaction()
    if not scope.names_skus_only:
        hold_placements()
    hold_sight()
    before = get_outlooks(partner_id=partner_id, scope=scope, at=now)
    yield
    after = get_outlooks(partner_id=partner_id, scope=scope, at=now)
    if moved := _moved(before, after):
        tell_own_prices(pairs={partner_id: moved}, now=now)
    _announce(partner_id, before, after, now)


def hold_placements() -> None:
    """Step: no product moves to another category or brand until this transaction ends."""
    send("SELECT pg_advisory_xact_lock_shared(%s)", [PLACEMENT_LOCK])


def hold_sight() -> None:
    """Step: nobody gains or loses sight of a SKU until this transaction ends."""
    send(PATIENCE)
    send("SELECT id FROM catalog_pool ORDER BY id FOR SHARE").rows()


def announce(
    *,
    codes: Collection[str],
    effective_at: datetime | None,
    partner_ids: Collection[int] | None = None,
) -> None:
    """Step: prices of SKUs will change then; None says that they will not after all."""
    publish_skus(
        type=PRICE_ANNOUNCED,
        skus=sorted(codes),
        partner_ids=partner_ids,
        facts={"effective_at": None if effective_at is None else to_text(effective_at)},
    )


def _moved(before: Mapping[int, Outlook], after: Mapping[int, Outlook]) -> set[int]:
    return {
        sku_id
        for sku_id, outlook in after.items()
        if sku_id in before and before[sku_id][0] != outlook[0]
    }


def _announce(
    partner_id: int,
    before: Mapping[int, Outlook],
    after: Mapping[int, Outlook],
    now: datetime,
) -> None:
    """Tell of each moment whose price is new; of one that is gone, by the next that is left."""
    told: dict[datetime | None, set[int]] = defaultdict(set)
    for sku_id, outlook in after.items():
        former = before.get(sku_id)
        if former is None or former[1:] == outlook[1:]:
            continue
        new = [moment for moment, price in outlook[1:] if (moment, price) not in former[1:]]
        if not new:
            new = [outlook[1][0] if len(outlook) > 1 else None]
        for moment in new:
            told[moment].add(sku_id)
    if not told:
        return
    everyone = set().union(*told.values())
    stamp_skus(pairs={partner_id: everyone}, now=now)
    rows = send("SELECT id, code FROM catalog_sku WHERE id = ANY(%s::bigint[])", [list(everyone)])
    codes = dict(rows.rows())
    # What was withdrawn comes first, since it ends whatever was announced before.
    for moment in sorted(told, key=lambda at: (at is not None, at)):
        announce(
            codes=[codes[sku_id] for sku_id in told[moment]],
            effective_at=moment,
            partner_ids=[partner_id],
        )
