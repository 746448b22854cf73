"""What merchant and operators write to each other about a claim."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from aftersales.models import Claim, ClaimNote, ClaimPicture
from aftersales.services.answers import answer_with, answered_anew
from aftersales.services.pictures import MAX_PICTURES, attach_pictures
from aftersales.services.transitions import Actor, Side, lock_claim, move, tell_again
from aftersales.states import ClaimStatus
from openplatform.audit.services.recording import record_change
from openplatform.core.errors import (
    DomainError,
    FieldInvalid,
    FieldRequired,
    TooManyItems,
    refuse_if,
)
from openplatform.core.locking import transactional
from openplatform.core.visible_text import is_visible
from openplatform.idempotency.services.replay import Answer, ReplayKey
from openplatform.idempotency.services.replay import claim as claim_key

MAX_TEXT = 1000
MAX_NOTES = 100  # of each side on one claim: every message has all of them


@transactional
def add_note(
    *,
    aftersale_no: str,
    partner_id: int | None,
    by: Actor,
    text: str,
    picture_ids: Sequence[str] = (),
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """The claim with one note more, in whatever state it is (201). A merchant's note answers the
    question that is open, if one is: the claim is submitted again.

    1. Claim the Idempotency-Key, lock the claim. 2. The note and its pictures; message. 3. The
    state, with a message of its own.

    :param partner_id: whose claim it has to be; None for any partner's, when an operator writes.
    :raises NotFound: when there is no such claim; in a Refusal for each picture that the merchant
        does not have, or that is used.
    :raises Refusal: with a FieldRequired without a text, a FieldInvalid for one that is too long or
        has hidden characters, a TooManyItems for the 10th picture or the 101st note of a side;
        what answers an open question is never one too many.
    """
    if (kept := claim_key(replay)) is not None:
        return answered_anew(kept)
    claim = lock_claim(aftersale_no=aftersale_no, partner_id=partner_id)
    _check(claim, by, text, picture_ids)
    note = ClaimNote.objects.create(
        claim=claim, role=by.side, actor=by.name, text=text, created_at=now
    )
    attach_pictures(claim, picture_ids, ClaimPicture.Use.NOTE, note=note)
    tell_again(claim, "aftersale.note_added", now=now)
    if _answers(claim, by):
        move(claim, ClaimStatus.SUBMITTED, by=by, now=now)
    if by.side == Side.OPERATOR:
        record_change(
            action="add_note",
            subject=claim,
            before={},
            after={"note": text, "pictures": len(picture_ids)},
            actor=by.name,
            partner_id=claim.partner_id,
        )
    return answer_with(claim.pk, status=201, replay=replay)


def _answers(claim: Claim, by: Actor) -> bool:
    return by.side == Side.MERCHANT and claim.status == ClaimStatus.INFO_REQUESTED


def _count_notes(claim: Claim, by: Actor) -> int:
    return ClaimNote.objects.filter(claim=claim, role=by.side).count()


def _check(claim: Claim, by: Actor, text: str, picture_ids: Sequence[str]) -> None:
    faults: list[DomainError] = []
    if not text:
        faults.append(FieldRequired(pointer="/text"))
    elif len(text) > MAX_TEXT or not is_visible(text, multiline=True):
        faults.append(FieldInvalid(pointer="/text", maximum=MAX_TEXT))
    elif not _answers(claim, by) and _count_notes(claim, by) >= MAX_NOTES:
        faults.append(TooManyItems(pointer="/text", maximum=MAX_NOTES))
    if len(picture_ids) > MAX_PICTURES:
        faults.append(TooManyItems(pointer="/pictures", maximum=MAX_PICTURES))
    refuse_if(faults)
