"""URLs of statements, reconciliations, bills and invoices."""

from __future__ import annotations

from django.urls import URLPattern, path

from openplatform.core.api import converters  # noqa: F401 - registers the converters used below
from openplatform.core.api.views import routes
from reconciliation.api.views import bills, invoices, reconciliations, statements

app_name = "reconciliation"
urlpatterns: list[URLPattern] = [
    *routes(
        "statements",
        get=statements.ListStatementsView,
        post=statements.CreateStatementView,
    ),
    path(
        "statements/<number:statement_no>",
        statements.GetStatementView.as_view(),
        name="get-statement",
    ),
    path(
        "statements/<number:statement_no>/file",
        statements.GetStatementFileView.as_view(),
        name="get-statement-file",
    ),
    *routes(
        "reconciliations",
        get=reconciliations.ListReconciliationsView,
        post=reconciliations.CreateReconciliationView,
    ),
    path(
        "reconciliations/<number:reconciliation_no>",
        reconciliations.GetReconciliationView.as_view(),
        name="get-reconciliation",
    ),
    path(
        "reconciliations/<number:reconciliation_no>/rows",
        reconciliations.ListReconciliationRowsView.as_view(),
        name="list-reconciliation-rows",
    ),
    path(
        "reconciliations/<number:reconciliation_no>/file",
        reconciliations.GetReconciliationFileView.as_view(),
        name="get-reconciliation-file",
    ),
    *routes(
        "invoice-titles",
        get=invoices.ListInvoiceTitlesView,
        post=invoices.CreateInvoiceTitleView,
    ),
    *routes("invoices", get=invoices.ListInvoicesView, post=invoices.CreateInvoiceView),
    path("invoices/<number:invoice_no>", invoices.GetInvoiceView.as_view(), name="get-invoice"),
    path(
        "invoices/<number:invoice_no>/file",
        invoices.GetInvoiceFileView.as_view(),
        name="get-invoice-file",
    ),
    path("bills", bills.ListBillsView.as_view(), name="list-bills"),
    path("bills/<number:bill_no>", bills.GetBillView.as_view(), name="get-bill"),
]
