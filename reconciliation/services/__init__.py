"""Acts of reconciliation, one module each."""
