"""The admin pages. Importing them registers them."""

from conversations.admin import batches, calls, operations, people

__all__ = ["batches", "calls", "operations", "people"]
