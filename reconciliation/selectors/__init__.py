"""Reads of reconciliation."""
