"""The consumer of the queue ``ledger``: believes what answers a delivery, records it, then acknowledges.

Messages are gathered for 5 to 20 ms and recorded in one transaction, which is what makes it fast. When that fails,
each message is recorded alone; one that fails alone is parked, with its error, and holds up nobody.
"""

import json
import logging
import threading
import time
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import Error as DatabaseError
from django.db import OperationalError, connection, transaction
from kombu import Consumer as KombuConsumer
from kombu import Message
from msgspec import structs

from conversations.ledger import attempts
from conversations.ledger.models import Parked
from conversations.ledger.recording import record
from conversations.ledger.registration import register
from conversations.ledger.retention import is_old_news
from pipeline import bus
from pipeline.events import ABOUT_A_DELIVERY, ProgressReported, ServiceFailed, ServiceRegistered
from pipeline.failpoints import failpoint
from pipeline.records import InvalidRecord, Record, answer_id, from_wire

log = logging.getLogger(__name__)
GATHER_SECONDS, MOST_GATHERED, NOTE_SECONDS = 0.02, 100, 1.0


GIVEN = """
select d.event_id, d.service, d.subject, d.tenant, d.correlationid, s.says
from unnest(%s::uuid[], %s::text[]) as a(event, service)
join conversations_delivery d on d.event_id = a.event and d.service = a.service
join conversations_subscription s on s.service = d.service
"""


class Given(NamedTuple):
    """What a service was given: the place of a delivery, and the types that its service registered to say."""

    subject: str
    tenant: str
    correlationid: str
    says: list[str]


class Unbelieved(Exception):
    """Raised when a record answers no delivery that was given to its source, or says what it never registered."""


class Consumer:
    """One consumer; any number run side by side. ``recorded`` is called after each commit."""

    def __init__(self, recorded: Any) -> None:
        self.recorded = recorded
        self.stopping = threading.Event()
        self.gathered: list[Message] = []
        self.last: list[Message] = []

    def run(self) -> None:
        """Consume until stopped. A broker or a database that is away is waited for."""
        while not self.stopping.is_set():
            try:
                self.consume()
            except OperationalError as error:
                log.warning("consumer: the database is away (%s)", type(error).__name__)
                connection.close()
                self.stopping.wait(0.5)
            except (OSError, *bus.BROKER_ERRORS) as error:
                log.warning("consumer: the broker is away (%s)", type(error).__name__)
                self.stopping.wait(0.5)

    def consume(self) -> None:
        """Gather, record, acknowledge, on one connection."""
        with bus.connect(bus.ledger_transport_options()) as broker:
            channel = broker.channel()
            channel.basic_qos(0, MOST_GATHERED, False)
            self.gathered.clear()
            consumer = KombuConsumer(channel, [bus.queue(bus.LEDGER)], on_message=self.gathered.append, accept=["json"])
            noted = 0.0
            with consumer:
                while not self.stopping.is_set():
                    self.gather(broker)
                    caught_up = len(self.gathered) < MOST_GATHERED
                    if self.gathered:
                        self.record_gathered()
                    if caught_up and time.monotonic() - noted > NOTE_SECONDS:
                        attempts.note_caught_up()
                        noted = time.monotonic()

    def gather(self, broker: Any) -> None:
        """Wait for a message, then for those right behind it: longer where there were some the last time."""
        patience = GATHER_SECONDS if len(self.last) > 1 else GATHER_SECONDS / 4
        try:
            broker.drain_events(timeout=1)
            until = time.monotonic() + patience
            while len(self.gathered) < MOST_GATHERED and (left := until - time.monotonic()) > 0:
                broker.drain_events(timeout=left)
        except TimeoutError:
            pass

    def record_gathered(self) -> None:
        """Record what was gathered, together or else one by one; then acknowledge."""
        self.last = messages = list(self.gathered)
        self.gathered.clear()
        bodies = [message.body for message in messages]
        while not self.stopping.is_set():
            try:
                receive_together(bodies)
                break
            except OperationalError as error:  # a lost connection, a deadlock: the database's state decides again
                log.warning("consumer: the database is away (%s)", type(error).__name__)
                connection.close()
                self.stopping.wait(0.2)
        else:
            return
        failpoint("consumer.after_commit")
        self.recorded()
        bus.acknowledge(messages)
        failpoint("consumer.after_ack")


