from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConnectorsConfig(AppConfig):
    name = "openplatform.connectors"
    label = "connectors"
    verbose_name = _("Connectors")

    def ready(self) -> None:
        from openplatform.connectors.services.refreshing import refresh_due_parcels
        from openplatform.core.background import register_daily_job, register_loop

        register_loop("refresh parcels", refresh_due_parcels, pause=0.5)
        register_daily_job(
            "prune calls of providers", "openplatform.connectors.services.pruning.prune_calls"
        )
        register_daily_job(
            "erase events of parcels",
            "openplatform.connectors.services.pruning.erase_parcel_events",
        )
