"""The catalogue in the back office: curated, priced, counted; nothing here writes stock itself."""

from catalog.admin import actions, goods, pools, stock

__all__ = ["actions", "goods", "pools", "stock"]
