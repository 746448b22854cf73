"""What the page of a month says of each step, and where it is done."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from openplatform.core.errors import type_of_text
from reconciliation.admin.summary import summary_url
from reconciliation.selectors.closing import NEEDED, Progress, Standing, Step
from reconciliation.selectors.summary import Agreement

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


def show_step(step: Step, standing: Standing, request: HttpRequest) -> ShownStep:
    """How it stands in a month, for whoever looks."""
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
    is_known = standing.steps[Step.STATEMENTS] == Progress.DONE
    if not (is_known or standing.owing_merchants or standing.bill_count):
        return gettext("Known once the statements of the month are there."), links
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
    day = gettext("What counts is the day on which an invoice was asked for.")
    if not count:
        text = gettext("None that was asked for in the month or before is open.")
        return f"{text} {day}", links
    text = ngettext(
        "%(count)d that was asked for in the month or before is open.",
        "%(count)d that were asked for in the month or before are open.",
        count,
    )
    return f"{text % {'count': count}} {day}", links


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
