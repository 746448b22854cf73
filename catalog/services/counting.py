"""Somebody counted or corrected what lies in a warehouse."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from django.utils.translation import gettext as _

from catalog.models import Stock
from catalog.services.counts import StockChange, apply_counts
from catalog.services.membership import be_patient
from catalog.services.outcome import Outcome
from openplatform.audit.services.recording import record_change, record_run
from openplatform.core.errors import FieldInvalid, NotFound, Refusal
from openplatform.core.identifiers import dated_no
from openplatform.core.locking import transactional
from openplatform.core.statements import send

COUNTED = ["on_hand", "safety_quantity", "shortage_quantity"]
# However many: as one parameter, where a list of ids would be one for each.
NAMED = """
    SELECT stock.warehouse_id, stock.sku_id, warehouse.code, sku.code
    FROM unnest(%s::bigint[]) AS asked (id)
    JOIN catalog_stock stock ON stock.id = asked.id
    JOIN catalog_warehouse warehouse ON warehouse.id = stock.warehouse_id
    JOIN catalog_sku sku ON sku.id = stock.sku_id
    ORDER BY stock.id
"""


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
    """The stock row after the count; see :func:`catalog.services.counts.apply_counts`.

    :param expected_on_hand: what the counter believed beforehand, in the same sense as ``on_hand``.
    :param is_physical: paid units that wait for shipment were counted too.
    :raises NotFound: when there is no such row.
    :raises Refusal: when the stock is not as expected.
    """
    stock = _lock(stock_id)
    change = StockChange(
        warehouse_id=stock.warehouse_id,
        sku_id=stock.sku_id,
        on_hand=on_hand,
        expected_on_hand=expected_on_hand,
        is_physical=is_physical,
        safety_quantity=safety_quantity,
    )
    _apply(stock, change, action="count_stock", document_no=document_no, actor=actor)
    return stock


@transactional
def correct_stock(
    *, stock_id: int, delta: int, expected_on_hand: int | None, document_no: str, actor: str
) -> Stock:
    """The stock row with units added or taken off; a document corrects a row once.

    :param expected_on_hand: what the books said when the correction was written; None: whatever.
    :raises NotFound: when there is no such row.
    :raises Refusal: when the stock is not as expected, or would be below zero.
    :raises FieldInvalid: when the document corrected this row before.
    """
    stock = _lock(stock_id)
    change = StockChange(
        warehouse_id=stock.warehouse_id,
        sku_id=stock.sku_id,
        delta=delta,
        expected_on_hand=expected_on_hand,
    )
    outcome = _apply(stock, change, action="correct_stock", document_no=document_no, actor=actor)
    if delta and not outcome.updated:
        raise FieldInvalid(_("This document corrected the stock before"), pointer="/document_no")
    return stock


@transactional
def correct_many(
    *,
    stock_ids: Collection[int],
    on_hand: int | None,
    delta: int | None,
    document_no: str,
    actor: str,
    now: datetime,
) -> Outcome:
    """Set many stock rows to one number, or change them all by one; all of them, or none.

    :param document_no: names the act in its movements; one is made when it is empty.
    :raises Refusal: with a fault for each row that would be below zero.
    """
    be_patient()
    rows = send(NAMED, [list(stock_ids)]).rows()
    named = document_no or dated_no("C", now)
    try:
        outcome = apply_counts(
            changes=(
                StockChange(warehouse_id, sku_id, on_hand, delta)
                for warehouse_id, sku_id, _warehouse, _sku in rows
            ),
            document_no=named,
            actor=actor,
        )
    except Refusal as refusal:
        raise Refusal(
            [
                FieldInvalid(f"{warehouse} {sku}: {fault.detail}", pointer="/number")
                for fault in refusal.faults
                for _warehouse_id, _sku_id, warehouse, sku in [
                    rows[int(fault.pointer.split("/")[1])]
                ]
            ]
        ) from refusal
    record_run(
        action="correct_many",
        kind=Stock._meta.label_lower,
        number=named,
        label=_("Stock of %(count)d rows") % {"count": len(rows)},
        outcome={
            **({"delta": delta} if on_hand is None else {"on_hand": on_hand}),
            "updated": outcome.updated,
            "unchanged": outcome.unchanged,
            "document_no": named,
        },
        actor=actor,
    )
    return outcome


def _lock(stock_id: int) -> Stock:
    locked = Stock.objects.select_for_update(no_key=True, of=("self",))
    stock = locked.select_related("sku", "warehouse").filter(pk=stock_id).first()
    if stock is None:
        raise NotFound
    return stock


def _apply(
    stock: Stock, change: StockChange, *, action: str, document_no: str, actor: str
) -> Outcome:
    before = {name: getattr(stock, name) for name in COUNTED}
    outcome = apply_counts(changes=[change], document_no=document_no, actor=actor)
    stock.refresh_from_db(fields=COUNTED)
    record_change(
        action=action,
        subject=stock,
        before=before,
        after={**{name: getattr(stock, name) for name in COUNTED}, "document_no": document_no},
        actor=actor,
    )
    return outcome
