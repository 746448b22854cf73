"""A merchant's file, held against the ledger."""
