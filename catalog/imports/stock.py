"""Stock: counts and corrections by warehouse and SKU."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import CodeLookup, Repeats
from catalog.models import Sku, Stock, Warehouse
from catalog.services.stock import MAX_ON_HAND, StockChange, apply_counts
from openplatform.core.errors import FieldRequired, Refusal
from openplatform.imports.parsers import choice_of, integer_of, parse_code
from openplatform.imports.resources import Column, Context, Importer, Resource, Row

SELLABLE, PHYSICAL = "sellable", "physical"


class StockImporter(Importer):
    """Holds all changes and writes them at the end: the rows of stock are locked in one order,
    and not longer than the writing takes, since every order waits for them."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._warehouses = CodeLookup(Warehouse)
        self._skus = CodeLookup(Sku)
        self._changes: list[StockChange] = []
        self._numbers: list[int] = []

    def take(self, rows: Sequence[Row]) -> None:
        self._warehouses.load(row.values["warehouse"] for row in rows)
        self._skus.load(row.values["sku"] for row in rows)
        for row in rows:
            warehouse, sku = row.values["warehouse"], row.values["sku"]
            repeated = self._repeats.refuse(self, row, "sku", (warehouse, sku))
            warehouse_id = self._warehouses.find(self, row, "warehouse", warehouse)
            sku_id = self._skus.find(self, row, "sku", sku)
            is_clear = self._says_one_number(row)
            if repeated or warehouse_id is None or sku_id is None or not is_clear:
                continue
            self._numbers.append(row.number)
            self._changes.append(
                StockChange(
                    warehouse_id=warehouse_id,
                    sku_id=sku_id,
                    on_hand=row.get("on_hand"),
                    delta=row.get("delta"),
                    expected_on_hand=row.get("expected_on_hand"),
                    is_physical=row.get("count") == PHYSICAL,
                    safety_quantity=row.get("safety_stock"),
                )
            )

    def _says_one_number(self, row: Row) -> bool:
        on_hand, delta = row.get("on_hand"), row.get("delta")
        if on_hand is None and delta is None:
            self.refuse(row, "on_hand", _("One of on_hand and delta is required"), FieldRequired)
            return False
        if on_hand is not None and delta is not None:
            self.refuse(row, "delta", _("Only one of on_hand and delta"))
            return False
        return True

    def finish(self) -> None:
        context = self.context
        try:
            outcome = apply_counts(
                changes=self._changes, document_no=context.document_no, actor=context.actor
            )
        except Refusal as refusal:
            self.refuse_items(self._numbers, refusal)
        else:
            context.count(**outcome._asdict())


STOCK = Resource(
    name="stock",
    label=_("Stock"),
    columns=(
        Column("warehouse", parse_code, is_required=True),
        Column("sku", parse_code, is_required=True),
        Column("on_hand", integer_of(0, MAX_ON_HAND)),
        Column("delta", integer_of(-MAX_ON_HAND, MAX_ON_HAND)),
        Column("expected_on_hand", integer_of(0, MAX_ON_HAND)),
        Column("count", choice_of(SELLABLE, PHYSICAL)),
        Column("safety_stock", integer_of(0, MAX_ON_HAND)),
    ),
    importer=StockImporter,
    writes=(Stock,),
)
