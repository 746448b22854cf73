"""Prices that went wrong: orders bought above the sale price or under the floor, as a page and as
files.
"""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from accounts.admin.shown import link_to
from aftersales.admin.figures import links_to_periods
from aftersales.forms.figures import DAYS_AT_FIRST, last_days
from openplatform.audit.actions import name_actions
from openplatform.core.admin.period_pages import (
    TookTooLong,
    answer_period_page,
    asked_of,
    link_to_file,
    patiently,
)
from openplatform.imports.table_pages import answer_file, columns_of, file_of, rows_of
from openplatform.imports.tables import Table
from reconciliation.files.wrong_prices import LINES, list_tables
from reconciliation.forms.wrong_prices import WrongPricesForm
from reconciliation.selectors.wrong_prices import MOST_ROWS, What, WrongPrices, get_wrong_prices

TEMPLATE = "backoffice/wrong_prices.html"
MAY_SEE = ("orders.view_order", "catalog.view_purchaseprice")
LINES_ON_PAGE = 100
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
            except TookTooLong:
                form.add_error(None, _("That is too much to look at; ask for fewer days"))
            else:
                if "file" in request.GET:
                    return _answer_file(request, found)
                context = _context_of(request, found)
        return answer_period_page(
            self,
            request,
            TEMPLATE,
            title=_("Prices that went wrong"),
            icon="search",
            form=form,
            # It is about orders, not about the bills beside whose addresses it is.
            context={
                "opts": None,
                "content_title": _("Prices that went wrong"),
                "periods": links_to_periods(request),
                **context,
            },
        )


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The form's values; all of the last thirty days when nobody names some."""
    at_first = last_days(DAYS_AT_FIRST)
    values = {
        "first": at_first.first.isoformat(),
        "last": at_first.last.isoformat(),
        "what": What.ALL.value,
    }
    return asked_of(request, values, "partner")


def _get(form: WrongPricesForm, *, limited: bool) -> WrongPrices:
    partner = form.cleaned_data["partner"]
    with patiently(PATIENCE):
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
            "columns": columns_of(table),
            "rows": _cells_of(table, found),
            "link": link_to_file(request, "csv", table.name),
        }
        for table in list_tables(found)
    ]
    return {
        "tables": tables if found.merchants else [],
        "is_asked": True,
        "workbook": link_to_file(request, "xlsx") if found.merchants else "",
        "line_count": found.line_count,
        "shown_count": len(found.lines),
        "most_rows": MOST_ROWS,
    }


def _cells_of(table: Table, found: WrongPrices) -> list[list[tuple[Any, bool]]]:
    """Cells as text, and whether they stand to the right; an order's number leads to it."""
    rows = rows_of(table)
    if table.name == LINES:
        for cells, line in zip(rows, found.lines, strict=True):
            page = reverse("admin:orders_order_change", args=(line.order_id,))
            cells[0] = (link_to(page, line.order_no), False)
    return rows


def _answer_file(request: HttpRequest, found: WrongPrices) -> HttpResponse:
    file = file_of(request, list_tables(found))
    period = found.period
    return answer_file(
        request,
        file,
        title=f"wrong-prices-{file.name}-{period.first:%Y%m%d}-{period.last:%Y%m%d}",
        action="export_wrong_prices",
        kind="reconciliation.wrong_prices",
    )
