"""Goods that come back: told of, received, inspected, and what was not accepted sent back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from aftersales.admin.acts import ClaimActs, by_staff, may_act, page_of, too_late
from aftersales.admin.claim_view import facts_of
from aftersales.admin.return_looks import look_at_inspection
from aftersales.errors import CLAIM_CHANGED
from aftersales.forms.pictures import ClaimPicturesField
from aftersales.forms.returns import InspectForm, ReceiveForm, ReturnParcelForm
from aftersales.inspections import approved_rows
from aftersales.models import Claim, ClaimParcel, ClaimPicture
from aftersales.selectors.review import list_claimed, show_picture
from aftersales.services.inspecting import inspect_return
from aftersales.services.pictures import keep_staff_pictures
from aftersales.services.receiving import RECEIVABLE, receive_return
from aftersales.services.return_parcels import ON_ITS_WAY, report_return
from aftersales.services.sending_back import INSPECTED, has_goods_to_send_back, send_back
from aftersales.states import ClaimStatus
from catalog.admin.previewed import answer_previewed
from openplatform.audit.actions import name_actions
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page, faults_of
from openplatform.core.errors import DomainError, type_of_text
from orders.admin.change_pages import ChangeLook, ChangePage, read_version
from orders.forms.shipping import ParcelForm

Facts = list[tuple[type_of_text, Any]]

S = ClaimStatus
RETURN, SEND_BACK = ClaimParcel.Direction.RETURN, ClaimParcel.Direction.SEND_BACK
MAX_KEPT = 50  # pictures that one form can name; the form itself allows nine

name_actions(
    {
        "change_return_waybill": _("Waybill of a return changed"),
        "receive_return": _("Returned goods received"),
        "inspect_return": _("Returned goods inspected"),
        "send_back": _("Goods sent back to their merchant"),
    },
    {
        "received_units": _("units received"),
        "found": pgettext_lazy("by an inspection", "found"),
    },
)


class InspectPage(ChangePage):
    """What was found, line by line, with pictures."""

    template: ClassVar[str] = "backoffice/claim_inspect.html"


class ReturnActs(ClaimActs):
    """What is done about the goods of a claim, for its page."""

    acts = {
        "enter_waybill": ON_ITS_WAY,
        "receive": RECEIVABLE,
        "inspect": (S.RETURN_RECEIVED,),
        "send_back": INSPECTED,
    }

    def has_inspect_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may receive and inspect goods."""
        return may_act(request, "inspect_claim")

    def has_send_back_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The same, while goods that were not accepted are here."""
        if not may_act(request, "inspect_claim"):
            return False
        if object_id is None:
            return True
        claim = self.get_object(request, str(object_id))  # type: ignore[attr-defined]
        return claim is not None and has_goods_to_send_back(claim)

    @action(description=_("Enter a return waybill"), permissions=["inspect"], icon="add_box")
    def enter_waybill(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """A parcel that the merchant told of by other ways than its system."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "enter_waybill")) is not None:
            return answer
        known = claim.parcels.filter(direction=RETURN).values_list("waybill_no", flat=True)

        def call(values: Values) -> type_of_text:
            report_return(
                partner_id=claim.partner_id,
                aftersale_no=claim.aftersale_no,
                carrier_code=values["carrier"].code,
                waybill_no=values["waybill_no"],
                shipped_at=values["shipped_at"],
                replaces=values.get("replaces") or None,
                by=by_staff(request),
                now=clock.now(),
            )
            return _("Waybill %(number)s was written down") % {"number": values["waybill_no"]}

        return answer_form_page(
            self,
            request,
            form_class=partial(ReturnParcelForm, known=list(known)),
            title=_("Enter a return waybill"),
            submit=_("Write down"),
            call=call,
            back_to=page_of(claim),
            subject=claim,
            intro=_(
                "Merchants report their parcels over the API. Enter one here that was told by"
                " telephone, or that came without a word."
            ),
            extra_context={"facts": [*facts_of(claim), *_parcels_of(claim)]},
        )

    @action(
        description=_("Receive goods"), permissions=["inspect"], icon="inventory", is_primary=True
    )
    def receive(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Goods came, and were counted."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "receive")) is not None:
            return answer

        def call(values: Values) -> type_of_text:
            receive_return(
                aftersale_no=claim.aftersale_no,
                quantities=values["quantities"],
                by=by_staff(request),
                now=clock.now(),
            )
            text = _("The goods of claim %(number)s were received; they are to be inspected")
            return text % {"number": claim.aftersale_no}

        return answer_form_page(
            self,
            request,
            form_class=partial(ReceiveForm, lines=approved_rows(list_claimed(claim))),
            title=_("Receive returned goods"),
            submit=_("Receive"),
            call=call,
            back_to=page_of(claim),
            subject=claim,
            intro=_(
                "How many units came, whatever their condition; that is found by the inspection,"
                " which can still correct the count. From now on no more parcels are taken in."
            ),
            extra_context={"facts": [*facts_of(claim), *_parcels_of(claim)]},
        )

    @action(
        description=_("Inspect goods"), permissions=["inspect"], icon="search_check",
        is_primary=True,
    )  # fmt: skip
    def inspect(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What is accepted is refunded, the rest goes back."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "inspect")) is not None:
            return answer
        part, rows = claim.suborder, list_claimed(claim)
        refused = _take_pictures(request, claim) if request.method == "POST" else []

        def look(form: InspectForm) -> ChangeLook:
            values = form.cleaned_data
            return look_at_inspection(
                claim, rows, values["lines"], freight_amount=values["freight_amount"]
            )

        def act(form: InspectForm, expected: str) -> type_of_text:
            values = form.cleaned_data
            inspected = inspect_return(
                aftersale_no=claim.aftersale_no,
                lines=values["lines"],
                note=values["note"],
                picture_ids=values["picture_ids"],
                freight_amount=values["freight_amount"],
                by=by_staff(request),
                now=clock.now(),
                expected_version=read_version(expected),
            )
            return _tell_inspection(inspected)

        return answer_previewed(
            self,
            request,
            InspectPage(
                form_class=partial(
                    InspectForm,
                    lines=approved_rows(rows),
                    freight_left=part.freight_amount - part.refunded_freight_amount,
                    freight_decided=claim.freight_refund_amount,
                    kept=_list_kept(request, claim),
                    refused=refused,
                    claimed_reason=claim.reason.shown_name,
                    claimed_pictures=_show_claimed(claim),
                ),
                title=_("Inspect returned goods"),
                submit=_("Book the inspection"),
                look=look,
                act=act,
                back_to=page_of(claim),
                subject=claim,
                outdated=CLAIM_CHANGED,
                intro=_(
                    "What is accepted is refunded as it was decided, and goes back on sale or is"
                    " written off. What came and is not accepted is sent back. When nothing is"
                    " accepted the claim is rejected, which takes a note and a picture."
                ),
            ),
        )

    @action(description=_("Send back"), permissions=["send_back"], icon="undo", is_primary=True)
    def send_back(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """What was not accepted is on its way to the merchant."""
        claim: Claim = self.get_row(request, object_id)  # type: ignore[attr-defined]
        if (answer := too_late(self, request, claim, "send_back")) is not None:
            return answer
        rejected = ", ".join(
            f"{row.line.sku_code} × {count}"
            for row in list_claimed(claim)
            if (count := (row.received_quantity or 0) - (row.accepted_quantity or 0))
        )

        def call(values: Values) -> type_of_text:
            send_back(
                aftersale_no=claim.aftersale_no,
                carrier_code=values["carrier"].code,
                waybill_no=values["waybill_no"],
                by=by_staff(request),
                now=clock.now(),
            )
            text = _("The goods are on their way under waybill %(number)s; the merchant is told")
            return text % {"number": values["waybill_no"]}

        return answer_form_page(
            self,
            request,
            form_class=ParcelForm,
            title=_("Send goods back"),
            submit=_("Send back"),
            call=call,
            back_to=page_of(claim),
            subject=claim,
            extra_context={
                "facts": [
                    *facts_of(claim),
                    (_("to be sent back"), rejected),
                    (_("consignee of the order"), claim.order.consignee_name),
                    *_parcels_of(claim, SEND_BACK),
                ]
            },
        )


def _tell_inspection(claim: Claim) -> type_of_text:
    number = {"number": claim.aftersale_no, "amount": f"{claim.refund_amount:,.2f}"}
    is_left = has_goods_to_send_back(claim)
    if claim.status == S.REJECTED:
        if is_left:
            return _("Claim %(number)s was rejected; the goods are to be sent back") % number
        return _("Claim %(number)s was rejected") % number
    if is_left:
        return _("%(amount)s was refunded; what was not accepted is to be sent back") % number
    return _("Claim %(number)s is refunded with %(amount)s") % number


def _parcels_of(claim: Claim, direction: ClaimParcel.Direction = RETURN) -> Facts:
    """Under which numbers goods travel, if any do."""
    parcels = claim.parcels.filter(direction=direction).select_related("carrier").order_by("pk")
    label = _("return parcels") if direction == RETURN else _("sent back under")
    shown = "; ".join(
        f"{parcel.carrier.name} {parcel.waybill_no} ({parcel.get_status_display()})"
        for parcel in parcels
    )
    return [(label, shown)] if shown else []


# Pictures of an inspection


def _take_pictures(request: HttpRequest, claim: Claim) -> Sequence[type_of_text]:
    """Keep the pictures that came with a form before it is looked at, so that neither a slip in it
    nor its preview costs them; the form then names them. Answers why some were not taken.
    """
    refused: Sequence[type_of_text] = []
    added: list[str] = []
    if sent := request.FILES.getlist("pictures"):
        try:
            added = keep_staff_pictures(
                partner_id=claim.partner_id,
                files=ClaimPicturesField().clean(sent),
                uploaded_by=request.user.get_username(),
                now=clock.now(),
            )
        except ValidationError:
            pass  # the form finds the same
        except DomainError as error:
            refused = [fault.detail for fault in faults_of(error)]
    fields = request.POST.copy()
    # Browsers send a blank for an input of files with none chosen, which is no value of the form:
    # with it what was looked at would not be what is confirmed.
    fields.pop("pictures", None)
    seen = {picture.sha256 for picture in _list_kept(request, claim)}
    for picture in ClaimPicture.objects.filter(picture_id__in=added).order_by("pk"):
        if picture.sha256 not in seen:  # whoever reloads a preview sends its files again
            seen.add(picture.sha256)
            fields.appendlist("kept", picture.picture_id)
    request.POST = fields  # type: ignore[assignment] # Django's own has a setter
    return refused


def _list_kept(request: HttpRequest, claim: Claim) -> list[ClaimPicture]:
    """The pictures that a form names, of those that its sender added and nothing has used."""
    named = request.POST.getlist("kept")[:MAX_KEPT]
    if not named:
        return []
    pictures = ClaimPicture.objects.filter(
        partner=claim.partner_id,
        claim=None,
        uploaded_by=request.user.get_username(),
        picture_id__in=named,
    )
    return list(pictures.order_by("pk"))


def _show_claimed(claim: Claim) -> list[dict[str, Any]]:
    pictures = claim.pictures.filter(use=ClaimPicture.Use.CLAIM).order_by("position", "pk")
    return [show_picture(picture) for picture in pictures]
