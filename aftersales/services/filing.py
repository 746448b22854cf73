"""Filing a claim: one transaction, two round trips between its first lock and its commit.

A claim is written by one statement, whose steps are those of the packages that own the rows; its
document is made of what was read and is to be written, not read back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from accounts.services.locks import lock_partner
from aftersales.claimable import unshipped_of
from aftersales.documents import claim_document
from aftersales.errors import MerchantAftersaleNoConflict
from aftersales.filing_checks import check_claim
from aftersales.models import Claim, ClaimPicture, ClaimType
from aftersales.picture_links import links
from aftersales.requests import ClaimRequest
from aftersales.selectors.filing import (
    FilingFacts,
    FoundReason,
    PartFacts,
    read_facts,
    send_facts,
)
from aftersales.services.answers import answer_with, answered_anew
from aftersales.services.pictures import attach_pictures
from aftersales.services.rules import apply_rules
from aftersales.services.transitions import Actor, Side, hours_in
from aftersales.states import ClaimStatus
from openplatform.audit.services.recording import record_change
from openplatform.core import money
from openplatform.core.errors import TemporarilyUnavailable
from openplatform.core.identifiers import dated_no
from openplatform.core.json_text import to_json
from openplatform.core.locking import transactional
from openplatform.core.statements import send, together
from openplatform.core.wakeups import OUTBOX, wake
from openplatform.idempotency.services.replay import RECORD_STEP, Answer, ReplayKey
from openplatform.idempotency.services.replay import claim as claim_key
from openplatform.messaging.types import TYPES
from orders.changes import freight_once_closed
from orders.models import OrderLine
from orders.services.claimed_units import CLAIM_STEP

ATTEMPTS = 3
# A merchant's claims are written one after the other, so that lists by creation never skip one:
# every other waits for the lock of the first one, which never changes.
LOCK_FIRST = """
    SELECT id FROM aftersales_claim WHERE partner_id = %s
    ORDER BY created_at, id LIMIT 1 FOR NO KEY UPDATE
"""
LOCK_ORDER = """
    SELECT "order".id FROM orders_order "order"
    WHERE "order".id = (SELECT order_id FROM orders_suborder WHERE order_no = %(order_no)s)
        AND "order".partner_id = %(partner_id)s
    FOR NO KEY UPDATE
"""
# 1. The claim, unless its number was taken in the meantime; its lines and its first event.
# 2. The units that it holds. 3. The message and, under an Idempotency-Key, the answer.
WRITE = f"""
    WITH filed AS (
        INSERT INTO aftersales_claim
            (aftersale_no, partner_id, merchant_aftersale_no, fingerprint, order_id, suborder_id,
             type, status, version, reason_id, description, opened_by, goods_refund_amount,
             freight_refund_amount, refund_amount, decision_note, deadline, decided_by, created_at,
             updated_at)
        VALUES (%(aftersale_no)s, %(partner_id)s, %(merchant_aftersale_no)s, %(fingerprint)s,
            %(order_id)s, %(suborder_id)s, %(type)s, %(status)s, 0, %(reason_id)s,
            %(description)s, %(opened_by)s, %(goods_refund_amount)s, %(freight_refund_amount)s,
            %(refund_amount)s, '', %(deadline)s, '', %(created_at)s, %(created_at)s)
        ON CONFLICT DO NOTHING
        RETURNING id
    ), lines AS (
        INSERT INTO aftersales_claimline
            (claim_id, line_id, quantity, unshipped_quantity, restocked_quantity, inspection,
             refund_amount)
        SELECT filed.id, item.line_id, item.quantity, item.unshipped, 0, '', item.amount
        FROM filed, json_to_recordset(%(items)s::json) AS item (
            line_id bigint, quantity int, unshipped int, amount numeric
        )
        RETURNING line_id, quantity, unshipped_quantity
    ), claimed AS (SELECT line_id, quantity, unshipped_quantity AS unshipped FROM lines),
    {CLAIM_STEP},
    told AS (
        INSERT INTO aftersales_claimevent
            (claim_id, from_status, to_status, role, actor, note, created_at)
        SELECT id, '', %(status)s, %(role)s, %(actor)s, '', %(created_at)s FROM filed
    ), published AS (
        INSERT INTO messaging_outbox (type, subject, partner_ids, data)
        SELECT %(message_type)s, 'aftersale:' || %(aftersale_no)s::text,
            ARRAY[%(partner_id)s::bigint], jsonb_build_object('aftersale', %(body)s::json)
        FROM filed
    ),
    answer AS (SELECT 201 AS status, %(body)s::text AS body FROM filed),
    {{kept}}
    SELECT id FROM filed
