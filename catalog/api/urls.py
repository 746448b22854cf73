from __future__ import annotations

from django.urls import path

from catalog.api import views
from openplatform.core.api import converters  # noqa: F401 - registers the converters used below
from openplatform.core.api.views import routes

app_name = "catalog"
urlpatterns = [
    path("catalog/skus", views.ListSkusView.as_view(), name="list-skus"),
    path("catalog/skus/<code:sku>", views.GetSkuView.as_view(), name="get-sku"),
    path("catalog/skus/<code:sku>/stock", views.GetStockView.as_view(), name="get-stock"),
    path(
        "catalog/skus/<code:sku>/price-history",
        views.ListPriceHistoryView.as_view(),
        name="list-price-history",
    ),
    path("catalog/details", views.ListDetailsView.as_view(), name="list-details"),
    path("catalog/images", views.ListImagesView.as_view(), name="list-images"),
    path("catalog/shelf-states", views.ListShelfStatesView.as_view(), name="list-shelf-states"),
    path("catalog/prices", views.ListPricesView.as_view(), name="list-prices"),
    path("catalog/categories", views.ListCategoriesView.as_view(), name="list-categories"),
    path("catalog/categories/<code:code>", views.GetCategoryView.as_view(), name="get-category"),
    path("catalog/stock-checks", views.CheckStockView.as_view(), name="check-stock"),
    *routes(
        "catalog/selection",
        get=views.GetSelectionView,
        put=views.ReplaceSelectionView,
        delete=views.DeleteSelectionView,
    ),
    path(
        "catalog/availability-checks",
        views.CheckAvailabilityView.as_view(),
        name="check-availability",
    ),
]
