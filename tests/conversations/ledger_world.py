"""A world around the ledger in which anything may go wrong: the broker is two lists, a worker is a message in hand.

Time passes by SQL: everything the ledger has noted becomes older. The ledger and its tables are the real ones.
"""

import io
import json
from collections.abc import Sequence
from itertools import count
from typing import Any, NamedTuple

from django.db import OperationalError, connection

from conversations.ledger import attempts, consumer
from conversations.ledger.relay import Relay, record_of
from conversations.models import Conversation, Organization
from conversations.services.calls import CallDetails, receive_call
from pipeline import documents
from pipeline.events import (
    AudioRedacted,
    Blob,
    ConversationCompleted,
    ConversationQualified,
    ConversationReceived,
    ConversationTranscribed,
    DeliveryHandled,
    EntitiesTagged,
    Event,
    ServiceRegistered,
    TranscriptAnonymized,
)
from pipeline.records import Record, from_wire, to_wire, uuid7
from pipeline.storage import blob_store

UNREAD = Blob(key="raw/t/c/s", sha256="s", size=1, media_type="audio/wav")  # what no projection opens
TRANSCRIPT, ENTITIES, TAGS = documents.Transcript(language="en", duration=1.0), documents.Entities(), documents.Tags()
STRANGERS = ("no JSON", "no batch", "unknown type", "answer to nothing", "not asked", "never registered")
bytes_of_calls = count()

OLDER = """
update conversations_delivery set
    due_at = due_at - %(by)s, sent_at = sent_at - %(by)s, started_at = started_at - %(by)s, deadline = deadline - %(by)s;
update conversations_event set recorded_at = recorded_at - %(by)s;
update conversations_clock set steady_since = steady_since - %(by)s;
"""
UNHEARD = "update conversations_clock set caught_up_at = caught_up_at - %(by)s"


class Message(NamedTuple):
    """A delivery on its way to a worker, or in its hand."""

    queue: str
    service: str
    record: Record
    attempt: int

    def saying(self, event: Event) -> Record:
        """What the service says about it."""
        return Record.caused(event, by=self.record, source=self.service)


class ListRelay(Relay):
    """The relay, with a list for a broker; ``crashing``: it dies between commit and publish."""

    def __init__(self, published: list[Message]) -> None:
        super().__init__()
        self.published, self.crashing = published, False

    def publish(self, rows: list[dict[str, Any]]) -> None:
        """Put deliveries on the list."""
        if self.crashing:
            return
        for row in rows:
            record = from_wire(to_wire(record_of(row)))
            self.published.append(Message(row["queue"], row["service"], record, row["sends"]))


class Outage:
    """For ``connection.execute_wrapper``: the database goes away at one statement, or never (0), and comes back."""

    def __init__(self, statement: int = 0) -> None:
        self.left = statement

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if not sql.startswith(("SAVEPOINT", "ROLLBACK", "RELEASE")):
            self.left -= 1
            if self.left == 0:
                raise OperationalError
        return execute(sql, params, many, context)


