"""The relay: puts what is due on its queue, within each service's window.

1. Lock the subscriptions that no other relay holds: the count in flight is exact.
2. Pick what is due, interactive lane first, then the organizations in turn, each oldest first: another attempt goes
   before what came later, so a call whose worker died does not wait behind a batch.
3. Mark it sent, note the attempt, commit. 4. Publish.

A crash between 3 and 4 loses a message, not a delivery: ``attempts.give_up_lost`` finds it.
"""

import logging
import threading
import time
from typing import Any

import msgspec
import psycopg
from django.db import Error as DatabaseError
from django.db import connection, transaction
from kombu import Connection, Producer
from kombu.exceptions import ChannelError

from conversations.ledger import attempts
from conversations.ledger.recording import CHANNEL
from pipeline import bus
from pipeline.config import config
from pipeline.events import EVENTS
from pipeline.failpoints import failpoint
from pipeline.records import Record, rfc3339, to_wire

log = logging.getLogger(__name__)
POLL_SECONDS, REST_SECONDS, LEASE_CHECK_SECONDS, CALM_SECONDS = 0.1, 0.01, 0.5, 2.5

LOCK = """
select service from conversations_subscription where active order by service for update skip locked
"""

# The windows are counted in a statement of its own, after the lock: its snapshot sees what the last holder sent.
# ``waiting`` hops from one organization to the next in the index, so a long queue costs no more than a short one.
# `state || ''` keeps the planner off the index of what is pending. Statistics say that there is none, as there was none
# when they were made; so it read all that is pending for each delivery that was picked. With 500 pending and room for
# 315 of them that took 123 ms, now 67.
PICK = """
with recursive serving as (
    select d.service, d.tenant, count(*) as in_flight
    from conversations_delivery d
    where d.service = any(%(services)s) and d.state in ('sent', 'running')
    group by d.service, d.tenant
), room as (
    select s.service, s.queue, s."window" - (
        select coalesce(sum(in_flight), 0) from serving where serving.service = s.service
    ) as places
    from conversations_subscription s where s.service = any(%(services)s)
), waiting as (
    select room.service, room.places, first.lane, first.tenant
    from room cross join lateral (
        select d.lane, d.tenant from conversations_delivery d
        where d.service = room.service and d.state = 'pending'
        order by d.lane, d.tenant limit 1
    ) first
    where room.places > 0
    union all
    select w.service, w.places, next.lane, next.tenant
    from waiting w cross join lateral (
        select d.lane, d.tenant from conversations_delivery d
        where d.service = w.service and d.state = 'pending' and (d.lane, d.tenant) > (w.lane, w.tenant)
        order by d.lane, d.tenant limit 1
    ) next
), picked as (
    select best.id
    from room cross join lateral (
        select next.id
        from waiting w
        cross join lateral (
            select d.id, row_number() over (order by d.id) as turn
            from conversations_delivery d
            where d.service = w.service and d.lane = w.lane and d.tenant = w.tenant
              and d.state = 'pending' and d.due_at <= statement_timestamp()
            order by d.id limit w.places
        ) next
        left join serving on serving.service = w.service and serving.tenant = w.tenant
        left join lateral (
            select x.sent_at from conversations_delivery x
            where x.service = w.service and x.tenant = w.tenant and x.sent_at is not null
            order by x.sent_at desc limit 1
        ) served on true
        where w.service = room.service
        order by w.lane, coalesce(serving.in_flight, 0) + next.turn, served.sent_at nulls first, next.id
        limit greatest(room.places, 0)
    ) best
), locked as (
    select d.id from conversations_delivery d join picked on picked.id = d.id
    where d.state || '' = 'pending' order by d.id for update of d skip locked
), sent as (
    update conversations_delivery d
    set state = 'sent', sends = sends + 1, sent_at = clock_timestamp(), error = '',
        progress_done = 0, progress_total = 0
    from locked where d.id = locked.id
    returning d.id, d.event_id, d.service, d.sends
), noted as (
    insert into conversations_attempt (delivery_id, number, locations) select id, sends, '{}' from sent
)
select sent.service, room.queue, sent.sends, e.id, e.source, e.type, e.time, e.subject, e.tenant, e.correlationid,
       e.causationid, e.traceparent, e.data
from sent join room on room.service = sent.service join conversations_event e on e.id = sent.event_id
"""


