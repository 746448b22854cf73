"""Products: a row is a SKU, and says of its product what all SKUs of it share.

An absent column leaves what is there. A blank cell empties a field that may be empty, and leaves
the others (shelf state, tax rate, quantities, market price) as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import CodeLookup
from catalog.models import (
    MAX_QUANTITY,
    Pool,
    PoolMembership,
    PriceChange,
    Product,
    Sku,
    SkuImage,
)
from catalog.services.products import ProductWriter, sanitised
from openplatform.core.json_text import to_json
from openplatform.imports.parsers import (
    choice_of,
    integer_of,
    long_text_of,
    parse_code,
    parse_codes,
    parse_money,
    parse_pairs,
    parse_price,
    parse_rate,
    parse_urls,
    text_of,
)
from openplatform.imports.resources import Column, Context, Importer, Resource, Row

MAX_WEIGHT_GRAMS = 100_000_000
# Where a column is staged, when it is not in the column of the same name.
STAGED_AS = {"sku": "code", "pools": "pool_ids"}


class ProductImporter(Importer):
    """Stages rows as they come, and writes them at the end, in seconds: until then nobody waits for
    a lock of this, and what others change meanwhile is not lost."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._pools = CodeLookup(Pool)
        self._columns = [column for column in COLUMN_NAMES if column in context.columns]
        self._staged = [STAGED_AS.get(column, column) for column in self._columns]
        self._writer = ProductWriter(
            columns=self._staged,
            reason=context.document_no,
            actor=context.actor,
            now=context.now,
        )

    def take(self, rows: Sequence[Row]) -> None:
        self._pools.load(code for row in rows for code in row.get("pools") or ())
        staged = []
        for row in rows:
            pool_ids = self._pools.find_all(self, row, "pools", row.get("pools") or ())
            if pool_ids is not None:
                values = (
                    pool_ids if column == "pools" else _staged_value(column, row.values[column])
                    for column in self._columns
                )
                staged.append((row.number, *values))
        self._writer.stage(["number", *self._staged], staged)

    def finish(self) -> None:
        for fault in self._writer.prepare():
            self.refuse(fault.number, fault.column, fault.text)
        if self.context.faults.count:
            return
        for warning in self._writer.list_warnings():
            self.warn(warning.number, warning.column, warning.text, warning.code)
        outcome = self._writer.write()
        self.context.count(**outcome._asdict())


def _staged_value(column: str, value: Any) -> Any:
    if column == "images":
        return value or []  # a blank cell names no pictures; without the column they stay
    return to_json(value).decode() if isinstance(value, dict) else value


def parse_description(text: str) -> str:
    """HTML, sanitised."""
    return sanitised(long_text_of(200_000)(text))


PRODUCTS = Resource(
    name="products",
    label=_("Products"),
    columns=(
        Column(
            "sku",
            parse_code,
            is_required=True,
            help=_("1 to 64 letters, digits, dots, hyphens or underscores; case counts"),
        ),
        Column("name", text_of(255), is_required=True, help=_("Its name, at most 255 characters")),
        Column(
            "category",
            text_of(1000),
            is_required=True,
            help=_("Code of a category, or a path like A/B/C, which is created"),
        ),
        Column(
            "sale_price",
            parse_price,
            is_required=True,
            help=_("What its consumer pays, like 12.50"),
        ),
        Column("cost_price", parse_money, help=_("What it costs us")),
        Column(
            "product",
            parse_code,
            help=_("Code of the product that groups several SKUs; empty: the SKU's own"),
        ),
        Column("market_price", parse_price, help=_("Price for comparison")),
        Column("floor_price", parse_price, help=_("What it must not be sold under")),
        Column("brand", text_of(120), help=_("Name of the brand")),
        Column("unit", text_of(16), help=_("What is counted: piece, box, kg")),
        Column(
            "specs", parse_pairs, help=_("What tells the SKUs of a product apart: color=red;size=L")
        ),
        Column(
            "attributes", parse_pairs, help=_("Facts of the product: material=cotton;origin=Ningbo")
        ),
        Column(
            "description",
            parse_description,
            help=_("Description in HTML; scripts and styles are taken out"),
        ),
        Column(
            "images",
            parse_urls,
            help=_("Addresses of pictures, separated by blanks; the first is the main one"),
        ),
        Column(
            "weight_grams",
            integer_of(0, MAX_WEIGHT_GRAMS),
            help=_("Weight in grams, whole numbers"),
        ),
        Column(
            "barcode",
            text_of(32),
            help=_("Barcode, at most 32 characters; write it as text, so that no digit is lost"),
        ),
        Column("tax_rate", parse_rate, help=_("0.13 or 13%")),
        Column(
            "min_quantity", integer_of(1, MAX_QUANTITY), help=_("Least quantity of an order line")
        ),
        Column(
            "quantity_step",
            integer_of(1, MAX_QUANTITY),
            help=_("Quantities beyond the least one come in such steps"),
        ),
        Column("shelf_state", choice_of(*Sku.ShelfState.values), help=_("on_shelf or off_shelf")),
        Column(
            "pools",
            parse_codes,
            help=_("Codes of pools to add it to, separated by blanks; it is taken out of none"),
        ),
    ),
    importer=ProductImporter,
    writes=(Product, Sku, SkuImage, PriceChange, PoolMembership),
    permissions=(
        "catalog.add_product",
        "catalog.change_product",
        "catalog.add_sku",
        "catalog.change_sku",
        "catalog.add_category",
        "catalog.add_poolmembership",
    ),
)
COLUMN_NAMES = tuple(column.name for column in PRODUCTS.columns)
