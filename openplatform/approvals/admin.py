"""The inbox of decisions in the back office: asked for by one, decided by another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Case, QuerySet, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.module_loading import import_string
from django.utils.safestring import SafeString
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from openplatform.approvals.errors import AlreadyDecided, SecondPersonNeeded
from openplatform.approvals.forms import ApproveForm, RejectForm
from openplatform.approvals.kinds import KINDS
from openplatform.approvals.models import Approval
from openplatform.approvals.pages import PAGES, KindPage, amount_of
from openplatform.approvals.selectors import list_pending_for, may_decide, why_outdated
from openplatform.approvals.services.deciding import approve, reject
from openplatform.audit.actions import name_actions
from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.admin.staff import get_staff
from openplatform.core.errors import type_of_text
from openplatform.core.money import to_text

STATUS_COLOURS = {"pending": "warning", "approved": "success", "rejected": "danger"}
REQUESTER_COLOURS = {"merchant": "info", "staff": "neutral"}
NO_PAGE = KindPage()

name_actions({"approve": _("Approved"), "reject": _("Rejected")})


class KindFilter(DropdownFilter):
    """What is asked for."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """Every kind."""
        return [(name, kind.title) for name, kind in KINDS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        """Of one kind."""
        return queryset.filter(kind=self.value()) if self.value() else queryset


class MineFilter(DropdownFilter):
    """What one has to do with it oneself."""

    title = _("my part")
    parameter_name = "mine"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """To decide, asked, decided."""
        return [
            ("decide", _("I can decide it")),
            ("asked", _("I asked for it")),
            ("decided", _("I decided it")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Approval]) -> QuerySet[Approval]:
        """By one's part."""
        if self.value() == "decide":
            return queryset.filter(pk__in=list_pending_for(request.user).values("pk"))
        if self.value() == "asked":
            return queryset.filter(requested_by=request.user.pk)
        if self.value() == "decided":
            return queryset.filter(decided_by=request.user.pk)
        return queryset


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    """Decisions: what waits comes first."""

    list_display = (
        "subject", "status_badge", "amount", "partner", "asked_by", "requested_at", "age",
        "decided_by",
    )  # fmt: skip
    list_filter = (
        ("status", ChoicesDropdownFilter),
        KindFilter,
        MineFilter,
        ("partner", AutocompleteSelectFilter),
        ("requested_at", RangeDateFilter),
    )
    list_select_related = ("partner", "requested_by", "decided_by")
    search_fields = ("subject_no", "requester", "reason", "partner__code", "partner__name")
    search_help_text = _("Number, person, reason or partner")
    ordering = (Case(When(status=Approval.Status.PENDING, then=0), default=1), "-id")
    asked_fieldsets = (
        (
            None,
            {
                "fields": (
                    ("kind_name", "status"),
                    ("subject_link", "partner"),
                    ("requester", "requested_at"),
                    "reason",
                )
            },
        ),
    )
    fieldsets = (
        *asked_fieldsets,
        (_("Decision"), {"fields": (("decided_by", "decided_at"), "decision_note")}),
    )
    readonly_fields = ("kind_name", "subject_link")
    change_form_outer_before_template = "backoffice/approval.html"
    actions_detail = ("approve", "reject")

    def has_approve_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may decide anything; the service looks at the kind."""
        return any(request.user.has_perm(kind.permission) for kind in KINDS.values())

    has_reject_permission = has_approve_permission

    def get_fieldsets(self, request: HttpRequest, obj: Approval | None = None) -> Any:
        """Without a decision as long as there is none."""
        is_pending = obj is not None and obj.status == Approval.Status.PENDING
        return self.asked_fieldsets if is_pending else self.fieldsets

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """No buttons for those who cannot decide this one."""
        approval = Approval.objects.filter(pk=object_id).first()
        if approval is None or not may_decide(approval, request.user):
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        if why_outdated(approval) is not None:
            return [button for button in buttons if button.path != "approve"]
        return buttons

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """With what is asked for in words, its proof, and the buttons."""
        approval: Approval = self.get_row(request, object_id)
        response: HttpResponse = super().change_view(
            request, object_id, form_url, {**_shown(approval, request), **(extra_context or {})}
        )
        return response

    @action(
        description=_("Approve"),
        permissions=["approve"],
        icon="check",
        is_primary=True,
    )
    def approve(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Carry it out."""
        approval: Approval = self.get_row(request, object_id)
        if may_decide(approval, request.user) and (refusal := why_outdated(approval)) is not None:
            messages.error(request, str(refusal))
            return HttpResponseRedirect(_page_of(approval))
        form = KINDS[approval.kind].form
        form_class: Callable[..., forms.Form] = import_string(form) if form else ApproveForm

        def decide(values: Values) -> type_of_text:
            approve(
                approval_id=approval.pk,
                user=get_staff(request),
                values=_as_json(values),
                now=clock.now(),
            )
            return _("%(subject)s was approved and carried out") % {"subject": approval.subject_no}

        return self._decide(
            request,
            approval,
            decide,
            form_class=partial(form_class, approval=approval),
            title=_("Approve"),
            submit=_("Approve and carry out"),
        )

    @action(
        description=_("Reject"),
        permissions=["reject"],
        icon="close",
        is_danger=True,
    )
    def reject(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Refuse it, with a reason."""
        approval: Approval = self.get_row(request, object_id)

        def decide(values: Values) -> type_of_text:
            reject(
                approval_id=approval.pk,
                user=get_staff(request),
                reason=values["reason"],
                now=clock.now(),
            )
            return _("%(subject)s was rejected") % {"subject": approval.subject_no}

        return self._decide(
            request,
            approval,
            decide,
            form_class=RejectForm,
            title=_("Reject"),
            submit=_("Reject"),
            is_danger=True,
        )

    def _decide(
        self,
        request: HttpRequest,
        approval: Approval,
        decide: Callable[[Values], type_of_text],
        **page: Any,
    ) -> HttpResponse:
        """The page of one decision; back to the approval when there is nothing to decide."""
        back_to = _page_of(approval)
        if request.method != "POST" and not may_decide(approval, request.user):
            is_open = approval.status == Approval.Status.PENDING
            error = SecondPersonNeeded if is_open else AlreadyDecided
            messages.error(request, str(error.title))
            return HttpResponseRedirect(back_to)

        def call(values: Values) -> HttpResponse | type_of_text:
            try:
                return decide(values)
            except (AlreadyDecided, SecondPersonNeeded) as error:
                messages.error(request, str(error.detail))
                return HttpResponseRedirect(back_to)

        return answer_form_page(
            self,
            request,
            call=call,
            back_to=back_to,
            extra_context=_shown(approval, request),
            **page,
        )

    @display(description=_("asked for"), ordering="kind", is_header=True)
    def subject(self, approval: Approval) -> tuple[type_of_text, str]:
        """The kind over the number."""
        return _title_of(approval), approval.subject_no

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, approval: Approval) -> tuple[str, type_of_text]:
        """A badge."""
        return approval.status, approval.get_status_display()

    @display(description=_("amount"))
    def amount(self, approval: Approval) -> str:
        """How much, or from how much to how much; what was approved when that is less."""
        return amount_of(approval)

    @display(description=_("asked by"), ordering="requester", label=REQUESTER_COLOURS)
    def asked_by(self, approval: Approval) -> tuple[str, str]:
        """Blue for merchants, grey for staff."""
        return ("staff" if approval.requested_by_id else "merchant"), approval.requester

    @display(description=_("waits for"), ordering="-requested_at")
    def age(self, approval: Approval) -> str:
        """How long nobody has decided it."""
        if approval.status != Approval.Status.PENDING:
            return "-"
        return timesince(approval.requested_at, depth=1)

    @display(description=_("asked for"))
    def kind_name(self, approval: Approval) -> type_of_text:
        """What the kind is called."""
        return _title_of(approval)

    @display(description=_("subject"))
    def subject_link(self, approval: Approval) -> SafeString | str:
        """A link to what is decided on."""
        page = PAGES.get(approval.kind, NO_PAGE)
        url = page.subject_url(approval) if page.subject_url else None
        if url is None:
            return approval.subject_no
        return format_html(
            '<a class="text-primary-600 dark:text-primary-500" href="{}">{}</a>',
            url,
            approval.subject_no,
        )


def _page_of(approval: Approval) -> str:
    return reverse("admin:approvals_approval_change", args=(approval.pk,))


def _shown(approval: Approval, request: HttpRequest) -> dict[str, Any]:
    """What a decider looks at."""
    kind = KINDS.get(approval.kind)
    description = [] if kind is None else kind.describe(approval)
    list_files = PAGES.get(approval.kind, NO_PAGE).list_files
    return {
        "heading": f"{_title_of(approval)} {approval.subject_no}",
        "facts": [
            *description,
            (_("partner"), approval.partner or "—"),
            (_("asked by"), approval.requester),
        ],
        "approval": approval,
        "description": description,
        "decided_values": list(_decided_values(approval)),
        "files": list_files(approval) if list_files else [],
        "may_decide": may_decide(approval, request.user),
        "may_approve": why_outdated(approval) is None,
        "is_own": approval.requested_by_id == request.user.pk
        and approval.status == Approval.Status.PENDING,
    }


def _decided_values(approval: Approval) -> list[tuple[type_of_text, str]]:
    names: Mapping[str, type_of_text] = {
        "approved_amount": _("Approved amount"),
        "note": _("Note"),
    }
    return [(names.get(name, name), str(value)) for name, value in approval.values.items() if value]


def _title_of(approval: Approval) -> type_of_text:
    kind = KINDS.get(approval.kind)
    return approval.kind if kind is None else kind.title


def _as_json(values: Values) -> dict[str, Any]:
    """Of the decimals, all are amounts."""
    return {
        name: to_text(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
    }
