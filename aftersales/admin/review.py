"""The page of one claim: everything that it takes to decide it, side by side, and what can be done.

To add acts (returns do): write a mixin as ``acts.py`` in this folder tells, add it to the bases of
``ClaimAdmin`` and to ``mixins``; to show more below the claim, add the name of a template to
``panels`` and its context to ``show_claim``.
"""

from __future__ import annotations

from collections import ChainMap
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path

from aftersales.admin.acts import Acts, page_of
from aftersales.admin.bulk import BulkActs
from aftersales.admin.claim_view import show_claim
from aftersales.admin.decisions import DecisionActs
from aftersales.admin.figures import FiguresPage
from aftersales.admin.notes import NoteActs
from aftersales.admin.opening import OpeningPage
from aftersales.admin.queue import ClaimQueue
from aftersales.admin.returns import ReturnActs
from aftersales.models import Claim
from aftersales.services.second_person import KIND
from openplatform.approvals.models import Approval
from openplatform.approvals.pages import KindPage, register_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import type_of_text

# While another person is to carry out an approval.
BARRED_WHILE_WAITING = ("approve", "ask")


@admin.register(Claim)
class ClaimAdmin(
    DecisionActs,
    ReturnActs,
    NoteActs,
    BulkActs,
    OpeningPage,
    FiguresPage,
    ClaimQueue,
    ReadOnlyAdmin,
):
    """Claims: the queue, and the page of each."""

    mixins = (DecisionActs, ReturnActs, NoteActs)
    states_of_acts: Acts = ChainMap(*(dict(mixin.acts) for mixin in mixins))
    actions_detail = tuple(name for mixin in mixins for name in mixin.acts)
    panels: tuple[str, ...] = ()

    fieldsets = ((None, {"fields": (("status", "deadline"), ("partner", "opened_by"))}),)
    change_form_template = "backoffice/claim_page.html"

    def get_urls(self) -> list[URLPattern]:
        """With the pages that open a claim for a merchant, and that decide many."""
        wrap = self.admin_site.admin_view
        return [
            path("open/<int:suborder_id>/", wrap(self.open_claim), name="aftersales_claim_open"),
            path("approve/", wrap(self.approve_many), name="aftersales_claim_approve_many"),
            path("reject/", wrap(self.reject_many), name="aftersales_claim_reject_many"),
            *super().get_urls(),
        ]

    def state_of_row(self, row: Claim) -> type_of_text:
        """The state, for whoever comes too late."""
        return row.get_status_display()

    def get_actions_detail(self, request: HttpRequest, object_id: int | str) -> list[Any]:
        """Those that the claim's state allows."""
        actions: list[Any] = super().get_actions_detail(request, object_id)
        claim = self.get_object(request, str(object_id))
        if claim is None:
            return []
        barred = BARRED_WHILE_WAITING if getattr(claim, "is_waiting", False) else ()
        return [
            one
            for one in actions
            if claim.status in self.states_of_acts.get(one.path, ()) and one.path not in barred
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With the order, the merchant and the pictures beside the claim."""
        claim: Claim = self.get_row(request, object_id)
        context = {
            **show_claim(claim, request),
            "panels": self.panels,
            "may_note": self.has_note_permission(request),
            **(extra_context or {}),
        }
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response


def _claim_url(approval: Approval) -> str | None:
    claim = Claim.objects.filter(aftersale_no=approval.subject_no).first()
    return None if claim is None else page_of(claim)


register_page(KIND, KindPage(subject_url=_claim_url))
