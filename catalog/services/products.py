"""Products and their SKUs, written many at a time."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import nh3
from django.db.models import Model
from django.utils.translation import gettext_lazy as _

from catalog.models import Brand, Product, Sku, SkuImage
from catalog.services.shelf import publish_shelf_state
from catalog.services.writing import update_rows
from openplatform.core.errors import DomainError, FieldInvalid, refuse_if
from openplatform.core.locking import require_transaction

BATCH = 200
LINK_SCHEMES = {"http", "https", "mailto", "tel"}


@dataclass(frozen=True, slots=True)
class SkuDraft:
    """A SKU to be, and what it says of its product. What is not named stays as it is.

    :param product: the product's code; None keeps a known SKU's product, and gives a new SKU one
        of its own with the same code.
    :param product_fields: of ``category_id``, ``brand`` (a name or None), ``unit``, ``attributes``,
        ``description`` (sanitised); SKUs of one product must agree in them.
    :param sku_fields: names of :class:`Sku` fields; ``name`` and ``sale_price`` at least.
    :param images: all addresses, the main one first; None leaves them as they are.
    """

    code: str
    product: str | None
    product_fields: Mapping[str, Any]
    sku_fields: Mapping[str, Any]
    images: Sequence[str] | None = None


class SavedAs(StrEnum):
    """What became of a draft."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


@dataclass(slots=True)
class _Batch:
    """The rows behind some drafts, locked, and what is new or changed about them."""

    skus: dict[str, Sku]
    products: dict[str, Product]
    product_codes: list[str]
    new_products: dict[str, Product] = field(default_factory=dict)
    new_skus: dict[str, Sku] = field(default_factory=dict)
    changed_products: dict[str, Product] = field(default_factory=dict)
    changed_skus: dict[str, Sku] = field(default_factory=dict)
    product_columns: set[str] = field(default_factory=set)
    sku_columns: set[str] = field(default_factory=set)


def sanitised(html: str) -> str:
    """HTML without scripts, styles, event handlers and addresses other than of web and mail."""
    return nh3.clean(html, url_schemes=LINK_SCHEMES, clean_content_tags={"script", "style"})


