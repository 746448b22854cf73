"""Stock: counts and corrections by warehouse and SKU."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from catalog.models import Sku, Stock, Warehouse
from catalog.services.counts import (
    MAX_FAULTS,
    MAX_ON_HAND,
    check_staged,
    stage_nothing,
    write_staged,
)
from catalog.services.staging import analyze_staging, copy_rows, create_staging
from openplatform.core.errors import FieldRequired
from openplatform.core.statements import send
from openplatform.imports.parsers import choice_of, integer_of, parse_code
from openplatform.imports.resources import Column, Context, Importer, Resource, Row

SELLABLE, PHYSICAL = "sellable", "physical"
FILE = "stock_file"
FILE_COLUMNS = {
    "place": "int", "warehouse": "text", "sku": "text", "on_hand": "int", "delta": "int",
    "expected_on_hand": "int", "is_physical": "boolean", "safety_quantity": "int",
}  # fmt: skip

# What is wrong with the rows themselves, before anything is compared with the stock.
FAULTY = """
    SELECT found.place, fault.name, found.warehouse, found.sku, found.first, count(*) OVER ()
    FROM (
        SELECT file.*, warehouse.id AS warehouse_id, sku.id AS sku_id,
            min(file.place) OVER (PARTITION BY file.warehouse, file.sku) AS first
        FROM stock_file file
        LEFT JOIN catalog_warehouse warehouse ON warehouse.code = file.warehouse
        LEFT JOIN catalog_sku sku ON sku.code = file.sku
    ) found
    CROSS JOIN LATERAL (
        VALUES (1, 'repeated', place <> first), (2, 'warehouse', warehouse_id IS NULL),
            (3, 'sku', sku_id IS NULL), (4, 'none', coalesce(on_hand, delta) IS NULL),
            (5, 'both', on_hand IS NOT NULL AND delta IS NOT NULL)
    ) fault (rank, name, is_there)
    WHERE fault.is_there
    ORDER BY found.place, fault.rank LIMIT %s
"""
CLEAR = """
    INSERT INTO stock_change
        (place, warehouse_id, sku_id, on_hand, delta, expected_on_hand, is_physical,
         safety_quantity)
    SELECT DISTINCT ON (warehouse.id, sku.id) file.place, warehouse.id, sku.id, file.on_hand,
        file.delta, file.expected_on_hand, file.is_physical, file.safety_quantity
    FROM stock_file file
    JOIN catalog_warehouse warehouse ON warehouse.code = file.warehouse
    JOIN catalog_sku sku ON sku.code = file.sku
    WHERE (file.on_hand IS NULL) <> (file.delta IS NULL)
    ORDER BY warehouse.id, sku.id, file.place
"""


class StockImporter(Importer):
    """Gathers the rows in a table of its own, and books them in the end by few statements: every
    order waits for the rows of stock, which are locked no longer than that takes."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        create_staging(FILE, FILE_COLUMNS)

    def take(self, rows: Sequence[Row]) -> None:
        copy_rows(
            FILE,
            list(FILE_COLUMNS),
            (
                (
                    row.number,
                    row.values["warehouse"],
                    row.values["sku"],
                    row.get("on_hand"),
                    row.get("delta"),
                    row.get("expected_on_hand"),
                    row.get("count") == PHYSICAL,
                    row.get("safety_stock"),
                )
                for row in rows
            ),
        )

    def finish(self) -> None:
        context = self.context
        analyze_staging(FILE, ["warehouse", "sku"])
        self._refuse_faulty()
        stage_nothing()
        send(CLEAR)
        refusals, count = check_staged(document_no=context.document_no)
        for refusal in refusals:
            _root, number, column = refusal.pointer.split("/")
            self.refuse(int(number), column, refusal.detail, type(refusal))
        context.faults.count += count - len(refusals)
        if not context.faults.count:
            outcome = write_staged(document_no=context.document_no, actor=context.actor)
            context.count(**outcome._asdict())

    def _refuse_faulty(self) -> None:
        rows = send(FAULTY, [MAX_FAULTS]).rows()
        for number, fault, warehouse, sku, first, _count in rows:
            if fault == "repeated":
                self.refuse(number, "sku", _("The same stands in row %(row)d") % {"row": first})
            elif fault == "warehouse":
                self.refuse(number, "warehouse", _there_is_no(Warehouse, warehouse))
            elif fault == "sku":
                self.refuse(number, "sku", _there_is_no(Sku, sku))
            elif fault == "none":
                text = _("One of on_hand and delta is required")
                self.refuse(number, "on_hand", text, FieldRequired)
            else:
                self.refuse(number, "delta", _("Only one of on_hand and delta"))
        if rows:
            self.context.faults.count += rows[0][-1] - len(rows)


def _there_is_no(model: type[Sku | Warehouse], code: str) -> str:
    text = _("There is no %(what)s %(code)s")
    return text % {"what": model._meta.verbose_name, "code": code}


STOCK = Resource(
    name="stock",
    label=_("Stock"),
    columns=(
        Column("warehouse", parse_code, is_required=True, help=_("Code of the warehouse")),
        Column("sku", parse_code, is_required=True, help=_("Code of the SKU")),
        Column("on_hand", integer_of(0, MAX_ON_HAND), help=_("The number there is; this or delta")),
        Column(
            "delta",
            integer_of(-MAX_ON_HAND, MAX_ON_HAND),
            help=_("By how much it is corrected, like 5 or -5; this or on_hand"),
        ),
        Column(
            "expected_on_hand",
            integer_of(0, MAX_ON_HAND),
            help=_(
                "The number that is believed to be there; the row is refused when there is another"
            ),
        ),
        Column(
            "count",
            choice_of(SELLABLE, PHYSICAL),
            help=_("sellable, or physical: paid units not yet shipped were counted too"),
        ),
        Column("safety_stock", integer_of(0, MAX_ON_HAND), help=_("Units that are never promised")),
    ),
    importer=StockImporter,
    writes=(Stock,),
    permissions=("catalog.change_stock",),
)
