"""A suborder held still for a change, and the stock that the change moves."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from catalog.errors import PreviewOutdated
from catalog.models import Stock
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction
from orders.models import Order, OrderLine, Suborder
from orders.services.progress import lock_order


@dataclass(frozen=True, slots=True)
class LockedPart:
    """A suborder and its lines, as they are while its order is locked."""

    order: Order
    part: Suborder
    lines: list[OrderLine]


def lock_part(*, suborder_no: str, expected_version: int | None = None) -> LockedPart:
    """Step: lock the order of a suborder, and read the suborder afterwards.

    :param expected_version: of the order when somebody looked at what would happen.
    :raises NotFound: for an unknown suborder.
    :raises PreviewOutdated: when the order has changed since.
    """
    require_transaction()
    known = Suborder.objects.filter(order_no=suborder_no).values_list("order_id", flat=True).first()
    if known is None:
        raise NotFound(_("There is no suborder with this number"), order_no=suborder_no)
    order = lock_order(order_id=known)
    require_version(order, expected_version)
    part = Suborder.objects.select_related("warehouse").get(order_no=suborder_no)
    return LockedPart(order, part, list(part.lines.order_by("line_no")))


def require_version(order: Order, expected_version: int | None) -> None:
    """:raises PreviewOutdated: when the order is not as it was looked at."""
    if expected_version is not None and order.version != expected_version:
        raise PreviewOutdated


def lock_stock(
    *, warehouse_ids: Collection[int], lines: Iterable[OrderLine]
) -> dict[tuple[int, int], int]:
    """Step: lock the stock rows of these lines' SKUs in all these warehouses, by ascending primary
    key; their ids by warehouse and SKU. What nobody ever held is not there.
    """
    require_transaction()
    rows = (
        Stock.objects.select_for_update(no_key=True)
        .filter(warehouse_id__in=warehouse_ids, sku_id__in={line.sku_id for line in lines})
        .order_by("pk")
    )
    return {(row.warehouse_id, row.sku_id): row.pk for row in rows}
