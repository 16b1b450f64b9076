"""One Django signal per event of the contract, sent when the event has been recorded, inside its transaction.

Receivers get ``record``. ``deliver`` (``ledger/recording.py``) fans out to the services; the projections
(``projections.py``) keep the monolith's tables.
"""

from django.dispatch import Signal

from pipeline.events import EVENTS, Event

RECORDED: dict[type[Event], Signal] = {event: Signal() for event in EVENTS.values()}

work_started = Signal()
"""Sent with ``subjects`` (conversation ids) when services have begun to work on them."""
