"""What an approval rule would have made of claims that were filed."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, F, OuterRef, QuerySet, Subquery, Sum

from aftersales.models import Claim, ClaimLine
from aftersales.rule_terms import Asked, Terms, find_objection
from aftersales.states import DECIDABLE
from openplatform.core import money
from openplatform.core.errors import type_of_text

MOST_CLAIMS = 200
DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Trial:
    """One claim as the rule sees it; ``objection`` is empty when it would have been approved."""

    claim: Claim
    amount: Decimal
    objection: type_of_text

    @property
    def is_approved(self) -> bool:
        """Whether nothing stood against it."""
        return not self.objection


def try_rule(terms: Terms, *, undecided_only: bool = False) -> list[Trial]:
    """The last claims that merchants filed, newest first, as a rule with these terms alone would
    have seen them when they came in; of a decided claim the freight is what was decided, and of
    one that ended without a refund none.

    :param undecided_only: only those that still wait for a decision.
    """
    claims = _list_filed(undecided_only=undecided_only)
    approved: dict[int, deque[tuple[datetime, Decimal]]] = defaultdict(deque)
    trials = []
    for claim in reversed(claims):
        asked = _read_asked(claim)
        of_day = approved[claim.partner_id]
        while of_day and of_day[0][0] <= claim.created_at - DAY:
            of_day.popleft()
        objection = find_objection(
            terms,
            asked,
            approved_a_day=sum((amount for _at, amount in of_day), money.ZERO),
        )
        if not objection:
            of_day.append((claim.created_at, asked.amount))
        trials.append(Trial(claim, asked.amount, objection))
    return trials[::-1]


def _list_filed(*, undecided_only: bool) -> Sequence[Claim]:
    lines = ClaimLine.objects.filter(claim=OuterRef("pk")).order_by()
    goods = (
        lines.values("claim")
        .annotate(asked=Sum(F("quantity") * F("line__purchase_price")))
        .values("asked")
    )
    claims: QuerySet[Claim] = (
        Claim.objects.filter(opened_by="")
        .select_related("partner", "reason")
        .annotate(
            goods_asked=Subquery(goods),
            has_shipped=Exists(lines.filter(unshipped_quantity__lt=F("quantity"))),
        )
    )
    if undecided_only:
        claims = claims.filter(status__in=DECIDABLE)
    return list(claims.order_by("-id")[:MOST_CLAIMS])


def _read_asked(claim: Claim) -> Asked:
    goods: Decimal = claim.goods_asked  # type: ignore[attr-defined] # of the list's query
    has_shipped: bool = claim.has_shipped  # type: ignore[attr-defined] # of the list's query
    return Asked(
        partner_id=claim.partner_id,
        type=claim.type,
        reason_id=claim.reason_id,
        amount=goods + claim.freight_refund_amount,
        has_shipped=has_shipped,
    )
