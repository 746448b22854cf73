"""Files in, through the back office: upload, look at what they would do, confirm."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.contrib.filters.admin import ChoicesDropdownFilter, DropdownFilter, RangeDateFilter

from openplatform.core import clock
from openplatform.core.admin.decorators import action, display
from openplatform.core.admin.form_pages import faults_of
from openplatform.core.admin.model_admins import ModelAdmin
from openplatform.core.admin.staff import get_staff
from openplatform.core.errors import DomainError, type_of_text
from openplatform.imports.forms import UploadForm
from openplatform.imports.models import ImportRun
from openplatform.imports.resources import Resource
from openplatform.imports.selectors import list_runs_for, list_usable_resources
from openplatform.imports.services.confirming import check_again, confirm_import
from openplatform.imports.services.uploading import upload_import
from openplatform.imports.states import RUN_TRANSITIONS, RunStatus
from openplatform.imports.tables import csv_of_faults, template_of

STATUS_COLOURS = {
    "uploaded": "neutral",
    "checking": "info",
    "checked": "warning",
    "refused": "danger",
    "importing": "info",
    "imported": "success",
    "failed": "danger",
    "nothing": "neutral",
}
FAULTS, WARNINGS = "faults", "warnings"


class ResourceFilter(DropdownFilter):
    """What was imported."""

    title = _("resource")
    parameter_name = "resource"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, type_of_text]]:
        """What one may import oneself."""
        return [(resource.name, resource.label) for resource in list_usable_resources(request.user)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ImportRun]) -> QuerySet[ImportRun]:
        """Files of one resource."""
        return queryset.filter(resource=self.value()) if self.value() else queryset


@admin.register(ImportRun)
class ImportRunAdmin(ModelAdmin):
    """Whoever may use a resource sees its files, whoever brought them, and may confirm them."""

    list_display = (
        "title", "status_badge", "rows", "created", "updated", "unchanged", "faults_and_warnings",
        "user", "created_at", "confirmed_by",
    )  # fmt: skip
    list_filter = (
        ResourceFilter,
        ("status", ChoicesDropdownFilter),
        ("created_at", RangeDateFilter),
    )
    list_select_related = ("user", "confirmed_by")
    search_fields = ("filename", "sha256", "user__username", "confirmed_by__username")
    search_help_text = _("File, user or SHA-256")
    warn_unsaved_form = False
    actions_list = ("import_file",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ImportRun]:
        """Those of the resources that one may use."""
        return list_runs_for(request.user)

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Whoever may import anything."""
        return bool(list_usable_resources(request.user))

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever may import anything; which ones, the queryset decides."""
        return self.has_module_permission(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever may import anything; the page asks what."""
        return self.has_module_permission(request)

    def has_import_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """As for adding."""
        return self.has_module_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: services move a run."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: runs are forgotten by age."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Beside Django's: what the page of a run asks for and does."""
        wrap = self.admin_site.admin_view
        own = [
            path(
                "templates/<str:resource>.csv",
                wrap(self.template_view),
                name="imports_importrun_template",
            ),
            path(
                "<int:run_id>/progress/",
                wrap(self.progress_view),
                name="imports_importrun_progress",
            ),
            path(
                "<int:run_id>/<str:kind>.csv",
                wrap(self.faults_view),
                name="imports_importrun_faults",
            ),
            path(
                "<int:run_id>/confirm/",
                wrap(require_POST(self.confirm_view)),
                name="imports_importrun_confirm",
            ),
            path(
                "<int:run_id>/check-again/",
                wrap(require_POST(self.check_again_view)),
                name="imports_importrun_check_again",
            ),
        ]
        return [*own, *super().get_urls()]

    # Pages

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Choose what to import, look at its columns, upload the file."""
        resources = list_usable_resources(request.user)
        if not resources:
            raise PermissionDenied
        named = {resource.name: resource for resource in resources}
        chosen = request.GET.get("resource")
        if chosen is not None and chosen not in named:
            raise Http404
        resource = None if chosen is None else named[chosen]
        form = UploadForm()
        if request.method == "POST" and resource is not None:
            form = UploadForm(request.POST, request.FILES)
            if form.is_valid() and (run := self._upload(request, resource, form)) is not None:
                return _to_run(run.pk)
        return self._answer(
            request,
            "backoffice/import_upload.html",
            {
                "title": _("Import a file"),
                "resources": resources,
                "resource": resource,
                "barred": {} if resource is None else resource.barred_on_page,
                "form": form,
                "media": self.media + form.media,
            },
        )

    def _upload(
        self, request: HttpRequest, resource: Resource, form: UploadForm
    ) -> ImportRun | None:
        """The run; None when the form has to tell why there is none."""
        try:
            return upload_import(
                resource=resource.name,
                file=form.cleaned_data["file"],
                user=get_staff(request),
                language=get_language() or "en",
                now=clock.now(),
            )
        except DomainError as error:
            for fault in faults_of(error):
                form.add_error("file", str(fault.detail))
            return None

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """How far a file has come, what it would do or did, and the button that has it done."""
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        run: ImportRun = self.get_row(request, object_id)
        status, status_text = _status_of(run)
        return self._answer(
            request,
            "backoffice/import_run.html",
            {
                "title": run.filename,
                "original": run,
                "run": run,
                "status_colour": STATUS_COLOURS[status],
                "status_text": status_text,
                "may_confirm": run.status == RunStatus.CHECKED and not run.changes_nothing,
                "may_check_again": RunStatus.UPLOADED in RUN_TRANSITIONS[RunStatus(run.status)],
                "done_percent": _done_percent(run),
                "cards": _cards(run),
            },
        )

    def template_view(self, request: HttpRequest, resource: str) -> HttpResponse:
        """An empty file with the head of a resource."""
        for found in list_usable_resources(request.user):
            if found.name == resource:
                return _download(template_of(found), f"{resource}.csv")
        raise Http404

    def progress_view(self, request: HttpRequest, run_id: int) -> JsonResponse:
        """For the page of a run, which asks again and again."""
        run = self._get_run(request, run_id)
        response = JsonResponse(
            {
                "status": run.status,
                "is_due": run.is_due,
                "rows_done": run.rows_done,
                "percent": _done_percent(run),
            }
        )
        response["Cache-Control"] = "no-store"
        return response

    def faults_view(self, request: HttpRequest, run_id: int, kind: str) -> HttpResponse:
        """Faults or warnings, to be worked through."""
        run = self._get_run(request, run_id)
        if kind not in {FAULTS, WARNINGS}:
            raise Http404
        kept = run.faults if kind == FAULTS else run.warnings
        return _download(csv_of_faults(kept), f"import-{run.pk}-{kind}.csv")

    # Acts

    @action(description=_("Import a file"), permissions=["import"], icon="upload", is_primary=True)
    def import_file(self, request: HttpRequest) -> HttpResponse:
        """On to the page that asks for it."""
        return HttpResponseRedirect(reverse("admin:imports_importrun_add"))

    def confirm_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Have it written."""
        self._get_run(request, run_id)
        try:
            confirm_import(
                run_id=run_id,
                accepts_warnings=request.POST.get("accept_warnings") == "1",
                user=get_staff(request),
                now=clock.now(),
            )
        except DomainError as error:
            messages.error(request, str(error.detail))
        return _to_run(run_id)

    def check_again_view(self, request: HttpRequest, run_id: int) -> HttpResponse:
        """Have it checked anew."""
        self._get_run(request, run_id)
        try:
            check_again(run_id=run_id, user=get_staff(request))
        except DomainError as error:
            messages.error(request, str(error.detail))
        return _to_run(run_id)

    def _get_run(self, request: HttpRequest, run_id: int) -> ImportRun:
        run: ImportRun = self.get_row(request, str(run_id))
        return run

    def _answer(
        self, request: HttpRequest, template: str, context: dict[str, Any]
    ) -> TemplateResponse:
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request,
            template,
            {
                **self.admin_site.each_context(request),
                "opts": self.model._meta,
                "has_view_permission": True,
                "media": self.media,
                **context,
            },
        )

    # Columns

    @display(description=_("file"), ordering="filename", is_header=True)
    def title(self, run: ImportRun) -> tuple[str, str]:
        """The file over what it holds."""
        return run.filename, run.resource_label

    @display(description=_("status"), ordering="status", label=STATUS_COLOURS)
    def status_badge(self, run: ImportRun) -> tuple[str, type_of_text]:
        """A badge."""
        return _status_of(run)

    @display(description=_("rows"))
    def rows(self, run: ImportRun) -> Any:
        """As far as they are counted."""
        return run.report.get("rows", "-")

    @display(description=_("created"))
    def created(self, run: ImportRun) -> Any:
        """What was not there."""
        return run.report.get("created", "-")

    @display(description=_("updated"))
    def updated(self, run: ImportRun) -> Any:
        """What was different."""
        return run.report.get("updated", "-")

    @display(description=_("unchanged"))
    def unchanged(self, run: ImportRun) -> Any:
        """What stood there already."""
        return run.report.get("unchanged", "-")

    @display(description=_("faults / warnings"))
    def faults_and_warnings(self, run: ImportRun) -> str:
        """How many of each."""
        return f"{run.fault_count} / {run.warning_count}"


