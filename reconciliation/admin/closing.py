"""A month is closed: one page that leads finance through it, step by step, with links."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext, pgettext
from django.utils.translation import gettext_lazy as _

from openplatform.core import clock
from openplatform.core.admin.form_pages import Values, answer_form_page
from openplatform.core.admin.period_pages import TookTooLong
from openplatform.core.errors import type_of_text
from reconciliation.admin.archive import archive_url
from reconciliation.admin.summary import MAY_SEE, add_up, summary_url
from reconciliation.forms.statements import CloseMonthForm, OrderMissingForm
from reconciliation.selectors.closing import NEEDED, Progress, Standing, Step, get_standing
from reconciliation.selectors.months import Month, last_months
from reconciliation.selectors.summary import Agreement, Summary
from reconciliation.services.closing import close_month
from reconciliation.services.requesting import request_statement

TEMPLATE = "backoffice/statement_month.html"
MONTHS = 12  # to choose from by a click
MOST_ORDERED = 300  # statements at once, while somebody waits
COLOURS = {
    Progress.DONE: "success",
    Progress.OPEN: "warning",
    Progress.TO_DO: "danger",
    Progress.WAITING: "info",
}
PROGRESS_NAMES: dict[Progress, type_of_text] = {
    Progress.DONE: _("Done"),
    Progress.OPEN: _("May stay open"),
    Progress.TO_DO: _("To do"),
    Progress.WAITING: _("Waiting"),
}
TITLES: dict[Step, type_of_text] = {
    Step.OVER: _("The month is over"),
    Step.APPROVALS: _("Nothing of the month waits for a second person"),
    Step.BOOKS: _("The books were checked after its end, and are in order"),
    Step.STATEMENTS: _("Every merchant has its statement of the month"),
    Step.SUMMARY: _("The statements and the ledger say the same"),
    Step.BILLS: _("Bills were issued for what was used of credit lines"),
    Step.INVOICES: _("Invoices that were asked for are issued"),
    Step.DIFFERENCES: _("Differences to merchants' own files are explained"),
}


@dataclass(frozen=True, slots=True)
class Link:
    """Where a step is done, or looked at."""

    text: str
    url: str


@dataclass(frozen=True, slots=True)
class ShownStep:
    """One step, as the page has it."""

    name: str
    title: type_of_text
    state: type_of_text
    colour: str
    is_needed: bool
    text: str
    links: list[Link]


class ClosingPages:
    """The pages beside the list of statements."""

    def get_urls(self) -> list[URLPattern]:
        """With the pages."""
        model_admin: Any = self
        wrap = model_admin.admin_site.admin_view
        urls: list[URLPattern] = super().get_urls()  # type: ignore[misc]
        return [
            path("months/", wrap(self.show_last_month), name="reconciliation_statement_month"),
            path(
                "months/<str:month>/", wrap(self.show_month),
                name="reconciliation_statement_one_month",
            ),
            path(
                "months/<str:month>/order/", wrap(self.order_missing),
                name="reconciliation_statement_order_missing",
            ),
            path(
                "months/<str:month>/close/", wrap(self.close),
                name="reconciliation_statement_close",
            ),
            *urls,
        ]  # fmt: skip

    def show_last_month(self, request: HttpRequest) -> HttpResponse:
        """On to the month that ended last."""
        return HttpResponseRedirect(month_url(last_months(1, now=clock.now())[0]))

    def show_month(self, request: HttpRequest, month: str) -> HttpResponse:
        """The steps and how each stands.

        :raises PermissionDenied: for whoever may not see statements.
        :raises Http404: for what is no month.
        """
        if not request.user.has_perm(MAY_SEE):
            raise PermissionDenied
        asked = _read(month)
        standing = _standing_of(asked)
        model_admin: Any = self
        may_act = request.user.has_perm("reconciliation.add_statement")
        request.current_app = model_admin.admin_site.name
        now = clock.now()
        return TemplateResponse(
            request,
            TEMPLATE,
            {
                **model_admin.admin_site.each_context(request),
                "opts": model_admin.model._meta,
                "title": _("Close a month"),
                "month": asked,
                "standing": standing,
                "steps": [_shown(step, standing, request) for step in Step],
                "closings": standing.closings,
                "may_close": may_act and standing.may_close and not standing.closings,
                "close_url": reverse("admin:reconciliation_statement_close", args=(asked,)),
                "archive": archive_url(asked.first, asked.last)
                if request.user.has_perm("reconciliation.download_statement")
                else None,
                "months": [
                    (one, month_url(one))
                    for one in [Month.running(now), *last_months(MONTHS, now=now)]
                ],
            },
        )

    def order_missing(self, request: HttpRequest, month: str) -> HttpResponse:
        """Have made what is missing or failed.

        :raises PermissionDenied: for whoever may not have statements made.
        :raises Http404: for what is no month.
        """
        asked = self._may_act_on(request, month)
        wanted = _without_statement(_summary_of(asked))

        def call(_values: Values) -> type_of_text:
            for partner_id in wanted[:MOST_ORDERED]:
                request_statement(
                    partner_id=partner_id,
                    period_start=asked.first,
                    period_end=asked.last,
                    by=request.user.get_username(),
                    now=clock.now(),
                )
            count = min(len(wanted), MOST_ORDERED)
            return ngettext(
                "%(count)d statement is being made",
                "%(count)d statements are being made",
                count,
            ) % {"count": count}

        count = len(wanted)
        return answer_form_page(
            self,
            request,
            form_class=OrderMissingForm,
            title=_("Order what is missing of %(month)s") % {"month": asked},
            submit=pgettext("a statement", "Order"),
            call=call,
            back_to=month_url(asked),
            intro=ngettext(
                "%(count)d merchant has no statement of this month, or one that failed. The worker"
                " makes one after the other; at most %(most)d are ordered at once.",
                "%(count)d merchants have no statement of this month, or one that failed. The"
                " worker makes one after the other; at most %(most)d are ordered at once.",
                count,
            )
            % {"count": count, "most": MOST_ORDERED},
        )

    def close(self, request: HttpRequest, month: str) -> HttpResponse:
        """Say that the month is closed.

        :raises PermissionDenied: for whoever may not have statements made.
        :raises Http404: for what is no month.
        """
        asked = self._may_act_on(request, month)
        standing = _standing_of(asked)

        def call(values: Values) -> type_of_text:
            close_month(standing=standing, note=values["note"], actor=request.user.get_username())
            return _("%(month)s is closed") % {"month": asked}

        left = [
            gettext(str(TITLES[step]))
            for step, progress in standing.steps.items()
            if progress != Progress.DONE
        ]
        intro: type_of_text = _(
            "Everything is done. The trail keeps who closed the month, and its totals."
        )
        if left:
            intro = _("Not done: %(steps)s") % {"steps": "; ".join(left)}
        return answer_form_page(
            self,
            request,
            form_class=partial(CloseMonthForm, is_note_needed=not standing.is_clear),
            title=_("Close %(month)s") % {"month": asked},
            submit=_("Close the month"),
            call=call,
            back_to=month_url(asked),
            intro=intro,
        )

    def _may_act_on(self, request: HttpRequest, month: str) -> Month:
        allowed = (MAY_SEE, "reconciliation.add_statement")
        if not request.user.has_perms(allowed):
            raise PermissionDenied
        return _read(month)


def month_url(month: Month) -> str:
    """The page of a month."""
    return reverse("admin:reconciliation_statement_one_month", args=(str(month),))


def _read(text: str) -> Month:
    """:raises Http404: for what is no month."""
    month = Month.read(text)
    if month is None:
        raise Http404
    return month


def _summary_of(month: Month) -> Summary | None:
    try:
        return add_up(first=month.first, last=month.last)
    except TookTooLong:
        return None


def _standing_of(month: Month) -> Standing:
    return get_standing(month, summary=_summary_of(month))


def _without_statement(summary: Summary | None) -> list[int]:
    """The merchants whose statement is missing, or failed."""
    if summary is None:
        return []
    wanted = (Agreement.MISSING, Agreement.FAILED)
    return [one.partner_id for one in summary.merchants if one.agreement in wanted]


def _shown(step: Step, standing: Standing, request: HttpRequest) -> ShownStep:
    progress = standing.steps[step]
    text, links = {
        Step.OVER: _over,
        Step.APPROVALS: _approvals,
        Step.BOOKS: _books,
        Step.STATEMENTS: _statements,
        Step.SUMMARY: _summary,
        Step.BILLS: _bills,
        Step.INVOICES: _invoices,
        Step.DIFFERENCES: _differences,
    }[step](standing, request)
    return ShownStep(
        name=step.value,
        title=TITLES[step],
        state=PROGRESS_NAMES[progress],
        colour=COLOURS[progress],
        is_needed=step in NEEDED,
        text=text,
        links=links,
    )


Told = tuple[str, list[Link]]


def _list_of(model: str, **query: str) -> str:
    return reverse(f"admin:{model}_changelist", query=query or None)


def _over(standing: Standing, request: HttpRequest) -> Told:
    day = date_format(standing.month.last, "Y-m-d")
    if standing.is_over:
        return gettext("It ended with %(day)s.") % {"day": day}, []
    return gettext("It ends with %(day)s; it can be closed from the day after.") % {"day": day}, []


def _approvals(standing: Standing, request: HttpRequest) -> Told:
    count = standing.pending_approvals
    if not count:
        return gettext("All of it is decided."), []
    text = ngettext(
        "%(count)d waits. What is decided now is booked in the running month.",
        "%(count)d wait. What is decided now is booked in the running month.",
        count,
    )
    link = Link(gettext("Approvals"), _list_of("approvals_approval", status__exact="pending"))
    return text % {"count": count}, [link]


def _books(standing: Standing, request: HttpRequest) -> Told:
    check = standing.check
    links = [Link(gettext("Checks of the books"), _list_of("accounts_bookcheck"))]
    is_due = standing.steps[Step.BOOKS] == Progress.TO_DO
    if is_due and request.user.has_perm("accounts.add_bookcheck"):
        url = reverse("admin:accounts_bookcheck_check_now")
        links.insert(0, Link(gettext("Check now"), url))
    if check is None:
        return gettext("Not checked since the month ended."), links
    page = reverse("admin:accounts_bookcheck_change", args=(check.pk,))
    links.insert(0, Link(gettext("The check"), page))
    at = date_format(localtime(check.as_of), "Y-m-d H:i")
    if check.is_ok:
        text = gettext("As of %(at)s: %(count)s wallets, no difference.")
        return text % {"at": at, "count": f"{check.wallet_count:,}"}, links
    text = ngettext(
        "As of %(at)s: %(count)d difference.",
        "As of %(at)s: %(count)d differences.",
        check.difference_count,
    )
    return text % {"at": at, "count": check.difference_count}, links


def _statements(standing: Standing, request: HttpRequest) -> Told:
    month = str(standing.month)
    links = [Link(gettext("Statements"), _list_of("reconciliation_statement", month=month))]
    summary = standing.summary
    if summary is None:
        return gettext("That is too much to add up at once; ask for fewer days"), links
    counts = summary.counts
    ready = counts[Agreement.AGREES] + counts[Agreement.DIFFERS]
    texts = [
        gettext("%(ready)s of %(all)s are ready.")
        % {"ready": f"{ready:,}", "all": f"{len(summary.merchants):,}"}
    ]
    for agreement, text in (
        (Agreement.PREPARING, gettext("Being made: %(count)s.")),
        (Agreement.FAILED, gettext("Failed: %(count)s.")),
        (Agreement.MISSING, gettext("Not ordered: %(count)s.")),
    ):
        if counts[agreement]:
            texts.append(text % {"count": f"{counts[agreement]:,}"})
    if counts[Agreement.FAILED]:
        url = _list_of("reconciliation_statement", month=month, status__exact="failed")
        links.append(Link(gettext("Those that failed"), url))
    is_short = counts[Agreement.FAILED] or counts[Agreement.MISSING]
    may_order = request.user.has_perm("reconciliation.add_statement")
    if standing.is_over and is_short and may_order:
        url = reverse("admin:reconciliation_statement_order_missing", args=(month,))
        links.insert(0, Link(gettext("Order what is missing"), url))
    return " ".join(texts), links


def _summary(standing: Standing, request: HttpRequest) -> Told:
    month = standing.month
    links = [Link(gettext("Summary"), summary_url(month.first, month.last))]
    summary = standing.summary
    if summary is None:
        return gettext("That is too much to add up at once; ask for fewer days"), links
    differing = [one for one in summary.merchants if one.agreement == Agreement.DIFFERS]
    if differing:
        text = ngettext(
            "%(count)d merchant differs: %(names)s",
            "%(count)d merchants differ: %(names)s",
            len(differing),
        )
        names = "、".join(one.name for one in differing[:3])
        return text % {"count": len(differing), "names": names}, links
    text = gettext("Closing by the statements %(stated)s, by the ledger %(booked)s.")
    return text % {
        "stated": f"{summary.stated.amounts['closing']:,.2f}",
        "booked": f"{summary.booked.amounts['closing']:,.2f}",
    }, links


def _bills(standing: Standing, request: HttpRequest) -> Told:
    month = standing.month
    links = [
        Link(
            gettext("Bills"),
            _list_of(
                "reconciliation_bill",
                statement__period_end_from=month.last.isoformat(),
                statement__period_end_to=month.last.isoformat(),
            ),
        )
    ]
    text = gettext(
        "Merchants that ended the month in their credit line: %(owing)s. Bills: %(count)s over"
        " %(amount)s, of it not paid %(unpaid)s, overdue: %(overdue)s."
    )
    return text % {
        "owing": f"{standing.owing_merchants:,}",
        "count": f"{standing.bill_count:,}",
        "amount": f"{standing.bill_amount:,.2f}",
        "unpaid": f"{standing.unpaid_amount:,.2f}",
        "overdue": f"{standing.overdue_count:,}",
    }, links


def _invoices(standing: Standing, request: HttpRequest) -> Told:
    count = standing.requested_invoices
    links = [
        Link(gettext("Invoices"), _list_of("reconciliation_invoice", status__exact="requested"))
    ]
    if not count:
        return gettext("None that was asked for in the month or before is open."), links
    text = ngettext(
        "%(count)d that was asked for in the month or before is open.",
        "%(count)d that were asked for in the month or before are open.",
        count,
    )
    return text % {"count": count}, links


def _differences(standing: Standing, request: HttpRequest) -> Told:
    links = [Link(gettext("Comparisons"), _list_of("reconciliation_reconciliation"))]
    if not (standing.comparisons or standing.unread_files):
        return gettext("No merchant's file was compared."), links
    texts = [
        ngettext("%(count)d file was compared.", "%(count)d files were compared.", count)
        % {"count": count}
        for count in [standing.comparisons]
        if count
    ]
    if standing.unread_files:
        text = gettext("Being compared: %(count)s.")
        texts.append(text % {"count": f"{standing.unread_files:,}"})
    rows = standing.unexplained_rows
    text = ngettext(
        "%(count)s row that differs has no explanation yet.",
        "%(count)s rows that differ have no explanation yet.",
        rows,
    )
    texts.append(
        text % {"count": f"{rows:,}"} if rows else gettext("All differences are explained.")
    )
    return " ".join(texts), links
