"""The one place where the status of a claim changes, and where that is told."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from aftersales.errors import CLAIM_CHANGED, AftersaleStateConflict
from aftersales.messages import claim_draft, type_of_change
from aftersales.models import Claim, ClaimEvent
from aftersales.selectors.documents import read_document
from aftersales.states import OPEN, TRANSITIONS, ClaimStatus
from catalog.errors import PreviewOutdated
from openplatform.core.errors import NotFound
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from openplatform.messaging.services.publishing import publish_all

# Compare-and-set; the deadline of whoever is to act now is set by the database's clock.
MOVE = """
    UPDATE aftersales_claim
    SET status = %(to)s, version = version + 1, updated_at = %(now)s, reminded_at = NULL,
        deadline = clock_timestamp() + make_interval(hours => %(hours)s),
        ended_at = CASE WHEN %(is_end)s THEN %(now)s::timestamptz END
    WHERE id = %(id)s AND status = %(from)s
    RETURNING version, deadline, ended_at
"""


class Side(StrEnum):
    """Who acts, as merchants are told."""

    MERCHANT = "merchant"
    OPERATOR = "operator"
    PLATFORM = "platform"


@dataclass(frozen=True, slots=True)
class Actor:
    """Whose act it is: the side for merchants, the name for our own books."""

    side: Side
    name: str


PLATFORM = Actor(Side.PLATFORM, "platform")


class _Moved(NamedTuple):
    version: int
    deadline: datetime | None
    ended_at: datetime | None


def lock_claim(
    *, aftersale_no: str, partner_id: int | None = None, expected_version: int | None = None
) -> Claim:
    """Step: the claim, locked until the transaction ends. Claims are locked before orders.

    :param partner_id: whose it has to be; None for any partner's.
    :param expected_version: of the claim when somebody looked at what would happen.
    :raises NotFound: when there is no such claim, or it is another partner's.
    :raises PreviewOutdated: when it has changed since somebody looked.
    """
    require_transaction()
    claims = Claim.objects.select_for_update(no_key=True, of=("self",))
    if partner_id is not None:
        claims = claims.filter(partner=partner_id)
    claim = (
        claims.select_related("suborder", "order", "reason")
        .filter(aftersale_no=aftersale_no)
        .first()
    )
    if claim is None:
        raise NotFound(_("There is no claim with this number"), aftersale_no=aftersale_no)
    if expected_version is not None and claim.version != expected_version:
        raise PreviewOutdated(CLAIM_CHANGED)
    return claim


def move(claim: Claim, to: ClaimStatus, *, by: Actor, now: datetime, note: str = "") -> None:
    """Step: bring a claim to a state, with its event and its message. Facts are written before,
    since the message shows them.

    :raises AftersaleStateConflict: when it is not in a state that leads there.
    """
    require_transaction()
    before = ClaimStatus(claim.status)
    if to not in TRANSITIONS[before]:
        raise AftersaleStateConflict(aftersale_no=claim.aftersale_no, status=before.value)
    row = send(
        MOVE,
        {
            "id": claim.pk,
            "from": before.value,
            "to": to.value,
            "now": now,
            "hours": hours_in(to),
            "is_end": to not in OPEN,
        },
    ).row()
    if row is None:
        raise AftersaleStateConflict(aftersale_no=claim.aftersale_no, status=before.value)
    moved = _Moved(*row)
    claim.status, claim.updated_at = to, now
    claim.version, claim.deadline, claim.ended_at = moved
    _add_event(claim, before, to, by=by, now=now, note=note)
    tell(claim, type_of_change(before, to))


def begin(claim: Claim, *, by: Actor, now: datetime) -> None:
    """Step: the first event and message of a claim that was just written as submitted."""
    require_transaction()
    _add_event(claim, "", ClaimStatus.SUBMITTED, by=by, now=now, note="")
    tell(claim, "aftersale.status_changed")


def tell_again(claim: Claim, type: str, *, now: datetime) -> None:
    """Step: a message of its own about a claim that keeps its state; its version counts up."""
    require_transaction()
    claim.version += 1
    claim.updated_at = now
    claim.save(update_fields=["version", "updated_at"])
    tell(claim, type)


def tell(claim: Claim, type: str) -> None:
    """Step: the whole claim as it is now."""
    publish_all(
        [claim_draft(type=type, partner_id=claim.partner_id, document=read_document(claim.pk))]
    )


def hours_in(status: ClaimStatus) -> int | None:
    """How long a claim may stay in a state before its deadline; None where nothing is to be done,
    or where it depends on a carrier.
    """
    match status:
        case ClaimStatus.SUBMITTED:
            return settings.AFTERSALE_REVIEW_HOURS
        case ClaimStatus.INFO_REQUESTED:
            return settings.AFTERSALE_ANSWER_DAYS * 24
        case ClaimStatus.AWAITING_RETURN:
            return settings.AFTERSALE_RETURN_DAYS * 24
        case ClaimStatus.RETURN_RECEIVED:
            return settings.AFTERSALE_INSPECTION_HOURS
        case _:
            return None


def _add_event(claim: Claim, before: str, to: str, *, by: Actor, now: datetime, note: str) -> None:
    ClaimEvent.objects.create(
        claim=claim,
        from_status=before,
        to_status=to,
        role=by.side,
        actor=by.name,
        note=note,
        created_at=now,
    )
