"""What the page of a report shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language, pgettext
from django.utils.translation import gettext as _

from accounts.models import Adjustment, LedgerEntry, TopUp, Withdrawal
from aftersales.models import Claim
from openplatform.core.errors import type_of_text
from orders.models import Closure, Order, Suborder
from reconciliation.admin.statement_view import STATUS_COLOURS, period_text
from reconciliation.documents import RESULTS
from reconciliation.files.report import (
    MADE_WHEN_ASKED,
    STATES,
    bridge_of,
    row_count_of,
    sums_of,
)
from reconciliation.forms.comparisons import FIELD_NAMES, NoteForm
from reconciliation.models import Reconciliation, ReconciliationRow, StatementFile
from reconciliation.states import PaperStatus

ROWS_ON_PAGE = 50
R, C = ReconciliationRow.Result, ReconciliationRow.Cause
RESULT_COLOURS = {
    "matched": "success", "missing_here": "danger", "missing_there": "danger",
    "amount_differs": "warning", "state_differs": "info", "duplicate": "warning",
}  # fmt: skip
DIFFERENCES = "differences"
HEAD_UNKNOWN = "field_required"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which rows one looks at. ``result`` is ``differences`` for all that do not match."""

    result: str
    cause: str
    unresolved: bool

    @classmethod
    def read(cls, parameters: Any) -> Filter:
        """As the address has it; what is unknown counts as nothing."""
        result, cause = parameters.get("result", DIFFERENCES), parameters.get("cause", "")
        return cls(
            result if result in {*RESULTS, "all"} else DIFFERENCES,
            cause if cause in C.values else "",
            parameters.get("unresolved") == "1",
        )

    def rows_of(self, reconciliation: Reconciliation) -> QuerySet[ReconciliationRow]:
        """In the order of the report."""
        rows = ReconciliationRow.objects.filter(reconciliation=reconciliation)
        if self.result == DIFFERENCES:
            rows = rows.exclude(result=R.MATCHED)
        elif self.result != "all":
            rows = rows.filter(result=self.result)
        if self.cause:
            rows = rows.filter(cause=self.cause)
        if self.unresolved:
            rows = rows.filter(resolved_at=None).exclude(result=R.MATCHED)
        return rows.order_by("position")

    def query(self, **changed: str) -> str:
        """The address with something else."""
        given = {
            "result": self.result,
            "cause": self.cause,
            "unresolved": "1" if self.unresolved else "",
            **changed,
        }
        return "?" + "&".join(f"{name}={value}" for name, value in given.items() if value)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with links to what stands behind it."""

    row: ReconciliationRow
    result: type_of_text
    colour: str
    cause: type_of_text
    kind: type_of_text
    our_status: type_of_text
    links: Sequence[tuple[type_of_text, str, str]]  # what, number, address

    @property
    def is_difference(self) -> bool:
        """Whether it may be explained."""
        return self.row.result != R.MATCHED


def show_reconciliation(reconciliation: Reconciliation, request: HttpRequest) -> dict[str, Any]:
    """The context of its page."""
    is_ready = reconciliation.status == PaperStatus.READY
    context: dict[str, Any] = {
        "reconciliation": reconciliation,
        "statement": reconciliation.statement,
        "period": period_text(reconciliation.statement),
        "status_colour": STATUS_COLOURS[reconciliation.status],
        "is_due": reconciliation.status == PaperStatus.PREPARING,
        "is_failed": reconciliation.status == PaperStatus.FAILED,
        "has_no_head": is_without_head(reconciliation),
        "faults": _faults_of(reconciliation),
        "columns": [
            (label, reconciliation.columns[field])
            for field, label in FIELD_NAMES.items()
            if field in reconciliation.columns
        ],
        "may_upload": request.user.has_perm("reconciliation.add_reconciliation"),
    }
    return {**context, **_report_of(reconciliation, request)} if is_ready else context


def is_without_head(reconciliation: Reconciliation) -> bool:
    """Whether it failed because nobody has said yet which column is what."""
    return reconciliation.status == PaperStatus.FAILED and any(
        fault["code"] == HEAD_UNKNOWN and not fault["column"] for fault in reconciliation.faults
    )


def in_words(text: str) -> str:
    """What is wrong with a file, with labels in the place of the API's codes.

    :param text: as the worker tells it to programs.
    """
    kinds = dict(LedgerEntry.Kind.choices)
    labels = "、".join if _is_chinese() else ", ".join
    told = text.replace(", ".join(kinds), labels(str(label) for label in kinds.values()))
    for field, label in FIELD_NAMES.items():
        told = told.replace(f"“{field}”", f"“{label}”")
    return told


def _is_chinese() -> bool:
    return (get_language() or "").startswith("zh")


def _faults_of(reconciliation: Reconciliation) -> list[tuple[int, str, str]]:
    """Row, column and text of each that is kept."""
    nameless = _(
        "No row names the columns for the merchant's order number, the kind and the amount; say"
        " which column is what."
    )
    is_nameless = reconciliation.given_columns is None and is_without_head(reconciliation)
    return [
        (
            fault["row"],
            fault["column"],
            nameless if is_nameless and not fault["column"] else in_words(fault["text"]),
        )
        for fault in reconciliation.faults
    ]


def _report_of(reconciliation: Reconciliation, request: HttpRequest) -> dict[str, Any]:
    chosen = Filter.read(request.GET)
    rows = chosen.rows_of(reconciliation)
    page: Page[ReconciliationRow] = Paginator(rows, ROWS_ON_PAGE).get_page(request.GET.get("p"))
    differences = ReconciliationRow.objects.filter(reconciliation=reconciliation).exclude(
        result=R.MATCHED
    )
    causes = differences.exclude(cause="").order_by().values_list("cause", flat=True).distinct()
    is_long = row_count_of(reconciliation) > MADE_WHEN_ASKED
    return {
        "is_ready": True,
        "results": [
            (
                R(name).label,
                RESULT_COLOURS[name],
                sums_of(reconciliation, name),
                chosen.query(result=name, cause=""),
                chosen.result == name,
            )
            for name in RESULTS
        ],
        "bridge": bridge_of(reconciliation),
        "agrees": set(reconciliation.results) <= {R.MATCHED.value},
        "chosen": chosen,
        "tabs": [
            (
                pgettext("rows of a report", "Differences"),
                chosen.query(result="", cause=""),
                chosen.result == DIFFERENCES,
            ),
            (_("All"), chosen.query(result="all", cause=""), chosen.result == "all"),
        ],
        "causes": [
            (C(cause).label, chosen.query(cause=cause), chosen.cause == cause)
            for cause in sorted(causes)
        ],
        "without_cause": chosen.query(cause=""),
        "toggle_unresolved": chosen.query(unresolved="" if chosen.unresolved else "1"),
        "page": page,
        "pages": list(page.paginator.get_elided_page_range(page.number, on_each_side=2, on_ends=1)),
        "page_query": f"{chosen.query()}&p=",
        "rows": _shown(reconciliation, list(page)),
        "unresolved_count": differences.filter(resolved_at=None).count(),
        "difference_count": differences.count(),
        "may_resolve": request.user.has_perm("reconciliation.change_reconciliation"),
        "may_download": request.user.has_perm("reconciliation.download_statement"),
        "note_form": NoteForm(),
        "is_long": is_long,
        "files": (
            []
            if reconciliation.files_due_at is not None
            else [
                (
                    label,
                    reverse("admin:reconciliation_report_file", args=(reconciliation.pk, value)),
                )
                for value, label in StatementFile.Language.choices
            ]
        ),
    }


def _shown(reconciliation: Reconciliation, rows: Sequence[ReconciliationRow]) -> list[ShownRow]:
    links = _Links(reconciliation, rows)
    kinds, states = dict(LedgerEntry.Kind.choices), STATES
    return [
        ShownRow(
            row,
            R(row.result).label,
            RESULT_COLOURS[row.result],
            C(row.cause).label if row.cause else "",
            kinds.get(row.kind, row.kind),
            states.get(row.our_status, row.our_status),
            links.of(row),
        )
        for row in rows
    ]


class _Links:
    """Addresses of the documents behind the rows of one page, looked up together."""

    def __init__(self, reconciliation: Reconciliation, rows: Sequence[ReconciliationRow]) -> None:
        self._orders = _keys(Order, "order_no", (row.order_no for row in rows))
        self._parts = _keys(Suborder, "order_no", (row.suborder_no for row in rows))
        self._claims = _keys(Claim, "aftersale_no", (row.aftersale_no for row in rows))
        entries = LedgerEntry.objects.filter(
            partner=reconciliation.partner_id,
            entry_no__in=[row.entry_no for row in rows if row.entry_no is not None],
        )
        self._entries = dict(entries.values_list("entry_no", "pk"))

        def of(document: str, model: type[Model], column: str) -> dict[str, int]:
            return _keys(
                model, column, (row.document_no for row in rows if row.document == document)
            )

        self._documents = {
            "top_up": of("top_up", TopUp, "top_up_no"),
            "adjustment": of("adjustment", Adjustment, "adjustment_no"),
            "withdrawal": of("withdrawal", Withdrawal, "withdrawal_no"),
            "closure": of("closure", Closure, "closure_no"),
        }

    def of(self, row: ReconciliationRow) -> list[tuple[type_of_text, str, str]]:
        """What, its number, and where it is shown."""
        found: list[tuple[type_of_text, str, str]] = []

        def add(what: type_of_text, number: Any, page: str, keys: Mapping[Any, int]) -> None:
            if number and number in keys:
                found.append((what, str(number), reverse(f"admin:{page}", args=(keys[number],))))

        add(_("Entry"), row.entry_no, "accounts_ledgerentry_change", self._entries)
        add(_("Order"), row.order_no, "orders_order_change", self._orders)
        add(_("Suborder"), row.suborder_no, "orders_suborder_change", self._parts)
        add(_("Claim"), row.aftersale_no, "aftersales_claim_change", self._claims)
        pages = {
            "top_up": (_("Top-up"), "accounts_topup_change"),
            "adjustment": (_("Adjustment"), "accounts_adjustment_change"),
            "withdrawal": (_("Withdrawal"), "accounts_withdrawal_change"),
            "closure": (_("Closure"), "orders_closure_change"),
        }
        if row.document in pages:
            what, page = pages[row.document]
            add(what, row.document_no, page, self._documents[row.document])
        return found


def _keys(model: type[Model], column: str, numbers: Iterable[str]) -> dict[str, int]:
    wanted = {number for number in numbers if number}
    if not wanted:
        return {}
    found = model._default_manager.filter(**{f"{column}__in": wanted})
    return dict(found.values_list(column, "pk"))
