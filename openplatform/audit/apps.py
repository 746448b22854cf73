from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AuditConfig(AppConfig):
    name = "openplatform.audit"
    verbose_name = _("Audit trail")

    def ready(self) -> None:
        """Keep the edits of the back office."""
        from openplatform.audit.links import url_of_subject
        from openplatform.audit.services.edits import record_edit
        from openplatform.core.admin.edits import Trail, register_trail

        register_trail(Trail(record=record_edit, url_of=url_of_subject))
