"""Claims whose merchant was to act and did not: a reminder in time, then the end."""

from __future__ import annotations

from datetime import datetime

import structlog
from django.conf import settings
from django.db import Error
from django.utils import translation
from django.utils.translation import gettext as _

from aftersales.models import Claim, ClaimNote
from aftersales.services.refunding import free_claim, lock_claimed_part, read_rows
from aftersales.services.transitions import PLATFORM, lock_claim, move, tell_again
from aftersales.states import ClaimStatus
from openplatform.core import clock
from openplatform.core.errors import DomainError
from openplatform.core.locking import transactional
from openplatform.core.statements import send
from openplatform.messaging.services.mailing import queue_mail

log = structlog.get_logger(__name__)

TOPIC = "claim_due"
BATCH = 200
PUT_OFF_MINUTES = 5
REMINDED_BEFORE_HOURS = 48  # or half of the time there is, if that is less
# Whose turn it is: the merchant's. What becomes of the claim when it does nothing.
ENDS = {
    ClaimStatus.INFO_REQUESTED: ClaimStatus.CANCELLED,
    ClaimStatus.AWAITING_RETURN: ClaimStatus.EXPIRED,
}
IS_OVER = "status IN ('info_requested', 'awaiting_return') AND deadline <= clock_timestamp()"
OVER = f"""
    SELECT aftersale_no FROM aftersales_claim WHERE {IS_OVER} ORDER BY deadline LIMIT %s
"""  # noqa: S608 - of constants
STILL_OVER = f"SELECT id FROM aftersales_claim WHERE id = %s AND {IS_OVER}"  # noqa: S608
# What somebody holds is left: whoever fails at it must not wait for it as well.
PUT_OFF = """
    UPDATE aftersales_claim SET deadline = clock_timestamp() + make_interval(mins => %s)
    WHERE id IN (
        SELECT id FROM aftersales_claim
        WHERE aftersale_no = %s AND deadline <= clock_timestamp()
        FOR NO KEY UPDATE SKIP LOCKED
    )
"""
IS_NEAR = """
    reminded_at IS NULL AND deadline > clock_timestamp() AND (
        status = 'info_requested'
            AND deadline <= clock_timestamp() + make_interval(hours => %(answer_hours)s)
        OR status = 'awaiting_return'
            AND deadline <= clock_timestamp() + make_interval(hours => %(return_hours)s)
    )
"""
NEAR = f"""
    SELECT aftersale_no FROM aftersales_claim
    WHERE status IN ('info_requested', 'awaiting_return') AND {IS_NEAR}
    ORDER BY deadline LIMIT %(batch)s
"""  # noqa: S608 - of constants
STILL_NEAR = f"SELECT id FROM aftersales_claim WHERE id = %(id)s AND {IS_NEAR}"  # noqa: S608


def end_claims_past_deadline() -> int:
    """Loop: end a batch of claims whose merchant neither answered nor sent goods back in time, by
    the database's clock; how many. Any process may, at any time. One that cannot be ended is put
    off.

    :raises Error: the last fault of the database, once every other claim has had its turn.
    """
    due = [row[0] for row in send(OVER, [BATCH]).rows()]
    ended, fault = 0, None
    for aftersale_no in due:
        try:
            ended += end_claim_past_deadline(aftersale_no=aftersale_no, now=clock.now())
        except (Error, DomainError) as error:
            # One that cannot be ended must not keep the others waiting.
            log.error("claim_not_ended", aftersale_no=aftersale_no, error=str(error))
            send(PUT_OFF, [PUT_OFF_MINUTES, aftersale_no])
            fault = error if isinstance(error, Error) else fault
    if fault is not None:
        raise fault
    return ended


@transactional
def end_claim_past_deadline(*, aftersale_no: str, now: datetime) -> bool:
    """End one claim if it is due under its lock; whether it was this call that did. Its units can
    be claimed again while the time for claims lasts.

    :raises NotFound: when there is no such claim.
    """
    claim = lock_claim(aftersale_no=aftersale_no)
    if send(STILL_OVER, [claim.pk]).row() is None:
        return False
    free_claim(claim, locked=lock_claimed_part(claim), rows=read_rows(claim))
    with _platform_language():
        note = (
            _("No answer came in time")
            if claim.status == ClaimStatus.INFO_REQUESTED
            else _("Nothing was sent back in time")
        )
    move(claim, ENDS[ClaimStatus(claim.status)], by=PLATFORM, now=now, note=note)
    return True


def remind_of_claims() -> int:
    """Loop: remind the merchants of a batch of claims whose deadline is near, each once; how many.

    :raises Error: the last fault of the database, once every other claim has had its turn.
    """
    near = [row[0] for row in send(NEAR, {**_hours(), "batch": BATCH}).rows()]
    reminded, fault = 0, None
    for aftersale_no in near:
        try:
            reminded += remind_of_claim(aftersale_no=aftersale_no, now=clock.now())
        except (Error, DomainError) as error:
            log.error("claim_not_reminded_of", aftersale_no=aftersale_no, error=str(error))
            fault = error if isinstance(error, Error) else fault
    if fault is not None:
        raise fault
    return reminded


@transactional
def remind_of_claim(*, aftersale_no: str, now: datetime) -> bool:
    """Remind of one claim by a note, its message and a mail, if it is still due under its lock;
    whether it was this call that did.

    :raises NotFound: when there is no such claim.
    """
    claim = lock_claim(aftersale_no=aftersale_no)
    if send(STILL_NEAR, {**_hours(), "id": claim.pk}).row() is None:
        return False
    assert claim.deadline is not None  # noqa: S101 - it is near
    until = f"{claim.deadline.astimezone(clock.PLATFORM_ZONE):%Y-%m-%d %H:%M}"
    with _platform_language():
        texts = {
            ClaimStatus.INFO_REQUESTED: _("Please answer until %(until)s (UTC+8)."),
            ClaimStatus.AWAITING_RETURN: _("Please send the goods back until %(until)s (UTC+8)."),
        }
    ClaimNote.objects.create(
        claim=claim,
        role=PLATFORM.side,
        actor=PLATFORM.name,
        text=texts[ClaimStatus(claim.status)] % {"until": until},
        created_at=now,
    )
    claim.reminded_at = now
    claim.save(update_fields=["reminded_at"])
    tell_again(claim, "aftersale.note_added", now=now)
    queue_mail(topic=TOPIC, partner_id=claim.partner_id, facts=_facts(claim, until))
    return True


def _facts(claim: Claim, until: str) -> dict[str, object]:
    partner = claim.partner
    return {
        "claim": {
            "aftersale_no": claim.aftersale_no,
            "merchant_aftersale_no": claim.merchant_aftersale_no,
            "order_no": claim.suborder.order_no,
            "status": claim.status,
        },
        "question": _question(claim),
        "partner": {"name": partner.name, "code": partner.code},
        "return_address": claim.return_address,
        "until": until,
    }


def _question(claim: Claim) -> str:
    asked = claim.events.filter(to_status=ClaimStatus.INFO_REQUESTED).order_by("pk").last()
    return "" if asked is None else asked.note


def _hours() -> dict[str, int]:
    return {
        "answer_hours": min(REMINDED_BEFORE_HOURS, settings.AFTERSALE_ANSWER_DAYS * 12),
        "return_hours": min(REMINDED_BEFORE_HOURS, settings.AFTERSALE_RETURN_DAYS * 12),
    }


def _platform_language() -> translation.override:
    """Of texts that are kept and read by everybody."""
    return translation.override(settings.LANGUAGE_CODE)
