"""What happens to claims, for tests that begin in the middle."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from django.db import connection

from accounts.models import HoldEntry, LedgerEntry, Wallet
from aftersales.models import (
    Claim,
    ClaimEvent,
    ClaimLine,
    ClaimNote,
    ClaimParcel,
    ClaimPicture,
    ClaimType,
    Reason,
)
from aftersales.requests import ClaimRequest
from aftersales.services.filing import file_claim
from aftersales.services.transitions import Actor, Side
from catalog.models import Stock, StockMovement, Warehouse
from openplatform.audit.models import AuditEntry
from openplatform.connectors.parcels import ParcelStatus
from openplatform.core import clock
from openplatform.core.identifiers import random_text
from openplatform.core.locking import transactional
from openplatform.core.uploads.storage import NAME_LENGTH
from openplatform.messaging.models import Outbox
from orders.models import Order, OrderLine, Suborder
from orders.services.parcel_progress import follow_parcel
from tests.cast import Merchant
from tests.orders.acts import pay, ship

Document = dict[str, Any]

MERCHANT = Actor(Side.MERCHANT, "key:test")
OPERATOR = Actor(Side.OPERATOR, "operator")
RETURN_ADDRESS = {"name": "退货组", "phone": "021-5555-0100", "address": "张江路 88 号 3 号门"}
FILED = (Claim, ClaimLine, ClaimEvent, ClaimNote, ClaimParcel, ClaimPicture)


def make_reasons() -> None:
    """These reasons and no others: ``unwanted`` for refunds and returns, ``broken`` with pictures
    for both, ``late`` for refunds only, and ``old``, which is not in use.
    """
    Reason.objects.all().delete()
    both = [ClaimType.REFUND, ClaimType.RETURN_REFUND]
    Reason.objects.bulk_create(
        [
            Reason(code="unwanted", name="不想要了", name_en="Not wanted", types=both, position=1),
            Reason(
                code="broken", name="破损", name_en="Broken", types=both, pictures_required=True,
                position=2,
            ),
            Reason(code="late", name="发货太慢", types=[ClaimType.REFUND], position=3),
            Reason(code="old", name="旧原因", types=both, is_active=False, position=4),
        ]
    )  # fmt: skip


def set_return_addresses() -> None:
    """Every warehouse takes returns in."""
    Warehouse.objects.update(
        return_name=RETURN_ADDRESS["name"],
        return_phone=RETURN_ADDRESS["phone"],
        return_address=RETURN_ADDRESS["address"],
    )


def paid_part(
    merchant: Merchant,
    merchant_order_no: str = "M-1",
    items: Iterable[tuple[str, int]] = (("A", 2),),
    **fields: Any,
) -> str:
    """The number of the first suborder of an order that was paid."""
    number: str = pay(merchant, merchant_order_no, items, **fields)["suborders"][0]["order_no"]
    return number


def shipped_part(
    merchant: Merchant,
    merchant_order_no: str = "M-1",
    items: Iterable[tuple[str, int]] = (("A", 2),),
    *,
    quantities: Mapping[int, int] | None = None,
    **fields: Any,
) -> str:
    """One that has left, wholly or these units by line number; its waybill is ``SF-<order>``."""
    suborder_no = paid_part(merchant, merchant_order_no, items, **fields)
    ship(suborder_no, quantities, waybill_no=f"SF-{merchant_order_no}")
    return suborder_no


def delivered_part(
    merchant: Merchant,
    merchant_order_no: str = "M-1",
    items: Iterable[tuple[str, int]] = (("A", 2),),
    **fields: Any,
) -> str:
    """One whose parcel was handed over."""
    suborder_no = shipped_part(merchant, merchant_order_no, items, **fields)
    now = clock.now()
    transactional(follow_parcel)(
        carrier_code="sf",
        waybill_no=f"SF-{merchant_order_no}",
        status=ParcelStatus.DELIVERED,
        delivered_at=now,
        now=now,
    )
    return suborder_no


def received_part(
    merchant: Merchant,
    merchant_order_no: str = "M-1",
    items: Iterable[tuple[str, int]] = (("A", 2),),
    **fields: Any,
) -> str:
    """One that its merchant reported as received: completed."""
    suborder_no = delivered_part(merchant, merchant_order_no, items, **fields)
    response = merchant.api.post(f"/orders/{suborder_no}/receive")
    assert response.status_code == 200, response.content
    return suborder_no


def end_window(suborder_no: str) -> None:
    """Put the receipt of a suborder so far back that nothing of it can be claimed any more."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orders_suborder SET completed_at = clock_timestamp() - interval '1 year'"
            " WHERE order_no = %s",
            [suborder_no],
        )


