"""Figures about claims: rates, ages, times and refunds, as a page and as files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from aftersales.admin.refund_chart import draw_refunds
from aftersales.exports.figures import Form, Table, Value, list_tables, to_csv, to_xlsx
from aftersales.forms.figures import DAYS_AT_FIRST, FiguresForm, last_days
from aftersales.selectors.figures import Figures, Period, get_figures
from openplatform.audit.actions import name_actions
from openplatform.audit.services.recording import record_run
from openplatform.core import clock
from openplatform.core.locking import sqlstate_of
from openplatform.core.uploads.files import MEDIA_TYPES

TEMPLATE = "backoffice/claim_figures.html"
MAY_SEE = "aftersales.view_claim"
ROWS_ON_PAGE = 20  # of a table of rates; a file has more
PERIODS = (7, 30, 90, 365)  # days up to today
QUERY_CANCELED = "57014"
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
            except OperationalError as error:
                if sqlstate_of(error) != QUERY_CANCELED:
                    raise
                form.add_error(None, _("That is too much to count at once; ask for fewer days"))
            else:
                if "file" in request.GET:
                    return _answer_file(request, figures)
                context = _context_of(request, figures)
        model_admin: Any = self
        request.current_app = model_admin.admin_site.name
        return TemplateResponse(
            request,
            TEMPLATE,
            {
                **model_admin.admin_site.each_context(request),
                "opts": model_admin.model._meta,
                "title": _("Figures about claims"),
                "form": form,
                "media": model_admin.media + form.media,
                "periods": [(days, _link(request, last_days(days))) for days in PERIODS],
                **context,
            },
        )


def figures_url() -> str:
    """The page."""
    return reverse("admin:aftersales_claim_figures")


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The form's values; of the last thirty days when nobody names some."""
    at_first = last_days(DAYS_AT_FIRST)
    given = {
        name: request.GET[name] for name in ("first", "last", "partner") if name in request.GET
    }
    return {"first": at_first.first.isoformat(), "last": at_first.last.isoformat(), **given}


def _get(form: FiguresForm, *, limited: bool) -> Figures:
    partner = form.cleaned_data["partner"]
    limit = {"limit": ROWS_ON_PAGE} if limited else {}
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(PATIENCE)
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
        "refunds_link": _file_link(request, "csv", "refunds"),
        "tables": [_shown(request, table) for table in tables if table.name != "refunds"],
        "workbook": _file_link(request, "xlsx"),
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
            _text(total.claim_count, Form.COUNT),
            ngettext("%(units)s unit", "%(units)s units", total.quantity)
            % {"units": _text(total.quantity, Form.COUNT)},
        ),
        Card(
            gettext("Claim rate"),
            _text(total.claim_rate, Form.SHARE),
            gettext("Of %(units)s units paid for")
            % {"units": _text(total.bought_quantity, Form.COUNT)},
        ),
        Card(
            gettext("Refunded"),
            _text(sum(day.amount for day in figures.days), Form.AMOUNT),
            ngettext(
                "%(count)s claim, freight %(freight)s",
                "%(count)s claims, freight %(freight)s",
                count,
            )
            % {"count": _text(count, Form.COUNT), "freight": _text(freight, Form.AMOUNT)},
        ),
        Card(
            gettext("Time to decide"),
            "–" if decided is None else _hours(decided.half_within),
            _say_how_fast(figures),
        ),
        Card(
            gettext("Open now"),
            _text(opened, Form.COUNT),
            ngettext("%(count)s is overdue", "%(count)s are overdue", late)
            % {"count": _text(late, Form.COUNT)},
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
    forms = [form for _title, form in table.columns]
    return ShownTable(
        name=table.name,
        title=table.title,
        columns=[(title, form != Form.TEXT) for title, form in table.columns],
        rows=[
            [
                (_text(value, form), form != Form.TEXT)
                for value, form in zip(row, forms, strict=True)
            ]
            for row in table.rows
        ],
        link=_file_link(request, "csv", table.name),
        is_cut=len(table.rows) >= ROWS_ON_PAGE,
    )


def _text(value: Value, form: Form) -> str:
    match value:
        case None:
            return "–"
        case datetime():
            return date_format(localtime(value), "Y-m-d H:i")
        case str() | date():
            return str(value)
    match form:
        case Form.AMOUNT:
            return f"{value:,.2f}"
        case Form.SHARE:
            return f"{value:.2%}"
        case Form.HOURS:
            return f"{value:,.1f}"
        case _:
            return f"{value:,}"


def _hours(time: timedelta) -> str:
    return gettext("%(hours)s h") % {"hours": f"{time / timedelta(hours=1):,.1f}"}


def _answer_file(request: HttpRequest, figures: Figures) -> HttpResponse:
    """One table as CSV, or a workbook with all; the trail says who took it.

    :raises Http404: when there is no such file.
    """
    tables = {table.name: table for table in list_tables(figures)}
    name = request.GET.get("table", "")
    match request.GET["file"]:
        case "xlsx":
            name, content, extension = "all", to_xlsx(list(tables.values())), "xlsx"
        case "csv" if name in tables:
            content, extension = to_csv(tables[name]), "csv"
        case _:
            raise Http404
    period = figures.period
    filename = f"claims-{name}-{period.first:%Y%m%d}-{period.last:%Y%m%d}.{extension}"
    with transaction.atomic():
        record_run(
            action="export_claim_figures",
            kind="aftersales.figures",
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


def _link(request: HttpRequest, period: Period) -> str:
    """The page for other days, of the same merchant."""
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
