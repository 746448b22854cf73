"""All merchants' statements of a period in one ZIP."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from openplatform.core import clock
from reconciliation.files.archive import write_archive
from reconciliation.forms.statements import ArchiveForm
from reconciliation.models import StatementFile
from reconciliation.selectors.archives import count_statements, list_archive_files
from reconciliation.selectors.months import last_months
from reconciliation.services.archiving import note_archive
from reconciliation.states import PaperStatus

TEMPLATE = "backoffice/statement_archive.html"
MONTHS = 6  # to choose from by a click
# What is ticked at first: numbers to go on with, and what people read.
FORMATS = (StatementFile.Format.XLSX.value, StatementFile.Format.PDF.value)


class ArchivePage:
    """The page beside the list of statements."""

    def get_urls(self) -> list[URLPattern]:
        """With the page."""
        model_admin: Any = self
        view = model_admin.admin_site.admin_view(self.show_archive)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("archive/", view, name="reconciliation_statement_archive"), *urls]

    def show_archive(self, request: HttpRequest) -> HttpResponseBase:
        """The form; sent, the ZIP, which is written while it travels.

        :raises PermissionDenied: for whoever may not take statements away.
        """
        if not (
            request.user.has_perm("reconciliation.view_statement")
            and request.user.has_perm("reconciliation.download_statement")
        ):
            raise PermissionDenied
        is_sent = request.method == "POST"
        form = ArchiveForm(request.POST) if is_sent else ArchiveForm(initial=_at_first(request))
        if is_sent and form.is_valid():
            files = list(
                list_archive_files(
                    first=form.period[0],
                    last=form.period[1],
                    formats=form.cleaned_data["formats"],
                    languages=form.cleaned_data["languages"],
                )
            )
            if files:
                return _answer(request, form.period, files)
            form.add_error(None, _("No statement of exactly these days is ready"))
        model_admin: Any = self
        request.current_app = model_admin.admin_site.name
        return TemplateResponse(
            request,
            TEMPLATE,
            {
                **model_admin.admin_site.each_context(request),
                "opts": model_admin.model._meta,
                "title": _("Archive of statements"),
                "form": form,
                "media": model_admin.media + form.media,
                "months": [
                    (month, counts[PaperStatus.READY], sum(counts.values()))
                    for month in last_months(MONTHS, now=clock.now())
                    if (counts := count_statements(first=month.first, last=month.last))
                ],
                "back_to": reverse("admin:reconciliation_statement_changelist"),
            },
        )


def archive_url(first: date, last: date) -> str:
    """The page, with the days filled in."""
    query = {"period_start": first.isoformat(), "period_end": last.isoformat()}
    return reverse("admin:reconciliation_statement_archive", query=query)


def _at_first(request: HttpRequest) -> dict[str, Any]:
    month = last_months(1, now=clock.now())[0]
    return {
        "period_start": request.GET.get("period_start", month.first),
        "period_end": request.GET.get("period_end", month.last),
        "formats": list(FORMATS),
        "languages": [_language_of(request)],
    }


def _language_of(request: HttpRequest) -> str:
    """The reader's, as files have it."""
    spoken = str(getattr(request, "LANGUAGE_CODE", ""))
    english = StatementFile.Language.ENGLISH
    return english.value if spoken.startswith("en") else StatementFile.Language.CHINESE.value


def _answer(
    request: HttpRequest, period: tuple[date, date], files: list[StatementFile]
) -> HttpResponse | StreamingHttpResponse:
    first, last = (day.isoformat() for day in period)
    filename = f"statements-{first}-{last}.zip"
    note_archive(
        period=f"{first}..{last}",
        filename=filename,
        files=files,
        actor=request.user.get_username(),
    )
    return StreamingHttpResponse(
        write_archive(files),
        content_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "private, no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
