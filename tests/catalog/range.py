"""A category tree and fixed times, for tests that read the catalogue."""

from __future__ import annotations

from datetime import datetime, timedelta

from catalog.models import Category, PoolAssignment, PoolMembership, Product, Sku, SkuStamp
from openplatform.core.clock import PLATFORM_ZONE
from tests.cast import World

SETTLED_AT = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=PLATFORM_ZONE)
SETTLED_TEXT = "2026-01-02T03:04:05.678901+08:00"
LATER = SETTLED_AT + timedelta(hours=1)
LATER_TEXT = "2026-01-02T04:04:05.678901+08:00"


def make_category(code: str, name: str, parent: Category | None) -> Category:
    """A category in its place in the tree."""
    above: list[int] = parent.path if parent else []
    category = Category.objects.create(
        code=code, name=name, parent=parent, level=len(above) + 1, path=[]
    )
    category.path = [*above, category.pk]
    category.save(update_fields=["path"])
    return category


def make_product(code: str, category: Category, **fields: object) -> Product:
    """A product for ``world.make_sku(product=…)``."""
    return Product.objects.create(code=code, name=code, category=category, **fields)


def settle(world: World) -> None:
    """Let all that tells when a SKU changed have happened at ``SETTLED_AT``."""
    Sku.objects.update(updated_at=SETTLED_AT)
    PoolMembership.objects.update(created_at=SETTLED_AT)
    PoolAssignment.objects.update(created_at=SETTLED_AT)
    SkuStamp.objects.update(changed_at=SETTLED_AT)


def codes_of(response: object) -> list[str]:
    """The SKUs of a list, in its order."""
    return [row["sku"] for row in response.json()["results"]]  # type: ignore[attr-defined]
