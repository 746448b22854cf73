"""Products: a row is a SKU, and says of its product what all SKUs of it share.

An absent column leaves what is there. A blank cell empties a field that may be empty, and leaves
the others (shelf state, tax rate, quantities, market price) as they are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from catalog.imports.lookups import CodeLookup, Repeats
from catalog.models import MAX_QUANTITY, Pool, PoolMembership, Product, Sku, SkuImage
from catalog.services.categories import CategoryFinder
from catalog.services.membership import add_memberships
from catalog.services.products import ProductWriter, SavedAs, SkuDraft, sanitised
from openplatform.core.errors import FieldInvalid, Refusal
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
# Fields that may be empty, and what an empty one holds.
EMPTY_PRODUCT_FIELDS: dict[str, Any] = {
    "brand": None, "unit": "", "attributes": {}, "description": "",
}  # fmt: skip
EMPTY_SKU_FIELDS: dict[str, Any] = {
    "specs": {}, "weight_grams": 0, "barcode": "", "cost_price": None, "floor_price": None,
}  # fmt: skip
LASTING_SKU_FIELDS = (
    "name", "sale_price", "market_price", "tax_rate", "min_quantity", "quantity_step",
    "shelf_state",
)  # fmt: skip


class ProductImporter(Importer):
    """Writes chunk by chunk. Pools come at the end, so that they are locked for a moment only; no
    one who holds their locks waits for SKUs."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._pools = CodeLookup(Pool)
        self._categories = CategoryFinder()
        self._writer = ProductWriter(now=context.now)
        self._members: dict[int, list[int]] = defaultdict(list)

    def take(self, rows: Sequence[Row]) -> None:
        self._pools.load(code for row in rows for code in row.get("pools") or ())
        drafts: list[SkuDraft] = []
        taken: list[Row] = []
        pools: list[list[int]] = []
        for row in rows:
            repeated = self._repeats.refuse(self, row, "sku", row.values["sku"])
            category_id = self._find_category(row)
            pool_ids = self._pools.find_all(self, row, "pools", row.get("pools") or ())
            if repeated or category_id is None or pool_ids is None:
                continue
            taken.append(row)
            pools.append(pool_ids)
            drafts.append(self._draft(row, category_id))
        try:
            saved = self._writer.save(drafts)
        except Refusal as refusal:
            self.refuse_items(taken, refusal)
            return
        self._count(saved, pools)

    def finish(self) -> None:
        add_memberships(members=self._members)
        self._writer.finish()

    def _find_category(self, row: Row) -> int | None:
        try:
            return self._categories.find(row.values["category"]).pk
        except FieldInvalid as fault:
            self.refuse(row, "category", fault.detail)
            return None

    def _draft(self, row: Row, category_id: int) -> SkuDraft:
        columns = self.context.columns
        product_fields = {"category_id": category_id} | _filled(row, EMPTY_PRODUCT_FIELDS)
        lasting = {
            name: row.values[name] for name in LASTING_SKU_FIELDS if row.get(name) is not None
        }
        return SkuDraft(
            code=row.values["sku"],
            product=row.get("product"),
            product_fields=product_fields,
            sku_fields=lasting | _filled(row, EMPTY_SKU_FIELDS),
            images=(row.get("images") or ()) if "images" in columns else None,
        )

    def _count(self, saved: Sequence[tuple[int, SavedAs]], pools: Sequence[Sequence[int]]) -> None:
        present = set(
            PoolMembership.objects.filter(
                sku_id__in=[sku_id for sku_id, _outcome in saved],
                pool_id__in={pool_id for pool_ids in pools for pool_id in pool_ids},
            ).values_list("pool_id", "sku_id")
        )
        for (sku_id, outcome), pool_ids in zip(saved, pools, strict=True):
            joined = [pool_id for pool_id in pool_ids if (pool_id, sku_id) not in present]
            for pool_id in joined:
                self._members[pool_id].append(sku_id)
            if joined and outcome is SavedAs.UNCHANGED:
                self.context.count(updated=1)
            else:
                self.context.count(**{outcome.value: 1})


def _filled(row: Row, empty: dict[str, Any]) -> dict[str, Any]:
    """The fields of which the file has a column; blank cells are empty fields."""
    return {
        name: nothing if row.values[name] is None else row.values[name]
        for name, nothing in empty.items()
        if name in row.values
    }


def parse_description(text: str) -> str:
    """HTML, sanitised."""
    return sanitised(long_text_of(200_000)(text))


PRODUCTS = Resource(
    name="products",
    label=_("Products"),
    columns=(
        Column("sku", parse_code, is_required=True),
        Column("name", text_of(255), is_required=True),
        Column("category", text_of(1000), is_required=True),
        Column("sale_price", parse_price, is_required=True),
        Column("cost_price", parse_money),
        Column("product", parse_code),
        Column("market_price", parse_price),
        Column("floor_price", parse_price),
        Column("brand", text_of(120)),
        Column("unit", text_of(16)),
        Column("specs", parse_pairs),
        Column("attributes", parse_pairs),
        Column("description", parse_description),
        Column("images", parse_urls),
        Column("weight_grams", integer_of(0, MAX_WEIGHT_GRAMS)),
        Column("barcode", text_of(32)),
        Column("tax_rate", parse_rate),
        Column("min_quantity", integer_of(1, MAX_QUANTITY)),
        Column("quantity_step", integer_of(1, MAX_QUANTITY)),
        Column("shelf_state", choice_of(*Sku.ShelfState.values)),
        Column("pools", parse_codes),
    ),
    importer=ProductImporter,
    writes=(Product, Sku, SkuImage, PoolMembership),
)
