from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "openplatform.imports"
    verbose_name = _("Imports")

    def ready(self) -> None:
        """Name what stands in the audit trail."""
        from openplatform.audit.actions import name_actions

        name_actions(
            {"import_file": _("File imported")},
            {
                "file": _("file"),
                "rows": _("rows"),
                "created": _("created"),
                "updated": _("updated"),
                "unchanged": _("unchanged"),
            },
        )
