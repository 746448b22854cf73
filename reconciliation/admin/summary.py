"""The summary over all merchants: what their statements come to, held against the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext_lazy as _

from openplatform.core import clock
from openplatform.core.admin.period_pages import (
    TookTooLong,
    answer_period_page,
    asked_of,
    link_to_days,
    link_to_file,
    patiently,
)
from openplatform.core.errors import type_of_text
from openplatform.imports.table_pages import answer_file, file_of
from reconciliation.files.summary import AGREEMENT_NAMES, PART_NAMES, summary_table
from reconciliation.forms.statements import SummaryForm
from reconciliation.selectors.months import last_months
from reconciliation.selectors.summary import (
    PARTS,
    Agreement,
    MerchantSums,
    Summary,
    Sums,
    get_summary,
)

TEMPLATE = "backoffice/statement_summary.html"
MAY_SEE = "reconciliation.view_statement"
MAY_DOWNLOAD = "reconciliation.download_statement"
ROWS_ON_PAGE = 200  # those that want looking at come first; a file has all
MONTHS = 6  # to choose from by a click
# A page that somebody waits for, over a month of all merchants: more time than for others.
PATIENCE = "SET LOCAL statement_timeout = '20s'"
COLOURS = {
    Agreement.DIFFERS: "danger",
    Agreement.FAILED: "danger",
    Agreement.MISSING: "warning",
    Agreement.PREPARING: "info",
    Agreement.AGREES: "success",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a column, and beneath it what the ledger says, where that is something else.

    ``text`` is of the statement; of the ledger where there is no statement yet.
    """

    text: str
    ledger: str = ""
    is_negative: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One merchant, as the page has it."""

    merchant: MerchantSums
    colour: str
    state: type_of_text
    cells: list[Cell]


class SummaryPage:
    """The page beside the list of statements."""

    def get_urls(self) -> list[URLPattern]:
        """With the page."""
        model_admin: Any = self
        view = model_admin.admin_site.admin_view(self.show_summary)
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [path("summary/", view, name="reconciliation_statement_summary"), *urls]

    def show_summary(self, request: HttpRequest) -> HttpResponse:
        """The form and, once it asks for something that there is, the summary or a file of it.

        :raises PermissionDenied: for whoever may not see statements, or not take them away.
        :raises Http404: for a file that there is not.
        """
        if not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        if "file" in request.GET and not request.user.has_perm(MAY_DOWNLOAD):
            raise PermissionDenied
        form = SummaryForm(_asked(request))
        context: dict[str, Any] = {}
        if form.is_valid():
            first, last = form.period
            partner = form.cleaned_data["partner"]
            try:
                summary = add_up(
                    first=first, last=last, partner_id=None if partner is None else partner.pk
                )
            except TookTooLong:
                form.add_error(None, _("That is too much to add up at once; ask for fewer days"))
            else:
                if "file" in request.GET:
                    return _answer_file(request, summary)
                context = _context_of(request, summary)
        months = [
            (str(month), link_to_days(request, period_start=month.first, period_end=month.last))
            for month in last_months(MONTHS, now=clock.now())
        ]
        return answer_period_page(
            self,
            request,
            TEMPLATE,
            title=_("Summary of statements"),
            icon="functions",
            form=form,
            context={"months": months, **context},
        )


def summary_url(first: date, last: date, partner: str = "") -> str:
    """The page for a period, of one merchant or of all."""
    query = {"period_start": first.isoformat(), "period_end": last.isoformat()}
    if partner:
        query["partner"] = partner
    return reverse("admin:reconciliation_statement_summary", query=query)


def add_up(*, first: date, last: date, partner_id: int | None = None) -> Summary:
    """The summary, with the time that it takes.

    :raises TookTooLong: when it takes longer than that.
    """
    with patiently(PATIENCE):
        return get_summary(first=first, last=last, partner_id=partner_id)


def _asked(request: HttpRequest) -> dict[str, Any]:
    """The form's values; of the last month when nobody names days."""
    month = last_months(1, now=clock.now())[0]
    days = {"period_start": month.first.isoformat(), "period_end": month.last.isoformat()}
    return asked_of(request, days, "partner")


def _context_of(request: HttpRequest, summary: Summary) -> dict[str, Any]:
    today = clock.now().astimezone(clock.PLATFORM_ZONE).date()
    return {
        "summary": summary,
        "is_open": summary.last >= today,
        "columns": [PART_NAMES[part] for part in (*PARTS, "entries")],
        "rows": [_row_of(merchant) for merchant in summary.merchants[:ROWS_ON_PAGE]],
        "is_cut": len(summary.merchants) > ROWS_ON_PAGE,
        "rows_on_page": ROWS_ON_PAGE,
        "counts": [
            (AGREEMENT_NAMES[agreement], count, COLOURS[agreement])
            for agreement, count in summary.counts.items()
            if count
        ],
        "stated": _totals(summary.stated),
        "booked": _totals(summary.booked),
        "unstated": _totals(summary.unstated),
        "is_all_stated": all(merchant.stated is not None for merchant in summary.merchants),
        "differences": _totals(summary.differences),
        "may_download": request.user.has_perm(MAY_DOWNLOAD),
        "csv": link_to_file(request, "csv"),
        "xlsx": link_to_file(request, "xlsx"),
    }


def _row_of(merchant: MerchantSums) -> Row:
    shown = merchant.stated or merchant.booked
    differing = merchant.differing
    cells = [
        _cell(
            shown.amounts[part],
            f"{merchant.booked.amounts[part]:,.2f}" if part in differing else "",
        )
        for part in PARTS
    ]
    cells.append(
        Cell(
            f"{shown.entry_count:,}",
            f"{merchant.booked.entry_count:,}" if "entries" in differing else "",
        )
    )
    return Row(
        merchant=merchant,
        colour=COLOURS[merchant.agreement],
        state=AGREEMENT_NAMES[merchant.agreement],
        cells=cells,
    )


def _totals(sums: Sums) -> list[Cell]:
    return [*(_cell(sums.amounts[part]) for part in PARTS), Cell(f"{sums.entry_count:,}")]


def _cell(amount: Decimal, ledger: str = "") -> Cell:
    return Cell(f"{amount:,.2f}", ledger, is_negative=amount < 0)


def _answer_file(request: HttpRequest, summary: Summary) -> HttpResponse:
    first, last = summary.first.isoformat(), summary.last.isoformat()
    return answer_file(
        request,
        file_of(request, [summary_table(summary)]),
        title=f"statement-summary-{first}-{last}",
        action="export_statement_summary",
        kind="reconciliation.summary",
        number=f"{first}..{last}",
    )
