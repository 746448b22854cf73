"""Statements in the back office: the list, the page of each, its files, and having one made."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.files.storage import default_storage
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    DropdownFilter,
    RangeDateFilter,
)

from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.admin.paging import BoundedPaginator
from openplatform.core.errors import type_of_text
from openplatform.core.uploads.answers import answer_file
from reconciliation.admin.archive import ArchivePage
from reconciliation.admin.closing import ClosingPages
from reconciliation.admin.statement_view import (
    KIND_NAMES,
    STATUS_COLOURS,
    money_or_dash,
    page_of,
    period_shown,
    show_statement,
)
from reconciliation.admin.summary import SummaryPage
from reconciliation.documents import filename_of
from reconciliation.forms.statements import OrderStatementForm
from reconciliation.models import Statement, StatementFile
from reconciliation.selectors.months import Month, last_months, of_kind
from reconciliation.selectors.periods import PeriodKind, period_kind
from reconciliation.services.downloading import note_download
from reconciliation.services.requesting import request_statement
from reconciliation.states import PaperStatus

KIND_COLOURS = {"month": "primary", "day": "neutral", "other": "neutral"}
MONTHS = 24  # to choose from


class KindFilter(DropdownFilter):
    """Of a month, of a day, or of another period."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """The kinds."""
        return [(kind.value, name) for kind, name in KIND_NAMES.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Statement]) -> QuerySet[Statement]:
        """Those of one kind."""
        kind = self.value()
        return of_kind(queryset, kind) if kind in list(PeriodKind) else queryset


class MonthFilter(DropdownFilter):
    """The monthly statements of one month."""

    title = pgettext_lazy("statements of", "month")
    parameter_name = "month"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """The latest."""
        return [(str(month), str(month)) for month in last_months(MONTHS, now=clock.now())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Statement]) -> QuerySet[Statement]:
        """Of all merchants."""
        month = Month.read(self.value() or "")
        if month is None:
            return queryset
        return queryset.filter(period_start=month.first, period_end=month.last)


@admin.register(Statement)
class StatementAdmin(ClosingPages, SummaryPage, ArchivePage, ReadOnlyAdmin):
    """Statements of all merchants; beside the list, the summary, archives and a month's closing."""

    list_display = (
        "statement_no", "partner", "period", "kind_badge", "status_badge", "opening", "closing",
        "entry_count", "ready_at",
    )  # fmt: skip
    list_filter = (
        ("partner", AutocompleteSelectFilter),
        KindFilter,
        MonthFilter,
        ("status", ChoicesDropdownFilter),
        ("period_end", RangeDateFilter),
    )
    list_select_related = ("partner",)
    search_fields = ("statement_no__startswith", "partner__code")
    search_help_text = _("Beginning of a statement number, or code of a partner")
    ordering = ("-id",)
    paginator = BoundedPaginator
    show_full_result_count = False
    change_form_template = "backoffice/statement_page.html"
    fields = ("statement_no", "partner", "status")
    actions_list = ("order_statement", "go_to_summary", "go_to_archive", "go_to_closing")
    actions_detail = ("make_again",)

    # Who may

    def has_order_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may have statements made."""
        return bool(request.user.has_perm("reconciliation.add_statement"))

    def has_download_permission(self, request: HttpRequest) -> bool:
        """Whoever may take statements away."""
        return bool(request.user.has_perm("reconciliation.download_statement"))

    def has_make_again_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """The same, of one that could not be made."""
        if not self.has_order_permission(request):
            return False
        if object_id is None:
            return True
        statement = self.get_object(request, str(object_id))
        return statement is not None and statement.status == PaperStatus.FAILED

    def state_of_row(self, row: Statement) -> type_of_text:
        """For whoever comes too late."""
        return row.get_status_display()

    # Pages

    def get_urls(self) -> list[URLPattern]:
        """With files, and with how far a statement is."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:statement_id>/file/<str:format>/<str:language>/",
                wrap(self.answer_file),
                name="reconciliation_statement_file",
            ),
            path(
                "<int:statement_id>/progress/",
                wrap(self.answer_progress),
                name="reconciliation_statement_progress",
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What it says, its files, who took them away, and what came of it."""
        statement: Statement = self.get_row(request, object_id)
        context = {**show_statement(statement, request), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def answer_file(
        self, request: HttpRequest, statement_id: int, format: str, language: str
    ) -> FileResponse:
        """A file, piece by piece; the trail says who took it.

        :raises PermissionDenied: for whoever may not take statements away.
        :raises Http404: when there is no such file.
        """
        if not (self.has_view_permission(request) and self.has_download_permission(request)):
            raise PermissionDenied
        file = (
            StatementFile.objects.filter(statement=statement_id, format=format, language=language)
            .select_related("statement__partner")
            .first()
        )
        if file is None:
            raise Http404
        try:
            content = default_storage.open(file.file)
        except FileNotFoundError as error:
            raise Http404 from error
        note_download(file=file, actor=request.user.get_username())
        name = filename_of(file.statement, file.format, file.language)
        return answer_file(content, filename=name, extension=file.format)

    def answer_progress(self, request: HttpRequest, statement_id: int) -> JsonResponse:
        """For the page of a statement that is being made, which asks again and again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        statement = self.get_row(request, str(statement_id))
        response = JsonResponse({"status": statement.status, "rows_done": statement.rows_done})
        response["Cache-Control"] = "no-store"
        return response

    # Acts

    @action(
        description=_("Order a statement"), permissions=["order"], url_path="order",
        icon="add", is_primary=True,
    )  # fmt: skip
    def order_statement(self, request: HttpRequest) -> HttpResponse:
        """Of any period that is over, for one merchant."""

        def call(values: Values) -> HttpResponse:
            statement = request_statement(
                partner_id=values["partner"].pk,
                period_start=values["period_start"],
                period_end=values["period_end"],
                by=request.user.get_username(),
                now=clock.now(),
            )
            return HttpResponseRedirect(page_of(statement))

        month = last_months(1, now=clock.now())[0]
        return answer_form_page(
            self,
            request,
            form_class=OrderStatementForm,
            title=_("Order a statement"),
            submit=pgettext_lazy("a statement", "Order"),
            call=call,
            back_to=reverse("admin:reconciliation_statement_changelist"),
            initial={"period_start": month.first, "period_end": month.last},
            intro=_(
                "Both days count. There is one statement for a merchant and a period: if it is "
                "there already, its page opens. Monthly and daily ones are made by the timetable."
            ),
        )

    @action(
        description=_("Make it again"), permissions=["make_again"], url_path="make-again",
        icon="replay", is_primary=True,
    )  # fmt: skip
    def make_again(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Once the reason was put right."""
        statement: Statement = self.get_row(request, object_id)

        def call(_values: Values) -> type_of_text:
            request_statement(
                partner_id=statement.partner_id,
                period_start=statement.period_start,
                period_end=statement.period_end,
                by=request.user.get_username(),
                now=clock.now(),
            )
            return _("The statement is being made")

        return answer_form_page(
            self,
            request,
            form_class=forms.Form,
            title=_("Make the statement again"),
            submit=_("Make it again"),
            call=call,
            back_to=page_of(statement),
            subject=statement,
            intro=_("It could not be made: %(error)s") % {"error": statement.error},
        )

    @action(description=_("Summary"), permissions=["view"], url_path="to-summary", icon="functions")
    def go_to_summary(self, request: HttpRequest) -> HttpResponse:
        """Over all merchants."""
        return HttpResponseRedirect(reverse("admin:reconciliation_statement_summary"))

    @action(
        description=_("Archive"), permissions=["download"], url_path="to-archive",
        icon="folder_zip",
    )  # fmt: skip
    def go_to_archive(self, request: HttpRequest) -> HttpResponse:
        """All merchants' files at once."""
        return HttpResponseRedirect(reverse("admin:reconciliation_statement_archive"))

    @action(
        description=_("Close a month"), permissions=["view"], url_path="to-closing",
        icon="event_available",
    )  # fmt: skip
    def go_to_closing(self, request: HttpRequest) -> HttpResponse:
        """Step by step."""
        return HttpResponseRedirect(reverse("admin:reconciliation_statement_month"))

    # Columns

    @display(description=_("period"), ordering="period_end")
    def period(self, statement: Statement) -> SafeString:
        """Its days."""
        return period_shown(statement)

    @display(description=_("kind"), label=KIND_COLOURS)
    def kind_badge(self, statement: Statement) -> tuple[str, type_of_text]:
        """A badge."""
        kind = period_kind(statement.period_start, statement.period_end)
        return kind.value, KIND_NAMES[kind]

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, statement: Statement) -> tuple[str, type_of_text]:
        """A badge."""
        return statement.status, statement.get_status_display()

    @display(description=_("opening"), ordering="opening_balance")
    def opening(self, statement: Statement) -> SafeString | str:
        """Nothing until it is ready."""
        return money_or_dash(statement.opening_balance)

    @display(description=_("closing"), ordering="closing_balance")
    def closing(self, statement: Statement) -> SafeString | str:
        """Nothing until it is ready."""
        return money_or_dash(statement.closing_balance)

    @display(description=_("entries"))
    def entry_count(self, statement: Statement) -> str:
        """Of the ledger."""
        if statement.closing_entry_no is None or statement.opening_entry_no is None:
            return "–"
        return f"{statement.closing_entry_no - statement.opening_entry_no:,}"
