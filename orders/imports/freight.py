"""Freight: templates, a row for each rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import CodeLookup
from catalog.imports.warehouses import parse_regions
from catalog.models import Category, Warehouse
from openplatform.core import money
from openplatform.core.errors import Refusal
from openplatform.imports.parsers import choice_of, integer_of, parse_code, parse_money, text_of
from openplatform.imports.resources import Column, Context, Importer, Resource, Row
from openplatform.regions.errors import RegionUnknown
from openplatform.regions.models import Region
from orders.models import FreightRule, FreightTemplate
from orders.services.freight_templates import RuleDraft, RulesOutcome, TemplateDraft, save_templates

WEIGHT = FreightRule.Basis.WEIGHT.value
# By column: of a template, so the same in all its rows.
COMMON = ("name", "warehouse", "category")
SIZES = (("first_size", "first_weight_grams"), ("step_size", "step_weight_grams"))
DEFAULT_GRAMS, DEFAULT_SIZE = 1000, 1


class FreightImporter(Importer):
    """Replaces the rules of every template that the file names; other templates stay.

    Holds all rows, since a template's may stand anywhere in the file. Without the column, a known
    template keeps its name, warehouse or category.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._warehouses = CodeLookup(Warehouse)
        self._categories = CodeLookup(Category)
        self._regions: set[str] = set()
        self._rows: dict[str, list[Row]] = {}

    def take(self, rows: Sequence[Row]) -> None:
        named = {code for row in rows for code in row.get("regions") or ()}
        self._regions |= set(
            Region.objects.filter(code__in=named, is_retired=False).values_list("code", flat=True)
        )
        self._warehouses.load(row.get("warehouse") for row in rows if row.get("warehouse"))
        self._categories.load(row.get("category") for row in rows if row.get("category"))
        for row in rows:
            self._rows.setdefault(row.values["template"], []).append(row)

    def finish(self) -> None:
        known = {
            template.code: template
            for template in FreightTemplate.objects.filter(code__in=self._rows)
        }
        drafts = [self._draft(rows, known.get(code)) for code, rows in self._rows.items()]
        if self.context.faults.count:
            return
        try:
            outcomes = save_templates(drafts=drafts, actor=self.context.actor)
        except Refusal as refusal:
            self.refuse_items([rows[0] for rows in self._rows.values()], refusal)
        else:
            self._report(outcomes)

    def _draft(self, rows: Sequence[Row], known: FreightTemplate | None) -> TemplateDraft:
        first = rows[0]
        for row in rows[1:]:
            self._require_same(first, row)
        self._require_distinct(rows)
        code = first.values["template"]
        kept = known.name if known and not first.get("name") else ""
        return TemplateDraft(
            code=code,
            name=kept or first.get("name") or code,
            warehouse_id=self._id_of(first, "warehouse", self._warehouses, known),
            category_id=self._id_of(first, "category", self._categories, known),
            rules=[self._rule(row) for row in rows],
        )

    def _id_of(
        self, row: Row, column: str, lookup: CodeLookup, known: FreightTemplate | None
    ) -> int | None:
        if column not in self.context.columns and known is not None:
            kept: int | None = getattr(known, f"{column}_id")
            return kept
        code = row.get(column)
        return lookup.find(self, row, column, code) if code else None

    def _require_same(self, first: Row, row: Row) -> None:
        for column in COMMON:
            if row.get(column) != first.get(column):
                text = _("The same as in row %(row)d, where this template begins")
                self.refuse(row, column, text % {"row": first.number})

    def _require_distinct(self, rows: Sequence[Row]) -> None:
        """A place stands in one rule of a template only, as do all the others together."""
        seen: dict[str, int] = {}
        for row in rows:
            for code in row.get("regions") or ("",):
                number = seen.setdefault(code, row.number)
                if number == row.number:
                    continue
                text = (
                    _("Region %(code)s stands in row %(row)d of this template already")
                    if code
                    else _("Row %(row)d of this template is for all other regions already")
                )
                self.refuse(row, "regions", text % {"code": code, "row": number})

    def _rule(self, row: Row) -> RuleDraft:
        regions: Sequence[str] = row.get("regions") or ()
        for code in regions:
            if code not in self._regions:
                text = _("There is no region %(code)s, or no longer") % {"code": code}
                self.refuse(row, "regions", text, RegionUnknown)
        basis = row.get("basis") or WEIGHT
        first_size, step_size = (self._size(row, basis, *columns) for columns in SIZES)
        return RuleDraft(
            basis=basis,
            regions=tuple(regions),
            first_size=first_size,
            first_amount=row.get("first_amount") or money.ZERO,
            step_size=step_size,
            step_amount=row.get("step_amount") or money.ZERO,
            free_from_amount=row.get("free_from_amount"),
            remote_amount=row.get("remote_amount") or money.ZERO,
        )

    def _size(self, row: Row, basis: str, column: str, grams: str) -> int:
        size, weight = row.get(column), row.get(grams)
        if weight is not None and basis != WEIGHT:
            text = _("Grams are for rules by weight; write %(column)s") % {"column": column}
            self.refuse(row, grams, text)
        elif weight is not None and size is not None:
            text = _("Only one of %(columns)s") % {"columns": f"{column}, {grams}"}
            self.refuse(row, column, text)
        default = DEFAULT_GRAMS if basis == WEIGHT else DEFAULT_SIZE
        return next((given for given in (weight, size) if given is not None), default)

    def _report(self, outcomes: Sequence[RulesOutcome]) -> None:
        for outcome in outcomes:
            for one in outcome.rules:
                self.context.count(**{one: 1})
        removed = {
            code: outcome.removed
            for code, outcome in zip(self._rows, outcomes, strict=True)
            if outcome.removed
        }
        self.context.report.messages += [
            _("Rules of %(code)s that the file does not have are removed: %(count)d")
            % {"code": code, "count": count}
            for code, count in removed.items()
        ]


