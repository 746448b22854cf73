"""A merchant takes a claim back."""

from __future__ import annotations

from datetime import datetime

from aftersales.errors import AftersaleStateConflict
from aftersales.services.answers import answer_with, answered_anew
from aftersales.services.refunding import free_claim, lock_claimed_part, read_rows
from aftersales.services.transitions import Actor, Side, lock_claim, move
from aftersales.states import CANCELLABLE, ClaimStatus
from openplatform.core.locking import transactional
from openplatform.idempotency.services.replay import Answer, ReplayKey
from openplatform.idempotency.services.replay import claim as claim_key


@transactional
def cancel_claim(
    *,
    partner_id: int,
    aftersale_no: str,
    actor: str,
    now: datetime,
    replay: ReplayKey | None = None,
) -> Answer:
    """The cancelled claim, whose units can be claimed and shipped again; once it is cancelled,
    again is a replay.

    1. Claim the Idempotency-Key. 2. Lock the claim, then its order. 3. Units, state and message.

    :raises NotFound: when the partner has no such claim.
    :raises AftersaleStateConflict: once goods were sent back, or it was decided for good.
    """
    if (kept := claim_key(replay)) is not None:
        return answered_anew(kept)
    claim = lock_claim(aftersale_no=aftersale_no, partner_id=partner_id)
    if claim.status == ClaimStatus.CANCELLED:
        return answer_with(claim.pk, status=200, replay=replay, is_replay=True)
    if claim.status not in CANCELLABLE:
        raise AftersaleStateConflict(aftersale_no=aftersale_no, status=claim.status)
    free_claim(claim, locked=lock_claimed_part(claim), rows=read_rows(claim))
    move(claim, ClaimStatus.CANCELLED, by=Actor(Side.MERCHANT, actor), now=now)
    return answer_with(claim.pk, status=200, replay=replay)