class ProductWriter:
    """Step in several parts: saves drafts as they come, then tells what went on or off the shelf.

    Rows are locked products first, then SKUs, each in ascending order of their ids.
    """

    def __init__(self, *, now: datetime) -> None:
        require_transaction()
        self._now = now
        self._brands: dict[str, int] = {}
        self._said_of_products: dict[str, bytes] = {}
        self._moved: dict[str, list[str]] = {state.value: [] for state in Sku.ShelfState}

    def save(self, drafts: Sequence[SkuDraft]) -> list[tuple[int, SavedAs]]:
        """Write the drafts; answers id and outcome for each, in the same order.

        :raises Refusal: with pointers ``/<index>/<field>``, for a SKU that contradicts what an
            earlier one said of their product, and for a new product without a category.
        """
        batch = self._lock(drafts)
        self._check(drafts, batch)
        self._add_brands(drafts)
        for draft, product_code in zip(drafts, batch.product_codes, strict=True):
            self._draft_product(draft, product_code, batch)
        self._write_products(batch)
        for draft, product_code in zip(drafts, batch.product_codes, strict=True):
            self._draft_sku(draft, product_code, batch)
        self._write_skus(batch)
        repictured = self._write_images(drafts, batch)
        return [
            (
                batch.skus[draft.code].pk,
                self._outcome(draft.code, product_code, batch, repictured),
            )
            for draft, product_code in zip(drafts, batch.product_codes, strict=True)
        ]

    def finish(self) -> None:
        """Tell those who see the SKUs that known ones went on the shelf or off it."""
        for state in Sku.ShelfState:
            publish_shelf_state(state=state, skus=sorted(self._moved[state.value]))

    def _lock(self, drafts: Sequence[SkuDraft]) -> _Batch:
        codes = [draft.code for draft in drafts]
        homes = dict(Sku.objects.filter(code__in=codes).values_list("code", "product__code"))
        product_codes = [draft.product or homes.get(draft.code) or draft.code for draft in drafts]
        products = Product.objects.select_for_update(no_key=True).order_by("id")
        skus = Sku.objects.select_for_update(no_key=True).order_by("id")
        return _Batch(
            products={product.code: product for product in products.filter(code__in=product_codes)},
            skus={sku.code: sku for sku in skus.filter(code__in=codes)},
            product_codes=product_codes,
        )

    def _check(self, drafts: Sequence[SkuDraft], batch: _Batch) -> None:
        faults: list[DomainError] = []
        for index, (draft, code) in enumerate(zip(drafts, batch.product_codes, strict=True)):
            said = _fingerprint(draft.product_fields)
            if self._said_of_products.setdefault(code, said) != said:
                text = _(
                    "Category, brand, unit, attributes and description differ from an earlier row"
                    " of product %(code)s"
                ) % {"code": code}
                faults.append(FieldInvalid(text, pointer=f"/{index}/product"))
        refuse_if(faults)

    def _add_brands(self, drafts: Sequence[SkuDraft]) -> None:
        named: set[str | None] = {draft.product_fields.get("brand") for draft in drafts}
        names = {name for name in named if name is not None and name not in self._brands}
        if not names:
            return
        Brand.objects.bulk_create(
            [Brand(name=name) for name in sorted(names)], ignore_conflicts=True
        )
        self._brands.update(Brand.objects.filter(name__in=names).values_list("name", "pk"))

    def _draft_product(self, draft: SkuDraft, code: str, batch: _Batch) -> None:
        fields = {name: value for name, value in draft.product_fields.items() if name != "brand"}
        if "brand" in draft.product_fields:
            brand = draft.product_fields["brand"]
            fields["brand_id"] = None if brand is None else self._brands[brand]
        product = batch.products.get(code)
        if product is None:
            product = Product(code=code, name=draft.sku_fields["name"], **fields)
            batch.products[code] = batch.new_products[code] = product
            return
        sku = batch.skus.get(draft.code)
        if sku is not None and sku.product_id == product.pk and sku.name == product.name:
            fields["name"] = draft.sku_fields["name"]  # the name came from this SKU, and follows it
        if code not in batch.new_products:
            changed = _set(product, fields)
            if changed:
                batch.changed_products[code] = product
                batch.product_columns |= changed

    def _write_products(self, batch: _Batch) -> None:
        Product.objects.bulk_create(batch.new_products.values(), batch_size=BATCH)
        if batch.changed_products:
            update_rows(list(batch.changed_products.values()), batch.product_columns)
            ids = [product.pk for product in batch.changed_products.values()]
            Sku.objects.filter(product_id__in=ids).update(updated_at=self._now)

    def _draft_sku(self, draft: SkuDraft, product_code: str, batch: _Batch) -> None:
        fields = {**draft.sku_fields, "product_id": batch.products[product_code].pk}
        sku = batch.skus.get(draft.code)
        if sku is None:
            fields.setdefault("market_price", fields["sale_price"])
            sku = Sku(code=draft.code, created_at=self._now, updated_at=self._now, **fields)
            batch.skus[draft.code] = batch.new_skus[draft.code] = sku
            return
        if sku.market_price == sku.sale_price:
            fields.setdefault("market_price", fields["sale_price"])  # it never was set apart
        state = sku.shelf_state
        changed = _set(sku, fields)
        if changed:
            sku.updated_at = self._now
            batch.changed_skus[draft.code] = sku
            batch.sku_columns |= changed
        if sku.shelf_state != state:
            self._moved[sku.shelf_state].append(sku.code)

    def _write_skus(self, batch: _Batch) -> None:
        Sku.objects.bulk_create(batch.new_skus.values(), batch_size=BATCH)
        if batch.changed_skus:
            update_rows(list(batch.changed_skus.values()), {*batch.sku_columns, "updated_at"})

    def _write_images(self, drafts: Sequence[SkuDraft], batch: _Batch) -> set[str]:
        """Answers the codes of known SKUs that got other pictures."""
        wanted = {
            batch.skus[draft.code].pk: draft.images for draft in drafts if draft.images is not None
        }
        present: dict[int, list[SkuImage]] = {sku_id: [] for sku_id in wanted}
        for image in SkuImage.objects.filter(sku_id__in=wanted).order_by("sku_id", "position"):
            present[image.sku_id].append(image)
        changed = {
            sku_id: urls
            for sku_id, urls in wanted.items()
            if [image.url for image in present[sku_id]] != list(urls)
        }
        SkuImage.objects.filter(sku_id__in=changed).delete()
        SkuImage.objects.bulk_create(_images(changed, present), batch_size=BATCH)
        Sku.objects.filter(pk__in=changed).update(updated_at=self._now)
        return {draft.code for draft in drafts if batch.skus[draft.code].pk in changed}

    def _outcome(
        self, code: str, product_code: str, batch: _Batch, repictured: Iterable[str]
    ) -> SavedAs:
        if code in batch.new_skus:
            return SavedAs.CREATED
        if (
            code in batch.changed_skus
            or product_code in batch.changed_products
            or code in repictured
        ):
            return SavedAs.UPDATED
        return SavedAs.UNCHANGED


def _images(
    wanted: Mapping[int, Sequence[str]], present: Mapping[int, Sequence[SkuImage]]
) -> list[SkuImage]:
    """The pictures in their new order; what was measured of an address is kept."""
    images = []
    for sku_id, urls in wanted.items():
        measured = {image.url: image for image in present[sku_id]}
        for position, url in enumerate(urls):
            known = measured.get(url)
            images.append(
                SkuImage(
                    sku_id=sku_id,
                    url=url,
                    position=position,
                    width=known.width if known else None,
                    height=known.height if known else None,
                )
            )
    return images


def _set(row: Model, fields: Mapping[str, Any]) -> set[str]:
    """Set what differs; answers the names of the fields that did, as ``bulk_update`` wants them."""
    changed = set()
    for name, value in fields.items():
        if getattr(row, name) != value:
            setattr(row, name, value)
            changed.add(name.removesuffix("_id"))
    return changed


def _fingerprint(fields: Mapping[str, Any]) -> bytes:
    """Stands for a product's fields, so that a long file need not be held in memory."""
    text = json.dumps(fields, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
