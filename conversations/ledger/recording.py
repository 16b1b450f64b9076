"""Recording: an event, what is owed of it, and its effects, in one transaction.

1. Take the registration lock, shared: no event slips between a new subscription and its backfill.
2. Lock the conversations concerned, in order: two ledgers cannot deadlock, and joins see each other.
3. Insert the events; of a repeated one nothing more happens, except that
4. the deliveries that the events answer are done (also dead ones: a late result revives).
5. For each new event, send its signal: ``deliver`` writes the deliveries, projections their tables.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from django.db import connection, transaction

from conversations.signals import RECORDED
from pipeline.events import ABOUT_A_DELIVERY, EVENTS
from pipeline.records import Record

REGISTRATION_LOCK = 0x9A47
CHANNEL = "parley"

INSERT = """
insert into conversations_event
    (id, source, type, subject, tenant, correlationid, causationid, traceparent, time, data)
select r.id, r.source, r.type, r.subject, r.tenant, r.correlationid, nullif(r.causationid, '')::uuid,
       coalesce(r.traceparent, ''), r.time, r.data
from jsonb_to_recordset(%s) as r(id uuid, source text, type text, subject uuid, tenant uuid, correlationid uuid,
                                 causationid text, traceparent text, time timestamptz, data jsonb)
on conflict do nothing
returning id
"""

END = """
with answered as (
    select d.id, d.sends
    from conversations_delivery d
    join unnest(%s::uuid[], %s::text[]) as a(event, service) on d.event_id = a.event and d.service = a.service
    where d.state not in ('done', 'cancelled')
    order by d.id
    for update of d
), ended as (
    update conversations_delivery d
    set state = 'done', done_at = clock_timestamp(), error = '', progress_done = progress_total,
        started_at = coalesce(started_at, sent_at)
    from answered where d.id = answered.id
)
update conversations_attempt t
set ended_at = clock_timestamp(), outcome = 'done', started_at = coalesce(t.started_at, t.sent_at)
from answered where t.delivery_id = answered.id and t.number = answered.sends
"""

DELIVER = """
insert into conversations_delivery (event_id, service, subject, tenant, correlationid, lane)
select %(id)s, s.service, %(subject)s, %(tenant)s, %(correlationid)s,
       coalesce((select lane from conversations_conversation where id = %(subject)s), 0)
from conversations_subscription s
where (s.active or s.required) and %(type)s = any(s.subscribes)
on conflict do nothing
"""


def record(*records: Record) -> None:
    """Record what happened, with all its effects, or nothing of it. Recording twice is recording once."""
    if not records:
        return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock_shared(%s)", [REGISTRATION_LOCK])
        lock_conversations(cursor, records)
        events = [each for each in records if not isinstance(each.data, ABOUT_A_DELIVERY)]
        new = insert(cursor, events)
        end_deliveries(cursor, records)
        for each in events:
            if UUID(each.id) in new:
                new.discard(UUID(each.id))
                RECORDED[type(each.data)].send(sender=type(each.data), record=each)


def insert(cursor: Any, events: Sequence[Record]) -> set[UUID]:
    """Insert events; the ids of those that were not there. Relays are woken when the transaction commits."""
    if not events:
        return set()
    cursor.execute(INSERT, [msgspec.json.encode(events).decode()])
    new = {row[0] for row in cursor.fetchall()}
    if new:
        cursor.execute(f"notify {CHANNEL}")
    return new


def deliver(record: Record, **_: Any) -> None:
    """Owe the event to every service that hears it; to one of the cascade also while it is switched off.

    A call that came meanwhile would never end otherwise. The relay sends nothing to who is off.
    """
    values = {"id": record.id, "subject": record.subject, "tenant": record.tenant, "type": record.type}
    with connection.cursor() as cursor:
        cursor.execute(DELIVER, {**values, "correlationid": record.correlationid})


def lock_conversations(cursor: Any, records: Sequence[Record]) -> None:
    """Lock the conversations that these records speak of, in order of id."""
    subjects = sorted({each.subject for each in records if each.subject})
    cursor.execute(
        "select id from conversations_conversation where id = any(%s::uuid[]) order by id for update", [subjects]
    )


def end_deliveries(cursor: Any, records: Sequence[Record]) -> None:
    """End the deliveries that these records answer."""
    answers = [each for each in records if each.causationid]
    cursor.execute(END, [[each.causationid for each in answers], [each.source for each in answers]])


def connect_deliver() -> None:
    """Let every event of the contract be delivered. Called once, when Django starts."""
    for event in EVENTS.values():
        RECORDED[event].connect(deliver, dispatch_uid=f"deliver {event.__name__}")