class World:
    """What there is beside the database."""

    def __init__(self) -> None:
        self.to_workers: list[Message] = []
        self.to_ledger: list[bytes] = []
        self.in_hand: list[Message] = []
        self.received: list[Record] = []
        self.strange: set[bytes] = set()
        self.relay = ListRelay(self.to_workers)
        self.outage = Outage()

    def receive(self, organization: Organization, lane: Conversation.Lane) -> None:
        """A call comes in."""
        audio = io.BytesIO(b"call %d" % next(bytes_of_calls))
        call = receive_call(organization, audio, CallDetails(), lane=lane).conversation
        said = ConversationReceived(audio=UNREAD, settings=UNREAD)
        self.received.append(Record.initial(said, source="monolith", subject=str(call.id), id=str(call.run)))

    def take(self, place: int) -> None:
        """A worker takes a message."""
        self.in_hand.append(self.to_workers.pop(place % len(self.to_workers)))

    def say(self, *records: Record) -> None:
        """A worker puts one message on the queue of the ledger."""
        self.to_ledger.append(json.dumps([to_wire(each) for each in records]).encode())

    def answer(self, message: Message) -> None:
        """A service succeeds."""
        self.say(message.saying(answer_of(message)))

    def register(self, service: str, hears: str, since: str) -> None:
        """A service that has nothing to say says that it is there."""
        said = ServiceRegistered(subscribes=(hears,), says=(), queue="cpu", since=since)
        self.say(Record.initial(said, source=service))

    def meet(self, kind: str) -> None:
        """A stranger puts a message on the queue of the ledger."""
        body = strange_message(kind, self.received[-1])
        self.strange.add(body)
        self.to_ledger.append(body)

    def hear(self, bodies: Sequence[bytes]) -> None:
        """The ledger's consumer gathers messages."""
        with connection.execute_wrapper(self.outage):
            consumer.receive_together(list(bodies))

    def age(self, seconds: int, *, listening: bool) -> None:
        """Time passes, while a consumer is up to date or none is there."""
        if listening:
            attempts.note_caught_up()
        with connection.cursor() as cursor:
            by = {"by": f"{seconds} s"}
            cursor.execute((OLDER if listening else OLDER + UNHEARD).replace("%(by)s", "%(by)s::interval"), by)

    def check_attempts(self) -> None:
        """What the relay does every half a second, with an honest look at the queues."""
        attempts.expire_leases()
        for queue, services in attempts.overdue_queues().items():
            attempts.give_up_lost(services, empty=not any(each.queue == queue for each in self.to_workers))

    def go_well(self) -> None:
        """Everybody does what is to be done, once."""
        self.relay.relay_once()
        while self.to_workers:
            self.take(0)
        while self.in_hand:
            self.answer(self.in_hand.pop(0))


def answer_of(message: Message) -> Event:
    """What a service says when it succeeds; those that are not of the cascade have nothing to say."""
    heard: Any = message.record.data
    match message.service:
        case "transcription":
            return ConversationTranscribed(
                audio=UNREAD, settings=UNREAD, transcript=UNREAD, language="en", duration=1.0
            )  # fmt: skip
        case "entity_tagging":
            return EntitiesTagged(
                audio=UNREAD, settings=UNREAD, transcript=UNREAD, entities=UNREAD, language=heard.language, duration=1.0
            )  # fmt: skip
        case "anonymization":
            return TranscriptAnonymized(
                audio=UNREAD, settings=UNREAD, transcript=stored(message, TRANSCRIPT),
                entities=stored(message, ENTITIES), language=heard.language, duration=1.0,
            )  # fmt: skip
        case "audio_redaction":
            return AudioRedacted(master=UNREAD, player=UNREAD, peaks=UNREAD)
        case "qualification":
            return ConversationQualified(tags=stored(message, TAGS))
    return DeliveryHandled(attempt=message.attempt)


def stored(message: Message, document: documents.Document) -> Blob:
    """A document that a projection opens."""
    place = message.record.tenant, message.record.subject
    return blob_store().put("safe", *place, [documents.encode(document)], "application/json")


def strange_message(kind: str, received: Record) -> bytes:
    """A message that the ledger cannot believe."""
    transcribed = ConversationTranscribed(
        audio=UNREAD, settings=UNREAD, transcript=UNREAD, language="xx", duration=9.0
    )  # fmt: skip
    wire = to_wire(Record.caused(transcribed, by=received, source="transcription"))
    match kind:
        case "no JSON":
            return b"\xff{" + uuid7().bytes
        case "no batch":
            return json.dumps({"id": str(uuid7())}).encode()
        case "unknown type":
            wire["type"] = "WeatherChanged"
        case "answer to nothing":
            wire["causationid"] = str(uuid7())
        case "not asked":
            wire["source"] = "qualification"
        case "never registered":
            wire = to_wire(Record.caused(ConversationCompleted(), by=received, source="transcription"))
    return json.dumps([wire]).encode()
