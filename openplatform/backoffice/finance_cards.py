"""What the first page says of statements, bills and invoices."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from openplatform.backoffice.cards import Card
from reconciliation.selectors import attention

INVOICE_ALERT = timedelta(days=3)


def finance_cards(request: HttpRequest, now: datetime) -> list[Card]:
    """The month to close, always; what failed, is overdue or waits, while there is some."""
    cards = []
    if request.user.has_perm("reconciliation.view_statement"):
        cards += [_month_card(now), *_failed_cards(now)]
    if request.user.has_perm("reconciliation.view_bill"):
        cards += _bill_cards()
    if request.user.has_perm("reconciliation.view_invoice"):
        cards += _invoice_cards(now)
    return cards


def _month_card(now: datetime) -> Card:
    last = attention.get_last_month(now=now)
    note = _("%(ready)s of %(all)s statements are ready") % {
        "ready": f"{last.ready:,}", "all": f"{last.ordered:,}",
    }  # fmt: skip
    if not last.ordered:
        note = _("Its statements are not ordered yet")
    if last.closed_by:
        note = _("Closed by %(name)s") % {"name": last.closed_by}
    return Card(
        _("Last month") if last.closed_by else _("Month to close"),
        str(last.month),
        "event_available",
        reverse("admin:reconciliation_statement_one_month", args=(str(last.month),)),
        note=note,
    )


def _failed_cards(now: datetime) -> list[Card]:
    count = attention.count_failed_statements(now=now)
    if not count:
        return []
    return [
        Card(
            _("Statements that failed"),
            f"{count:,}",
            "running_with_errors",
            reverse("admin:reconciliation_statement_changelist", query={"status__exact": "failed"}),
            note=_("Their pages say why; check the books, then make them again"),
            is_alert=True,
        )
    ]


def _bill_cards() -> list[Card]:
    overdue = attention.get_overdue_bills()
    if not overdue.count:
        return []
    return [
        Card(
            _("Overdue bills"),
            f"{overdue.count:,}",
            "assignment_late",
            reverse("admin:reconciliation_bill_changelist", query={"status": "overdue"}),
            note=_("%(amount)s is to be paid") % {"amount": f"{overdue.amount:,.2f}"},
            is_alert=True,
        )
    ]


def _invoice_cards(now: datetime) -> list[Card]:
    requested = attention.get_requested_invoices()
    if requested.since is None:
        return []
    return [
        Card(
            _("Invoices to issue"),
            f"{requested.count:,}",
            "receipt",
            reverse(
                "admin:reconciliation_invoice_changelist", query={"status__exact": "requested"}
            ),
            note=_("The oldest waits for %(age)s")
            % {"age": timesince(requested.since, now, depth=1)},
            is_alert=now - requested.since > INVOICE_ALERT,
        )
    ]
