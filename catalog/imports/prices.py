"""Purchase prices by agreement, a row for a partner and what the price applies to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.utils.translation import gettext_lazy as _

from accounts.models import Partner
from catalog.imports.lookups import CodeLookup, Repeats
from catalog.models import Brand, Category, PurchasePrice, Sku
from catalog.price_timeline import purchase_price
from catalog.selectors.agreement_review import count_overtaken
from catalog.services.agreement_drafts import PriceDraft, review_agreement_made
from catalog.services.pricing import Saved, SavedAs, save_agreements
from openplatform.core.errors import FieldRequired, Refusal
from openplatform.core.money import to_text
from openplatform.imports.errors import CellInvalid
from openplatform.imports.parsers import (
    parse_code,
    parse_percent,
    parse_price,
    parse_time,
    text_of,
)
from openplatform.imports.resources import Column, Context, Importer, Resource, Row

SKU, CATEGORY, BRAND, ALL = "sku", "category", "brand", "all"
BELOW_COST, ABOVE_SALE, OVERLAPS = "below_cost", "above_sale", "overlaps"
parse_brand = text_of(120)


class Target(NamedTuple):
    """What a row applies to: a kind, and a code or name; ``all`` has none."""

    kind: str
    name: str = ""


def parse_target(text: str) -> Target:
    """``sku:CODE``, ``category:CODE``, ``brand:NAME`` or ``all``."""
    if text == ALL:
        return Target(ALL)
    kind, colon, name = text.partition(":")
    name = name.strip()
    if not colon or kind not in {SKU, CATEGORY, BRAND} or not name:
        raise CellInvalid(
            _("What a price applies to is written as sku:CODE, category:CODE, brand:NAME or all")
        )
    return Target(kind, parse_brand(name) if kind == BRAND else parse_code(name))


class PriceImporter(Importer):
    """A row with a start changes the agreement of that start. Without one, terms that are in force
    already stay, and others start now; the agreement before is outlived, not ended.

    Rows that change something ask for a second look where a price is below cost or above the sale
    price, and where other agreements of the partner hold at the same time.
    """

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._repeats = Repeats()
        self._partners = CodeLookup(Partner)
        self._targets = {
            SKU: CodeLookup(Sku),
            CATEGORY: CodeLookup(Category),
            BRAND: CodeLookup(Brand, by="name"),
        }

    def take(self, rows: Sequence[Row]) -> None:
        self._partners.load(row.values["partner"] for row in rows)
        for kind, lookup in self._targets.items():
            named = (row.values["applies_to"] for row in rows)
            lookup.load(target.name for target in named if target.kind == kind)
        drafts: list[PriceDraft] = []
        taken: list[Row] = []
        for row in rows:
            draft = self._draft(row)
            if draft is not None:
                drafts.append(draft)
                taken.append(row)
        try:
            saved = save_agreements(drafts=drafts, now=self.context.now, actor=self.context.actor)
        except Refusal as refusal:
            self.refuse_items(taken, refusal)
        else:
            self._report(taken, saved)

    def _draft(self, row: Row) -> PriceDraft | None:
        target: Target = row.values["applies_to"]
        key = (row.values["partner"], target, row.get("starts_at"))
        repeated = self._repeats.refuse(self, row, "applies_to", key)
        partner_id = self._partners.find(self, row, "partner", row.values["partner"])
        ids: dict[str, int | None] = {}
        if target.kind != ALL:
            lookup = self._targets[target.kind]
            ids[target.kind] = lookup.find(self, row, "applies_to", target.name)
        is_clear = self._says_one_price(row, target)
        if repeated or partner_id is None or None in ids.values() or not is_clear:
            return None
        return PriceDraft(
            partner_id=partner_id,
            sku_id=ids.get(SKU),
            category_id=ids.get(CATEGORY),
            brand_id=ids.get(BRAND),
            fixed_price=row.get("fixed_price"),
            discount_percent=row.get("discount_percent"),
            starts_at=row.get("starts_at"),
            ends_at=row.get("ends_at"),
        )

    def _says_one_price(self, row: Row, target: Target) -> bool:
        fixed, percent = row.get("fixed_price"), row.get("discount_percent")
        if fixed is None and percent is None:
            text = _("One of fixed_price and discount_percent is required")
            self.refuse(row, "fixed_price", text, FieldRequired)
            return False
        if fixed is not None and percent is not None:
            self.refuse(row, "discount_percent", _("Only one of fixed_price and discount_percent"))
            return False
        if fixed is not None and target.kind != SKU:
            self.refuse(row, "fixed_price", _("A fixed price is for one SKU only"))
            return False
        return True

    def _report(self, rows: Sequence[Row], saved: Sequence[Saved]) -> None:
        outcomes = [one.outcome for one in saved]
        self.context.count(
            created=outcomes.count(SavedAs.CREATED),
            updated=outcomes.count(SavedAs.UPDATED),
            unchanged=outcomes.count(SavedAs.UNCHANGED),
        )
        moved = [
            (row, one.agreement)
            for row, one in zip(rows, saved, strict=True)
            if one.outcome != SavedAs.UNCHANGED
        ]
        self._warn_of_skus([(row, one) for row, one in moved if one.sku_id is not None])
        for row, agreement in moved:
            if agreement.sku_id is None:
                self._warn_of_wide(row, agreement)

    def _warn_of_skus(self, moved: Sequence[tuple[Row, PurchasePrice]]) -> None:
        skus = Sku.objects.in_bulk([one.sku_id for _row, one in moved if one.sku_id is not None])
        overtaken = count_overtaken([one.pk for _row, one in moved])
        for row, agreement in moved:
            sku = skus[agreement.sku_id or 0]
            own = purchase_price(sku.sale_price, agreement.fixed_price, agreement.discount_percent)
            column = "discount_percent" if agreement.fixed_price is None else "fixed_price"
            if sku.cost_price is not None and own < sku.cost_price:
                text = _("%(price)s is below the cost price of %(sku)s, %(cost)s") % {
                    "price": to_text(own), "sku": sku.code, "cost": to_text(sku.cost_price),
                }  # fmt: skip
                self.warn(row, column, text, BELOW_COST)
            if own > sku.sale_price:
                text = _("%(price)s is above the sale price of %(sku)s, %(sale)s") % {
                    "price": to_text(own), "sku": sku.code, "sale": to_text(sku.sale_price),
                }  # fmt: skip
                self.warn(row, column, text, ABOVE_SALE)
            if agreement.pk in overtaken:
                self._warn_of_overlaps(row, overtaken[agreement.pk])

    def _warn_of_wide(self, row: Row, agreement: PurchasePrice) -> None:
        review = review_agreement_made(agreement=agreement, now=self.context.now)
        if review.below_cost:
            text = _("%(count)d SKUs would be sold below their cost price, %(sku)s among them") % {
                "count": review.below_cost, "sku": review.examples[0].sku.code,
            }  # fmt: skip
            self.warn(row, "discount_percent", text, BELOW_COST)
        if review.overlap_count:
            self._warn_of_overlaps(row, review.overlap_count)

    def _warn_of_overlaps(self, row: Row, count: int) -> None:
        text = _("Overlaps %(count)d other agreements of this partner in time") % {"count": count}
        self.warn(row, "applies_to", text, OVERLAPS)


PRICES = Resource(
    name="prices",
    label=_("Purchase prices"),
    columns=(
        Column("partner", parse_code, is_required=True, help=_("Code")),
        Column(
            "applies_to",
            parse_target,
            is_required=True,
            help=_("sku:CODE, category:CODE with everything below it, brand:NAME, or all"),
        ),
        Column("fixed_price", parse_price, help=_("Of a SKU only")),
        Column(
            "discount_percent",
            parse_percent,
            help=_("Off the sale price: 15 leaves 85 % of it, to the cent, half a cent up"),
        ),
        Column("starts_at", parse_time, help=_("Blank: now, unless the same is in force already")),
        Column("ends_at", parse_time, help=_("Blank: open")),
    ),
    importer=PriceImporter,
    writes=(PurchasePrice,),
    permissions=("catalog.add_purchaseprice", "catalog.change_purchaseprice"),
)
