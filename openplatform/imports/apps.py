from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ImportsConfig(AppConfig):
    name = "openplatform.imports"
    verbose_name = _("Imports")

    def ready(self) -> None:
        """Have files worked on, kept for a while, and named in the audit trail."""
        from openplatform.audit.actions import name_actions
        from openplatform.core.background import register_daily_job, register_loop
        from openplatform.core.uploads.storage import register_folder
        from openplatform.imports.selectors import list_run_files
        from openplatform.imports.services.running import run_due_imports
        from openplatform.imports.services.uploading import FOLDER

        register_folder(FOLDER, list_run_files, loses_rows=True)
        # Between the last row and the commit, a large file takes a while.
        register_loop("import files", run_due_imports, pause=1.0, turn_takes=115.0)
        register_daily_job("prune imports", "openplatform.imports.services.uploading.prune_imports")
        name_actions(
            {
                "import_file": _("File imported"),
                "upload_import": _("Import uploaded"),
                "confirm_import": _("Import confirmed"),
                "check_import_again": _("Import checked again"),
            },
            {
                "file": _("file"),
                "rows": _("rows"),
                "created": _("created"),
                "updated": _("updated"),
                "unchanged": _("unchanged"),
                "warnings": _("warnings"),
            },
        )
