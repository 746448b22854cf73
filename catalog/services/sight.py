"""Who sees which SKUs, and what merchants are told when that changes.

A partner sees a SKU as long as one of its pools shows it. So sight is read as two maps, from SKU to
pools and from pool to partners: few different sets of pools stand for many SKUs, and a change of
50,000 of them is compared in one go over those sets.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from catalog.services.changes import SKU_UPDATED, stamp_skus
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_skus

SKU_ADDED = "pool.sku_added"
SKU_REMOVED = "pool.sku_removed"

Ids = frozenset[int]
NONE: Ids = frozenset()

# SKUs that are in the same pools come as one row. SKUs are joined as rows here and in other places
# where they may be many: a list in a condition may be searched through for every row of a table.
POOLS_OF_SKUS = """
    SELECT pools, array_agg(sku_id ORDER BY sku_id) FROM (
        SELECT sku_id, array_agg(pool_id ORDER BY pool_id) AS pools
        FROM catalog_poolmembership
        JOIN unnest(%s::bigint[]) AS asked (id) ON asked.id = sku_id
        GROUP BY sku_id
    ) placed
    GROUP BY pools
"""
PARTNERS_OF_POOLS = """
    SELECT pool_id, array_agg(partner_id) FROM catalog_poolassignment
    WHERE %(asked)s::bigint[] IS NULL OR partner_id = ANY(%(asked)s::bigint[])
    GROUP BY pool_id
"""
# Every SKU of the products of these SKUs.
FAMILIES = """
    SELECT product_id, id, code FROM catalog_sku
    WHERE product_id IN (
        SELECT product_id FROM catalog_sku sku
        JOIN unnest(%s::bigint[]) AS asked (id) ON asked.id = sku.id
    )
    ORDER BY code
