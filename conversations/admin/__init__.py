"""The admin pages. Importing them registers them."""

from conversations.admin import batches, calls, dead_letters, operations, people, raw_data

__all__ = ["batches", "calls", "dead_letters", "operations", "people", "raw_data"]
