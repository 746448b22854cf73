"""The range, who sees which part of it at what price, and where the goods lie."""

from __future__ import annotations

from catalog.models.codes import (
    CODE_PATTERN,
    MAX_QUANTITY,
)
from catalog.models.goods import (
    Brand,
    Category,
    CategoryAttribute,
    FormerPlacement,
    Product,
    ShelfChange,
    Sku,
    SkuImage,
    SkuSearch,
)
from catalog.models.pools import (
    Pool,
    PoolAssignment,
    PoolChange,
    PoolExclusion,
    PoolHint,
    PoolMembership,
    PoolRule,
    SelectedSku,
    Selection,
    SkuStamp,
)
from catalog.models.prices import (
    PriceChange,
    PurchasePrice,
)
from catalog.models.stock import (
    SkuRegion,
    Stock,
    StockHint,
    StockMovement,
    StockTold,
    Warehouse,
)

__all__ = [
    "CODE_PATTERN",
    "MAX_QUANTITY",
    "Brand",
    "Category",
    "CategoryAttribute",
    "FormerPlacement",
    "Pool",
    "PoolAssignment",
    "PoolChange",
    "PoolExclusion",
    "PoolHint",
    "PoolMembership",
    "PoolRule",
    "PriceChange",
    "Product",
    "PurchasePrice",
    "SelectedSku",
    "Selection",
    "ShelfChange",
    "Sku",
    "SkuImage",
    "SkuRegion",
    "SkuSearch",
    "SkuStamp",
    "Stock",
    "StockHint",
    "StockMovement",
    "StockTold",
    "Warehouse",
]
