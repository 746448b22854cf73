"""Partners, keys and money in the back office; no page edits a number."""

from accounts.admin import actions, books, contacts, documents, keys, money, partners

__all__ = ["actions", "books", "contacts", "documents", "keys", "money", "partners"]
