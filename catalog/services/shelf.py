"""On the shelf and off it, now and at a set time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import structlog
from django.utils.translation import gettext_lazy as _

from catalog.models import ShelfChange, Sku
from catalog.services.changes import hint_stock
from catalog.services.membership import be_patient
from openplatform.audit.services.recording import Change, record_changes
from openplatform.core import clock
from openplatform.core.errors import FieldInvalid, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_skus

log = structlog.get_logger(__name__)

MESSAGES = {Sku.ShelfState.ON_SHELF: "sku.on_shelf", Sku.ShelfState.OFF_SHELF: "sku.off_shelf"}
BATCH = 1000

# Ids go as one array: a list of them would be a parameter for each, of which there are 65,535.
CODES = "SELECT code, id FROM catalog_sku WHERE code = ANY(%s::text[])"
NAMED = "SELECT id, code, name FROM catalog_sku WHERE id = ANY(%s::bigint[]) ORDER BY id"
LOCK = """
    SELECT id, code, name, shelf_state FROM catalog_sku WHERE id = ANY(%s::bigint[])
    ORDER BY id FOR NO KEY UPDATE
"""
# A later stamp of somebody else stays.
MOVE = """
    UPDATE catalog_sku SET shelf_state = %s, updated_at = greatest(updated_at, %s)
    WHERE id = ANY(%s::bigint[])
"""
LOCK_TO_COME = """
    SELECT id, sku_id, shelf_state, effective_at FROM catalog_shelfchange
    WHERE id = ANY(%s::bigint[]) AND applied_at IS NULL ORDER BY id FOR UPDATE
"""
WITHDRAW = "DELETE FROM catalog_shelfchange WHERE id = ANY(%s::bigint[])"
# For the same moment the later word counts.
SCHEDULE = """
    INSERT INTO catalog_shelfchange (sku_id, shelf_state, effective_at, actor)
    SELECT id, %(state)s, %(effective_at)s, %(actor)s
    FROM unnest(%(sku_ids)s::bigint[]) AS sku (id) ORDER BY id
    ON CONFLICT (sku_id, effective_at) WHERE applied_at IS NULL
        DO UPDATE SET shelf_state = excluded.shelf_state, actor = excluded.actor
"""
# Of each SKU only the earliest, so that no later one overtakes it in another worker.
TAKE_DUE = """
    SELECT change.id, change.sku_id, change.shelf_state, change.actor
    FROM catalog_shelfchange change
    WHERE change.applied_at IS NULL AND change.effective_at <= clock_timestamp()
        AND NOT EXISTS (
            SELECT FROM catalog_shelfchange earlier
            WHERE earlier.sku_id = change.sku_id AND earlier.applied_at IS NULL
                AND earlier.effective_at < change.effective_at
        )
    ORDER BY change.effective_at, change.id LIMIT %s
    FOR UPDATE SKIP LOCKED
