"""What remembers: every event, and what is owed of it to whom. See docs/architecture.md, "The ledger"."""
