"""What the audit trail calls the things that are done to statements, bills and invoices."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from openplatform.audit.actions import name_actions

name_actions(
    {
        "order_statement": _("Statement asked for"),
        "make_statement": _("Statement made"),
        "fail_statement": _("Statement could not be made"),
        "download_statement": _("Statement downloaded"),
        "download_reconciliation": _("Report of differences downloaded"),
        "download_invoice": _("Invoice downloaded"),
        "download_archive": _("Archive of statements downloaded"),
        "export_statement_summary": _("Summary of statements was exported"),
        "close_month": _("Month closed"),
        "add_invoice_title": _("Invoice title added"),
        "retire_invoice_title": _("Invoice title taken out of use"),
        "issue_invoice": _("Invoice entered as issued"),
        "send_invoice_to_provider": _("Invoice handed to a provider"),
        "cancel_invoice": _("Invoice cancelled"),
        "take_back_invoice": _("Credit for a whole invoice asked for"),
        "upload_reconciliation": _("File for comparison uploaded"),
        "resolve_differences": _("Differences explained"),
    },
    {
        "format": _("format"),
        "language": _("language"),
        "sha256": _("SHA-256"),
        "files": _("files"),
        "formats": _("formats"),
        "languages": _("languages"),
        "statements": _("statements"),
        "note": _("note"),
        "steps": _("steps"),
        "fiscal_number": _("fiscal number"),
        "fiscal_code": _("fiscal code"),
        "issued_on": _("issued on"),
        "file_sha256": _("SHA-256"),
        "credit": _("credit invoice"),
        "provider": _("provider"),
        "is_active": _("in use"),
    },
)
