"""What an approval rule asks of a claim, for approving by it and for trying it beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from aftersales.models import ApprovalRule
from openplatform.core.errors import type_of_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a rule asks for; what is empty, or None, asks for nothing."""

    types: frozenset[str] = frozenset()
    reason_ids: frozenset[int] = frozenset()
    partner_ids: frozenset[int] = frozenset()
    before_shipment_only: bool = True
    max_amount: Decimal | None = None
    max_amount_a_day: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What rules look at in a claim.

    :param amount: of the refund asked for, with freight.
    :param has_shipped: whether a claimed unit has left.
    """

    partner_id: int
    type: str
    reason_id: int
    amount: Decimal
    has_shipped: bool


def read_terms(rule: ApprovalRule) -> Terms:
    """Of a rule as it is saved; prefetch ``reasons`` and ``partners`` for several."""
    return Terms(
        types=frozenset(rule.types),
        reason_ids=frozenset(reason.pk for reason in rule.reasons.all()),
        partner_ids=frozenset(partner.pk for partner in rule.partners.all()),
        before_shipment_only=rule.before_shipment_only,
        max_amount=rule.max_amount,
        max_amount_a_day=rule.max_amount_a_day,
    )


def find_objection(terms: Terms, asked: Asked, *, approved_a_day: Decimal) -> type_of_text:
    """Why a rule does not approve a claim, the first of several reasons; empty when it does.

    :param approved_a_day: what the rule approved for the merchant in the 24 hours before.
    """
    limit = settings.AFTERSALE_SECOND_PERSON_ABOVE
    most_a_day = terms.max_amount_a_day
    objections = (
        (terms.partner_ids and asked.partner_id not in terms.partner_ids, _("Another merchant")),
        (terms.types and asked.type not in terms.types, _("Another kind of claim")),
        (terms.reason_ids and asked.reason_id not in terms.reason_ids, _("Another reason")),
        (terms.before_shipment_only and asked.has_shipped, _("Claimed units were shipped")),
        (
            terms.max_amount is not None and asked.amount > terms.max_amount,
            _("More than the amount of the rule"),
        ),
        (asked.amount > limit, _("So much takes the decision of a second person")),
        (
            most_a_day is not None and approved_a_day + asked.amount > most_a_day,
            _("More than the amount of a day"),
        ),
    )
    return next((text for is_met, text in objections if is_met), "")
