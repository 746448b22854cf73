"""The catalogue over HTTP, one module a subject; ``urls.py`` takes its views from here."""

from __future__ import annotations

from catalog.api.views.goods import (
    GetCategoryView,
    GetSkuView,
    ListCategoriesView,
    ListDetailsView,
    ListImagesView,
    ListShelfStatesView,
)
from catalog.api.views.lists import ListSkusView
from catalog.api.views.prices import ListPriceHistoryView, ListPricesView
from catalog.api.views.selection import (
    DeleteSelectionView,
    GetSelectionView,
    ReplaceSelectionView,
)
from catalog.api.views.stock import CheckAvailabilityView, CheckStockView, GetStockView

__all__ = [
    "CheckAvailabilityView",
    "CheckStockView",
    "DeleteSelectionView",
    "GetCategoryView",
    "GetSelectionView",
    "GetSkuView",
    "GetStockView",
    "ListCategoriesView",
    "ListDetailsView",
    "ListImagesView",
    "ListPriceHistoryView",
    "ListPricesView",
    "ListShelfStatesView",
    "ListSkusView",
    "ReplaceSelectionView",
]
