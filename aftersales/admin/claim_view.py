"""Everything that the page of a claim shows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from aftersales.admin.queue import show_deadline
from aftersales.badges import STATUS_COLOURS, STATUS_NAMES
from aftersales.forms.notes import WriteNoteForm
from aftersales.models import Claim, ClaimPicture, RuleApproval
from aftersales.selectors.review import (
    asked_amount,
    get_record,
    list_claimed,
    list_earlier,
    list_of_same_order,
    list_words,
    show_picture,
)
from aftersales.services.second_person import KIND
from aftersales.services.transitions import Side
from aftersales.states import DECIDABLE
from openplatform.approvals.models import Approval
from openplatform.approvals.selectors import may_decide
from openplatform.core import clock
from openplatform.core.admin.sent_once import FIELD, new_token
from openplatform.core.errors import type_of_text
from orders.admin.badges import STATUS_COLOURS as ORDER_COLOURS
from orders.admin.orders import show_timeline
from orders.admin.shipments import PARCEL_COLOURS
from orders.models import Order, OrderLine, Shipment, Suborder

SIDES = {
    Side.MERCHANT.value: (pgettext_lazy("of a claim", "Merchant"), "storefront"),
    Side.OPERATOR.value: (_("Operator"), "support_agent"),
    Side.PLATFORM.value: (_("Platform"), "smart_toy"),
}
INSPECTION_COLOURS = {
    "as_expected": "success",
    "fewer": "warning",
    "other_goods": "danger",
    "damaged": "danger",
}


def show_claim(claim: Claim, request: HttpRequest) -> dict[str, Any]:
    """The context of the page: the claim, the order, the merchant, and what was said.

    A fixed number of statements, whatever became of the claim.
    """
    claimed = list_claimed(claim)
    pictures = list(ClaimPicture.objects.filter(claim=claim).order_by("position", "id"))
    order = Order.objects.select_related("partner").get(pk=claim.order_id)
    part = Suborder.objects.select_related("warehouse").get(pk=claim.suborder_id)
    waiting = _get_waiting(claim)
    by_rule = RuleApproval.objects.filter(claim=claim).select_related("rule").first()
    return {
        "claim": claim,
        "reason_name": claim.reason.shown_name,
        "claimed": claimed,
        "asked_amount": asked_amount(claimed),
        "is_received": any(row.received_quantity is not None for row in claimed),
        "deadline": show_deadline(claim),
        "pictures": _used(pictures, ClaimPicture.Use.CLAIM),
        "inspection_pictures": _used(pictures, ClaimPicture.Use.INSPECTION),
        "return_parcels": list(claim.parcels.select_related("carrier").order_by("id")),
        "waiting": waiting,
        "waiting_amount": None if waiting is None else Decimal(waiting.data["amount"]),
        "may_decide_waiting": waiting is not None and may_decide(waiting, request.user),
        "rule": by_rule.rule if by_rule else None,
        "order": order,
        "part": part,
        "lines": list(OrderLine.objects.filter(suborder=part).order_by("line_no")),
        "claimed_ids": {row.line_id for row in claimed},
        "shipments": list(
            Shipment.objects.filter(suborder=part)
            .select_related("carrier")
            .prefetch_related("lines__line")
            .order_by("id")
        ),
        "timeline": show_timeline(order, part.order_no),
        "record": get_record(claim, now=clock.now()),
        "earlier": list(list_earlier(claim)),
        "same_order": list(list_of_same_order(claim)),
        "words": list_words(claim, pictures),
        "sides": SIDES,
        "note_form": WriteNoteForm(),
        "once": (FIELD, new_token()),
        "colours": STATUS_COLOURS,
        "names": STATUS_NAMES,
        "order_colours": ORDER_COLOURS,
        "parcel_colours": PARCEL_COLOURS,
        "inspection_colours": INSPECTION_COLOURS,
    }


def facts_of(claim: Claim) -> list[tuple[type_of_text, Any]]:
    """A claim in a few words, above a form about it: what was asked for, and once something is
    granted, that.
    """
    lines = list_claimed(claim)
    is_granted = any(row.approved_quantity is not None for row in lines)
    if is_granted:
        counts = [(row.line.sku_code, row.approved_quantity or 0) for row in lines]
        amount = claim.refund_amount
    else:
        counts = [(row.line.sku_code, row.quantity) for row in lines]
        amount = asked_amount(lines)
    units = ", ".join(f"{sku_code} × {count}" for sku_code, count in counts if count)
    return [
        (_("status"), claim.get_status_display()),
        (_("partner"), claim.partner),
        (_("type"), claim.get_type_display()),
        (_("approved units") if is_granted else _("units"), units),
        (_("refund") if is_granted else _("amount"), f"{amount:,.2f}"),
        (_("reason"), claim.reason.shown_name),
        (_("description"), claim.description or "-"),
    ]


def _get_waiting(claim: Claim) -> Approval | None:
    """What a second person is to carry out. Of a claim that has ended nothing is waited for, though
    its approval is still to be rejected.
    """
    if claim.status not in DECIDABLE:
        return None
    waiting = Approval.objects.filter(
        kind=KIND, subject_no=claim.aftersale_no, status=Approval.Status.PENDING
    )
    return waiting.first()


def _used(pictures: list[ClaimPicture], use: ClaimPicture.Use) -> list[dict[str, Any]]:
    return [show_picture(picture) for picture in pictures if picture.use == use]
