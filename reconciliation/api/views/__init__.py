"""The partner API of reconciliation."""
