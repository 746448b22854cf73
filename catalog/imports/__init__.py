"""The catalogue's files. :data:`RESOURCES` is registered when the app is ready."""

from __future__ import annotations

from catalog.imports.categories import CATEGORIES
from catalog.imports.partners import PARTNERS
from catalog.imports.pools import POOLS
from catalog.imports.prices import PRICES
from catalog.imports.products import PRODUCTS
from catalog.imports.stock import STOCK
from catalog.imports.warehouses import WAREHOUSES

RESOURCES = (CATEGORIES, POOLS, PRODUCTS, WAREHOUSES, STOCK, PARTNERS, PRICES)
