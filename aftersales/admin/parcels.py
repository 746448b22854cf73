"""Parcels of claims, as a warehouse meets them: in hand, with a waybill on them."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from aftersales.admin.acts import may_act
from aftersales.badges import STATUS_COLOURS
from aftersales.models import ClaimParcel
from aftersales.services.receiving import RECEIVABLE
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text
from orders.admin.badges import link_to
from orders.admin.shipments import PARCEL_COLOURS

RETURN, SEND_BACK = ClaimParcel.Direction.RETURN, ClaimParcel.Direction.SEND_BACK
DIRECTION_COLOURS = {RETURN.value: "info", SEND_BACK.value: "warning"}
WAITING_PARAMETER, TO_RECEIVE = "waiting", "receive"


class WaitingFilter(DropdownFilter):
    """Parcels whose goods were not received yet."""

    title = _("waiting")
    parameter_name = WAITING_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """One choice, beside all."""
        return [(TO_RECEIVE, _("To receive"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[ClaimParcel]
    ) -> QuerySet[ClaimParcel]:
        """Returns of claims that wait for goods."""
        if self.value() == TO_RECEIVE:
            return queryset.filter(direction=RETURN, claim__status__in=RECEIVABLE)
        return queryset


@admin.register(ClaimParcel)
class ClaimParcelAdmin(ReadOnlyAdmin):
    """Parcels of claims: whoever holds one in hand finds its claim by the waybill."""

    list_display = (
        "waybill_no", "direction_badge", "status_badge", "carrier", "claim_link", "claim_status",
        "partner", "shipped_at", "delivered_at",
    )  # fmt: skip
    list_filter = (
        WaitingFilter,
        ("direction", ChoicesDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("carrier", AutocompleteSelectFilter),
        ("claim__partner", AutocompleteSelectFilter),
        ("claim__suborder__warehouse", AutocompleteSelectFilter),
        ("shipped_at", RangeDateFilter),
    )
    list_select_related = ("carrier", "claim__partner")
    search_fields = ("waybill_no__startswith", "claim__aftersale_no__startswith")
    search_help_text = _("Beginning of a waybill number or of a claim number")
    ordering = ("-id",)
    fields = (
        ("claim_link", "direction"), ("carrier", "waybill_no"), ("status", "delivered_at"),
        ("shipped_at", "actor"), "created_at",
    )  # fmt: skip
    readonly_fields = ("claim_link",)
    actions_detail = ("receive_goods",)
    actions_row = ("receive_goods",)

    def has_receive_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may receive goods, while those of the parcel's claim are waited for."""
        if not may_act(request, "inspect_claim"):
            return False
        if object_id is None:
            return True
        parcel = self.get_object(request, str(object_id))
        return (
            parcel is not None and parcel.direction == RETURN and parcel.claim.status in RECEIVABLE
        )

    def state_of_row(self, row: ClaimParcel) -> type_of_text:
        """That of the claim, for whoever comes too late."""
        return row.claim.get_status_display()

    def get_actions_row(self, request: HttpRequest) -> list[Any]:
        """In the queue only: elsewhere most goods were received long ago."""
        if request.GET.get(WAITING_PARAMETER) != TO_RECEIVE:
            return []
        rows: list[Any] = super().get_actions_row(request)
        return rows

    @action(
        description=_("Receive goods"), permissions=["receive"], url_path="receive",
        icon="inventory", is_primary=True,
    )  # fmt: skip
    def receive_goods(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """On to the claim's page for it."""
        parcel: ClaimParcel = self.get_row(request, object_id)
        return HttpResponseRedirect(
            reverse("admin:aftersales_claim_receive", args=(parcel.claim_id,))
        )

    @display(description=_("direction"), ordering="direction", label=DIRECTION_COLOURS)
    def direction_badge(self, parcel: ClaimParcel) -> tuple[str, type_of_text]:
        """A badge."""
        return parcel.direction, parcel.get_direction_display()

    @display(description=_("status"), ordering="status", label=PARCEL_COLOURS)
    def status_badge(self, parcel: ClaimParcel) -> tuple[str, type_of_text]:
        """A badge."""
        return parcel.status, parcel.get_status_display()

    @display(description=_("claim"), ordering="claim__aftersale_no")
    def claim_link(self, parcel: ClaimParcel) -> SafeString:
        """Its page."""
        return link_to("aftersales_claim_change", parcel.claim_id, parcel.claim.aftersale_no)

    @display(description=_("state of the claim"), label=STATUS_COLOURS)
    def claim_status(self, parcel: ClaimParcel) -> tuple[str, type_of_text]:
        """A badge."""
        return parcel.claim.status, parcel.claim.get_status_display()

    @display(description=_("partner"))
    def partner(self, parcel: ClaimParcel) -> str:
        """Whose claim it is."""
        return str(parcel.claim.partner)
