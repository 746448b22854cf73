"""Deciding many claims at once: each in a transaction of its own, each with its outcome told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from aftersales.admin.acts import by_staff, may_act
from aftersales.admin.decisions import tell_approval
from aftersales.admin.queue import queue_url
from aftersales.badges import STATUS_COLOURS
from aftersales.forms.decisions import (
    MAX_CHOSEN,
    ApproveChosenForm,
    ChosenForm,
    RejectChosenForm,
    amounts_text,
    chosen_text,
)
from aftersales.models import Claim, ClaimType
from aftersales.selectors.review import list_amounts_by_rule
from aftersales.services.deciding import approve_claim, reject_claim
from aftersales.states import DECIDABLE
from openplatform.core import clock, money
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page, faults_of
from openplatform.core.admin.staff import get_staff
from openplatform.core.errors import DomainError, type_of_text

CHOSEN = "backoffice/claim_bulk.html"
OUTCOMES = "backoffice/claim_bulk_outcome.html"

Decide = Callable[[Claim, Values], type_of_text]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one claim."""

    claim: Claim
    text: type_of_text
    is_refused: bool


class BulkActs:
    """Acts on claims that are chosen in the list: approve as asked, or reject for one reason."""

    actions = ("approve_chosen", "reject_chosen")

    def has_decide_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may decide claims."""
        return may_act(request, "decide_claim")

    @action(description=_("Approve the selected claims as asked"), permissions=["decide"])
    def approve_chosen(self, request: HttpRequest, chosen: QuerySet[Claim]) -> HttpResponse:
        """On to the page that shows what this means."""
        return _begin(request, chosen, "aftersales_claim_approve_many")

    @action(description=_("Reject the selected claims"), permissions=["decide"])
    def reject_chosen(self, request: HttpRequest, chosen: QuerySet[Claim]) -> HttpResponse:
        """On to the page that asks why."""
        return _begin(request, chosen, "aftersales_claim_reject_many")

    def approve_many(self, request: HttpRequest) -> HttpResponse:
        """Each as it was asked for, with freight by rule."""
        actor, user = by_staff(request), get_staff(request)

        def decide(claim: Claim, values: Values) -> type_of_text:
            return tell_approval(
                approve_claim(
                    aftersale_no=claim.aftersale_no,
                    lines=None,
                    freight_amount=None,
                    note=values["note"],
                    by=actor,
                    user=user,
                    now=clock.now(),
                    expected_version=values["chosen"][claim.pk],
                    # A request that was not made of the page means what the list shows.
                    expected_amount=values["amounts"].get(claim.pk, claim.refund_amount),
                )
            )

        return self._answer(
            request,
            lambda amounts: partial(ApproveChosenForm, amount=sum(amounts, money.ZERO)),
            decide,
            title=_("Approve the selected claims as asked"),
            submit=_("Approve"),
            intro=_(
                "Each is approved with all its units at what was paid for them, and with the"
                " freight where no unit of the suborder was or will be shipped. What goes back"
                " cannot be taken back."
            ),
        )

    def reject_many(self, request: HttpRequest) -> HttpResponse:
        """All for the same reason."""
        actor = by_staff(request)

        def decide(claim: Claim, values: Values) -> type_of_text:
            reject_claim(
                aftersale_no=claim.aftersale_no,
                note=values["note"],
                by=actor,
                now=clock.now(),
                expected_version=values["chosen"][claim.pk],
            )
            return _("Claim %(number)s was rejected") % {"number": claim.aftersale_no}

        return self._answer(
            request,
            lambda _amounts: RejectChosenForm,
            decide,
            title=_("Reject the selected claims"),
            submit=_("Reject"),
            is_danger=True,
            intro=_("Nothing is refunded; the units are free again."),
        )

    def _answer(
        self,
        request: HttpRequest,
        form_for: Callable[[Sequence[Decimal]], Callable[..., ChosenForm]],
        decide: Decide,
        **page: Any,
    ) -> HttpResponse:
        """:param form_for: the form, given the amounts that would go back at once."""
        if not self.has_decide_permission(request):
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else request.GET
        claims = _read(sent.get("chosen", ""))

        def call(values: Values) -> HttpResponse:
            outcomes = [_decide_one(claim, values, decide) for claim in claims]
            return _show_outcomes(self, request, outcomes, title=page["title"])

        decidable = [claim for claim in claims if claim.status in DECIDABLE]
        now = list_amounts_by_rule(decidable)
        return answer_form_page(
            self,
            request,
            form_class=form_for(_list_at_once(decidable, now)),
            call=call,
            back_to=queue_url("decide"),
            initial={"chosen": sent.get("chosen", ""), "amounts": amounts_text(now)},
            extra_context={
                "claims": claims,
                "amounts": {claim.pk: claim.refund_amount for claim in claims} | now,
                "amount": sum(now.values(), money.ZERO),
                "colours": STATUS_COLOURS,
                "decidable": DECIDABLE,
                "body_template": CHOSEN,
            },
            **page,
        )


def _list_at_once(claims: Sequence[Claim], amounts: Mapping[int, Decimal]) -> list[Decimal]:
    """What nobody else decides, and no goods have to come back for."""
    return [
        amounts[claim.pk]
        for claim in claims
        if claim.type == ClaimType.REFUND
        and amounts[claim.pk] <= settings.AFTERSALE_SECOND_PERSON_ABOVE
    ]


def _begin(request: HttpRequest, chosen: QuerySet[Claim], url_name: str) -> HttpResponse:
    """To the page of the act, which can be opened again: the choice is part of its address."""
    claims = list(chosen.order_by("pk")[: MAX_CHOSEN + 1])
    if len(claims) > MAX_CHOSEN:
        text = _("At most %(maximum)d claims can be decided at once") % {"maximum": MAX_CHOSEN}
        messages.error(request, str(text))
        return HttpResponseRedirect(request.get_full_path())
    url = reverse(f"admin:{url_name}", query={"chosen": chosen_text(claims)})
    return HttpResponseRedirect(url)


def _read(text: str) -> list[Claim]:
    """The claims that are meant, as they are now; none of a choice that cannot be read."""
    form = ChosenForm({"chosen": text})
    if not form.is_valid():
        return []
    return list(
        Claim.objects.filter(pk__in=form.cleaned_data["chosen"])
        .select_related("partner", "reason", "suborder")
        .order_by("pk")
    )


def _decide_one(claim: Claim, values: Values, decide: Decide) -> Outcome:
    try:
        return Outcome(claim, decide(claim, values), is_refused=False)
    except DomainError as error:
        told = " ".join(str(fault.detail) for fault in faults_of(error))
        return Outcome(claim, told, is_refused=True)


def _show_outcomes(
    model_admin: Any, request: HttpRequest, outcomes: Sequence[Outcome], *, title: type_of_text
) -> HttpResponse:
    for outcome in outcomes:
        outcome.claim.refresh_from_db(fields=["status", "refund_amount", "version"])
    refused = sum(outcome.is_refused for outcome in outcomes)
    request.current_app = model_admin.admin_site.name
    return TemplateResponse(
        request,
        OUTCOMES,
        {
            **model_admin.admin_site.each_context(request),
            "opts": model_admin.model._meta,
            "title": title,
            "media": model_admin.media,
            "outcomes": outcomes,
            "done": len(outcomes) - refused,
            "refused": refused,
            "colours": STATUS_COLOURS,
            "back_to": queue_url("decide"),
        },
    )
