"""Scopes: what a key may do. Every view names the one that it needs."""

from __future__ import annotations

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Scope(models.TextChoices):
    """The value is what keys store and what the contract names."""

    ACCOUNT_READ = "account:read", _("Read balance and ledger")
    ACCOUNT_WRITE = "account:write", _("Report top-ups")
    CATALOG_READ = "catalog:read", _("Read products, prices and stock")
    CATALOG_WRITE = "catalog:write", _("Mark the SKUs that are sold")
    ORDERS_READ = "orders:read", _("Read orders and shipments")
    ORDERS_WRITE = "orders:write", _("Place, confirm and cancel orders")
    AFTERSALES_READ = "aftersales:read", _("Read after-sales claims")
    AFTERSALES_WRITE = "aftersales:write", _("File after-sales claims")
    MESSAGES_READ = "messages:read", _("Read messages")
    WEBHOOKS_WRITE = "webhooks:write", _("Manage webhook endpoints")
    STATEMENTS_READ = "statements:read", _("Read statements and bills")
    STATEMENTS_WRITE = "statements:write", _("Ask for statements and reconciliations")
    INVOICES_READ = "invoices:read", _("Read invoices")
    INVOICES_WRITE = "invoices:write", _("Ask for invoices")

    @property
    def is_write(self) -> bool:
        """Whether it changes something, and does not only look."""
        return self.value.endswith(":write")

    @property
    def description(self) -> Promise:
        """One sentence: what it opens."""
        return DESCRIPTIONS[self]


DESCRIPTIONS: dict[Scope, Promise] = {
    Scope.ACCOUNT_READ: _("Balance, credit line, runway, every ledger entry, and top-ups."),
    Scope.ACCOUNT_WRITE: _("Reports bank transfers with their proofs; finance books them."),
    Scope.CATALOG_READ: _(
        "Products, pictures, categories, this merchant's prices, and whether something is in stock."
    ),
    Scope.CATALOG_WRITE: _("Says which SKUs the merchant really sells, and narrows its messages."),
    Scope.ORDERS_READ: _("The merchant's orders with their consignees, parcels and tracking."),
    Scope.ORDERS_WRITE: _("Spends the balance: quotes, places, confirms, cancels and receives."),
    Scope.AFTERSALES_READ: _("Claims, what may still be claimed, and refunds."),
    Scope.AFTERSALES_WRITE: _("Files and answers claims, uploads pictures, reports returns."),
    Scope.MESSAGES_READ: _("The feed of messages: orders, catalogue, account."),
    Scope.WEBHOOKS_WRITE: _("Sees and changes where messages are sent, and their secrets."),
    Scope.STATEMENTS_READ: _("Statements, bills, and the results of reconciliations."),
    Scope.STATEMENTS_WRITE: _("Has statements made, and files compared with our books."),
    Scope.INVOICES_READ: _("Invoice titles, invoices and their files."),
    Scope.INVOICES_WRITE: _("Sets invoice titles and asks for invoices of what was paid."),
}
