"""`make chaos`: faults upon real processes under load, then a count of what was lost. See docs/chaos.md."""
