"""Which SKUs a pool holds, and which partners see it.

Every change first locks all pool rows in ascending order of their ids. A partner sees a SKU as long
as one pool shows it, so whether a removal ends that depends on all the other pools: two removals
at once would otherwise each see the other's pool still showing it, and nobody would be told.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import structlog

from accounts.models import Partner
from catalog.models import Pool, PoolAssignment, PoolChange, PoolMembership
from catalog.selectors.pools import Act, PoolPlan, plan_act
from catalog.services.sight import telling_sight
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

log = structlog.get_logger(__name__)

BATCH = 2000
# A pool of 50,000 SKUs takes longer than a request usually may.
PATIENCE = (
    "SET LOCAL statement_timeout = '120s'",
    "SET LOCAL idle_in_transaction_session_timeout = '120s'",
)
# The history comes of the rows that were written, not of those that were meant to be.
JOIN = """
    WITH joined AS (
        INSERT INTO catalog_poolmembership (pool_id, sku_id, is_picked)
        SELECT %(pool_id)s, sku_id, %(is_picked)s
        FROM unnest(%(sku_ids)s::bigint[]) AS wanted (sku_id)
        ON CONFLICT (sku_id, pool_id) DO NOTHING
        RETURNING pool_id, sku_id
    )
    INSERT INTO catalog_poolchange (pool_id, sku_id, kind, cause, actor)
    SELECT pool_id, sku_id, 'added', %(cause)s, %(actor)s FROM joined ORDER BY sku_id
"""
LEAVE = """
    WITH gone AS (
        DELETE FROM catalog_poolmembership member
        USING unnest(%(sku_ids)s::bigint[]) AS wanted (sku_id)
        WHERE member.pool_id = %(pool_id)s AND member.sku_id = wanted.sku_id
        RETURNING member.pool_id, member.sku_id
    )
    INSERT INTO catalog_poolchange (pool_id, sku_id, kind, cause, actor)
    SELECT gone.pool_id, gone.sku_id, 'removed',
        CASE WHEN exclusion.id IS NULL THEN %(cause)s ELSE 'excluded' END, %(actor)s
    FROM gone
    LEFT JOIN catalog_poolexclusion exclusion
        ON exclusion.sku_id = gone.sku_id AND exclusion.pool_id = gone.pool_id
    ORDER BY gone.sku_id
"""
KEEP = """
    UPDATE catalog_poolmembership member SET is_picked = true
    FROM unnest(%(sku_ids)s::bigint[]) AS wanted (sku_id)
    WHERE member.pool_id = %(pool_id)s AND member.sku_id = wanted.sku_id
"""
EXCLUDE = """
    INSERT INTO catalog_poolexclusion (pool_id, sku_id, actor)
    SELECT %(pool_id)s, sku_id, %(actor)s FROM unnest(%(sku_ids)s::bigint[]) AS wanted (sku_id)
    ON CONFLICT (sku_id, pool_id) DO NOTHING
"""
READMIT = """
    DELETE FROM catalog_poolexclusion excluded
    USING unnest(%(sku_ids)s::bigint[]) AS wanted (sku_id)
    WHERE excluded.pool_id = %(pool_id)s AND excluded.sku_id = wanted.sku_id
