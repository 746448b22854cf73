from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CatalogConfig(AppConfig):
    name = "catalog"
    verbose_name = _("Catalogue")

    def ready(self) -> None:
        from catalog.imports import RESOURCES
        from catalog.messages import MESSAGE_TYPES
        from catalog.selectors.selection import narrow
        from catalog.selectors.visibility import get_audience
        from catalog.services.base_prices import apply_due_prices
        from catalog.services.images import FOLDER, list_picture_files
        from catalog.services.pool_rules import apply_pool_rules
        from catalog.services.price_moves import move_prices
        from catalog.services.shelf import apply_due_shelf_changes
        from catalog.services.stock_telling import tell_stock
        from openplatform.core.background import register_daily_job, register_loop
        from openplatform.core.uploads.storage import register_folder
        from openplatform.imports import resources
        from openplatform.messaging import types

        types.register(*MESSAGE_TYPES)
        types.register_sku_audience(get_audience)
        types.register_sku_narrowing(narrow)
        resources.register(*RESOURCES)
        register_loop("apply pool rules", apply_pool_rules, pause=1.0)
        register_loop("put on the shelf in time", apply_due_shelf_changes, pause=1.0)
        register_daily_job("sweep pool rules", "catalog.services.pool_rules.sweep_pool_rules")
        register_folder(FOLDER, list_picture_files, is_public=True, loses_rows=True)
        register_loop("apply due prices", apply_due_prices, pause=1.0)
        register_loop("move prices", move_prices, pause=1.0)
        register_loop("tell stock answers", tell_stock, pause=0.2)
        register_daily_job("compare stock answers", "catalog.services.stock_telling.hint_all_stock")
