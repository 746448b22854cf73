"""Forms of the back office's own pages about reconciliation."""