class Relay:
    """One relay; any number run side by side."""

    def __init__(self) -> None:
        self.woken = threading.Event()
        self.stopping = threading.Event()
        self.broker: Connection | None = None
        self.producer: Producer | None = None
        self.empty_since: dict[str, float] = {}

    def run(self) -> None:
        """Relay until stopped. What is due waits for a broker or a database that is away."""
        threading.Thread(target=self.listen, name="listener", daemon=True).start()
        checked = 0.0
        while not self.stopping.is_set():
            try:
                if time.monotonic() - checked > LEASE_CHECK_SECONDS:
                    self.check_attempts()
                    checked = time.monotonic()
                self.woken.clear()
                if self.relay_once():  # all that fits the windows: what is due a moment later goes in one batch
                    self.stopping.wait(REST_SECONDS)
                self.woken.wait(POLL_SECONDS)
            except DatabaseError as error:
                log.warning("relay: the database is away (%s)", type(error).__name__)
                connection.close()
                self.stopping.wait(0.5)
            except (OSError, *bus.BROKER_ERRORS) as error:
                log.warning("relay: the broker is away (%s)", type(error).__name__)
                self.hang_up()
                self.stopping.wait(0.5)

    def listen(self) -> None:
        """Wake this relay when any process records an event. Polling remains the truth: a missed word costs 0.1 s."""
        while not self.stopping.is_set():
            try:
                with psycopg.connect(config().database_url, autocommit=True, connect_timeout=5) as listener:
                    listener.execute(f"listen {CHANNEL}")
                    while not self.stopping.is_set():
                        for _ in listener.notifies(timeout=1, stop_after=1):
                            self.woken.set()
            except psycopg.OperationalError as error:
                log.warning("relay: nothing wakes it for now (%s)", type(error).__name__)
                self.stopping.wait(1)

    def relay_once(self) -> int:
        """Send what is due and fits the windows; how many."""
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCK)
            services = [row[0] for row in cursor.fetchall()]
            if not services:
                return 0  # another relay has them
            cursor.execute(PICK, {"services": services})
            names = [column.name for column in cursor.description]
            rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
            if rows:
                failpoint("relay.before_commit")
        if rows:
            failpoint("relay.after_commit")
            self.publish(rows)
            failpoint("relay.after_publish")
        return len(rows)

    def publish(self, rows: list[dict[str, Any]]) -> None:
        """Put deliveries on their queues as Celery tasks, in one batch."""
        if self.producer is None:
            self.broker = bus.connect()
            self.producer = Producer(self.broker.channel())
        with self.producer.batch():
            for row in rows:
                bus.publish_task(
                    self.producer,
                    queue_name=row["queue"],
                    service=row["service"],
                    record=to_wire(record_of(row)),
                    attempt=row["sends"],
                )

    def hang_up(self) -> None:
        """Leave a broker that has failed us without a word: it may not answer."""
        if self.broker is not None:
            self.broker.collect()
        self.broker = self.producer = None

    def check_attempts(self) -> None:
        """End the attempts whose lease ran out or whose message is gone."""
        attempts.expire_leases()
        overdue = attempts.overdue_queues()
        self.empty_since = {queue: since for queue, since in self.empty_since.items() if queue in overdue}
        for queue, services in overdue.items():
            attempts.give_up_lost(services, self.is_calm(queue))

    def is_calm(self, queue: str) -> bool:
        """Whether a queue has been seen empty for a while."""
        with bus.connect() as broker:
            try:
                depth = broker.channel().queue_declare(queue, passive=True).message_count
            except ChannelError:  # Redis has no key for an empty queue
                depth = 0
        if depth:
            self.empty_since.pop(queue, None)
            return False
        return time.monotonic() - self.empty_since.setdefault(queue, time.monotonic()) > CALM_SECONDS


def record_of(row: dict[str, Any]) -> Record:
    """The record of a stored event."""
    text = {name: str(row[name]) for name in ("id", "subject", "tenant", "correlationid")}
    return Record(
        **text,
        source=row["source"],
        type=row["type"],
        time=rfc3339(row["time"]),
        causationid=str(row["causationid"] or ""),
        traceparent=row["traceparent"],
        data=msgspec.json.decode(row["data"], type=EVENTS[row["type"]]),
    )
