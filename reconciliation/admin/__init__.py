"""Statements, comparisons, bills and invoices in the back office."""