def _to_run(run_id: int) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:imports_importrun_change", args=(run_id,)))


def _status_of(run: ImportRun) -> tuple[str, type_of_text]:
    """For its colour and in words; a file that changes nothing waits for nobody."""
    if run.status == RunStatus.CHECKED and run.changes_nothing:
        return "nothing", _("Nothing to import")
    return run.status, run.get_status_display()


def _done_percent(run: ImportRun) -> int | None:
    """Of the rows, which are counted once the file was checked."""
    rows = run.report.get("rows")
    return min(run.rows_done * 100 // rows, 100) if rows else None


def _cards(run: ImportRun) -> list[dict[str, Any]]:
    """What the file would do, or did."""
    is_done = run.status == RunStatus.IMPORTED
    labels = {
        "rows": _("Rows"),
        "created": _("New") if not is_done else _("Created"),
        "updated": _("To be changed") if not is_done else _("Changed"),
        "unchanged": _("Unchanged"),
    }
    return [
        {"label": label, "value": run.report[name]}
        for name, label in labels.items()
        if name in run.report
    ]


def _download(content: bytes, filename: str) -> HttpResponse:
    return HttpResponse(
        content,
        headers={
            "Content-Type": "text/csv; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{filename}"',
            "X-Content-Type-Options": "nosniff",
        },
    )
