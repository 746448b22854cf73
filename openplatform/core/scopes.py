"""Scopes: what a key may do. Every view names the one that it needs."""

from __future__ import annotations

from django.db import models
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
