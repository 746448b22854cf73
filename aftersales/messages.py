"""What merchants are told of their claims: always the whole claim as it was."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from aftersales.states import ClaimStatus
from openplatform.messaging.services.publishing import Draft
from openplatform.messaging.types import MessageType

S = ClaimStatus
FORM = "aftersales.api.events.ClaimNewsSerializer"
MESSAGE_TYPES = (
    MessageType(
        "aftersale.reviewed",
        _("A claim was decided, or a question was asked about it"),
        details=_(
            "Approved, rejected, or more information is needed; after approval another message"
            " tells what comes next."
        ),
        serializer=FORM,
    ),
    MessageType(
        "aftersale.status_changed",
        _("A claim came to another state"),
        details=_(
            "Told of every change of state that has no type of its own: submitted, goods to be sent"
            " back, sent back, received."
        ),
        serializer=FORM,
    ),
    MessageType(
        "aftersale.completed",
        _("A claim was refunded"),
        details=_("The amount is on the balance; the ledger entry names the claim."),
        serializer=FORM,
    ),
    MessageType(
        "aftersale.failed",
        _("A claim ended without a refund"),
        details=_("Cancelled, expired, or rejected after the goods were inspected."),
        serializer=FORM,
    ),
    MessageType(
        "aftersale.note_added",
        _("Somebody wrote a note on a claim"),
        details=_("The last note of the claim is the new one."),
        serializer=FORM,
    ),
)
REVIEWED = frozenset(
    {(S.SUBMITTED, S.APPROVED), (S.SUBMITTED, S.REJECTED), (S.SUBMITTED, S.INFO_REQUESTED)}
)
FAILED = frozenset({S.CANCELLED, S.EXPIRED, S.REJECTED})


def type_of_change(before: ClaimStatus, to: ClaimStatus) -> str:
    """The type of message that tells of a change of state."""
    if (before, to) in REVIEWED:
        return "aftersale.reviewed"
    if to == S.REFUNDED:
        return "aftersale.completed"
    if to in FAILED:
        return "aftersale.failed"
    return "aftersale.status_changed"


def claim_draft(*, type: str, partner_id: int, document: dict[str, Any]) -> Draft:
    """A message about a claim."""
    return Draft(
        type=type,
        subject=f"aftersale:{document['aftersale_no']}",
        data={"aftersale": document},
        partner_ids=[partner_id],
    )
