"""Prices that went wrong: orders bought above the sale price or under the floor, as a page and as
files.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext_lazy as _

from accounts.admin.shown import link_to
from aftersales.exports.figures import Form, Table, Value, to_csv, to_xlsx
from aftersales.forms.figures import DAYS_AT_FIRST, last_days
from openplatform.audit.actions import name_actions
from openplatform.audit.services.recording import record_run
from openplatform.core import clock
from openplatform.core.locking import sqlstate_of
from openplatform.core.uploads.files import MEDIA_TYPES
from reconciliation.files.wrong_prices import LINES, list_tables
from reconciliation.forms.wrong_prices import WrongPricesForm
from reconciliation.selectors.wrong_prices import MOST_ROWS, What, WrongPrices, get_wrong_prices

TEMPLATE = "backoffice/wrong_prices.html"
MAY_SEE = ("orders.view_order", "catalog.view_purchaseprice")
LINES_ON_PAGE = 100
PERIODS = (7, 30, 90, 365)  # days up to today
QUERY_CANCELED = "57014"
# A page that somebody waits for: more time than for others.
PATIENCE = "SET LOCAL statement_timeout = '20s'; SET LOCAL work_mem = '64MB'"

name_actions({"export_wrong_prices": _("Report of wrong prices was exported")})


class WrongPricesPage:
    """The page beside the list of bills."""

    def get_urls(self) -> list[URLPattern]:
        """With the page."""
        model_admin: Any = self
        view = model_admin.admin_site.admin_view(self.show_wrong_prices)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("wrong-prices/", view, name="reconciliation_wrong_prices"), *urls]

    def show_wrong_prices(self, request: HttpRequest) -> HttpResponse:
        """The form and, once it asks for something that there is, the report or a file of it.

        :raises PermissionDenied: for whoever may not see orders and prices.
        :raises Http404: for a file that there is not.
        """
        if not request.user.has_perms(MAY_SEE):
            raise PermissionDenied
        form = WrongPricesForm(_asked(request))
        context: dict[str, Any] = {}
        if form.is_valid():
            try:
                found = _get(form, limited=not request.GET.get("file"))
            except OperationalError as error:
                if sqlstate_of(error) != QUERY_CANCELED:
                    raise
                form.add_error(None, _("That is too much to look at; ask for fewer days"))
            else:
                if "file" in request.GET:
                    return _answer_file(request, found)
                context = _context_of(request, found)
        model_admin: Any = self
        request.current_app = model_admin.admin_site.name
        return TemplateResponse(
            request,
            TEMPLATE,
            {
                **model_admin.admin_site.each_context(request),
                "opts": model_admin.model._meta,
                "title": _("Prices that went wrong"),
                "form": form,
                "media": model_admin.media + form.media,
                "periods": [(days, _link(request, days)) for days in PERIODS],
                **context,
            },
        )


def wrong_prices_url() -> str:
    """The page."""
    return reverse("admin:reconciliation_wrong_prices")


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The form's values; all of the last thirty days when nobody names some."""
    at_first = last_days(DAYS_AT_FIRST)
    names = ("first", "last", "partner", "what")
    return {
        "first": at_first.first.isoformat(),
        "last": at_first.last.isoformat(),
        "what": What.ALL.value,
        **{name: request.GET[name] for name in names if name in request.GET},
    }


def _get(form: WrongPricesForm, *, limited: bool) -> WrongPrices:
    partner = form.cleaned_data["partner"]
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE)
        return get_wrong_prices(
            period=form.period,
            partner_id=None if partner is None else partner.pk,
            what=What(form.cleaned_data["what"]),
            limit=LINES_ON_PAGE if limited else MOST_ROWS,
        )


def _context_of(request: HttpRequest, found: WrongPrices) -> dict[str, Any]:
    tables = [
        {
            "name": table.name,
            "title": table.title,
            "columns": [(title, form != Form.TEXT) for title, form in table.columns],
            "rows": _rows_of(table, found),
            "link": _file_link(request, "csv", table.name),
        }
        for table in list_tables(found)
    ]
    return {
        "tables": tables if found.merchants else [],
        "is_asked": True,
        "workbook": _file_link(request, "xlsx") if found.merchants else "",
        "line_count": found.line_count,
        "shown_count": len(found.lines),
        "most_rows": MOST_ROWS,
    }


def _rows_of(table: Table, found: WrongPrices) -> list[list[tuple[Any, bool]]]:
    """Cells as text, and whether they stand to the right; an order's number leads to it."""
    rows = [
        [
            (_text(value, form), form != Form.TEXT)
            for value, (_title, form) in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    if table.name == LINES:
        for cells, line in zip(rows, found.lines, strict=True):
            page = reverse("admin:orders_order_change", args=(line.order_id,))
            cells[0] = (link_to(page, line.order_no), False)
    return rows


def _text(value: Value, form: Form) -> str:
    match value:
        case None:
            return "–"
        case datetime():
            return date_format(localtime(value), "Y-m-d H:i")
        case str() | date():
            return str(value)
    return f"{value:,.2f}" if form == Form.AMOUNT else f"{value:,}"


def _answer_file(request: HttpRequest, found: WrongPrices) -> HttpResponse:
    """One table as CSV, or a workbook with both; the trail says who took it.

    :raises Http404: when there is no such file.
    """
    tables = {table.name: table for table in list_tables(found)}
    name = request.GET.get("table", "")
    match request.GET["file"]:
        case "xlsx":
            name, content, extension = "all", to_xlsx(list(tables.values())), "xlsx"
        case "csv" if name in tables:
            content, extension = to_csv(tables[name]), "csv"
        case _:
            raise Http404
    period = found.period
    filename = f"wrong-prices-{name}-{period.first:%Y%m%d}-{period.last:%Y%m%d}.{extension}"
    with transaction.atomic():
        record_run(
            action="export_wrong_prices",
            kind="reconciliation.wrong_prices",
            number=f"{localtime(clock.now()):%Y%m%d%H%M%S}",
            label=filename,
            outcome={},
            actor=request.user.get_username(),
        )
    return HttpResponse(
        content,
        content_type=MEDIA_TYPES[extension],
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
        },
    )


def _link(request: HttpRequest, days: int) -> str:
    """The page for the last days, of the same merchant."""
    period = last_days(days)
    asked = request.GET.copy()
    for name in ("file", "table"):
        asked.pop(name, None)
    asked["first"], asked["last"] = period.first.isoformat(), period.last.isoformat()
    return f"?{asked.urlencode()}"


def _file_link(request: HttpRequest, file: str, table: str = "") -> str:
    """A file of what the page shows."""
    asked = request.GET.copy()
    asked["file"] = file
    if table:
        asked["table"] = table
    return f"?{asked.urlencode()}"
