"""Claims that nobody has to look at: rules of the operators approve them as they come in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from aftersales.decisions import ApprovalPlan, plan_approval
from aftersales.models import ApprovalRule, Claim, RuleApproval
from aftersales.rule_terms import Asked, Terms, find_objection, read_terms
from aftersales.services.deciding import grant_claim, require_return_address
from aftersales.services.refunding import lock_claimed_part, read_rows
from aftersales.services.transitions import PLATFORM
from openplatform.core import money
from openplatform.core.errors import FieldInvalid
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send
from orders.services.locked_parts import LockedPart

OF_DAY = """
    SELECT coalesce(sum(amount), 0) FROM aftersales_ruleapproval
    WHERE rule_id = %s AND partner_id = %s
        AND created_at > clock_timestamp() - interval '24 hours'
"""


def apply_rules(
    claim: Claim,
    *,
    now: datetime,
    locked: LockedPart | None = None,
    before_booking: Callable[[], None] | None = None,
) -> RuleApproval | None:
    """Step: a claim that its merchant has just filed is approved by the first active rule that it
    meets, and carried out; None when it meets none, and waits for an operator.

    1. The rules in their order. One with an amount a day is locked before its day is added up, so
    that two claims at once cannot both be within it. 2. Which rule it was. 3. All that an approval
    is, in the name of the platform, with a note that says which rule and why; the wallet last.

    :param claim: submitted, with its lines, its first event told.
    :param locked: its suborder, when the caller has locked it; read again when left out.
    :param before_booking: what the caller still has to write before the wallet is locked; called
        only when a rule approves.
    """
    require_transaction()
    if claim.opened_by:
        return None
    rules = list(
        ApprovalRule.objects.filter(is_active=True)
        .order_by("position", "id")
        .prefetch_related("reasons", "partners")
    )
    if not rules:
        return None
    locked = locked or lock_claimed_part(claim)
    rows = read_rows(claim)
    plan = plan_approval(claim, locked.part, locked.lines, rows, None, freight_amount=None, note="")
    try:
        require_return_address(claim, locked.part.warehouse)
    except FieldInvalid:  # an operator will see what is missing
        return None
    rule = _find_rule(rules, claim, plan)
    if rule is None:
        return None
    approval = RuleApproval.objects.create(
        rule=rule, claim=claim, partner_id=claim.partner_id, amount=plan.amount
    )
    grant_claim(
        claim,
        locked=locked,
        rows=rows,
        plan=plan,
        note=explain(rule.name, read_terms(rule)),
        by=PLATFORM,
        now=now,
        before_booking=before_booking,
    )
    return approval


def explain(name: str, terms: Terms) -> str:
    """Why a rule acted, for the history of the claim; in the language of the platform."""
    with translation.override(settings.LANGUAGE_CODE):
        reasons = []
        if terms.before_shipment_only:
            reasons.append(_("before shipment"))
        if terms.max_amount is not None:
            reasons.append(_("up to %(amount)s") % {"amount": money.to_text(terms.max_amount)})
        if terms.max_amount_a_day is not None:
            reasons.append(
                _("up to %(amount)s a day") % {"amount": money.to_text(terms.max_amount_a_day)}
            )
        if terms.partner_ids:
            reasons.append(_("trusted merchant"))
        if terms.reason_ids:
            reasons.append(_("by its reason"))
        if not reasons:
            return _("Rule “%(name)s”") % {"name": name}
        return _("Rule “%(name)s”: %(reasons)s") % {
            "name": name,
            "reasons": pgettext("between parts of a list", ", ").join(reasons),
        }


def _find_rule(rules: list[ApprovalRule], claim: Claim, plan: ApprovalPlan) -> ApprovalRule | None:
    asked = Asked(
        partner_id=claim.partner_id,
        type=claim.type,
        reason_id=claim.reason_id,
        amount=plan.amount,
        has_shipped=any(piece.unshipped < piece.quantity for piece in plan.pieces),
    )
    for rule in rules:
        terms = read_terms(rule)
        if find_objection(terms, asked, approved_a_day=money.ZERO):
            continue
        if terms.max_amount_a_day is None or not find_objection(
            terms, asked, approved_a_day=_lock_day(rule, claim.partner_id)
        ):
            return rule
    return None


def _lock_day(rule: ApprovalRule, partner_id: int) -> Decimal:
    """What the rule approved for the merchant in the last 24 hours, until the transaction ends."""
    ApprovalRule.objects.select_for_update(no_key=True).get(pk=rule.pk)
    row = send(OF_DAY, [rule.pk, partner_id]).row()
    return Decimal(0) if row is None else Decimal(row[0])
