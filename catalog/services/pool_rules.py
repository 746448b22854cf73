"""Pools follow their rules: what was hinted at within seconds, everything once a day."""

from __future__ import annotations

from collections.abc import Collection

import structlog

from catalog.models import Pool, PoolChange
from catalog.selectors.pools import PoolPlan, get_rules, list_ruled_pools, plan_rules
from catalog.services.membership import be_patient, lock_pools, write_plan
from catalog.services.sight import telling_sight
from openplatform.core import clock
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send

log = structlog.get_logger(__name__)

BATCH = 5000
ACTOR = "apply_pool_rules"  # nobody in person
TAKE_HINTS = """
    DELETE FROM catalog_poolhint WHERE id IN (
        SELECT id FROM catalog_poolhint ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
    ) RETURNING sku_id, pool_id
"""


@transactional
def apply_pool_rules() -> int:
    """Have pools follow their rules for the SKUs, and as the pools, that hints name; answers how
    many hints there were.

    A hint is taken up with the change that it tells of already committed, so what is read
    afterwards has it; a hint that comes later is for the next time.
    """
    hints = send(TAKE_HINTS, [BATCH]).rows()
    if not hints:
        return 0
    sku_ids = {sku_id for sku_id, _pool_id in hints if sku_id is not None}
    whole = {pool_id for _sku_id, pool_id in hints if pool_id is not None}
    be_patient()
    lock_pools()
    plans = [
        _plan(pool, None if pool.pk in whole else sku_ids)
        for pool in list_ruled_pools()
        if sku_ids or pool.pk in whole
    ]
    _write(plans)
    return len(hints)


def sweep_pool_rules() -> None:
    """Have every pool follow its rules, whatever was hinted at."""
    for pool_id in list_ruled_pools().values_list("pk", flat=True):
        _sweep(pool_id=pool_id)


@transactional
def _sweep(*, pool_id: int) -> None:
    be_patient()
    lock_pools()
    _write([_plan(pool, None) for pool in Pool.objects.filter(pk=pool_id)])


def _plan(pool: Pool, sku_ids: Collection[int] | None) -> PoolPlan:
    return plan_rules(pool=pool, rules=get_rules(pool=pool), sku_ids=sku_ids)


def _write(plans: Collection[PoolPlan]) -> None:
    require_transaction()
    moved = {sku_id for plan in plans for sku_id in plan.moved}
    with telling_sight(sorted(moved), now=clock.now()):
        for plan in plans:
            write_plan(plan=plan, cause=PoolChange.Cause.RULE, actor=ACTOR)
    if moved:
        log.info("pool_rules_applied", skus=len(moved), pools=len(plans))
