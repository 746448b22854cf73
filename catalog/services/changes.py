"""What follows from a change of goods: stamps by which merchants find it, messages, hints.

Every step here is called in the transaction of the change, with its rows locked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import datetime
from itertools import islice

from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_skus

SKU_UPDATED = "sku.updated"
PRICE_CHANGED = "price.changed"
# What a pool's rules look at, besides prices.
RULED_FIELDS = frozenset({"category", "brand"})

# What moved for everybody at that moment anyway, as every new SKU did, needs no stamp.
OLDER = """
    SELECT sku.id FROM unnest(%s::bigint[]) AS asked (id)
    JOIN catalog_sku sku ON sku.id = asked.id AND sku.updated_at < %s
"""
# In the order of the unique constraint, so that two of these never wait for each other.
STAMP = """
    INSERT INTO catalog_skustamp AS known (partner_id, sku_id, code, changed_at)
    SELECT pair.partner_id, sku.id, sku.code, %s
    FROM unnest(%s::bigint[], %s::bigint[]) AS pair (partner_id, sku_id)
    JOIN catalog_sku sku ON sku.id = pair.sku_id
    GROUP BY pair.partner_id, sku.id ORDER BY pair.partner_id, sku.id
    ON CONFLICT (partner_id, sku_id) DO UPDATE
        SET changed_at = greatest(known.changed_at, excluded.changed_at)
"""
STAMPED_AT_ONCE = 20_000  # pairs; a full pool opened to many partners makes millions
# What was stamped with this moment before in the same transaction is not written once more.
TOUCH = """
    WITH locked AS MATERIALIZED (
        SELECT sku.id, sku.code, sku.updated_at
        FROM unnest(%(sku_ids)s::bigint[]) AS moved (id)
        JOIN catalog_sku sku ON sku.id = moved.id
        ORDER BY sku.id FOR NO KEY UPDATE OF sku
    ), touched AS (
        UPDATE catalog_sku sku SET updated_at = %(now)s
        FROM locked WHERE sku.id = locked.id AND locked.updated_at < %(now)s
    )
    SELECT id, code FROM locked ORDER BY code
"""
CODES = """
    SELECT sku.id, sku.code
    FROM unnest(%s::bigint[]) AS asked (id) JOIN catalog_sku sku ON sku.id = asked.id
"""


def stamp_skus(*, pairs: Mapping[int, Collection[int]], now: datetime) -> None:
    """Step: SKUs changed for some partners alone (partner id → SKU ids)."""
    require_transaction()
    asked = {sku_id for sku_ids in pairs.values() for sku_id in sku_ids}
    older = {sku_id for (sku_id,) in send(OLDER, [list(asked), now]).rows()}
    ordered = (
        (partner_id, sku_id)
        for partner_id in sorted(pairs)
        for sku_id in sorted(older.intersection(pairs[partner_id]))
    )
    while parcel := list(islice(ordered, STAMPED_AT_ONCE)):
        partner_ids, sku_ids = zip(*parcel, strict=True)
        send(STAMP, [now, list(partner_ids), list(sku_ids)])


def tell_updated(*, fields: Mapping[int, Collection[str]], now: datetime) -> None:
    """Step: details of SKUs changed (SKU id → names of fields, as ``GET /catalog/skus/{sku}`` has
    them). Whoever sees one when the message is sequenced is told.
    """
    changed = {sku_id: names for sku_id, names in fields.items() if names}
    if not changed:
        return
    equal: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for sku_id, code in _touch(changed, now).items():
        equal[tuple(sorted(set(changed[sku_id])))].append(code)
    for names, codes in equal.items():
        publish_skus(type=SKU_UPDATED, skus=codes, facts={"fields": list(names)})
    hint_pools(sku_ids=[pk for pk, names in changed.items() if not RULED_FIELDS.isdisjoint(names)])
    hint_stock(sku_ids=[pk for pk, names in changed.items() if "min_quantity" in names])


def tell_prices(*, codes: Mapping[int, str]) -> None:
    """Step: market, sale or floor price of SKUs (id → code) moved, and with them ``updated_at``,
    for everybody who sees them.
    """
    if codes:
        publish_skus(type=PRICE_CHANGED, skus=sorted(codes.values()))
        hint_pools(sku_ids=codes)


def tell_own_prices(*, pairs: Mapping[int, Collection[int]], now: datetime) -> None:
    """Step: the own prices of some partners moved (partner id → ids of SKUs that it sees)."""
    stamp_skus(pairs=pairs, now=now)
    codes = _codes({sku_id for ids in pairs.values() for sku_id in ids})
    receivers: dict[frozenset[int], list[int]] = defaultdict(list)
    for partner_id, ids in pairs.items():
        receivers[frozenset(ids)].append(partner_id)
    for ids, partner_ids in receivers.items():
        skus = sorted(codes[sku_id] for sku_id in ids)
        publish_skus(type=PRICE_CHANGED, skus=skus, partner_ids=sorted(partner_ids))


def hint_pools(*, sku_ids: Collection[int] = (), pool_ids: Collection[int] = ()) -> None:
    """Step: have the rules of pools looked at again, for these SKUs, or of these pools."""
    require_transaction()
    if sku_ids or pool_ids:
        send(
            "INSERT INTO catalog_poolhint (sku_id, pool_id)"
            " SELECT id, NULL FROM unnest(%s::bigint[]) AS sku (id)"
            " UNION ALL SELECT NULL, id FROM unnest(%s::bigint[]) AS pool (id)",
            [list(sku_ids), list(pool_ids)],
        )


def hint_stock(*, sku_ids: Collection[int]) -> None:
    """Step: have the stock answers for these SKUs compared with those that were told."""
    require_transaction()
    if sku_ids:
        send("INSERT INTO catalog_stockhint (sku_id) SELECT unnest(%s::bigint[])", [list(sku_ids)])


def _touch(sku_ids: Collection[int], now: datetime) -> dict[int, str]:
    """Move the stamp of SKUs; answers their codes by id, in the order of the codes."""
    require_transaction()
    return dict(send(TOUCH, {"sku_ids": list(sku_ids), "now": now}).rows())


def _codes(sku_ids: Collection[int]) -> dict[int, str]:
    return dict(send(CODES, [list(sku_ids)]).rows())
