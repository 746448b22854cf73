"""What waits, and for whom."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.db.models.functions import Now

from aftersales.models import Claim
from aftersales.states import OPEN, ClaimStatus
from openplatform.core.statements import send

S = ClaimStatus

# Whose turn it is, by state.
QUEUES: dict[str, tuple[ClaimStatus, ...]] = {
    "decide": (S.SUBMITTED,),
    "answer": (S.INFO_REQUESTED,),
    "return": (S.AWAITING_RETURN,),
    "receive": (S.RETURN_SHIPPED,),
    "inspect": (S.RETURN_RECEIVED,),
    "open": OPEN,
}
OURS = (S.SUBMITTED, S.RETURN_SHIPPED, S.RETURN_RECEIVED)
# Nobody counts further; a number on a page must not cost more than the page.
MAX_COUNTED = 1000

# Through the index of states and deadlines, each up to the bound. A clock that goes on while a
# statement runs would have every row looked at.
STANDINGS = f"""
    SELECT asked.status,
        (SELECT count(*) FROM (
            SELECT FROM aftersales_claim claim WHERE claim.status = asked.status
            LIMIT {MAX_COUNTED}
        ) waiting),
        (SELECT count(*) FROM (
            SELECT FROM aftersales_claim claim
            WHERE claim.status = asked.status AND claim.deadline < statement_timestamp()
            LIMIT {MAX_COUNTED}
        ) late),
        (SELECT min(claim.deadline) FROM aftersales_claim claim WHERE claim.status = asked.status)
    FROM unnest(%(statuses)s::text[]) asked (status)
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Standing:
    """How many claims are in a state, and how many of them too long; both up to a thousand."""

    count: int
    overdue_count: int
    next_deadline: datetime | None


def get_standings() -> dict[ClaimStatus, Standing]:
    """How the queues that wait for us stand, by the database's clock, in one statement."""
    rows = send(STANDINGS, {"statuses": [status.value for status in OURS]}).rows()
    return {ClaimStatus(status): Standing(*numbers) for status, *numbers in rows}


def list_overdue(claims: QuerySet[Claim], *, within_hours: int = 0) -> QuerySet[Claim]:
    """Those whose deadline is over; with hours, those where it will be by then and is not yet."""
    late = claims.filter(status__in=OPEN)
    if not within_hours:
        return late.filter(deadline__lt=Now())
    bound = Now() + timedelta(hours=within_hours)
    return late.filter(deadline__gte=Now(), deadline__lt=bound)
