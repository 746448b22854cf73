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
# Nobody counts further; a number on a page must not cost more than the page.
MAX_COUNTED = 1000

# Through the index of states and deadlines, each up to the bound. A clock that goes on while a
# statement runs would have every row looked at.
STANDING = f"""
    SELECT
        (SELECT count(*) FROM (
            SELECT FROM aftersales_claim WHERE status = %(status)s LIMIT {MAX_COUNTED}
        ) waiting),
        (SELECT count(*) FROM (
            SELECT FROM aftersales_claim
            WHERE status = %(status)s AND deadline < statement_timestamp() LIMIT {MAX_COUNTED}
        ) late),
        (SELECT min(deadline) FROM aftersales_claim WHERE status = %(status)s)
"""  # noqa: S608 - of constants


@dataclass(frozen=True, slots=True)
class Standing:
    """How many claims are in a state, and how many of them too long; both up to a thousand."""

    count: int
    overdue_count: int
    next_deadline: datetime | None


def get_standing(status: ClaimStatus) -> Standing:
    """How the queue of one state stands, by the database's clock."""
    row = send(STANDING, {"status": status.value}).row()
    assert row is not None  # noqa: S101 - aggregates always have a row
    return Standing(*row)


def list_overdue(claims: QuerySet[Claim], *, within_hours: int = 0) -> QuerySet[Claim]:
    """Those whose deadline is over; with hours, those where it will be by then and is not yet."""
    late = claims.filter(status__in=OPEN)
    if not within_hours:
        return late.filter(deadline__lt=Now())
    bound = Now() + timedelta(hours=within_hours)
    return late.filter(deadline__gte=Now(), deadline__lt=bound)
