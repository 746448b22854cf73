"""What whoever decides a claim looks at: the claim, its order, and the merchant's other claims."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum

from aftersales.decisions import amount_by_rule
from aftersales.models import Claim, ClaimEvent, ClaimLine, ClaimNote, ClaimPicture
from aftersales.picture_links import links_on_page
from aftersales.states import OPEN, ClaimStatus
from openplatform.core import money
from orders.models import OrderLine

LOOKED_BACK = timedelta(days=90)
EARLIER = 10

S = ClaimStatus


@dataclass(frozen=True, slots=True)
class Word:
    """Something said or done about a claim; ``to_status`` is empty for a note."""

    at: datetime
    role: str
    actor: str
    text: str
    to_status: str = ""
    pictures: Sequence[dict[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """What a merchant claimed in the last 90 days, this claim included."""

    filed: int
    open: int
    refunded: int
    rejected: int
    ended_otherwise: int
    refund_amount: Decimal


def list_claimed(claim: Claim) -> list[ClaimLine]:
    """Its lines, each with the order line."""
    return list(claim.lines.select_related("line").order_by("line__line_no"))


def asked_amount(lines: Sequence[ClaimLine]) -> Decimal:
    """What was paid for the units that are claimed, without freight."""
    return sum((row.line.purchase_price * row.quantity for row in lines), money.ZERO)


def list_amounts_by_rule(claims: Sequence[Claim]) -> dict[int, Decimal]:
    """What each claim would come to if all that was asked for were granted now, with the freight
    by rule, by primary key.

    :param claims: with their suborders.
    """
    lines: dict[int, list[OrderLine]] = {claim.suborder_id: [] for claim in claims}
    for line in OrderLine.objects.filter(suborder__in=lines):
        lines[line.suborder_id].append(line)
    rows: dict[int, list[ClaimLine]] = {claim.pk: [] for claim in claims}
    for row in ClaimLine.objects.filter(claim__in=rows).select_related("line"):
        rows[row.claim_id].append(row)
    return {
        claim.pk: amount_by_rule(claim, claim.suborder, lines[claim.suborder_id], rows[claim.pk])
        for claim in claims
    }


def list_words(claim: Claim, pictures: Sequence[ClaimPicture]) -> list[Word]:
    """Changes of state and notes, the oldest first."""
    by_note: dict[int, list[dict[str, Any]]] = {}
    for picture in pictures:
        if picture.note_id is not None:
            by_note.setdefault(picture.note_id, []).append(show_picture(picture))
    events = [
        Word(event.created_at, event.role, event.actor, event.note, event.to_status)
        for event in ClaimEvent.objects.filter(claim=claim).order_by("id")
    ]
    notes = [
        Word(note.created_at, note.role, note.actor, note.text, "", by_note.get(note.pk, ()))
        for note in ClaimNote.objects.filter(claim=claim).order_by("id")
    ]
    return sorted([*events, *notes], key=lambda word: word.at)


def show_picture(picture: ClaimPicture) -> dict[str, Any]:
    """A picture under links that work for a few minutes."""
    row = {name: getattr(picture, name) for name in ("picture_id", "file", "thumbnail")}
    return {
        "picture_id": picture.picture_id,
        "width": picture.width,
        "height": picture.height,
        "uploaded_by": picture.uploaded_by,
        **links_on_page(row),
    }


def list_earlier(claim: Claim) -> QuerySet[Claim]:
    """The merchant's other claims, the newest first."""
    return (
        Claim.objects.filter(partner=claim.partner_id)
        .exclude(pk=claim.pk)
        .select_related("reason", "suborder")
        .order_by("-created_at", "-id")[:EARLIER]
    )


def list_of_same_order(claim: Claim) -> QuerySet[Claim]:
    """Other claims on the same order, the first of them."""
    return (
        Claim.objects.filter(order=claim.order_id)
        .exclude(pk=claim.pk)
        .select_related("reason", "suborder")
        .order_by("id")[:EARLIER]
    )


def get_record(claim: Claim, *, now: datetime) -> Record:
    """How many claims its merchant has filed lately, and what became of them."""
    numbers = Claim.objects.filter(
        partner=claim.partner_id, created_at__gte=now - LOOKED_BACK
    ).aggregate(
        filed=Count("id"),
        open=Count("id", filter=Q(status__in=OPEN)),
        refunded=Count("id", filter=Q(status=S.REFUNDED)),
        rejected=Count("id", filter=Q(status=S.REJECTED)),
        ended_otherwise=Count("id", filter=Q(status__in=[S.CANCELLED, S.EXPIRED])),
        refund_amount=Sum("refund_amount", filter=Q(status=S.REFUNDED), default=money.ZERO),
    )
    return Record(**numbers)
