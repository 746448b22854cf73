"""Warehouses and the regions that they serve."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from catalog.models import Warehouse
from catalog.services.outcome import Outcome
from openplatform.core.locking import require_transaction
from openplatform.regions.models import Region


@dataclass(frozen=True, slots=True)
class WarehouseDraft:
    """A warehouse to be. What is not named stays as it is.

    :param fields: ``name`` and ``region_id`` at least; ``priority``, ``return_address``.
    :param serves: exactly these region codes, none meaning everywhere; None leaves them.
    """

    code: str
    fields: Mapping[str, Any]
    serves: Collection[str] | None = None


def save_warehouse(*, draft: WarehouseDraft) -> Outcome:
    """Step: make or change one warehouse; its regions must exist."""
    require_transaction()
    warehouse = Warehouse.objects.select_for_update(no_key=True).filter(code=draft.code).first()
    if warehouse is None:
        warehouse = Warehouse.objects.create(code=draft.code, **draft.fields)
        _set_served(warehouse, draft.serves or ())
        return Outcome(created=1)
    changed = [name for name, value in draft.fields.items() if getattr(warehouse, name) != value]
    if changed:
        for name in changed:
            setattr(warehouse, name, draft.fields[name])
        warehouse.save(update_fields=[name.removesuffix("_id") for name in changed])
    served = set(warehouse.serves.values_list("code", flat=True))
    if draft.serves is not None and served != set(draft.serves):
        _set_served(warehouse, draft.serves)
        return Outcome(updated=1)
    return Outcome(updated=1) if changed else Outcome(unchanged=1)


def _set_served(warehouse: Warehouse, codes: Collection[str]) -> None:
    warehouse.serves.set(Region.objects.filter(pk__in=codes))
