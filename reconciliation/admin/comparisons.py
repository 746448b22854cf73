"""Merchants' files in the back office: uploaded on their behalf, compared, explained."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import orjson
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseRedirect,
    JsonResponse,
)
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import (
    AutocompleteSelectFilter,
    ChoicesDropdownFilter,
    RangeDateFilter,
)

from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import Values, answer_form_page, faults_of
from openplatform.core.admin.model_admins import ReadOnlyAdmin
from openplatform.core.errors import DomainError, type_of_text
from openplatform.core.uploads.files import MEDIA_TYPES, ReceivedFile, safe_filename
from openplatform.core.uploads.storage import local_copy
from openplatform.idempotency.services.replay import Answer
from openplatform.imports.errors import ImportRefused
from openplatform.imports.readers import Cells
from reconciliation.admin.comparison_view import Filter, in_words, show_reconciliation
from reconciliation.admin.statement_view import STATUS_COLOURS, period_shown
from reconciliation.comparing.heads import MAX_HEAD, suggest
from reconciliation.comparing.reading import read_beginning
from reconciliation.documents import RESULTS
from reconciliation.files.report import sums_of, write_report
from reconciliation.forms.comparisons import FIELD_NAMES, ColumnsForm, NoteForm, UploadForm
from reconciliation.models import ColumnMapping, Reconciliation, StatementFile
from reconciliation.selectors.months import last_months
from reconciliation.services.downloading import note_report_download
from reconciliation.services.resolving import Chosen, resolve_rows
from reconciliation.services.uploading import upload_file
from reconciliation.states import PaperStatus

ROWS_SHOWN = 12  # of a file whose columns are asked for
CELLS_SHOWN = 30
POSITION = re.compile(r"[0-9]{1,9}", re.ASCII)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """Reports on files of merchants: to look at, and to explain what differs."""

    list_display = (
        "reconciliation_no", "partner", "period", "filename", "status_badge", "row_count",
        "differences", "requested_by", "created_at",
    )  # fmt: skip
    list_filter = (
        ("partner", AutocompleteSelectFilter),
        ("status", ChoicesDropdownFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("partner", "statement")
    search_fields = ("reconciliation_no__startswith", "partner__code", "filename", "file_sha256")
    search_help_text = _("Beginning of a report's number, code of a partner, file or SHA-256")
    fields = ("reconciliation_no", "partner", "status")
    change_form_template = "backoffice/reconciliation_page.html"
    actions_list = ("upload", "go_to_mappings")

    # Who may

    def has_upload_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may have files compared."""
        return bool(request.user.has_perm("reconciliation.add_reconciliation"))

    def has_download_permission(self, request: HttpRequest) -> bool:
        """Whoever may take statements away, may take away what was held against them."""
        return bool(request.user.has_perm("reconciliation.download_statement"))

    def has_resolve_permission(self, request: HttpRequest) -> bool:
        """Whoever may explain differences."""
        return bool(request.user.has_perm("reconciliation.change_reconciliation"))

    # Pages

    def get_urls(self) -> list[URLPattern]:
        """With what the page of a report asks for and does."""
        wrap = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/progress/", wrap(self.answer_progress),
                name="reconciliation_report_progress",
            ),
            path(
                "<int:pk>/report/<str:language>.xlsx", wrap(self.answer_file),
                name="reconciliation_report_file",
            ),
            path(
                "<int:pk>/resolve/", wrap(require_POST(self.resolve)),
                name="reconciliation_report_resolve",
            ),
            path(
                "<int:pk>/columns/", wrap(self.ask_for_columns),
                name="reconciliation_report_columns",
            ),
            *super().get_urls(),
        ]  # fmt: skip

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """What came of the file: sums, the bridge, and the rows."""
        reconciliation: Reconciliation = self.get_row(request, object_id)
        context = {**show_reconciliation(reconciliation, request), **(extra_context or {})}
        response: HttpResponse = super().change_view(request, object_id, form_url, context)
        return response

    def get_queryset(self, request: HttpRequest) -> QuerySet[Reconciliation]:
        """With what every page names."""
        rows: QuerySet[Reconciliation] = super().get_queryset(request)
        return rows.select_related("partner", "statement")

    def answer_progress(self, request: HttpRequest, pk: int) -> JsonResponse:
        """For the page of a file that is being compared, which asks again and again."""
        reconciliation = self._get(request, pk)
        response = JsonResponse(
            {"status": reconciliation.status, "rows_done": reconciliation.rows_done}
        )
        response["Cache-Control"] = "no-store"
        return response

    def answer_file(
        self, request: HttpRequest, pk: int, language: str
    ) -> HttpResponse | FileResponse:
        """The report as a workbook, and the trail says who took it; on to its page while it is
        being written.

        :raises PermissionDenied: for whoever may not take it away.
        :raises Http404: when there is no such report, or language.
        """
        reconciliation = self._get(request, pk)
        if not self.has_download_permission(request):
            raise PermissionDenied
        if language not in StatementFile.Language or reconciliation.status != PaperStatus.READY:
            raise Http404
        with tempfile.TemporaryDirectory(prefix="report-") as folder:
            file = Path(folder) / "report.xlsx"
            try:
                write_report(reconciliation, file, language, names_staff=True)
            except DomainError as error:
                messages.warning(request, str(error.detail))
                return _to(reconciliation)
            content = file.open("rb")  # it stays readable when its folder is gone
        note_report_download(
            reconciliation=reconciliation, language=language, actor=request.user.get_username()
        )
        name = f"reconciliation-{reconciliation.reconciliation_no}-{language}.xlsx"
        response = FileResponse(
            content, as_attachment=True, filename=name, content_type=MEDIA_TYPES["xlsx"]
        )
        response["X-Content-Type-Options"] = "nosniff"
        response["Cache-Control"] = "private, no-store"
        return response

    def ask_for_columns(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The first rows of the file, and which column is what; then it is compared again.

        :raises PermissionDenied: for whoever may not have files compared.
        :raises Http404: when the file is gone.
        """
        reconciliation = self._get(request, pk)
        if not self.has_upload_permission(request):
            raise PermissionDenied
        try:
            with local_copy(reconciliation.file) as file:
                rows = read_beginning(file, count=ROWS_SHOWN)
                content = file.read_bytes() if request.method == "POST" else b""
        except FileNotFoundError as error:
            raise Http404 from error
        except ImportRefused as error:
            messages.error(request, in_words(error.row_faults[0].text))
            return _to(reconciliation)
        head = _head_among(rows, request.GET.get("head"))
        heads = [cell[:MAX_HEAD] for cell in head[1]]
        form = ColumnsForm(request.POST or None, heads=heads, initial=suggest(heads))
        if request.method == "POST" and form.is_valid():
            again = self._upload(
                request,
                reconciliation,
                ReceivedFile(content, reconciliation.filename),
                form,
            )
            if again is not None:
                return _to(again)
        return self._answer(
            request,
            "backoffice/reconciliation_columns.html",
            {
                "title": _("Which column is what?"),
                "reconciliation": reconciliation,
                "rows": [
                    (number, cells[:CELLS_SHOWN], number == head[0]) for number, cells in rows
                ],
                "form": form,
                "back_to": _page_of(reconciliation),
                "media": self.media + form.media,
            },
        )

    def _upload(
        self,
        request: HttpRequest,
        reconciliation: Reconciliation,
        file: ReceivedFile,
        form: ColumnsForm,
    ) -> Reconciliation | None:
        """The report with these columns; None when the form has to tell why there is none."""
        statement = reconciliation.statement
        try:
            answer = upload_file(
                partner_id=reconciliation.partner_id,
                file=file,
                period_start=statement.period_start,
                period_end=statement.period_end,
                columns=form.columns,
                by=request.user.get_username(),
                now=clock.now(),
            )
        except DomainError as error:
            for fault in faults_of(error):
                form.add_error(None, str(fault.detail))
            return None
        return self._made(request, answer)

    def _made(self, request: HttpRequest, answer: Answer) -> Reconciliation:
        """The report that an upload was answered with."""
        number = orjson.loads(answer.body)["reconciliation_no"]
        return self.get_queryset(request).get(reconciliation_no=number)

    # Acts

    @action(
        description=_("Compare a file"), permissions=["upload"], url_path="upload",
        icon="upload", is_primary=True,
    )  # fmt: skip
    def upload(self, request: HttpRequest) -> HttpResponse:
        """Of a merchant, on its behalf."""

        def call(values: Values) -> HttpResponse:
            sent = values["file"]
            answer = upload_file(
                partner_id=values["partner"].pk,
                file=ReceivedFile(sent.read(), safe_filename(sent.name or "")),
                period_start=values["period_start"],
                period_end=values["period_end"],
                columns=None,
                by=request.user.get_username(),
                now=clock.now(),
            )
            return _to(self._made(request, answer))

        month = last_months(1, now=clock.now())[0]
        return answer_form_page(
            self,
            request,
            form_class=UploadForm,
            title=_("Compare a merchant's file"),
            submit=_("Upload and compare"),
            call=call,
            back_to=reverse("admin:reconciliation_reconciliation_changelist"),
            initial={"period_start": month.first, "period_end": month.last},
            intro=_(
                "A row for each payment, refund, top-up, adjustment and withdrawal of the period,"
                " signed as in the ledger: what is paid is negative. Columns are recognised by"
                " their names in Chinese and English; if they are not, the next page asks. The"
                " same file for the same period is the same report."
            ),
        )

    @action(
        description=_("Known columns"), permissions=["view"], url_path="to-mappings",
        icon="view_column",
    )  # fmt: skip
    def go_to_mappings(self, request: HttpRequest) -> HttpResponse:
        """What was said of the columns of earlier files."""
        return HttpResponseRedirect(reverse("admin:reconciliation_columnmapping_changelist"))

    def resolve(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Write a note on the rows that were ticked, or on all that the filter leaves.

        :raises PermissionDenied: for whoever may not.
        """
        reconciliation = self._get(request, pk)
        if not self.has_resolve_permission(request):
            raise PermissionDenied
        chosen = Filter.read(request.POST)
        # To the top of the page: what came of it stands there.
        back = HttpResponseRedirect(f"{_page_of(reconciliation)}{chosen.query()}")
        form = NoteForm(request.POST)
        if not form.is_valid():
            for texts in form.errors.values():
                messages.error(request, f"{form['note'].label}: {texts[0]}")
            return back
        meant = _rows_meant(request, chosen)
        if meant.positions is not None and not meant.positions:
            messages.error(
                request, _("Tick the rows that it explains, or choose all that are shown")
            )
            return back
        try:
            count = resolve_rows(
                reconciliation_no=reconciliation.reconciliation_no,
                chosen=meant,
                note=form.cleaned_data["note"],
                actor=request.user.get_username(),
                now=clock.now(),
            )
        except DomainError as error:
            messages.error(request, str(error.detail))
        else:
            told = ngettext("%(count)d row explained", "%(count)d rows explained", count)
            messages.success(request, told % {"count": count})
        return back

    def _get(self, request: HttpRequest, pk: int) -> Reconciliation:
        """
        :raises PermissionDenied: for whoever sees no reports.
        :raises Http404: when there is none.
        """
        if not self.has_view_permission(request):
            raise PermissionDenied
        row: Reconciliation = self.get_row(request, str(pk))
        return row

    def _answer(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            template,
            {**self.admin_site.each_context(request), "opts": self.model._meta, **context},
        )

    # Columns

    @display(description=_("period"), ordering="statement__period_end")
    def period(self, reconciliation: Reconciliation) -> SafeString:
        """Its days."""
        return period_shown(reconciliation.statement)

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, reconciliation: Reconciliation) -> tuple[str, type_of_text]:
        """A badge."""
        return reconciliation.status, reconciliation.get_status_display()

    @display(description=_("differences"))
    def differences(self, reconciliation: Reconciliation) -> str:
        """How many rows do not match; nothing until the report is ready."""
        if reconciliation.status != PaperStatus.READY:
            return "–"
        counts = [sums_of(reconciliation, name)[0] for name in RESULTS if name != "matched"]
        return f"{sum(counts):,}"