"""


# Services


@transactional
def set_shelf_state(
    *, sku_codes: Collection[str], state: Sku.ShelfState, actor: str, now: datetime
) -> list[str]:
    """Put SKUs on the shelf or take them off; answers the codes of those that it moved.

    :raises Refusal: with a fault for each code that does not exist.
    """
    be_patient()
    codes = list(dict.fromkeys(sku_codes))
    known: dict[str, int] = dict(send(CODES, [codes]).rows())
    refuse_if([
        FieldInvalid(_("%(code)s does not exist") % {"code": code}, pointer=f"/skus/{index}")
        for index, code in enumerate(codes)
        if code not in known
    ])  # fmt: skip
    moved = move_on_shelf(sku_ids=known.values(), state=state, actor=actor, now=now)
    log.info("shelf_state_set", state=state.value, skus=len(moved), actor=actor)
    return moved


@transactional
def schedule_shelf_change(
    *,
    sku_ids: Collection[int],
    state: Sku.ShelfState,
    effective_at: datetime,
    actor: str,
) -> int:
    """Have SKUs put on the shelf or taken off it at a set time; answers how many.

    Another change of a SKU at the very same time is replaced.

    :raises FieldInvalid: when the time is not to come.
    """
    be_patient()
    row = send("SELECT %s > clock_timestamp()", [effective_at]).row()
    if row is None or not row[0]:
        raise FieldInvalid(_("This time has passed"), pointer="/effective_at")
    skus = list(Sku.objects.raw(NAMED, [list(sku_ids)]))
    send(
        SCHEDULE,
        {
            "state": state.value,
            "effective_at": effective_at,
            "actor": actor,
            "sku_ids": [sku.pk for sku in skus],
        },
    )
    after = {"shelf_state": state.value, "effective_at": effective_at}
    record_changes(
        action="schedule_shelf_change",
        changes=[Change(sku, {}, after) for sku in skus],
        actor=actor,
    )
    log.info("shelf_change_scheduled", state=state.value, skus=len(skus), actor=actor)
    return len(skus)


@transactional
def withdraw_shelf_changes(*, change_ids: Collection[int], actor: str) -> int:
    """Call off changes that are still to come; answers how many those were. What has taken effect
    stays as it is.
    """
    be_patient()
    changes = list(ShelfChange.objects.raw(LOCK_TO_COME, [list(change_ids)]))
    sku_ids = list({change.sku_id for change in changes})
    skus = {sku.pk: sku for sku in Sku.objects.raw(NAMED, [sku_ids])}
    record_changes(
        action="withdraw_shelf_change",
        changes=[
            Change(
                skus[change.sku_id],
                {"shelf_state": change.shelf_state, "effective_at": change.effective_at},
                {},
            )
            for change in changes
        ],
        actor=actor,
    )
    send(WITHDRAW, [[change.pk for change in changes]])
    log.info("shelf_changes_withdrawn", skus=len(changes), actor=actor)
    return len(changes)


@transactional
def apply_due_shelf_changes() -> int:
    """Put on the shelf and take off it what is due; answers how many changes those were."""
    now = clock.now()
    due = send(TAKE_DUE, [BATCH]).rows()
    if not due:
        return 0
    _lock_skus({sku_id for _id, sku_id, _state, _actor in due})
    for state in Sku.ShelfState:
        for actor in sorted({actor for _id, _sku, of_it, actor in due if of_it == state}):
            sku_ids = [sku for _id, sku, of_it, by in due if (of_it, by) == (state, actor)]
            move_on_shelf(sku_ids=sku_ids, state=state, actor=actor, now=now)
    ShelfChange.objects.filter(pk__in=[row[0] for row in due]).update(applied_at=now)
    log.info("shelf_changes_applied", changes=len(due))
    return len(due)


# Steps


def move_on_shelf(
    *, sku_ids: Collection[int], state: Sku.ShelfState, actor: str, now: datetime
) -> list[str]:
    """Step: put SKUs on the shelf or take them off, and tell; answers the codes of those that it
    moved. The SKUs are locked in ascending order of their ids.
    """
    require_transaction()
    moved = [sku for sku in Sku.objects.raw(LOCK, [list(sku_ids)]) if sku.shelf_state != state]
    ids = [sku.pk for sku in moved]
    codes = sorted(sku.code for sku in moved)
    send(MOVE, [state.value, now, ids])
    publish_shelf_state(state=state, skus=codes)
    hint_stock(sku_ids=ids)
    record_changes(
        action="set_shelf_state",
        changes=[
            Change(sku, {"shelf_state": sku.shelf_state}, {"shelf_state": state.value})
            for sku in moved
        ],
        actor=actor,
    )
    return codes


def _lock_skus(sku_ids: Collection[int]) -> None:
    """All of them at once, in ascending order, before they are moved part by part."""
    locked = Sku.objects.select_for_update(no_key=True).filter(pk__in=sku_ids)
    list(locked.order_by("pk").values_list("pk", flat=True))


def publish_shelf_state(*, state: Sku.ShelfState, skus: Sequence[str]) -> None:
    """Step: tell whoever sees these SKUs."""
    require_transaction()
    if skus:
        publish_skus(type=MESSAGES[state], skus=skus)