"""


def be_patient() -> None:
    """Step: let the statements of this transaction take their time."""
    require_transaction()
    for setting in PATIENCE:
        send(setting)


def lock_pools() -> None:
    """Step: lock every pool row, in ascending order of ids.

    Rows may point to a locked pool meanwhile, so that hints come in.
    """
    require_transaction()
    list(Pool.objects.select_for_update(no_key=True).order_by("id").values_list("id", flat=True))


def lock_pool(code: str) -> Pool:
    """Step: one pool, with all of them locked.

    :raises NotFound: when there is no such pool.
    """
    lock_pools()
    pool = Pool.objects.filter(code=code).first()
    if pool is None:
        raise NotFound(pointer="/pool")
    return pool


def write_plan(*, plan: PoolPlan, cause: PoolChange.Cause, actor: str) -> None:
    """Step: members and exclusions of a pool as planned, each change with its row of history. The
    pools are locked, and the caller tells the partners (:func:`telling_sight`).
    """
    require_transaction()
    row = {"pool_id": plan.pool_id, "actor": actor}
    brought_by = PoolChange.Cause.RULE
    for statement, sku_ids, details in (
        (EXCLUDE, plan.excluded, {}),
        (READMIT, plan.readmitted, {}),
        (LEAVE, plan.left, {"cause": cause}),
        (JOIN, plan.picked, {"cause": cause, "is_picked": True}),
        (JOIN, plan.brought, {"cause": brought_by, "is_picked": False}),
        (KEEP, plan.kept, {}),
    ):
        if sku_ids:
            send(statement, {**row, **details, "sku_ids": sku_ids})


def record_curation(*, pool: Pool, plan: PoolPlan, actor: str) -> None:
    """Step: tell the trail how many SKUs came and went; which ones, the pool's history says."""
    counts = {
        "skus_taken_in": len(plan.joined),
        "skus_taken_out": len(plan.left),
        "skus_excluded": len(plan.excluded),
        "skus_readmitted": len(plan.readmitted),
    }
    if not plan.is_empty:
        after = {name: count for name, count in counts.items() if count}
        record_change(action="curate_pool", subject=pool, before={}, after=after, actor=actor)
    log.info("pool_curated", pool=pool.code, **counts, actor=actor)


def add_memberships(
    *, members: Mapping[int, Collection[int]], cause: PoolChange.Cause, actor: str, now: datetime
) -> int:
    """Step: SKUs join pools (pool id → SKU ids); those excluded there stay out. Answers how many
    memberships are new.
    """
    lock_pools()
    pools = Pool.objects.filter(pk__in=members).order_by("pk")
    plans = [plan_act(pool=pool, act=Act.TAKE_IN, sku_ids=members[pool.pk]) for pool in pools]
    with telling_sight(sorted({sku_id for plan in plans for sku_id in plan.joined}), now=now):
        for plan in plans:
            write_plan(plan=plan, cause=cause, actor=actor)
    return sum(len(plan.joined) for plan in plans)


def assign_pools(*, partner: Partner, pools: Collection[Pool], now: datetime) -> int:
    """Step: a partner sees more pools; answers how many are new to it."""
    return add_assignments(partners={pool.pk: [partner.pk] for pool in pools}, now=now)


def set_partners(*, pool: Pool, partners: Collection[Partner], now: datetime) -> None:
    """Step: a pool is open to exactly these partners."""
    lock_pools()
    wanted = {partner.pk for partner in partners}
    present = set(PoolAssignment.objects.filter(pool=pool).values_list("partner_id", flat=True))
    with telling_sight(list_members([pool.pk]), wanted ^ present, now=now):
        PoolAssignment.objects.filter(pool=pool, partner_id__in=present - wanted).delete()
        PoolAssignment.objects.bulk_create(
            PoolAssignment(pool=pool, partner_id=partner_id)
            for partner_id in sorted(wanted - present)
        )


def add_assignments(*, partners: Mapping[int, Collection[int]], now: datetime) -> int:
    """Step: partners see more pools (pool id → partner ids); answers how many are new."""
    lock_pools()
    present = set(
        PoolAssignment.objects.filter(pool_id__in=partners).values_list("pool_id", "partner_id")
    )
    new = [
        PoolAssignment(pool_id=pool_id, partner_id=partner_id)
        for pool_id, partner_ids in sorted(partners.items())
        for partner_id in sorted(set(partner_ids))
        if (pool_id, partner_id) not in present
    ]
    if new:
        members = list_members({assignment.pool_id for assignment in new})
        with telling_sight(members, {assignment.partner_id for assignment in new}, now=now):
            PoolAssignment.objects.bulk_create(new, batch_size=BATCH)
    return len(new)


def list_members(pool_ids: Collection[int]) -> list[int]:
    """The ids of the SKUs in any of these pools."""
    return list(
        PoolMembership.objects.filter(pool_id__in=pool_ids)
        .values_list("sku_id", flat=True)
        .distinct()
        .order_by("sku_id")
    )
