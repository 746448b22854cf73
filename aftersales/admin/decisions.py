"""Deciding a claim: approve it, wholly or in part, reject it, or ask about it first."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from functools import partial
from typing import Any, ClassVar

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from aftersales.admin.acts import (
    ClaimActs,
    by_staff,
    may_act,
    page_of,
    too_late,
)
from aftersales.admin.claim_view import facts_of
from aftersales.admin.decision_looks import look_at_approval, read_seen
from aftersales.decisions import freight_asked
from aftersales.errors import CLAIM_CHANGED
from aftersales.forms.decisions import ApproveForm, AskForm, RejectForm
from aftersales.models import Claim, ClaimLine
from aftersales.selectors.review import list_claimed
from aftersales.services.deciding import (
    ApprovedLine,
    approve_claim,
    ask_for_information,
    reject_claim,
)
from aftersales.states import DECIDABLE, ClaimStatus
from catalog.admin.previewed import answer_previewed
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.staff import get_staff
from openplatform.core.errors import type_of_text
from orders.admin.change_pages import ChangeLook, ChangePage

S = ClaimStatus


class ApprovePage(ChangePage):
    """What was asked for, and line by line what is granted of it."""

    template: ClassVar[str] = "backoffice/claim_approve.html"


class DecisionActs(ClaimActs):
    """The decisions on a claim that was filed."""

    acts = {"approve": DECIDABLE, "ask": (S.SUBMITTED,), "reject": DECIDABLE}

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may decide claims."""
        return may_act(request, "decide_claim")

    @action(description=_("Approve"), permissions=["decide"], icon="check_circle", is_primary=True)
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """All that was asked for, or less."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "approve")) is not None:
            return answer
        lines = list_claimed(claim)
        part = claim.suborder

        def look(form: ApproveForm) -> ChangeLook:
            values = form.cleaned_data
            return look_at_approval(
                claim,
                _approved(values),
                freight_amount=values["freight_amount"],
                note=values["note"],
            )

        def act(form: ApproveForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            seen = read_seen(claim, expected)
            approved = approve_claim(
                aftersale_no=claim.aftersale_no,
                lines=_approved(values),
                freight_amount=values["freight_amount"],
                note=values["note"],
                by=by_staff(request),
                user=get_staff(request),
                now=clock.now(),
                expected_version=seen.version,
                expected_amount=seen.amount,
            )
            return tell_approval(approved)

        return answer_previewed(
            self,
            request,
            ApprovePage(
                form_class=partial(
                    ApproveForm,
                    claim=claim,
                    lines=lines,
                    freight_left=part.freight_amount - part.refunded_freight_amount,
                    freight_asked=_freight_asked(claim, lines),
                ),
                title=_("Approve the claim"),
                submit=_("Approve"),
                look=look,
                act=act,
                back_to=page_of(claim),
                subject=claim,
                outdated=CLAIM_CHANGED,
                intro=_(
                    "As it stands it is approved as asked. Fewer units, or less money for them or"
                    " of the freight, need a note that says why."
                ),
            ),
        )

    @action(description=_("Ask for information"), permissions=["decide"], icon="help")
    def ask(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The merchant answers before the claim is decided."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "ask")) is not None:
            return answer

        def call(values: Values) -> type_of_text:
            ask_for_information(
                aftersale_no=claim.aftersale_no,
                note=values["note"],
                by=by_staff(request),
                now=clock.now(),
                expected_version=values["version"],
            )
            return _("The merchant was asked about claim %(number)s") % {
                "number": claim.aftersale_no
            }

        return answer_form_page(
            self,
            request,
            form_class=AskForm,
            title=_("Ask the merchant for information"),
            submit=_("Ask"),
            call=call,
            back_to=page_of(claim),
            initial={"version": claim.version},
            subject=claim,
            intro=_(
                "The claim waits for the merchant's note, which brings it back to the queue; "
                "without one it ends by itself after the set time."
            ),
            extra_context={"facts": facts_of(claim)},
        )

    @action(description=_("Reject"), permissions=["decide"], icon="cancel", is_danger=True)
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Nothing goes back; the units can be claimed again."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "reject")) is not None:
            return answer

        def call(values: Values) -> type_of_text:
            reject_claim(
                aftersale_no=claim.aftersale_no,
                note=values["note"],
                by=by_staff(request),
                now=clock.now(),
                expected_version=values["version"],
            )
            return _("Claim %(number)s was rejected") % {"number": claim.aftersale_no}

        return answer_form_page(
            self,
            request,
            form_class=RejectForm,
            title=_("Reject the claim"),
            submit=_("Reject"),
            call=call,
            back_to=page_of(claim),
            initial={"version": claim.version},
            subject=claim,
            intro=_(
                "Nothing is refunded. The units are free again: they are shipped if they were not,"
                " and can be claimed once more."
            ),
            is_danger=True,
            extra_context={"facts": facts_of(claim)},
        )


def tell_approval(claim: Claim) -> type_of_text:
    """What became of a claim that was approved."""
    number = {"number": claim.aftersale_no, "amount": f"{claim.refund_amount:,.2f}"}
    if claim.status == S.REFUNDED:
        return _("Claim %(number)s was approved and %(amount)s refunded") % number
    if claim.status == S.AWAITING_RETURN:
        return _("Claim %(number)s was approved; the goods are to be sent back") % number
    return _("Claim %(number)s waits for the decision of a second person") % number


def _freight_asked(claim: Claim, rows: Sequence[ClaimLine]) -> Decimal:
    part = claim.suborder
    closing = {row.line_id: row.unshipped_quantity for row in rows}
    return freight_asked(claim, part, list(part.lines.all()), closing)


def _approved(values: Values) -> dict[int, ApprovedLine]:
    return {
        line_no: ApprovedLine(quantity=units, amount=amount)
        for line_no, (units, amount) in values["lines"].items()
    }
