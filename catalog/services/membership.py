"""Who sees which SKU: pools, their SKUs and their partners.

Every change first locks all pool rows in ascending order of their ids. A partner sees a SKU as long
as one pool shows it, so whether a removal ends that depends on all the other pools: two removals
at once would otherwise each see the other's pool still showing it, and nobody would be told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager

import structlog
from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.models import Pool, PoolAssignment, PoolMembership, Sku
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import DomainError, FieldInvalid, NotFound, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_skus

log = structlog.get_logger(__name__)

SKU_ADDED = "pool.sku_added"
SKU_REMOVED = "pool.sku_removed"
BATCH = 2000

# Which partners see each of these SKUs now; without a partner, all are asked about.
SIGHT = """
    SELECT membership.sku_id, array_agg(DISTINCT assignment.partner_id)
    FROM catalog_poolmembership membership
    JOIN catalog_poolassignment assignment ON assignment.pool_id = membership.pool_id
    WHERE membership.sku_id = ANY(%s::bigint[])
        AND (%s::bigint[] IS NULL OR assignment.partner_id = ANY(%s::bigint[]))
    GROUP BY membership.sku_id
"""

Partners = frozenset[int]
NOBODY: Partners = frozenset()


# Services


@transactional
def curate_pool(
    *, pool_code: str, add: Sequence[str] = (), remove: Sequence[str] = (), actor: str
) -> None:
    """Take SKUs into a pool and out of it; those that are in it, or not, already stay so.

    1. lock all pools, 2. find the SKUs, 3. write, 4. tell the partners whose sight changed.

    :raises NotFound: when there is no such pool.
    :raises Refusal: with a fault for each SKU code that does not exist.
    """
    lock_pools()
    pool = _get_pool(pool_code)
    by_code = {sku.code: sku for sku in Sku.objects.filter(code__in=[*add, *remove])}
    _require_known(by_code, {"add": add, "remove": remove})
    removed = [by_code[code] for code in remove]
    added = [by_code[code] for code in add]
    before = _codes_in(pool, [sku.pk for sku in {*removed, *added}])
    with _telling_sight([sku.pk for sku in {*removed, *added}]):
        _delete_memberships(pool, [sku.pk for sku in removed])
        _create_memberships({pool.pk: [sku.pk for sku in added]})
    after = _codes_in(pool, [sku.pk for sku in {*removed, *added}])
    if before != after:
        record_change(
            action="curate_pool",
            subject=pool,
            before={"skus_taken_out": sorted(before - after)} if before - after else {},
            after={"skus_taken_in": sorted(after - before)} if after - before else {},
            actor=actor,
        )
    log.info("pool_curated", pool=pool_code, added=len(added), removed=len(removed), actor=actor)


@transactional
def assign_partners(*, pool_code: str, partner_codes: Collection[str], actor: str) -> None:
    """Open a pool to exactly these partners.

    :raises NotFound: when there is no such pool.
    :raises Refusal: with a fault for each partner code that does not exist.
    """
    lock_pools()
    pool = _get_pool(pool_code)
    codes = list(dict.fromkeys(partner_codes))
    by_code = {partner.code: partner for partner in Partner.objects.filter(code__in=codes)}
    _require_known(by_code, {"partners": codes})
    before = sorted(pool.assignments.values_list("partner__code", flat=True))
    set_partners(pool=pool, partners=list(by_code.values()))
    record_change(
        action="assign_partners",
        subject=pool,
        before={"partners": before},
        after={"partners": sorted(codes)},
        actor=actor,
    )
    log.info("pool_assigned", pool=pool_code, partners=codes, actor=actor)


# Steps


def lock_pools() -> None:
    """Step: lock every pool row, in ascending order of ids."""
    require_transaction()
    list(Pool.objects.select_for_update().order_by("id").values_list("id", flat=True))


def add_skus(*, pool: Pool, skus: Collection[Sku]) -> None:
    """Step: SKUs join a pool; partners who see them by it alone are told."""
    add_memberships(members={pool.pk: [sku.pk for sku in skus]})


def remove_skus(*, pool: Pool, skus: Collection[Sku]) -> None:
    """Step: SKUs leave a pool; partners who lose sight of them are told."""
    lock_pools()
    sku_ids = [sku.pk for sku in skus]
    with _telling_sight(sku_ids):
        _delete_memberships(pool, sku_ids)


def add_memberships(*, members: Mapping[int, Collection[int]]) -> int:
    """Step: SKUs join pools (pool id → SKU ids); answers how many memberships are new."""
    lock_pools()
    sku_ids = sorted({sku_id for ids in members.values() for sku_id in ids})
    with _telling_sight(sku_ids):
        return _create_memberships(members)


def assign_pools(*, partner: Partner, pools: Collection[Pool]) -> int:
    """Step: a partner sees more pools; answers how many are new to it."""
    return add_assignments(partners={pool.pk: [partner.pk] for pool in pools})


def set_partners(*, pool: Pool, partners: Collection[Partner]) -> None:
    """Step: a pool is open to exactly these partners."""
    lock_pools()
    wanted = {partner.pk for partner in partners}
    present = set(PoolAssignment.objects.filter(pool=pool).values_list("partner_id", flat=True))
    with _telling_sight(_skus_of([pool.pk]), wanted ^ present):
        PoolAssignment.objects.filter(pool=pool, partner_id__in=present - wanted).delete()
        PoolAssignment.objects.bulk_create(
            PoolAssignment(pool=pool, partner_id=partner_id)
            for partner_id in sorted(wanted - present)
        )


def add_assignments(*, partners: Mapping[int, Collection[int]]) -> int:
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
        pool_ids = {assignment.pool_id for assignment in new}
        with _telling_sight(_skus_of(pool_ids), {assignment.partner_id for assignment in new}):
            PoolAssignment.objects.bulk_create(new, batch_size=BATCH)
    return len(new)


def _get_pool(code: str) -> Pool:
    pool = Pool.objects.filter(code=code).first()
    if pool is None:
        raise NotFound(pointer="/pool")
    return pool


def _require_known(known: Collection[str], asked: Mapping[str, Collection[str]]) -> None:
    faults: list[DomainError] = [
        FieldInvalid(_("%(code)s does not exist") % {"code": code}, pointer=f"/{name}/{index}")
        for name, codes in asked.items()
        for index, code in enumerate(codes)
        if code not in known
    ]
    refuse_if(faults)


def _codes_in(pool: Pool, sku_ids: Collection[int]) -> set[str]:
    memberships = PoolMembership.objects.filter(pool=pool, sku_id__in=sku_ids)
    return set(memberships.values_list("sku__code", flat=True))


def _skus_of(pool_ids: Collection[int]) -> list[int]:
    return list(
        PoolMembership.objects.filter(pool_id__in=pool_ids)
        .values_list("sku_id", flat=True)
        .distinct()
    )


def _delete_memberships(pool: Pool, sku_ids: Collection[int]) -> None:
    PoolMembership.objects.filter(pool=pool, sku_id__in=sku_ids).delete()


def _create_memberships(members: Mapping[int, Collection[int]]) -> int:
    created = 0
    for pool_id, sku_ids in sorted(members.items()):
        rows = send(
            "INSERT INTO catalog_poolmembership (pool_id, sku_id)"
            " SELECT %s, sku_id FROM unnest(%s::bigint[]) AS wanted (sku_id)"
            " ON CONFLICT (sku_id, pool_id) DO NOTHING RETURNING id",
            [pool_id, sorted(set(sku_ids))],
        ).rows()
        created += len(rows)
    return created


@contextmanager
def _telling_sight(
    sku_ids: Collection[int], partner_ids: Collection[int] | None = None
) -> Iterator[None]:
    """Compare who sees the SKUs before and after the block, and tell those for whom it differs."""
    before = _sight(sku_ids, partner_ids)
    yield
    after = _sight(sku_ids, partner_ids)
    lost: dict[Partners, list[int]] = defaultdict(list)
    gained: dict[Partners, list[int]] = defaultdict(list)
    for sku_id in sku_ids:
        then, now = before.get(sku_id, NOBODY), after.get(sku_id, NOBODY)
        if then - now:
            lost[then - now].append(sku_id)
        if now - then:
            gained[now - then].append(sku_id)
    _publish(SKU_REMOVED, lost)
    _publish(SKU_ADDED, gained)


def _sight(sku_ids: Collection[int], partner_ids: Collection[int] | None) -> dict[int, Partners]:
    asked = None if partner_ids is None else list(partner_ids)
    shared: dict[Partners, Partners] = {}  # few different sets stand for many SKUs
    sight = {}
    for sku_id, seers in send(SIGHT, [list(sku_ids), asked, asked]).rows():
        partners = frozenset(seers)
        sight[sku_id] = shared.setdefault(partners, partners)
    return sight


def _publish(message_type: str, changes: Mapping[Partners, Sequence[int]]) -> None:
    for partners, sku_ids in changes.items():
        codes = send(
            "SELECT code FROM catalog_sku WHERE id = ANY(%s::bigint[]) ORDER BY code",
            [list(sku_ids)],
        ).rows()
        publish_skus(
            type=message_type, skus=[code for (code,) in codes], partner_ids=sorted(partners)
        )
