"""Purchase prices by agreement, a row for a partner and a SKU."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.imports.lookups import CodeLookup, Repeats
from catalog.models import PurchasePrice, Sku
from catalog.services.pricing import PriceDraft, save_prices
from openplatform.core.errors import FieldRequired, Refusal
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import (
    parse_code,
    parse_percent,
    parse_price,
    parse_time,
)
from openplatform.imports.resources import Column, Context, Importer, Resource, Row

SKU = "sku"


def parse_target(text: str) -> str:
    """The SKU code of ``sku:CODE``; agreements on anything wider do not exist yet."""
    kind, colon, code = text.partition(":")
    if text == "all" or (colon and kind in {"category", "brand"}):
        raise CellInvalid(
            _("Agreements by category, by brand or for all are not part of this release")
        )
    if kind != SKU or not colon:
        raise CellInvalid(_("What a price applies to is written as sku:CODE"))
    return parse_code(code.strip())


class PriceImporter(Importer):
    """A row with a start changes the agreement of that start. Without one, terms that are in force
    already stay, and others start now; the agreement before is outlived, not ended."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._partners = CodeLookup(Partner)
        self._skus = CodeLookup(Sku)

    def take(self, rows: Sequence[Row]) -> None:
        self._partners.load(row.values["partner"] for row in rows)
        self._skus.load(row.values["applies_to"] for row in rows)
        drafts: list[PriceDraft] = []
        taken: list[Row] = []
        for row in rows:
            draft = self._draft(row)
            if draft is not None:
                drafts.append(draft)
                taken.append(row)
        try:
            outcome = save_prices(drafts=drafts, now=self.context.now)
        except Refusal as refusal:
            self.refuse_items(taken, refusal)
        else:
            self.context.count(**outcome._asdict())

    def _draft(self, row: Row) -> PriceDraft | None:
        key = (row.values["partner"], row.values["applies_to"], row.get("starts_at"))
        repeated = self._repeats.refuse(self, row, "applies_to", key)
        partner_id = self._partners.find(self, row, "partner", row.values["partner"])
        sku_id = self._skus.find(self, row, "applies_to", row.values["applies_to"])
        is_clear = self._says_one_price(row)
        if repeated or partner_id is None or sku_id is None or not is_clear:
            return None
        return PriceDraft(
            partner_id=partner_id,
            sku_id=sku_id,
            fixed_price=row.get("fixed_price"),
            discount_percent=row.get("discount_percent"),
            starts_at=row.get("starts_at"),
            ends_at=row.get("ends_at"),
        )

    def _says_one_price(self, row: Row) -> bool:
        fixed, percent = row.get("fixed_price"), row.get("discount_percent")
        if fixed is None and percent is None:
            text = _("One of fixed_price and discount_percent is required")
            self.refuse(row, "fixed_price", text, FieldRequired)
            return False
        if fixed is not None and percent is not None:
            self.refuse(row, "discount_percent", _("Only one of fixed_price and discount_percent"))
            return False
        return True


PRICES = Resource(
    name="prices",
    label=_("Purchase prices"),
    columns=(
        Column("partner", parse_code, is_required=True),
        Column("applies_to", parse_target, is_required=True),
        Column("fixed_price", parse_price),
        Column("discount_percent", parse_percent),
        Column("starts_at", parse_time),
        Column("ends_at", parse_time),
    ),
    importer=PriceImporter,
    writes=(PurchasePrice,),
)