"""


@dataclass(frozen=True, slots=True)
class Sight:
    """Which pools SKUs are in, and which partners see which pool. A SKU in no pool is left out."""

    pools: Mapping[int, Ids]
    partners: Mapping[int, Ids]

    def partners_of(self, pools: Ids) -> Ids:
        """Who sees what is in these pools."""
        return NONE.union(*(self.partners.get(pool_id, NONE) for pool_id in pools))

    def with_members(
        self, pool_id: int, *, joins: Collection[int], leaves: Collection[int]
    ) -> Sight:
        """As it would be if SKUs joined a pool and left it."""
        pools = dict(self.pools)
        one = frozenset((pool_id,))
        wider = cache(lambda before: before | one)
        narrower = cache(lambda before: before - one)
        for sku_id in joins:
            pools[sku_id] = wider(pools.get(sku_id, NONE))
        for sku_id in leaves:
            pools[sku_id] = narrower(pools.get(sku_id, NONE))
        return Sight(pools, self.partners)

    def with_partners(self, pool_id: int, partner_ids: Ids) -> Sight:
        """As it would be if a pool were open to exactly these partners."""
        return Sight(self.pools, {**self.partners, pool_id: partner_ids})


@dataclass(frozen=True, slots=True)
class SightChange:
    """SKUs that came into the sight of some partners, or left it: from the partners to the SKUs."""

    gained: Mapping[Ids, list[int]]
    lost: Mapping[Ids, list[int]]

    def count(self) -> dict[int, tuple[int, int]]:
        """By partner, how many SKUs it gains and how many it loses."""
        gains: dict[int, int] = defaultdict(int)
        losses: dict[int, int] = defaultdict(int)
        for counts, changes in ((gains, self.gained), (losses, self.lost)):
            for partners, sku_ids in changes.items():
                for partner_id in partners:
                    counts[partner_id] += len(sku_ids)
        return {
            partner_id: (gains[partner_id], losses[partner_id]) for partner_id in gains | losses
        }


def read_sight(sku_ids: Collection[int], partner_ids: Collection[int] | None = None) -> Sight:
    """Who sees these SKUs now.

    :param partner_ids: only these are asked about.
    """
    asked = None if partner_ids is None else list(partner_ids)
    pools: dict[int, Ids] = {}
    for pool_ids, members in send(POOLS_OF_SKUS, [list(sku_ids)]).rows():
        pools |= dict.fromkeys(members, frozenset(pool_ids))
    partners = {
        pool_id: frozenset(seers)
        for pool_id, seers in send(PARTNERS_OF_POOLS, {"asked": asked}).rows()
    }
    return Sight(pools, partners)


def compare_sight(sku_ids: Collection[int], before: Sight, after: Sight) -> SightChange:
    """For whom these SKUs came into sight or left it."""
    seers_before, seers_after = cache(before.partners_of), cache(after.partners_of)

    @cache
    def difference(then: Ids, now: Ids) -> tuple[Ids, Ids]:
        return seers_after(now) - seers_before(then), seers_before(then) - seers_after(now)

    gained: dict[Ids, list[int]] = defaultdict(list)
    lost: dict[Ids, list[int]] = defaultdict(list)
    for sku_id in sku_ids:
        gainers, losers = difference(before.pools.get(sku_id, NONE), after.pools.get(sku_id, NONE))
        if gainers:
            gained[gainers].append(sku_id)
        if losers:
            lost[losers].append(sku_id)
    return SightChange(gained, lost)


@contextmanager
def telling_sight(
    sku_ids: Collection[int], partner_ids: Collection[int] | None = None, *, now: datetime
) -> Iterator[None]:
    """Step: compare who sees the SKUs before and after the block, and tell those for whom it
    differs. All pools are locked.
    """
    require_transaction()
    before = read_sight(sku_ids, partner_ids)
    yield
    after = read_sight(sku_ids, partner_ids)
    tell_sight(compare_sight(sku_ids, before, after), now=now)


def tell_sight(change: SightChange, *, now: datetime) -> None:
    """Step: tell the partners for whom SKUs came into sight or left it, and of other SKUs of the
    same products that they have other siblings now; stamp what they have to read again.
    """
    changed = {
        sku_id for skus in (change.lost, change.gained) for ids in skus.values() for sku_id in ids
    }
    if not changed:
        return
    families = _Families.read(changed)
    _publish(SKU_REMOVED, change.lost, families.codes)
    _publish(SKU_ADDED, change.gained, families.codes)
    siblings = _siblings_seen(change, families)
    _publish_siblings(siblings, families)
    _stamp([change.gained, siblings], now)


def tell_other_siblings(*, homes: Mapping[int, tuple[int, int]], now: datetime) -> None:
    """Step: SKUs went over to other products. Tell whoever sees other siblings of a SKU by that,
    and nobody else: a partner that sees none of those which came or went reads the same as before.
    All pools are locked.

    :param homes: for every SKU of these products, the product where it was and that where it is.
    """
    require_transaction()
    sight = read_sight(homes)
    # How many SKUs are in the same pools: of a product as it was, as it is, and in both of a pair.
    then: dict[int, Counter[Ids]] = defaultdict(Counter)
    since: dict[int, Counter[Ids]] = defaultdict(Counter)
    both: dict[tuple[int, int], Counter[Ids]] = defaultdict(Counter)
    for sku_id, pools in sight.pools.items():
        was, is_now = homes[sku_id]
        for counts in (then[was], since[is_now], both[was, is_now]):
            counts[pools] += 1

    @cache
    def receivers(home: tuple[int, int], pools: Ids) -> Ids:
        was, is_now = home
        passed = (then[was] - both[home]) + (since[is_now] - both[home])
        return sight.partners_of(pools) & NONE.union(*map(sight.partners_of, passed))

    told: dict[Ids, list[int]] = defaultdict(list)
    for sku_id, pools in sight.pools.items():
        told[receivers(homes[sku_id], pools)].append(sku_id)
    told.pop(NONE, None)
    if told:
        families = _Families.read([sku_id for sku_ids in told.values() for sku_id in sku_ids])
        _publish_siblings(told, families)
        _stamp([told], now)


@dataclass(frozen=True, slots=True)
class _Families:
    """The SKUs of some products: product by SKU, SKUs by product, code by SKU in order of code."""

    product_of: Mapping[int, int]
    members: Mapping[int, list[int]]
    codes: Mapping[int, str]

    @classmethod
    def read(cls, sku_ids: Collection[int]) -> _Families:
        product_of: dict[int, int] = {}
        members: dict[int, list[int]] = defaultdict(list)
        codes: dict[int, str] = {}
        for product_id, sku_id, code in send(FAMILIES, [list(sku_ids)]).rows():
            product_of[sku_id] = product_id
            members[product_id].append(sku_id)
            codes[sku_id] = code
        return cls(product_of, members, codes)

    def codes_of(self, sku_ids: Collection[int]) -> list[str]:
        return sorted(self.codes[sku_id] for sku_id in sku_ids)


def _siblings_seen(change: SightChange, families: _Families) -> Mapping[Ids, list[int]]:
    """From partners to SKUs that they see as before, but among other siblings."""
    unite = cache(frozenset.union)
    concerned: dict[int, Ids] = {}  # by product: whose sight of it changed
    gainers: dict[int, Ids] = {}  # by SKU
    for partners, sku_ids in change.gained.items():
        for sku_id in sku_ids:
            gainers[sku_id] = partners
    for changes in (change.gained, change.lost):
        for partners, sku_ids in changes.items():
            for sku_id in sku_ids:
                product_id = families.product_of[sku_id]
                concerned[product_id] = unite(concerned.get(product_id, NONE), partners)
    relatives = [
        sku_id
        for product_id in concerned
        for sku_id in families.members[product_id]
        if len(families.members[product_id]) > 1
    ]
    if not relatives:
        return {}
    sight = read_sight(relatives, NONE.union(*concerned.values()))
    seers = cache(sight.partners_of)

    @cache
    def receivers(partners: Ids, pools: Ids, gaining: Ids) -> Ids:
        return (partners & seers(pools)) - gaining

    told: dict[Ids, list[int]] = defaultdict(list)
    for sku_id in relatives:
        partners = receivers(
            concerned[families.product_of[sku_id]],
            sight.pools.get(sku_id, NONE),
            gainers.get(sku_id, NONE),
        )
        if partners:
            told[partners].append(sku_id)
    return told


def _publish_siblings(told: Mapping[Ids, Collection[int]], families: _Families) -> None:
    for partners, sku_ids in told.items():
        publish_skus(
            type=SKU_UPDATED,
            skus=families.codes_of(sku_ids),
            partner_ids=sorted(partners),
            facts={"fields": ["siblings"]},
        )


def _publish(
    message_type: str, changes: Mapping[Ids, Collection[int]], codes: Mapping[int, str]
) -> None:
    for partners, sku_ids in changes.items():
        publish_skus(
            type=message_type,
            skus=sorted(codes[sku_id] for sku_id in sku_ids),
            partner_ids=sorted(partners),
        )


def _stamp(changes: Collection[Mapping[Ids, Collection[int]]], now: datetime) -> None:
    pairs: dict[int, list[int]] = defaultdict(list)
    for change in changes:
        for partners, sku_ids in change.items():
            for partner_id in partners:
                pairs[partner_id] += sku_ids
    stamp_skus(pairs=pairs, now=now)
