"""The catalogue in the back office: curated, priced, counted; nothing here writes stock itself."""

from catalog.admin import goods, pools, stock

__all__ = ["goods", "pools", "stock"]
