"""On the shelf and off it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import structlog
from django.utils.translation import gettext_lazy as _

from catalog.models import Sku
from openplatform.audit.services.recording import Change, record_changes
from openplatform.core.errors import FieldInvalid, refuse_if
from openplatform.core.locking import require_transaction, transactional
from openplatform.messaging.services.publishing import publish_skus

log = structlog.get_logger(__name__)

MESSAGES = {Sku.ShelfState.ON_SHELF: "sku.on_shelf", Sku.ShelfState.OFF_SHELF: "sku.off_shelf"}


@transactional
def set_shelf_state(
    *, sku_codes: Collection[str], state: Sku.ShelfState, actor: str, now: datetime
) -> list[str]:
    """Put SKUs on the shelf or take them off; answers the codes of those that it moved.

    :raises Refusal: with a fault for each code that does not exist.
    """
    codes = list(dict.fromkeys(sku_codes))
    known = {
        sku.code: sku
        for sku in Sku.objects.select_for_update(no_key=True)
        .filter(code__in=codes)
        .order_by("id")
        .only("code", "name", "shelf_state")
    }
    refuse_if([
        FieldInvalid(_("%(code)s does not exist") % {"code": code}, pointer=f"/skus/{index}")
        for index, code in enumerate(codes)
        if code not in known
    ])  # fmt: skip
    moved = sorted(code for code, sku in known.items() if sku.shelf_state != state)
    Sku.objects.filter(code__in=moved).update(shelf_state=state, updated_at=now)
    publish_shelf_state(state=state, skus=moved)
    record_changes(
        action="set_shelf_state",
        changes=[
            Change(
                known[code],
                {"shelf_state": known[code].shelf_state},
                {"shelf_state": state.value},
            )
            for code in moved
        ],
        actor=actor,
    )
    log.info("shelf_state_set", state=state.value, skus=len(moved), actor=actor)
    return moved


def publish_shelf_state(*, state: Sku.ShelfState, skus: Sequence[str]) -> None:
    """Step: tell whoever sees these SKUs."""
    require_transaction()
    if skus:
        publish_skus(type=MESSAGES[state], skus=skus)
