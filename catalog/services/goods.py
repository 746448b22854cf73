"""Products, SKUs and brands, edited one at a time: steps that find out what differs and tell it.

What is locked, in this order: the tree (shared, by whoever moves a product about in it), placements
(by whoever moves one to another category or brand), products, SKUs, pools. Prices and the shelf
have services of their own.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, TypeVar

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext_lazy as _

from catalog.models import Brand, Category, Product, Sku
from catalog.services.base_prices import record_first_prices
from catalog.services.changes import hint_pools, tell_updated
from catalog.services.membership import lock_pools
from catalog.services.placements import (
    keep_placements_of_skus,
    list_skus_of,
    lock_placements,
    lock_tree,
    moving_products,
    telling_moved_prices,
)
from catalog.services.price_telling import PATIENCE
from catalog.services.products import sanitised
from catalog.services.sight import tell_other_siblings
from openplatform.core.errors import FieldInvalid, NotFound, TemporarilyUnavailable
from openplatform.core.locking import require_transaction
from openplatform.core.statements import send

Fields = Mapping[str, Any]
Row = TypeVar("Row", bound=models.Model)

# What the details of a SKU show of a column of its product, or of its own; a product's name is
# not among them.
SHOWN_OF_PRODUCTS = {
    "category_id": "category",
    "brand_id": "brand",
    "unit": "unit",
    "attributes": "attributes",
    "description": "description",
}
SHOWN_OF_SKUS = {
    name: name
    for name in (
        "name", "specs", "weight_grams", "barcode", "tax_rate", "min_quantity", "quantity_step",
    )
}  # fmt: skip
MOVING = frozenset({"category_id", "brand_id"})
PRODUCT_COLUMNS = frozenset({*SHOWN_OF_PRODUCTS, "name"} - {"attributes"})
SKU_COLUMNS = frozenset({*SHOWN_OF_SKUS, "product_id"})


def add_product(*, product: Product) -> None:
    """Step: a new product, its description sanitised.

    :raises FieldInvalid: when its category has gone meanwhile.
    """
    lock_tree(is_shared=True)
    _require_category(product.category_id)
    product.description = sanitised(product.description)
    product.save(force_insert=True)


def edit_product(
    *, product_id: int, fields: Fields, attributes: Fields | None = None, now: datetime
) -> frozenset[str]:
    """Step: set columns of a product; answers the names of those that really differ.

    Whoever sees SKUs of it is told which details differ; nobody is, when none does.

    :param fields: of ``name``, ``category_id``, ``brand_id``, ``unit``, ``description``; what is
        not named stays as it is now, whoever wrote it.
    :param attributes: those to set, or with None to take out; the others stay.
    :raises NotFound: when there is no such product.
    :raises FieldInvalid: when the category has gone meanwhile.
    """
    _require_columns(fields, PRODUCT_COLUMNS)
    if "category_id" in fields:
        lock_tree(is_shared=True)
        _require_category(fields["category_id"])
    if not MOVING.isdisjoint(fields):
        lock_placements()
    product = _lock(Product, product_id)
    wanted = dict(fields)
    if "description" in wanted:
        wanted["description"] = sanitised(wanted["description"])
    merged = {**product.attributes, **(attributes or {})}
    wanted["attributes"] = {name: value for name, value in merged.items() if value is not None}
    before = _set(product, wanted)
    if not MOVING.isdisjoint(before):
        _move(product, before, now)
    elif before:
        product.save(update_fields=[*before])
    shown = [SHOWN_OF_PRODUCTS[name] for name in before if name in SHOWN_OF_PRODUCTS]
    if shown:
        sku_ids = list_skus_of(product_ids=[product.pk])
        tell_updated(fields=dict.fromkeys(sku_ids, shown), now=now)
    return frozenset(before)


def _move(product: Product, before: Fields, now: datetime) -> None:
    paths = Category.objects.filter(
        pk__in=[before.get("category_id", product.category_id), product.category_id]
    ).values_list("path", flat=True)
    brands = [before.get("brand_id"), product.brand_id] if "brand_id" in before else []
    with moving_products(
        product_ids=[product.pk],
        passed_categories={step for path in paths for step in path},
        passed_brands=[brand for brand in brands if brand is not None],
        now=now,
    ):
        product.save(update_fields=[*before])


def edit_brand(*, brand_id: int, name: str, now: datetime) -> bool:
    """Step: rename a brand, and tell whoever sees SKUs of it; whether the name was another.

    :raises NotFound: when there is no such brand.
    :raises FieldInvalid: when another one has the name.
    """
    brand = _lock(Brand, brand_id)
    if not _set(brand, {"name": name}):
        return False
    try:
        with transaction.atomic():
            brand.save(update_fields=["name"])
    except IntegrityError as error:
        text = _("There is another brand %(name)s") % {"name": name}
        raise FieldInvalid(text, pointer="/name") from error
    send(PATIENCE)  # a brand may have tens of thousands
    sku_ids = Sku.objects.filter(product__brand=brand).values_list("pk", flat=True)
    tell_updated(fields=dict.fromkeys(sku_ids, ("brand",)), now=now)
    return True


def add_sku(*, sku: Sku, actor: str, now: datetime) -> None:
    """Step: a new SKU with its first prices. Nobody is told before a rule brings it into a pool.

    :raises NotFound: when its product has gone meanwhile.
    """
    _lock(Product, sku.product_id)
    sku.created_at = sku.updated_at = now
    sku.save(force_insert=True)
    record_first_prices(sku_ids=[sku.pk], actor=actor)
    hint_pools(sku_ids=[sku.pk])


def edit_sku(*, sku_id: int, fields: Fields, now: datetime) -> frozenset[str]:
    """Step: set columns of a SKU; answers the names of those that really differ.

    Whoever sees it is told which details differ. With another product come other siblings: who
    sees both the SKU and one of them is told so of both.

    :param fields: of ``product_id``, ``name``, ``specs``, ``weight_grams``, ``barcode``,
        ``tax_rate``, ``min_quantity``, ``quantity_step``; what is not named stays as it is now.
    :raises NotFound: when there is no such SKU or product.
    """
    _require_columns(fields, SKU_COLUMNS)
    if "product_id" in fields:
        return _edit_sku_of_another(sku_id, fields, now)
    sku = _lock(Sku, sku_id)
    before = _set(sku, fields)
    if before:
        sku.save(update_fields=[*before])
        tell_updated(fields={sku.pk: [SHOWN_OF_SKUS[name] for name in before]}, now=now)
    return frozenset(before)


def _edit_sku_of_another(sku_id: int, fields: Fields, now: datetime) -> frozenset[str]:
    lock_tree(is_shared=True)
    lock_placements()
    home_id = Sku.objects.filter(pk=sku_id).values_list("product_id", flat=True).first()
    products = {
        product.pk: product
        for product in Product.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk__in=[home_id, fields["product_id"]])
        .select_related("category")
        .order_by("pk")
    }
    if fields["product_id"] not in products:
        raise NotFound
    families = Sku.objects.filter(product__in=products).values_list("pk", "product_id")
    family = dict(families.select_for_update(no_key=True, of=("self",)).order_by("pk"))
    if family.get(sku_id) != home_id:  # somebody else moved it in between
        raise TemporarilyUnavailable
    sku = Sku.objects.get(pk=sku_id)
    before = _set(sku, fields)
    shown = {SHOWN_OF_SKUS[name] for name in before if name in SHOWN_OF_SKUS}
    if "product_id" not in before:
        if before:
            sku.save(update_fields=[*before])
            tell_updated(fields={sku.pk: shown}, now=now)
        return frozenset(before)
    old, new = products[before["product_id"]], products[sku.product_id]
    shown |= {"product"} | {
        shown_as
        for name, shown_as in SHOWN_OF_PRODUCTS.items()
        if getattr(old, name) != getattr(new, name)
    }
    brands = {old.brand_id, new.brand_id} if old.brand_id != new.brand_id else set()
    steps = {*old.category.path, *new.category.path} if "category" in shown else set()
    keep_placements_of_skus(sku_ids=[sku.pk], now=now)
    with telling_moved_prices(
        sku_ids=[sku.pk],
        passed_categories=steps,
        passed_brands=[brand for brand in brands if brand is not None],
        now=now,
    ):
        sku.save(update_fields=[*before])
        lock_pools()
    tell_updated(fields={sku.pk: shown}, now=now)
    homes = {pk: (was, sku.product_id if pk == sku.pk else was) for pk, was in family.items()}
    tell_other_siblings(homes=homes, now=now)
    return frozenset(before)


def _require_columns(fields: Fields, known: Collection[str]) -> None:
    require_transaction()
    unknown = fields.keys() - set(known)
    if unknown:
        raise ValueError(f"{sorted(unknown)} are not edited here")


def _require_category(category_id: int) -> None:
    if not Category.objects.filter(pk=category_id).exists():
        raise FieldInvalid(_("This category is gone"), pointer="/category")


def _lock(model: type[Row], pk: int) -> Row:
    require_transaction()
    row = model._default_manager.select_for_update(no_key=True).filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def _set(row: models.Model, fields: Fields) -> dict[str, Any]:
    """Set what differs; answers what stood there before."""
    before = {}
    for name, value in fields.items():
        present = getattr(row, name)
        if present != value:
            before[name] = present
            setattr(row, name, value)
    return before
