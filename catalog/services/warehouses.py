"""Warehouses and the regions that they ship to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.models import Warehouse
from catalog.services.outcome import Outcome
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.regions.models import Region

# Also of what is out of stock: it may have come in, and been told with the old area, before this
# area is there for others to see.
HINT = """
    INSERT INTO catalog_stockhint (sku_id) SELECT sku_id FROM catalog_stock WHERE warehouse_id = %s
"""


@dataclass(frozen=True, slots=True)
class WarehouseDraft:
    """A warehouse to be. What is not named stays as it is.

    :param fields: ``name`` and ``region_id`` at least; ``priority``, ``return_name``,
        ``return_phone``, ``return_address``.
    :param serves: exactly these region codes, none meaning everywhere; None leaves them.
    :param excludes: exactly these are left out; None leaves them.
    """

    code: str
    fields: Mapping[str, Any]
    serves: Collection[str] | None = None
    excludes: Collection[str] | None = None


def save_warehouse(*, draft: WarehouseDraft) -> Outcome:
    """Step: make or change one warehouse; its regions must exist."""
    require_transaction()
    warehouse = Warehouse.objects.select_for_update(no_key=True).filter(code=draft.code).first()
    if warehouse is None:
        warehouse = Warehouse.objects.create(code=draft.code, **draft.fields)
        _set_area(warehouse, draft)
        return Outcome(created=1)
    changed = [name for name, value in draft.fields.items() if getattr(warehouse, name) != value]
    if changed:
        for name in changed:
            setattr(warehouse, name, draft.fields[name])
        warehouse.save(update_fields=[name.removesuffix("_id") for name in changed])
    is_area_changed = _set_area(warehouse, draft)
    if is_area_changed:
        hint_area(warehouse_id=warehouse.pk)
    return Outcome(updated=1) if changed or is_area_changed else Outcome(unchanged=1)


def hint_area(*, warehouse_id: int) -> None:
    """Step: the regions that a warehouse ships to changed; stock answers are compared."""
    require_transaction()
    send(HINT, [warehouse_id])


def _set_area(warehouse: Warehouse, draft: WarehouseDraft) -> bool:
    """Set both kinds of regions; answers whether any changed."""
    is_changed = False
    for regions, codes in (
        (warehouse.serves, draft.serves), (warehouse.excludes, draft.excludes)
    ):  # fmt: skip
        if codes is not None and set(regions.values_list("code", flat=True)) != set(codes):
            regions.set(Region.objects.filter(pk__in=codes))
            is_changed = True
    return is_changed