def receive_together(bodies: list[Any]) -> None:
    """Receive messages in one transaction; if one spoils it, each in its own, and park the spoiler."""
    try:
        with transaction.atomic():
            receive(wire for body in bodies for wire in wires_in(body))
            failpoint("consumer.before_commit")
    except OperationalError:
        raise
    except Exception as error:  # found again, and parked, below
        log.info("consumer: %s in a batch of %d; receiving one by one", type(error).__name__, len(bodies))
        for body in bodies:
            receive_alone(body)


def receive_alone(body: Any) -> None:
    """Receive one message, or park it with the class of its error."""
    try:
        with transaction.atomic():
            receive(wires_in(body))
    except OperationalError:
        raise
    except Exception as error:  # a projection may raise anything; the operator sees it
        log.error("consumer: a message was parked: %s", type(error).__name__)
        park(body, error)


def wires_in(body: Any) -> list[Any]:
    """The CloudEvents objects of a message. Raises InvalidRecord."""
    try:
        batch = json.loads(body)
    except ValueError:
        raise InvalidRecord("A message was received that is not JSON.") from None
    if not isinstance(batch, list):
        raise InvalidRecord("A message was received that is not a CloudEvents batch.")
    return batch


def receive(wires: Iterable[Any]) -> None:
    """Take in what services say: of themselves, about deliveries, in answer to them."""
    records = [from_wire(wire) for wire in wires]
    for each in records:
        if isinstance(each.data, ServiceRegistered):
            register(each)
    said = believed([each for each in records if not isinstance(each.data, ServiceRegistered)])
    attempts.receive_progress(each for each in said if isinstance(each.data, ProgressReported))
    record(*(each for each in said if not isinstance(each.data, ProgressReported | ServiceFailed)))
    for each in said:
        if isinstance(each.data, ServiceFailed):
            attempts.receive_failure(each)


def believed(records: list[Record]) -> list[Record]:
    """The records, placed where their causes are: an answer never says what it is about. Raises Unbelieved.

    What says again what was known before its delivery was pruned is left out.
    """
    if not records:
        return []
    asked = sorted({(each.causationid, each.source) for each in records if each.causationid})
    with connection.cursor() as cursor:
        cursor.execute(GIVEN, [[event for event, _ in asked], [service for _, service in asked]])
        given = {(str(row[0]), row[1]): Given(str(row[2]), str(row[3]), str(row[4]), row[5]) for row in cursor}
    news = [each for each in records if (each.causationid, each.source) in given or not is_old_news(each)]
    return [placed(each, given.get((each.causationid, each.source))) for each in news]


def placed(said: Record, given: Given | None) -> Record:
    """A record with subject, tenant and run taken from the delivery that it answers, and the id that its answer has.

    Raises Unbelieved.
    """
    if given is None:
        raise Unbelieved(f"A {said.type} answers no delivery.")
    if not isinstance(said.data, ABOUT_A_DELIVERY) and said.type not in given.says:
        raise Unbelieved(f"A {said.type} was said by a service that did not register to.")
    id = answer_id(said.data, said.causationid, said.source)
    return structs.replace(said, id=id, subject=given.subject, tenant=given.tenant, correlationid=given.correlationid)


def park(body: Any, error: Exception) -> None:
    """Keep a record for the operator. Of what is no JSON only its size is kept."""
    try:
        content = json.loads(body)
    except ValueError:
        content = {"bytes": len(body)}
    try:
        Parked.objects.create(record=content, error=type(error).__name__)
    except DatabaseError as worse:
        if isinstance(worse, OperationalError):
            raise
        Parked.objects.create(record={"bytes": len(body)}, error=type(error).__name__)