def claim_body(
    suborder_no: str, quantities: Mapping[int, int] | None = None, **fields: Any
) -> Document:
    """The body of POST /aftersales: a refund of one unit of line 1 unless told otherwise.

    :param quantities: by line number.
    """
    return {
        "merchant_aftersale_no": "R-1",
        "order_no": suborder_no,
        "type": "refund",
        "items": [
            {"line_no": str(line_no), "quantity": quantity}
            for line_no, quantity in (quantities or {1: 1}).items()
        ],
        "reason": "unwanted",
        "description": "It does not fit.",
        **fields,
    }


def file(
    merchant: Merchant,
    suborder_no: str,
    quantities: Mapping[int, int] | None = None,
    *,
    merchant_aftersale_no: str = "R-1",
    type: str = "refund",
    reason: str = "unwanted",
    description: str = "It does not fit.",
    pictures: Sequence[str] = (),
    by: Actor = MERCHANT,
) -> Document:
    """A claim as it is answered; with ``by=OPERATOR`` and no number one opened by staff."""
    answer = file_claim(
        partner_id=merchant.partner.pk,
        request=ClaimRequest(
            merchant_aftersale_no=merchant_aftersale_no,
            order_no=suborder_no,
            type=ClaimType(type),
            items=[
                (str(line_no), quantity) for line_no, quantity in (quantities or {1: 1}).items()
            ],
            reason=reason,
            description=description,
            pictures=pictures,
        ),
        by=by,
        now=clock.now(),
    )
    document: Document = orjson.loads(answer.body)
    return document


def file_for_return(
    merchant: Merchant, suborder_no: str, quantities: Mapping[int, int] | None = None, **fields: Any
) -> Document:
    """A claim on shipped units that are to come back."""
    return file(merchant, suborder_no, quantities, type="return_refund", **fields)


def claim_of(document: Mapping[str, Any] | str) -> Claim:
    """The row of a claim, by its document or its number."""
    number = document if isinstance(document, str) else document["aftersale_no"]
    return Claim.objects.get(aftersale_no=number)


def add_picture(merchant: Merchant, *, uploaded_by: str = "") -> str:
    """A picture that waits to be named, as a row only; its id."""
    picture = ClaimPicture.objects.create(
        picture_id=f"G{random_text()}",
        partner=merchant.partner,
        uploaded_by=uploaded_by,
        file=f"claim-pictures/2026/03/{random_text(NAME_LENGTH)}.jpg",
        thumbnail=f"claim-pictures/2026/03/{random_text(NAME_LENGTH)}.jpg",
        width=640,
        height=480,
        sha256="0" * 64,
        size_bytes=1000,
        created_at=clock.now(),
    )
    return picture.picture_id


def line_numbers(suborder_no: str, line_no: int = 1) -> tuple[int, int, int, int, int, str]:
    """Shipped, closed, refunded, claimed, stopped units of a line, and what was refunded for it."""
    line = OrderLine.objects.get(suborder__order_no=suborder_no, line_no=line_no)
    return (
        line.shipped_quantity,
        line.closed_quantity,
        line.refunded_quantity,
        line.claimed_quantity,
        line.stopped_quantity,
        str(line.refunded_amount),
    )


def everything() -> Any:
    """All that a claim could change, to be compared before and after a refusal."""
    rows = [
        list(model._default_manager.order_by("pk").values())
        for model in (*FILED, Order, Suborder, OrderLine, Stock, Wallet)
    ]
    counts = [
        model._default_manager.count()
        for model in (LedgerEntry, HoldEntry, StockMovement, Outbox, AuditEntry)
    ]
    return rows, counts