def _columns() -> Mapping[str, Any]:
    """Those that say how a rule counts."""
    whole = integer_of(1)
    return {
        "first_weight_grams": (whole, _("By weight: the first part, in grams; empty: 1000")),
        "first_amount": (parse_money, _("What the first part costs; empty: nothing")),
        "step_weight_grams": (
            whole, _("By weight: each further part, in grams; one begun counts whole; empty: 1000"),
        ),
        "step_amount": (parse_money, _("What each further part costs; empty: nothing")),
        "free_from_amount": (
            parse_money,
            _("Goods of this template for so much in one suborder go free, but for the surcharge"),
        ),
        "remote_amount": (parse_money, _("Surcharge on remote regions, once per suborder")),
        "basis": (
            choice_of(*FreightRule.Basis.values),
            _("weight, pieces or amount: by what it is counted; empty: weight"),
        ),
        "first_size": (whole, _("The first part in pieces, or in units of the currency; empty: 1")),
        "step_size": (whole, _("Each further part likewise; empty: 1")),
    }  # fmt: skip


FREIGHT = Resource(
    name="freight",
    label=_("Freight templates"),
    columns=(
        Column(
            "template",
            parse_code,
            is_required=True,
            help=_("Code of the template; its rows are all its rules, those before are removed"),
        ),
        Column("warehouse", parse_code, help=_("Code; empty: whatever ships from anywhere")),
        Column("category", parse_code, help=_("Code, with everything below it; empty: any goods")),
        Column(
            "regions",
            parse_regions,
            help=_("Codes separated by blanks; empty: all that no other row of it names"),
        ),
        *(
            Column(name, parse, help=text)
            for name, (parse, text) in _columns().items()
        ),
        Column("name", text_of(64), help=_("Its name; empty: the code")),
    ),
    importer=FreightImporter,
    permissions=("orders.add_freighttemplate", "orders.change_freighttemplate"),
)  # fmt: skip
