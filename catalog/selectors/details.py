"""All that is told of a SKU, and its pictures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from catalog.models import Sku, SkuImage
from catalog.selectors.categories import get_paths
from catalog.selectors.prices import in_order_asked
from catalog.selectors.skus import get_changed_at
from catalog.selectors.visibility import list_visible_skus
from openplatform.core import clock, money
from openplatform.core.errors import NotFound
from openplatform.core.uploads.public import public_address

MAIN_POSITION = 0


def get_details(*, partner_id: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    """``GET /catalog/details``: an entry a code, in the order asked for; five queries in all."""
    return in_order_asked(codes, _documents(partner_id, codes))


def get_sku(*, partner_id: int, code: str) -> dict[str, Any]:
    """``GET /catalog/skus/{sku}``.

    :raises NotFound: when the partner does not see it.
    """
    document = _documents(partner_id, [code]).get(code)
    if document is None:
        raise NotFound
    return document


def get_images(*, partner_id: int, codes: Sequence[str]) -> list[dict[str, Any]]:
    """``GET /catalog/images``: an entry a code, in the order asked for."""
    skus = list_visible_skus(partner_id=partner_id).filter(code__in=codes)
    return in_order_asked(
        codes,
        {
            sku.code: {"sku": sku.code, "images": _image_documents(sku)}
            for sku in skus.only("code").prefetch_related("images")
        },
    )


def _documents(partner_id: int, codes: Sequence[str]) -> dict[str, dict[str, Any]]:
    changed_at = get_changed_at(partner_id=partner_id, codes=codes)
    skus = list(
        Sku.objects.filter(code__in=changed_at)
        .select_related("product__category", "product__brand")
        .prefetch_related("images")
    )
    paths = get_paths(sku.product.category for sku in skus)
    families = _families(partner_id, skus)
    return {
        sku.code: _document(
            sku,
            path=paths[sku.product.category_id],
            siblings=[code for code in families[sku.product_id] if code != sku.code],
            changed_at=changed_at[sku.code],
        )
        for sku in skus
    }


def _families(partner_id: int, skus: Iterable[Sku]) -> Mapping[int, list[str]]:
    """The codes of the SKUs of each product that the partner sees."""
    families: dict[int, list[str]] = defaultdict(list)
    members = (
        list_visible_skus(partner_id=partner_id)
        .filter(product__in={sku.product_id for sku in skus})
        .order_by("code")
        .values_list("product_id", "code")
    )
    for product_id, code in members:
        families[product_id].append(code)
    return families


def _document(
    sku: Sku, *, path: list[dict[str, Any]], siblings: list[str], changed_at: datetime
) -> dict[str, Any]:
    product, category = sku.product, sku.product.category
    return {
        "sku": sku.code,
        "product": product.code,
        "name": sku.name,
        "brand": product.brand.name if product.brand else None,
        "category": {"code": category.code, "name": category.name, "path": path},
        "unit": product.unit or None,
        "specs": sku.specs,
        "attributes": product.attributes,
        "description": product.description or None,
        "images": _image_documents(sku),
        "weight_grams": sku.weight_grams,
        "barcode": sku.barcode or None,
        "tax_rate": money.rate_to_text(sku.tax_rate),
        "min_quantity": sku.min_quantity,
        "quantity_step": sku.quantity_step,
        "siblings": siblings,
        "shelf_state": sku.shelf_state,
        "updated_at": clock.to_text(changed_at),
    }


def _image_documents(sku: Sku) -> list[dict[str, Any]]:
    """In the order of their positions, which is the model's."""
    return [_image_document(image) for image in sku.images.all()]


def _image_document(image: SkuImage) -> dict[str, Any]:
    return {
        "url": public_address(image.file) if image.file else image.url,
        "is_main": image.position == MAIN_POSITION,
        "position": image.position,
        "width": image.width,
        "height": image.height,
        "sizes": [
            {
                "url": public_address(size["file"]),
                "width": size["width"],
                "height": size["height"],
            }
            for size in image.sizes
        ],
    }
