from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReconciliationConfig(AppConfig):
    name = "reconciliation"
    verbose_name = _("Reconciliation")

    def ready(self) -> None:
        from accounts import books
        from openplatform.core.api.body_limits import take_large_uploads
        from openplatform.core.background import register_part
        from openplatform.core.uploads.storage import register_folder
        from openplatform.messaging import types
        from reconciliation.books import CHECKS
        from reconciliation.messages import MESSAGE_TYPES
        from reconciliation.selectors import statements
        from reconciliation.services import issuing, report_writing, uploading

        types.register(*MESSAGE_TYPES)
        books.register_checks(*CHECKS)
        register_part("reconcile", "reconciliation.office.run")
        take_large_uploads("/api/v1/reconciliations", uploading.MAX_BYTES)
        register_folder(statements.FOLDER, statements.list_statement_files)
        register_folder(uploading.FOLDER, uploading.list_uploaded_files)
        register_folder(report_writing.FOLDER, uploading.list_report_files)
        register_folder(issuing.FOLDER, issuing.list_invoice_files)
