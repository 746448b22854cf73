"""Partners, keys and money in the back office; no page edits a number."""

from accounts.admin import money, partners

__all__ = ["money", "partners"]
