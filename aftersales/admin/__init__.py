"""Claims in the back office."""

from aftersales.admin import actions, master_data, parcels, returns, review

__all__ = ["actions", "master_data", "parcels", "returns", "review"]
