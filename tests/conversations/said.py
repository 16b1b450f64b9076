"""What tests say to the ledger, and ask of it."""

from typing import Any

from django.db import connection

from conversations.ledger import attempts, consumer, relay
from conversations.ledger.models import Delivery
from conversations.ledger.recording import record
from conversations.models import Conversation
from pipeline import bus
from pipeline.events import Blob, ConversationReceived, ConversationTranscribed
from pipeline.events import Event as EventData
from pipeline.records import Record, to_wire

BLOB = Blob(key="raw/t/c/s", sha256="s", size=1, media_type="audio/wav")


def received(conversation: Conversation) -> Record:
    """ConversationReceived for a call, recorded."""
    said = Record.initial(
        ConversationReceived(audio=BLOB, settings=BLOB), source="monolith", subject=str(conversation.id),
        tenant=str(conversation.organization_id), id=str(conversation.run),
    )  # fmt: skip
    record(said)
    return said


def transcribed() -> ConversationTranscribed:
    return ConversationTranscribed(audio=BLOB, settings=BLOB, transcript=BLOB, language="fr", duration=61.5)


def answer(event: EventData, by: Record, source: str = "transcription") -> dict[str, Any]:
    return to_wire(Record.caused(event, by=by, source=source))


def hear(*wires: dict[str, Any]) -> None:
    consumer.receive_together([bus.json.dumps(list(wires))])


def the_delivery(**fields: Any) -> Delivery:
    return Delivery.objects.get(**fields)


def age(delivery: Delivery, seconds: int) -> None:
    """Let time pass for a delivery."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update conversations_delivery set due_at = due_at - make_interval(secs => %s),"
            " sent_at = sent_at - make_interval(secs => %s), deadline = deadline - make_interval(secs => %s) where id = %s",
            [seconds, seconds, seconds, delivery.id],
        )


def steady_ledger() -> None:
    """A ledger that has been listening for an hour."""
    attempts.note_caught_up()
    with connection.cursor() as cursor:
        cursor.execute("update conversations_clock set steady_since = now() - interval '1 hour'")


def send(delivery: Delivery | None = None) -> None:
    """Let the relay send what is pending, however long its back-off."""
    Delivery.objects.filter(state=Delivery.State.PENDING).update(due_at="2020-01-01T00:00:00Z")
    relay.Relay().relay_once()