@admin.register(ColumnMapping)
class ColumnMappingAdmin(ReadOnlyAdmin):
    """What was said of the columns of merchants' files, by the head that they had."""

    list_display = ("partner", "head_text", "columns_text", "updated_at")
    list_filter = (("partner", AutocompleteSelectFilter),)
    list_select_related = ("partner",)
    search_fields = ("partner__code",)
    fields = ("partner", "head_text", "columns_text", "updated_at")
    readonly_fields = ("head_text", "columns_text")

    @display(description=_("head of the file"))
    def head_text(self, mapping: ColumnMapping) -> str:
        """Its names."""
        return ", ".join(mapping.heads)

    @display(description=_("columns"))
    def columns_text(self, mapping: ColumnMapping) -> str:
        """Our field and its name there."""
        return ", ".join(
            f"{FIELD_NAMES.get(field, field)} = {name}" for field, name in mapping.columns.items()
        )


def _rows_meant(request: HttpRequest, chosen: Filter) -> Chosen:
    if request.POST.get("all") == "1":
        result = chosen.result if chosen.result in RESULTS else ""
        return Chosen(result=result, cause=chosen.cause, unresolved_only=chosen.unresolved)
    ticked = request.POST.getlist("row")
    return Chosen(positions=[int(text) for text in ticked if POSITION.fullmatch(text)])


def _head_among(rows: list[Cells], asked: str | None) -> Cells:
    """The row that one asked for, or the one that names most columns."""
    by_number = {str(number): (number, cells) for number, cells in rows}
    if asked in by_number:
        return by_number[asked]
    return max(
        rows, key=lambda row: (len(suggest(row[1])), len(set(row[1]) - {""})), default=(1, [])
    )


def _page_of(reconciliation: Reconciliation) -> str:
    return reverse("admin:reconciliation_reconciliation_change", args=(reconciliation.pk,))


def _to(reconciliation: Reconciliation) -> HttpResponseRedirect:
    return HttpResponseRedirect(_page_of(reconciliation))
