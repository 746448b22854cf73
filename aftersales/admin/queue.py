"""The list of claims: what waits for us comes first, and is found by any number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import BooleanField, ExpressionWrapper, F, Q, QuerySet, Sum
from django.db.models.expressions import Combinable
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext, ngettext_lazy, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
    RangeNumericFilter,
    RelatedDropdownFilter,
)

from aftersales.badges import STATUS_COLOURS
from aftersales.models import Claim
from aftersales.selectors.queue import QUEUES, list_overdue
from aftersales.selectors.returns import list_to_send_back
from aftersales.selectors.search import find_claims
from aftersales.services.second_person import KIND
from aftersales.states import DECIDABLE
from openplatform.approvals.models import Approval
from openplatform.core import clock
from openplatform.core.admin.decorators import display
from openplatform.core.admin.paging import BoundedPaginator
from openplatform.core.errors import type_of_text
from openplatform.core.statements import any_of
from orders.admin.badges import link_to

QUEUE_PARAMETER = "queue"
SECOND_PERSON = "second_person"
SEND_BACK = "send_back"
# Days since a claim was filed.
AGES = (1, 2, 3, 7, 30)


def queue_url(name: str) -> str:
    """One of the queues, as a list."""
    return f"{reverse('admin:aftersales_claim_changelist')}?{QUEUE_PARAMETER}={name}"


class QueueFilter(DropdownFilter):
    """Whose turn it is."""

    title = _("queue")
    parameter_name = QUEUE_PARAMETER

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """What waits for us, for the merchant, or for a second person."""
        return [
            ("decide", _("To decide")),
            (SECOND_PERSON, _("Waits for a second person")),
            ("answer", _("Waits for the merchant's answer")),
            ("return", _("Waits for goods from the merchant")),
            ("receive", _("To receive")),
            ("inspect", _("To inspect")),
            (SEND_BACK, _("To send back")),
            ("open", _("Open, whoever's turn it is")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Claim]) -> QuerySet[Claim]:
        """By state, but for those of which a first person has decided."""
        name = self.value()
        if name == SECOND_PERSON:
            return queryset.filter(status__in=QUEUES["decide"]).filter(_waits())
        if name == SEND_BACK:
            return list_to_send_back(queryset)
        statuses = QUEUES.get(name or "")
        return queryset.filter(status__in=statuses) if statuses else queryset


class DeadlineFilter(DropdownFilter):
    """What is late, and what soon will be."""

    title = _("deadline")
    parameter_name = "deadline"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Over, or within a day."""
        return [("over", _("Overdue")), ("day", _("Within 24 hours"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Claim]) -> QuerySet[Claim]:
        """By the database's clock; a claim that has ended has no deadline."""
        if self.value() == "over":
            return list_overdue(queryset)
        if self.value() == "day":
            return list_overdue(queryset, within_hours=24)
        return queryset


class AgeFilter(DropdownFilter):
    """How long ago claims were filed."""

    title = _("age")
    parameter_name = "age"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Days."""
        more = ngettext_lazy("More than %(days)d day", "More than %(days)d days", "days")
        return [(str(days), more % {"days": days}) for days in AGES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Claim]) -> QuerySet[Claim]:
        """Filed before."""
        if self.value() in {str(days) for days in AGES}:
            days = timedelta(days=int(self.value() or 0))
            return queryset.filter(created_at__lt=clock.now() - days)
        return queryset


class ClaimQueue:
    """How the list of claims looks, and finds."""

    list_display = (
        "numbers", "status_badge", "asked_for", "partner", "part", "refund", "age", "due",
    )  # fmt: skip
    list_filter = (
        QueueFilter,
        DeadlineFilter,
        AgeFilter,
        ("status", ChoicesDropdownFilter),
        ("type", ChoicesDropdownFilter),
        ("reason", RelatedDropdownFilter),
        ("partner", AutocompleteSelectFilter),
        ("suborder__warehouse", AutocompleteSelectFilter),
        ("refund_amount", RangeNumericFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("partner", "reason", "suborder__warehouse")
    list_per_page = 25
    list_before_template = "backoffice/totals.html"
    show_full_result_count = False
    empty_queue_text = _("No claim waits here")
    paginator = BoundedPaginator
    search_fields: Sequence[str] = ("pk",)  # only says that there is a search box
    search_help_text = _(
        "Beginning of a number: claim, merchant's claim, return waybill, order, suborder, "
        "merchant's order, shipment; or of the consignee's phone or name"
    )
    totals: Mapping[type_of_text, Combinable] = {_("refund"): Sum("refund_amount")}

    def get_queryset(self, request: HttpRequest) -> QuerySet[Claim]:
        """With whether a second person is waited for."""
        claims: QuerySet[Claim] = super().get_queryset(request)  # type: ignore[misc]
        return claims.annotate(is_waiting=ExpressionWrapper(_waits(), BooleanField()))

    def get_ordering(self, request: HttpRequest) -> Sequence[Any]:
        """In the queue of one state by deadline, which has an index; else the newest first."""
        name = request.GET.get(QUEUE_PARAMETER, "")
        if name == SECOND_PERSON or len(QUEUES.get(name, ())) == 1:
            return (F("deadline").asc(nulls_last=True), "id")
        return ("-id",)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Claim], search_term: str
    ) -> tuple[QuerySet[Claim], bool]:
        """The claims among them that are meant."""
        if not search_term.strip():
            return queryset, False
        found = find_claims(search_term)
        if found.is_cut:
            messages.info(
                request,
                _("Many claims fit; type more of the number to see the right ones"),
            )
        return queryset.filter(pk__in=any_of(found.claim_ids)), False

    @display(description=_("claim"), ordering="aftersale_no", is_header=True)
    def numbers(self, claim: Claim) -> tuple[str, str]:
        """Ours over the merchant's."""
        return claim.aftersale_no, claim.merchant_aftersale_no or gettext("opened by us")

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, claim: Claim) -> tuple[str, type_of_text]:
        """A badge; a decision that waits for another person is told."""
        if getattr(claim, "is_waiting", False) and claim.status in DECIDABLE:
            return claim.status, _("Waits for a second person")
        return claim.status, claim.get_status_display()

    @display(description=pgettext_lazy("of a claim", "asked for"), is_header=True)
    def asked_for(self, claim: Claim) -> tuple[str, str]:
        """What, over why."""
        return claim.get_type_display(), claim.reason.shown_name

    @display(description=_("suborder"), is_header=True)
    def part(self, claim: Claim) -> tuple[SafeString, str]:
        """Whose units they are, over the warehouse."""
        part = claim.suborder
        return link_to("orders_suborder_change", part.pk, part.order_no), str(part.warehouse)

    @display(description=_("refund"), ordering="refund_amount")
    def refund(self, claim: Claim) -> str:
        """As it stands, with freight."""
        return f"{claim.refund_amount:,.2f}"

    @display(description=pgettext_lazy("of a claim", "age"), ordering="-created_at")
    def age(self, claim: Claim) -> str:
        """Since it was filed, until it ended."""
        return timesince(claim.created_at, claim.ended_at or clock.now(), depth=1)

    @display(description=_("deadline"), ordering="deadline")
    def due(self, claim: Claim) -> str | SafeString:
        """How much time is left; red when none is."""
        return show_deadline(claim)


def show_deadline(claim: Claim) -> str | SafeString:
    """In how long, or since when."""
    if claim.deadline is None:
        return "-"
    now = clock.now()
    if claim.deadline > now:
        return gettext("in %(time)s") % {"time": timeuntil(claim.deadline, now, depth=1)}
    late = gettext("overdue for %(time)s") % {"time": timesince(claim.deadline, now, depth=1)}
    return format_html('<span class="font-semibold text-red-600 dark:text-red-500">{}</span>', late)


def _waits() -> Q:
    """That another person is to carry out an approval. Those few are looked up once, not for each
    claim that a list sorts.
    """
    waiting = Approval.objects.filter(kind=KIND, status=Approval.Status.PENDING)
    return Q(aftersale_no__in=waiting.values("subject_no"))
