"""A service that joins in the middle of a storm: it hears of every call, has a queue of its own, and says nothing."""

from pipeline import bus
from pipeline.events import ConversationReceived
from pipeline.service import local_copy, service
from tests.chaos.invented import LEASE

app = bus.app()


@service("archive", queue="archive", lease=LEASE, window=16, since="2000-01-01T00:00:00Z")
def archive(event: ConversationReceived) -> None:
    """Read the call, once."""
    with local_copy(event.audio) as path:
        path.stat()
