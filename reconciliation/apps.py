from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    verbose_name = _("Reconciliation")

    def ready(self) -> None:
        from openplatform.core.background import register_part
        from openplatform.messaging import types
        from reconciliation.messages import MESSAGE_TYPES

        types.register(*MESSAGE_TYPES)
        register_part("reconcile", "reconciliation.office.run")
