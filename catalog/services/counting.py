"""Somebody counted a SKU in a warehouse."""

from __future__ import annotations

from catalog.models import Stock
from catalog.services.stock import StockChange, apply_counts
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import NotFound
from openplatform.core.locking import transactional

COUNTED = ["on_hand", "safety_quantity", "shortage_quantity"]


@transactional
def count_stock(
    *,
    stock_id: int,
    on_hand: int,
    expected_on_hand: int,
    is_physical: bool,
    safety_quantity: int,
    document_no: str,
    actor: str,
) -> Stock:
    """The stock row after the count; see :func:`catalog.services.stock.apply_counts`.

    :param expected_on_hand: what the counter believed beforehand, in the same sense as ``on_hand``.
    :param is_physical: paid units that wait for shipment were counted too.
    :raises NotFound: when there is no such row.
    :raises Refusal: when the stock is not as expected.
    """
    locked = Stock.objects.select_for_update(no_key=True, of=("self",))
    stock = locked.select_related("sku", "warehouse").filter(pk=stock_id).first()
    if stock is None:
        raise NotFound
    before = {name: getattr(stock, name) for name in COUNTED}
    change = StockChange(
        warehouse_id=stock.warehouse_id,
        sku_id=stock.sku_id,
        on_hand=on_hand,
        expected_on_hand=expected_on_hand,
        is_physical=is_physical,
        safety_quantity=safety_quantity,
    )
    apply_counts(changes=[change], document_no=document_no, actor=actor)
    stock.refresh_from_db(fields=COUNTED)
    record_change(
        action="count_stock",
        subject=stock,
        before=before,
        after={**{name: getattr(stock, name) for name in COUNTED}, "document_no": document_no},
        actor=actor,
    )
    return stock
