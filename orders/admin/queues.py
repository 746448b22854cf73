"""Parcels that somebody has to see to: lost, refused, on their way back, or stuck."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import DropdownFilter

from openplatform.audit.actions import name_actions
from openplatform.core import clock
from openplatform.core.admin.decorators import action
from openplatform.core.admin.form_pages import Values, answer_form_page
from orders.forms.shipping import SettleForm
from orders.models import Shipment
from orders.selectors.parcels import list_troubled
from orders.services.parcel_progress import settle_parcel

TROUBLE_PARAMETER = "trouble"
OPEN, SETTLED = "open", "settled"

name_actions({"settle_parcel": _("Parcel settled")}, {"settlement": _("settlement")})


def queue_url() -> str:
    """The list of them."""
    return f"{reverse('admin:orders_shipment_changelist')}?{TROUBLE_PARAMETER}={OPEN}"


class TroubleFilter(DropdownFilter):
    """Parcels in trouble."""

    title = _("in trouble")
    parameter_name = TROUBLE_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str | Promise]]:
        """Those that wait for somebody, and those that were settled."""
        return [(OPEN, _("Waiting to be settled")), (SETTLED, _("Settled"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Shipment]) -> QuerySet[Shipment]:
        """By the facts."""
        if self.value() == OPEN:
            return list_troubled(queryset)
        if self.value() == SETTLED:
            return queryset.filter(settled_at__isnull=False)
        return queryset


class SettlingMixin:
    """The act that takes a parcel out of the queue."""

    def has_settle_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change shipments, while the parcel waits."""
        if not request.user.has_perm("orders.change_shipment"):
            return False
        return object_id is None or list_troubled().filter(pk=object_id).exists()

    def get_actions_row(self, request: HttpRequest) -> list[Any]:
        """In the queue only: elsewhere most rows have nothing to settle."""
        is_queue = request.GET.get(TROUBLE_PARAMETER) == OPEN
        rows: list[Any] = super().get_actions_row(request) if is_queue else []  # type: ignore[misc]
        return rows

    @action(description=_("Settle"), permissions=["settle"], icon="task_alt", is_primary=True)
    def settle(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Somebody has seen to a parcel in trouble."""
        admin: Any = self
        shipment: Shipment = admin.get_row(request, object_id)

        def call(values: Values) -> str | Promise:
            settle_parcel(
                shipment_no=shipment.shipment_no,
                settlement=values["settlement"],
                actor=request.user.get_username(),
                now=clock.now(),
            )
            return _("Shipment %(number)s is settled") % {"number": shipment.shipment_no}

        part = shipment.suborder
        return answer_form_page(
            admin,
            request,
            form_class=SettleForm,
            title=_("Settle a parcel in trouble"),
            submit=_("Settle"),
            call=call,
            back_to=queue_url(),
            subject=shipment,
            intro=_(
                "It leaves the queue, and no longer stops its suborder from being received by "
                "itself. A refund or another parcel is made on the page of the suborder."
            ),
            extra_context={
                "facts": [
                    (_("status"), shipment.get_status_display()),
                    (_("carrier"), shipment.carrier),
                    (_("waybill number"), shipment.waybill_no),
                    (_("suborder"), part.order_no),
                    (_("partner"), part.order.partner),
                ]
            },
        )