"""  # noqa: S608 - put together from constants
WRITE_ONCE = WRITE.format(kept="kept AS (SELECT FROM answer)")
WRITE_REPLAYABLY = WRITE.format(kept=RECORD_STEP)


class _IsFirst(Exception):
    """The partner has no claim yet that the others could wait for."""


class _FiledMeanwhile(Exception):
    """Another claim was filed under this number since it was looked for."""


@dataclass(frozen=True, slots=True)
class _Item:
    """Units of a line that are claimed, and what was paid for them."""

    line: OrderLine
    quantity: int
    unshipped: int

    @property
    def amount(self) -> Decimal:
        return money.round_amount(self.line.purchase_price * self.quantity)


@dataclass(frozen=True, slots=True)
class _Draft:
    """A claim that can be written."""

    aftersale_no: str
    request: ClaimRequest
    found: PartFacts
    reason: FoundReason
    items: Sequence[_Item]
    pictures: Sequence[dict[str, Any]]
    freight_amount: Decimal
    by: Actor
    deadline: datetime
    created_at: datetime

    @property
    def goods_amount(self) -> Decimal:
        return sum((item.amount for item in self.items), money.ZERO)

    def row(self) -> dict[str, Any]:
        """As ``selectors.documents`` would read it."""
        return {
            "aftersale_no": self.aftersale_no,
            "merchant_aftersale_no": self.request.merchant_aftersale_no,
            "order_no": self.request.order_no,
            "parent_order_no": self.found.parent_order_no,
            "type": self.request.type.value,
            "status": ClaimStatus.SUBMITTED.value,
            "reason": self.request.reason,
            "description": self.request.description,
            "pictures": self.pictures,
            "lines": [
                {
                    "line_no": item.line.line_no, "sku": item.line.sku_code,
                    "quantity": item.quantity, "approved_quantity": None,
                    "received_quantity": None, "accepted_quantity": None, "inspection": "",
                    "refund_amount": money.to_text(item.amount),
                }
                for item in sorted(self.items, key=lambda item: item.line.line_no)
            ],
            "goods_refund_amount": money.to_text(self.goods_amount),
            "freight_refund_amount": money.to_text(self.freight_amount),
            "refund_amount": money.to_text(self.goods_amount + self.freight_amount),
            "decision_note": "",
            "deadline": self.deadline,
            "return_address": None,
            "parcels": [],
            "events": [
                {
                    "at": self.created_at, "from_status": "",
                    "to_status": ClaimStatus.SUBMITTED.value, "role": self.by.side.value,
                    "note": "",
                }
            ],
            "notes": [],
            "version": 0,
            "created_at": self.created_at,
            "updated_at": self.created_at,
        }  # fmt: skip


def file_claim(
    *,
    partner_id: int,
    request: ClaimRequest,
    by: Actor,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """The claim that was filed (201), or that its number stands for already (200, a replay).

    1. Claim the Idempotency-Key. 2. Lock the merchant's first claim, then the order; read what the
    claim depends on. A claim known by this number ends here. 3. Check in stages. 4. Write claim,
    units, message and answer. 5. Rules may approve it, which moves stock and, last, the wallet.

    An operator opens a claim for a merchant under no number of the merchant's; no pictures are
    insisted on then, and rules do not decide it.

    :raises Refusal: with every fault of the first stage that has one: a NotFound for a suborder or
        a picture that the merchant does not have, or that is used; a FieldInvalid for a whole
        order, a line of another suborder, a reason that may not be given; a FieldRequired for
        pictures; an OrderStateConflict for what is unpaid or closed; an AftersaleWindowClosed,
        AftersaleTypeNotAllowed, QuantityExceedsClaimable.
    :raises MerchantAftersaleNoConflict: when the number stands for another claim.
    """
    is_first = False
    for _attempt in range(ATTEMPTS):
        try:
            return _file(
                partner_id=partner_id, request=request, by=by, now=now, replay=replay,
                locks_partner=is_first,
            )  # fmt: skip
        except _IsFirst:
            is_first = True
        except _FiledMeanwhile:
            continue  # it is found now
    raise TemporarilyUnavailable


@transactional
def _file(
    *,
    partner_id: int,
    request: ClaimRequest,
    by: Actor,
    now: datetime,
    replay: ReplayKey | None,
    locks_partner: bool,
) -> Answer:
    if (kept := claim_key(replay)) is not None:
        return answered_anew(kept)
    if locks_partner:
        lock_partner(pk=partner_id)
    hours = hours_in(ClaimStatus.SUBMITTED)
    with together():
        first = send(LOCK_FIRST, [partner_id])
        send(LOCK_ORDER, {"order_no": request.order_no, "partner_id": partner_id})
        facts_sent = send_facts(partner_id=partner_id, request=request, hours=hours)
    if first.row() is None and not locks_partner:
        raise _IsFirst
    facts = read_facts(facts_sent)
    if facts.known is not None:
        if facts.known.fingerprint != request.fingerprint():
            raise MerchantAftersaleNoConflict(
                pointer="/merchant_aftersale_no", aftersale_no=facts.known.aftersale_no
            )
        return answer_with(facts.known.id, status=200, replay=replay, is_replay=True)
    draft = _draft(request, facts, by=by, now=now)
    row = draft.row()
    body = to_json(claim_document(row))
    claim_id = _write(draft, partner_id=partner_id, body=body, replay=replay)
    if request.pictures:
        attach_pictures(
            Claim(pk=claim_id, partner_id=partner_id), request.pictures, ClaimPicture.Use.CLAIM
        )
    if by.side == Side.OPERATOR:
        _record(claim_id, draft, partner_id)
    elif facts.has_rules:
        approved: list[Answer] = []

        def keep_answer() -> None:
            approved.append(answer_with(claim_id, status=201, replay=replay))

        claim = Claim.objects.select_related("suborder", "order", "reason").get(pk=claim_id)
        if apply_rules(claim, now=now, before_booking=keep_answer):
            return approved[0] if approved else answer_with(claim_id, status=201, replay=replay)
    if request.pictures:
        body = to_json(claim_document(row, links=links))
    return Answer(201, body)


def _draft(request: ClaimRequest, facts: FilingFacts, *, by: Actor, now: datetime) -> _Draft:
    found, reason, lines = check_claim(request, facts, asks_pictures=by.side == Side.MERCHANT)
    items = [
        _Item(line, quantity, unshipped_of(line, request.type, quantity))
        for line, (_line_no, quantity) in zip(lines, request.items, strict=True)
    ]
    freight_amount = money.ZERO
    if request.type == ClaimType.REFUND:
        closing = {item.line.pk: item.unshipped for item in items}
        freight_amount = freight_once_closed(found.part, found.lines, closing)
    return _Draft(
        aftersale_no=dated_no("R", now),
        request=request,
        found=found,
        reason=reason,
        items=items,
        pictures=[
            {**facts.pictures[picture_id], "use": ClaimPicture.Use.CLAIM.value}
            for picture_id in request.pictures
        ],
        freight_amount=freight_amount,
        by=by,
        deadline=facts.deadline,
        created_at=now if facts.latest_at is None else max(now, facts.latest_at),
    )


def _write(draft: _Draft, *, partner_id: int, body: bytes, replay: ReplayKey | None) -> int:
    request = draft.request
    parameters = {
        "aftersale_no": draft.aftersale_no,
        "partner_id": partner_id,
        "merchant_aftersale_no": request.merchant_aftersale_no,
        "fingerprint": request.fingerprint(),
        "order_id": draft.found.order_id,
        "suborder_id": draft.found.part.pk,
        "type": request.type.value,
        "status": ClaimStatus.SUBMITTED.value,
        "reason_id": draft.reason.id,
        "description": request.description,
        "opened_by": draft.by.name if draft.by.side == Side.OPERATOR else "",
        "goods_refund_amount": draft.goods_amount,
        "freight_refund_amount": draft.freight_amount,
        "refund_amount": draft.goods_amount + draft.freight_amount,
        "deadline": draft.deadline,
        "created_at": draft.created_at,
        "items": to_json(
            [
                {
                    "line_id": item.line.pk,
                    "quantity": item.quantity,
                    "unshipped": item.unshipped,
                    "amount": item.amount,
                }
                for item in draft.items
            ]
        ).decode(),
        "role": draft.by.side.value,
        "actor": draft.by.name,
        "message_type": TYPES["aftersale.status_changed"].name,
        "body": body.decode(),
    }
    if replay is None:
        row = send(WRITE_ONCE, parameters).row()
    else:
        row = send(WRITE_REPLAYABLY, {**replay.parameters(), **parameters}).row()
    if row is None:
        raise _FiledMeanwhile
    wake(OUTBOX)
    claim_id: int = row[0]
    return claim_id


def _record(claim_id: int, draft: _Draft, partner_id: int) -> None:
    record_change(
        action="file_claim",
        subject=Claim(pk=claim_id, aftersale_no=draft.aftersale_no),
        before={},
        after={
            "order_no": draft.request.order_no,
            "type": draft.request.type.value,
            "reason": draft.request.reason,
            "refund_amount": draft.goods_amount + draft.freight_amount,
        },
        actor=draft.by.name,
        partner_id=partner_id,
    )
