"""Figures about claims: rates, ages, times and refunds, as a page and as files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from aftersales.admin.refund_chart import draw_refunds
from aftersales.exports.figures import list_tables
from aftersales.forms.figures import DAYS_AT_FIRST, FiguresForm, last_days
from aftersales.selectors.figures import Figures, get_figures
from openplatform.audit.actions import name_actions
from openplatform.core import clock
from openplatform.core.admin.period_pages import (
    PERIODS,
    TookTooLong,
    answer_period_page,
    asked_of,
    link_to_days,
    link_to_file,
    patiently,
)
from openplatform.imports.table_pages import answer_file, columns_of, file_of, rows_of, text_of
from openplatform.imports.tables import Form, Table

TEMPLATE = "backoffice/claim_figures.html"
MAY_SEE = "aftersales.view_claim"
ROWS_ON_PAGE = 20  # of a table of rates; a file has more
# A page that somebody waits for: more time than for others, and room to sort without files.
PATIENCE = "SET LOCAL statement_timeout = '20s'; SET LOCAL work_mem = '64MB'"

name_actions({"export_claim_figures": _("Figures about claims were exported")}, {})


class FiguresPage:
    """The page beside the list of claims."""

    def get_urls(self) -> list[URLPattern]:
        """With the page."""
        model_admin: Any = self
        view = model_admin.admin_site.admin_view(self.show_figures)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("figures/", view, name="aftersales_claim_figures"), *urls]

    def show_figures(self, request: HttpRequest) -> HttpResponse:
        """The form and, once it asks for something that there is, the figures or a file of them.

        :raises PermissionDenied: for whoever may not see claims.
        :raises Http404: for a file that there is not.
        """
        if not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        form = FiguresForm(_asked(request))
        context: dict[str, Any] = {}
        if form.is_valid():
            try:
                figures = _get(form, limited=not request.GET.get("file"))
            except TookTooLong:
                form.add_error(None, _("That is too much to count at once; ask for fewer days"))
            else:
                if "file" in request.GET:
                    return _answer_file(request, figures)
                context = _context_of(request, figures)
        return answer_period_page(
            self,
            request,
            TEMPLATE,
            title=_("Figures about claims"),
            icon="monitoring",
            form=form,
            context={"periods": links_to_periods(request), **context},
        )


def figures_url() -> str:
    """The page."""
    return reverse("admin:aftersales_claim_figures")


def links_to_periods(request: HttpRequest) -> list[tuple[int, str]]:
    """Numbers of days, and the page for so many up to today."""
    periods = {days: last_days(days) for days in PERIODS}
    return [
        (days, link_to_days(request, first=period.first, last=period.last))
        for days, period in periods.items()
    ]


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The form's values; of the last thirty days when nobody names some."""
    at_first = last_days(DAYS_AT_FIRST)
    days = {"first": at_first.first.isoformat(), "last": at_first.last.isoformat()}
    return asked_of(request, days, "partner")


def _get(form: FiguresForm, *, limited: bool) -> Figures:
    partner = form.cleaned_data["partner"]
    limit = {"limit": ROWS_ON_PAGE} if limited else {}
    with patiently(PATIENCE):
        return get_figures(
            period=form.period,
            partner_id=None if partner is None else partner.pk,
            now=clock.now(),
            **limit,
        )


@dataclass(frozen=True, slots=True)
class Card:
    """One number above the tables."""

    title: str
    value: str
    note: str
    is_alert: bool = False


@dataclass(frozen=True, slots=True)
class ShownTable:
    """A table as the page has it: cells as text, and whether a column stands to the right."""

    name: str
    title: str
    columns: list[tuple[str, bool]]
    rows: list[list[tuple[str, bool]]]
    link: str
    is_cut: bool


def _context_of(request: HttpRequest, figures: Figures) -> dict[str, Any]:
    tables = list_tables(figures)
    return {
        "cards": _cards_of(figures),
        "chart": draw_refunds(figures.days),
        "is_refunded": any(day.count for day in figures.days),
        "refunds_link": link_to_file(request, "csv", "refunds"),
        "tables": [_shown(request, table) for table in tables if table.name != "refunds"],
        "workbook": link_to_file(request, "xlsx"),
        "rows_on_page": ROWS_ON_PAGE,
    }


def _cards_of(figures: Figures) -> list[Card]:
    total = figures.total
    count = sum(day.count for day in figures.days)
    freight = sum(day.freight_amount for day in figures.days)
    opened = sum(state.count for state in figures.open_claims)
    late = sum(state.overdue_count for state in figures.open_claims)
    decided = figures.waits.get("by_people")
    return [
        Card(
            gettext("Claims filed"),
            text_of(total.claim_count, Form.COUNT),
            ngettext("%(units)s unit", "%(units)s units", total.quantity)
            % {"units": text_of(total.quantity, Form.COUNT)},
        ),
        Card(
            gettext("Claim rate"),
            text_of(total.claim_rate, Form.SHARE),
            gettext("Of %(units)s units paid for")
            % {"units": text_of(total.bought_quantity, Form.COUNT)},
        ),
        Card(
            gettext("Refunded"),
            text_of(sum(day.amount for day in figures.days), Form.AMOUNT),
            ngettext(
                "%(count)s claim, freight %(freight)s",
                "%(count)s claims, freight %(freight)s",
                count,
            )
            % {"count": text_of(count, Form.COUNT), "freight": text_of(freight, Form.AMOUNT)},
        ),
        Card(
            gettext("Time to decide"),
            "–" if decided is None else _hours(decided.half_within),
            _say_how_fast(figures),
        ),
        Card(
            gettext("Open now"),
            text_of(opened, Form.COUNT),
            ngettext("%(count)s is overdue", "%(count)s are overdue", late)
            % {"count": text_of(late, Form.COUNT)},
            is_alert=late > 0,
        ),
    ]


def _say_how_fast(figures: Figures) -> str:
    """Beside the median of what people decided."""
    decided = figures.waits.get("by_people")
    if decided is not None:
        time = _hours(decided.most_within)
        return gettext("Half of them; nine of ten within %(time)s") % {"time": time}
    if "by_rule" in figures.waits:
        return gettext("Rules alone decided claims in this period")
    return gettext("No claim was decided in this period")


def _shown(request: HttpRequest, table: Table) -> ShownTable:
    return ShownTable(
        name=table.name,
        title=table.title,
        columns=columns_of(table),
        rows=rows_of(table),
        link=link_to_file(request, "csv", table.name),
        is_cut=len(table.rows) >= ROWS_ON_PAGE,
    )


def _hours(time: timedelta) -> str:
    return gettext("%(hours)s h") % {"hours": f"{time / timedelta(hours=1):,.1f}"}


def _answer_file(request: HttpRequest, figures: Figures) -> HttpResponse:
    file = file_of(request, list_tables(figures))
    period = figures.period
    return answer_file(
        request,
        file,
        title=f"claims-{file.name}-{period.first:%Y%m%d}-{period.last:%Y%m%d}",
        action="export_claim_figures",
        kind="aftersales.figures",
    )
