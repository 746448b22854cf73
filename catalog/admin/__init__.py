"""The catalogue in the back office: curated, priced, counted; nothing here writes stock itself."""

from catalog.admin import (
    actions,
    categories,
    goods,
    images,
    pool_history,
    pools,
    prices,
    shelf,
    sku_prices,
    stock,
)

__all__ = [
    "actions",
    "categories",
    "goods",
    "images",
    "pool_history",
    "pools",
    "prices",
    "shelf",
    "sku_prices",
    "stock",
]
