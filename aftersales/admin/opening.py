"""Opening a claim for a merchant, from the page of its order."""

from __future__ import annotations

from functools import partial
from typing import Any

import orjson
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from aftersales.admin.acts import by_staff, may_act, page_of
from aftersales.claimable import CLAIMABLE
from aftersales.forms.opening import OpenClaimForm
from aftersales.models import Claim, ClaimType, Reason
from aftersales.requests import ClaimRequest
from aftersales.services.filing import file_claim
from aftersales.services.pictures import keep_staff_pictures
from openplatform.core import clock
from openplatform.core.admin.form_pages import Values, answer_form_page
from orders.models import Suborder


class OpeningPage:
    """The page that opens a claim; the same checks as for a merchant's, its window, too."""

    def open_claim(self, request: HttpRequest, suborder_id: int) -> HttpResponse:
        """On units of one suborder, once however often the form is sent."""
        if not may_act(request, "add_claim"):
            raise PermissionDenied
        part = (
            Suborder.objects.select_related("order__partner", "warehouse")
            .filter(pk=suborder_id)
            .first()
        )
        if part is None:
            raise Http404
        back_to = reverse("admin:orders_order_change", args=(part.order_id,))
        lines = [line for line in part.lines.order_by("line_no") if line.claimable_quantity]
        if part.status not in CLAIMABLE or not lines:
            text = _("Nothing of suborder %(number)s can be claimed") % {"number": part.order_no}
            messages.warning(request, str(text))
            return HttpResponseRedirect(back_to)

        def call(values: Values) -> HttpResponse:
            now = clock.now()
            partner_id = part.order.partner_id
            pictures = keep_staff_pictures(
                partner_id=partner_id,
                files=values["pictures"],
                uploaded_by=request.user.get_username(),
                now=now,
            )
            answer = file_claim(
                partner_id=partner_id,
                request=ClaimRequest(
                    merchant_aftersale_no="",
                    order_no=part.order_no,
                    type=ClaimType(values["type"]),
                    items=values["items"],
                    reason=values["reason"],
                    description=values["description"],
                    pictures=pictures,
                ),
                by=by_staff(request),
                now=now,
            )
            number = orjson.loads(answer.body)["aftersale_no"]
            claim = Claim.objects.get(aftersale_no=number)
            messages.success(
                request, str(_("Claim %(number)s was opened") % {"number": claim.aftersale_no})
            )
            return HttpResponseRedirect(page_of(claim))

        return answer_form_page(
            self,
            request,
            form_class=partial(OpenClaimForm, lines=lines, reasons=_list_reasons()),
            title=_("Open a claim for the merchant"),
            submit=_("Open the claim"),
            call=call,
            back_to=back_to,
            told_when_repeated=_("The claim was opened already"),
            intro=_(
                "It goes the way of a claim that the merchant files: it is told to the merchant,"
                " waits in the queue, and is decided there."
            ),
            extra_context={
                "facts": [
                    (_("suborder"), part.order_no),
                    (_("status"), part.get_status_display()),
                    (_("partner"), part.order.partner),
                    (_("warehouse"), part.warehouse),
                ]
            },
        )


def _list_reasons() -> list[tuple[Reason, Any]]:
    reasons = Reason.objects.filter(is_active=True).order_by("position", "code")
    return [(reason, reason.shown_name) for reason in reasons]
