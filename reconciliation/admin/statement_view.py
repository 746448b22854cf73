"""What the page of a statement shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext, pgettext_lazy

from accounts.admin.shown import money_of
from openplatform.audit.models import AuditEntry
from openplatform.core.errors import type_of_text
from reconciliation.documents import AMOUNT_OF_KIND
from reconciliation.files.summary import PART_NAMES
from reconciliation.models import Bill, Statement, StatementFile
from reconciliation.selectors.periods import PeriodKind, period_kind
from reconciliation.services.archiving import ARCHIVE
from reconciliation.states import PaperStatus

KIND_NAMES: dict[PeriodKind, type_of_text] = {
    PeriodKind.MONTH: pgettext_lazy("a statement", "Monthly"),
    PeriodKind.DAY: pgettext_lazy("a statement", "Daily"),
    PeriodKind.OTHER: pgettext_lazy("a statement", "Other period"),
}
STATUS_COLOURS = {"preparing": "info", "ready": "success", "failed": "danger"}
DOWNLOADS = 20  # on the page, the latest; the trail has all
NOTHING = "–"


def page_of(statement: Statement) -> str:
    """The address of a statement's page."""
    return reverse("admin:reconciliation_statement_change", args=(statement.pk,))


def period_text(statement: Statement) -> str:
    """Its days; of a single one, that."""
    first, last = statement.period_start.isoformat(), statement.period_end.isoformat()
    return first if first == last else f"{first} – {last}"


def period_shown(statement: Statement) -> SafeString:
    """The same for a narrow column, where no day is broken in the middle."""
    days = [f"{day}" for day in dict.fromkeys((statement.period_start, statement.period_end))]
    return format_html_join(
        " – ", '<span class="whitespace-nowrap">{}</span>', ((day,) for day in days)
    )


def money_or_dash(amount: Decimal | None) -> SafeString | str:
    """An amount, once there is one."""
    return NOTHING if amount is None else money_of(amount)


def period_id(statement: Statement) -> str:
    """By which the archives of a period are found in the trail."""
    return f"{statement.period_start.isoformat()}..{statement.period_end.isoformat()}"


@dataclass(frozen=True, slots=True)
class FileRow:
    """The files of one format, by language."""

    name: str
    files: list[tuple[str, str, StatementFile]]  # the language, the address, the file


@dataclass(frozen=True, slots=True)
class Download:
    """One time that somebody took it away."""

    at: datetime
    actor: str
    what: str
    url: str  # of the entry in the trail


def show_statement(statement: Statement, request: HttpRequest) -> dict[str, Any]:
    """The context of its page."""
    may_see_trail = request.user.has_perm("audit.view_auditentry")
    return {
        "statement": statement,
        "period": period_text(statement),
        "kind": KIND_NAMES[period_kind(statement.period_start, statement.period_end)],
        "status_colour": STATUS_COLOURS[statement.status],
        "is_due": statement.status == PaperStatus.PREPARING,
        "is_failed": statement.status == PaperStatus.FAILED,
        "ends": _ends_of(statement),
        "movements": _movements_of(statement),
        "entry_count": (statement.closing_entry_no or 0) - (statement.opening_entry_no or 0),
        "file_rows": _file_rows(statement),
        "may_download": request.user.has_perm("reconciliation.download_statement"),
        "downloads": list(_downloads(statement)) if may_see_trail else None,
        "links": list(_links(statement, request)),
    }


def _ends_of(statement: Statement) -> list[tuple[str, Decimal | None, Decimal | None]]:
    """What stood at both ends."""
    return [
        (
            _("Balance"),
            statement.opening_balance,
            statement.closing_balance,
        ),
        (
            pgettext("of a wallet", "Held"),
            statement.opening_held_amount,
            statement.closing_held_amount,
        ),
        (
            _("Credit line"),
            statement.opening_credit_limit,
            statement.closing_credit_limit,
        ),
    ]


def _movements_of(statement: Statement) -> list[tuple[type_of_text, Decimal | None]]:
    """From the opening to the closing."""
    return [
        (PART_NAMES["opening"], statement.opening_balance),
        *((PART_NAMES[kind], getattr(statement, name)) for kind, name in AMOUNT_OF_KIND.items()),
        (PART_NAMES["closing"], statement.closing_balance),
    ]


def _file_rows(statement: Statement) -> list[FileRow]:
    files = list(statement.files.order_by("language", "format"))
    rows = []
    for format in StatementFile.Format:
        found = [file for file in files if file.format == format]
        if found:
            rows.append(
                FileRow(
                    str(format.label),
                    [(str(file.get_language_display()), _url_of(file), file) for file in found],
                )
            )
    return rows


def _url_of(file: StatementFile) -> str:
    return reverse(
        "admin:reconciliation_statement_file", args=(file.statement_id, file.format, file.language)
    )


def _downloads(statement: Statement) -> Iterator[Download]:
    """The latest, of its own files and of archives that have them."""
    own = AuditEntry.objects.filter(
        subject_type=statement._meta.label_lower,
        subject_id=str(statement.pk),
        action="download_statement",
    ).order_by("-id")[:DOWNLOADS]
    archives = AuditEntry.objects.filter(
        subject_type=ARCHIVE,
        subject_id=period_id(statement),
        after__statements__contains=[statement.statement_no],
    ).order_by("-id")[:DOWNLOADS]
    languages = dict(StatementFile.Language.choices)
    entries = sorted([*own, *archives], key=lambda entry: entry.pk, reverse=True)
    for entry in entries[:DOWNLOADS]:
        what = entry.after
        if entry.subject_type == ARCHIVE:
            text = _("Archive %(name)s") % {"name": entry.subject_label}
        else:
            language = what.get("language", "")
            named = languages.get(language, language)
            text = f"{str(what.get('format', '')).upper()} · {named}"
        url = reverse("admin:audit_auditentry_change", args=(entry.pk,))
        yield Download(entry.created_at, entry.actor, text, url)


def _links(statement: Statement, request: HttpRequest) -> Iterator[tuple[str, str]]:
    """What belongs to it, as far as one may see it."""
    first, last = statement.period_start.isoformat(), statement.period_end.isoformat()
    if request.user.has_perm("accounts.view_ledgerentry"):
        yield (
            _("Ledger of these days"),
            reverse(
                "admin:accounts_ledgerentry_changelist",
                query={
                    "partner__id__exact": str(statement.partner_id),
                    "created_at_from": first,
                    "created_at_to": last,
                },
            ),
        )
    yield (
        _("Held against the ledger"),
        reverse(
            "admin:reconciliation_statement_summary",
            query={
                "period_start": first,
                "period_end": last,
                "partner": statement.partner.code,
            },
        ),
    )
    bill = Bill.objects.filter(statement=statement).first()
    if bill is not None and request.user.has_perm("reconciliation.view_bill"):
        url = reverse("admin:reconciliation_bill_change", args=(bill.pk,))
        yield _("Bill %(number)s") % {"number": bill.bill_no}, url
    compared = statement.reconciliations.count()
    if compared and request.user.has_perm("reconciliation.view_reconciliation"):
        text = ngettext("%(count)d file compared", "%(count)d files compared", compared)
        yield (
            text % {"count": compared},
            reverse(
                "admin:reconciliation_reconciliation_changelist",
                query={"statement__id__exact": str(statement.pk)},
            ),
        )
