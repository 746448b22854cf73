"""Goods on their way back, for tests that begin in the middle."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

import orjson
from django.db import connection

from aftersales.models import Claim, ClaimLine
from aftersales.services.deciding import ApprovedLine, approve_claim
from aftersales.services.inspecting import InspectedLine, inspect_return
from aftersales.services.receiving import receive_return
from aftersales.services.return_parcels import report_return
from openplatform.core import clock
from openplatform.core.money import ZERO
from openplatform.idempotency.services.replay import Answer
from tests.aftersales.acts import (
    MERCHANT,
    OPERATOR,
    delivered_part,
    file_for_return,
    make_reasons,
    set_return_addresses,
)
from tests.cast import Merchant, World

Result = ClaimLine.Inspection


def goods_to_return(shop: World) -> None:
    """Ten of A for 10.00 and ten of B for 3.33, reasons, and an address where returns go."""
    shop.make_sku("A", north=10)
    shop.make_sku("B", north=10, price="3.33")
    make_reasons()
    set_return_addresses()


def awaited(
    merchant: Merchant,
    items: Mapping[str, int] | None = None,
    quantities: Mapping[int, int] | None = None,
    *,
    number: str = "1",
    lines: Mapping[int, ApprovedLine] | None = None,
    freight_amount: Decimal = ZERO,
) -> str:
    """The number of a claim whose goods are awaited: two units of A unless told otherwise.

    :param items: what was ordered.
    :param quantities: what is claimed of it, by line number; all that was ordered.
    :param lines: what is approved of that; all.
    :param freight_amount: what is refunded of it, too.
    """
    items = items or {"A": 2}
    suborder_no = delivered_part(merchant, f"M-{number}", items.items())
    claimed = quantities or dict(enumerate(items.values(), 1))
    aftersale_no: str = file_for_return(
        merchant, suborder_no, claimed, merchant_aftersale_no=f"R-{number}"
    )["aftersale_no"]
    approve_claim(
        aftersale_no=aftersale_no,
        lines=lines,
        freight_amount=freight_amount,
        note="Less than asked for" if lines else "",
        by=OPERATOR,
        user=None,
        now=clock.now(),
    )
    return aftersale_no


def report(
    merchant: Merchant,
    aftersale_no: str,
    waybill_no: str = "BACK-1",
    *,
    carrier: str = "sf",
    shipped_at: datetime | None = None,
    replaces: str | None = None,
    **fields: Any,
) -> Answer:
    """The merchant says what it sends back."""
    return report_return(
        partner_id=merchant.partner.pk,
        aftersale_no=aftersale_no,
        carrier_code=carrier,
        waybill_no=waybill_no,
        shipped_at=shipped_at,
        replaces=replaces,
        now=clock.now(),
        **{"by": MERCHANT, **fields},
    )


def document_of(answer: Answer) -> Any:
    """The claim that an answer shows."""
    return orjson.loads(answer.body)


def receive(
    aftersale_no: str,
    quantities: Mapping[int, int] | None = None,
    *,
    expected_version: int | None = None,
) -> Claim:
    """The warehouse counts what came."""
    return receive_return(
        aftersale_no=aftersale_no,
        quantities=quantities,
        by=OPERATOR,
        now=clock.now(),
        expected_version=expected_version,
    )


def received(merchant: Merchant, **fields: Any) -> str:
    """The number of a claim whose goods all came back; fields as for :func:`awaited`."""
    aftersale_no = awaited(merchant, **fields)
    receive(aftersale_no)
    return aftersale_no


def inspect(
    aftersale_no: str,
    lines: Mapping[int, InspectedLine],
    *,
    note: str = "",
    picture_ids: tuple[str, ...] = (),
    freight_amount: Decimal | None = None,
    expected_version: int | None = None,
) -> Claim:
    """The warehouse looks at what came."""
    return inspect_return(
        aftersale_no=aftersale_no,
        lines=lines,
        note=note,
        picture_ids=picture_ids,
        freight_amount=freight_amount,
        by=OPERATOR,
        now=clock.now(),
        expected_version=expected_version,
    )


def good(quantity: int, *, restocked: int | None = None) -> InspectedLine:
    """All as expected, and to be sold again unless told otherwise."""
    return InspectedLine(quantity, quantity if restocked is None else restocked, Result.AS_EXPECTED)


def come_to_deadline(aftersale_no: str, *, hours_left: float = 0) -> None:
    """Put a claim's deadline so far ahead of the clock that counts, the database's."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE aftersales_claim SET deadline = clock_timestamp() + make_interval(secs => %s)"
            " WHERE aftersale_no = %s",
            [hours_left * 3600, aftersale_no],
        )
