"""What filing a claim has to know, in one statement."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from django.conf import settings

from aftersales.requests import ClaimRequest
from openplatform.core.statements import Sent, send
from orders.models import OrderLine, Suborder

# Amounts leave JSON as text: a JSON number would come back as a float.
FACTS = """
    SELECT known.id AS known_id, known.aftersale_no AS known_no,
        known.fingerprint AS known_fingerprint,
        part.id AS suborder_id, part.status, part.freight_amount, part.refunded_freight_amount,
        "order".id AS order_id, "order".order_no AS parent_order_no,
        part.completed_at + make_interval(days => %(days)s) AS until,
        coalesce(
            part.completed_at + make_interval(days => %(days)s) <= clock_timestamp(), false
        ) AS is_late,
        ARRAY(
            SELECT child.order_no::text FROM orders_order parent
            JOIN orders_suborder child ON child.order_id = parent.id
            WHERE parent.order_no = %(order_no)s AND parent.partner_id = %(partner_id)s
            ORDER BY child.id
        ) AS children,
        (
            SELECT coalesce(json_agg(json_build_object(
                'id', line.id, 'line_no', line.line_no, 'sku_code', line.sku_code,
                'quantity', line.quantity, 'shipped_quantity', line.shipped_quantity,
                'closed_quantity', line.closed_quantity,
                'refunded_quantity', line.refunded_quantity,
                'claimed_quantity', line.claimed_quantity,
                'stopped_quantity', line.stopped_quantity,
                'purchase_price', line.purchase_price::text
            ) ORDER BY line.line_no), '[]')::text
            FROM orders_orderline line WHERE line.suborder_id = part.id
        ) AS lines,
        (
            SELECT json_build_object(
                'id', reason.id, 'pictures_required', reason.pictures_required
            )::text
            FROM aftersales_reason reason
            WHERE reason.code = %(reason)s AND reason.is_active AND %(type)s = ANY(reason.types)
        ) AS reason,
        ARRAY(
            SELECT reason.code::text FROM aftersales_reason reason
            WHERE reason.is_active AND %(type)s = ANY(reason.types)
            ORDER BY reason.position, reason.code
        ) AS reasons,
        (
            SELECT coalesce(json_agg(json_build_object(
                'picture_id', picture.picture_id, 'file', picture.file,
                'thumbnail', picture.thumbnail, 'width', picture.width, 'height', picture.height
            )), '[]')::text
            FROM aftersales_claimpicture picture
            WHERE picture.picture_id = ANY(%(pictures)s::text[])
                AND picture.partner_id = %(partner_id)s AND picture.claim_id IS NULL
        ) AS pictures,
        EXISTS (SELECT FROM aftersales_approvalrule rule WHERE rule.is_active) AS has_rules,
        (
            SELECT claim.created_at FROM aftersales_claim claim
            WHERE claim.partner_id = %(partner_id)s
            ORDER BY claim.created_at DESC, claim.id DESC LIMIT 1
        ) AS latest_at,
        clock_timestamp() + make_interval(hours => %(hours)s) AS deadline
    FROM (VALUES (1)) AS one (row)
    LEFT JOIN aftersales_claim known
        ON known.partner_id = %(partner_id)s AND known.merchant_aftersale_no <> ''
        AND known.merchant_aftersale_no = %(merchant_aftersale_no)s
    LEFT JOIN (
        orders_suborder part
        JOIN orders_order "order"
            ON "order".id = part.order_id AND "order".partner_id = %(partner_id)s
    ) ON part.order_no = %(order_no)s
"""


class FoundReason(NamedTuple):
    """The reason named, when it may be given for this kind of claim."""

    id: int
    pictures_required: bool


class KnownClaim(NamedTuple):
    """The claim that the merchant's number stands for."""

    id: int
    aftersale_no: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class PartFacts:
    """The suborder and its lines, as far as a claim depends on them.

    :param until: the moment at which claims end; None before it was received.
    """

    order_id: int
    parent_order_no: str
    part: Suborder
    lines: list[OrderLine]
    until: datetime | None
    is_late: bool


@dataclass(frozen=True, slots=True)
class FilingFacts:
    """What there is of what a request names.

    :param part: None when the merchant has no such suborder.
    :param children: the suborders, when the request names a whole order.
    :param reasons: the codes that would do.
    :param pictures: rows of those that can be used, by id.
    :param latest_at: when the merchant's last claim was filed.
    :param deadline: of the decision, by the database's clock.
    """

    known: KnownClaim | None
    part: PartFacts | None
    children: list[str]
    reason: FoundReason | None
    reasons: list[str]
    pictures: dict[str, dict[str, Any]]
    has_rules: bool
    latest_at: datetime | None
    deadline: datetime


def send_facts(*, partner_id: int, request: ClaimRequest, hours: int | None) -> Sent:
    """Ask for it, behind the locks that make it stand still; read it with :func:`read_facts`.

    :param hours: until the deadline of the decision.
    """
    return send(
        FACTS,
        {
            "partner_id": partner_id,
            "merchant_aftersale_no": request.merchant_aftersale_no,
            "order_no": request.order_no,
            "type": request.type.value,
            "reason": request.reason,
            "pictures": list(request.pictures),
            "days": settings.AFTERSALE_DAYS,
            "hours": hours,
        },
    )


def read_facts(sent: Sent) -> FilingFacts:
    """The answer."""
    [row] = sent.named_rows()
    reason = orjson.loads(row["reason"]) if row["reason"] else None
    return FilingFacts(
        known=None
        if row["known_id"] is None
        else KnownClaim(row["known_id"], row["known_no"], bytes(row["known_fingerprint"])),
        part=None if row["suborder_id"] is None else _read_part(row),
        children=row["children"],
        reason=None if reason is None else FoundReason(**reason),
        reasons=row["reasons"],
        pictures={picture["picture_id"]: picture for picture in orjson.loads(row["pictures"])},
        has_rules=row["has_rules"],
        latest_at=row["latest_at"],
        deadline=row["deadline"],
    )


def _read_part(row: dict[str, Any]) -> PartFacts:
    return PartFacts(
        order_id=row["order_id"],
        parent_order_no=row["parent_order_no"],
        part=Suborder(
            pk=row["suborder_id"],
            status=row["status"],
            freight_amount=row["freight_amount"],
            refunded_freight_amount=row["refunded_freight_amount"],
        ),
        lines=[
            OrderLine(**{**line, "purchase_price": Decimal(line["purchase_price"])})
            for line in orjson.loads(row["lines"])
        ],
        until=row["until"],
        is_late=row["is_late"],
    )
