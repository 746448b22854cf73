"""Statements, comparisons, bills and invoices in the back office."""

from reconciliation.admin import actions, bills, comparisons, invoices, statements, titles

__all__ = ["actions", "bills", "comparisons", "invoices", "statements", "titles"]
