"""The whole retry policy: what is said about a delivery, and what the ledger makes of it.

A delivery is ``pending → sent → running → done``, or ``dead``, or ``cancelled``. Words about it carry the number of
the attempt they speak of and change nothing when another has taken its place (a zombie's word). Two limits: attempts
that started, and sends altogether. Back-off doubles and is jittered.

The lease counts only in ``running``. A ``sent`` delivery is lost if its queue has been empty for a while, or if
one that was sent clearly later has started already (queues are first in, first out); so a long queue is no failure.
An outage of the ledger itself charges nobody (``Clock``), and one of the blob store costs no attempt, only a send: with
the back-off some five minutes of it are waited for.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import uuid5

from django.db import connection, transaction

from conversations.ledger.models import Delivery, Subscription
from conversations.ledger.recording import record
from conversations.signals import work_started
from pipeline.events import ConversationFailed, FailureCode, ProgressReported, ServiceFailed
from pipeline.failpoints import failpoint
from pipeline.records import Record, now

UNCHARGED = (FailureCode.STORAGE_UNAVAILABLE,)  # a full disk would else end every call within eight seconds
MOST_ATTEMPTS, MOST_SENDS = 5, 15  # the second is the default of Delivery.most_sends; a replay raises it
LOST_AFTER_SECONDS, GAP_SECONDS = 4.0, 5.0

PROGRESS = """
with told as (
    select d.id, d.sends, a.done, a.total, s.lease
    from unnest(%s::uuid[], %s::text[], %s::int[], %s::float[], %s::float[]) as a(event, service, attempt, done, total)
    join conversations_delivery d on d.event_id = a.event and d.service = a.service and d.sends = a.attempt
    join conversations_subscription s on s.service = d.service
    where d.state in ('sent', 'running')
    order by d.id
    for update of d
), moved as (
    update conversations_delivery d
    set state = 'running', deadline = clock_timestamp() + make_interval(secs => told.lease),
        attempts = d.attempts + (d.state = 'sent')::int,
        started_at = case when d.state = 'sent' then clock_timestamp() else d.started_at end,
        progress_done = told.done, progress_total = told.total
    from told where d.id = told.id
    returning d.id, d.subject, d.sends, d.started_at
), noted as (
    update conversations_attempt t set started_at = moved.started_at
    from moved where t.delivery_id = moved.id and t.number = moved.sends and t.started_at is null
    returning t.delivery_id
)
select distinct moved.subject from moved join noted on noted.delivery_id = moved.id
"""

FAIL = """
with failed as (
    select d.id, d.sends,
           case when %(charged)s then d.attempts + (%(started)s and d.state = 'sent')::int
                else greatest(d.attempts - (d.state = 'running')::int, 0) end as attempts
    from conversations_delivery d
    where d.id = any(%(ids)s) and d.state in ('sent', 'running')
    order by d.id
    for update
), noted as (
    update conversations_attempt t
    set ended_at = clock_timestamp(), outcome = %(code)s, exception = %(exception)s, locations = %(locations)s
    from failed where t.delivery_id = failed.id and t.number = failed.sends
)
update conversations_delivery d
set attempts = failed.attempts, error = %(code)s,
    state = case when %(permanent)s or failed.attempts >= %(most_attempts)s or d.sends >= d.most_sends
                 then 'dead' else 'pending' end,
    due_at = clock_timestamp() + make_interval(secs => 0.25 * power(2, least(d.sends, 7)) * (0.5 + random()))
from failed where d.id = failed.id
returning d.id, d.state
"""


CAUGHT_UP = """
insert into conversations_clock (id, caught_up_at, steady_since) values (1, clock_timestamp(), clock_timestamp())
on conflict (id) do update set
    caught_up_at = clock_timestamp(),
    steady_since = case when conversations_clock.caught_up_at < clock_timestamp() - make_interval(secs => %s)
                        then clock_timestamp() else conversations_clock.steady_since end
"""

EXPIRED = """
select d.id from conversations_delivery d
join conversations_subscription s on s.service = d.service
join conversations_clock c on c.caught_up_at > clock_timestamp() - make_interval(secs => %s)
where d.state = 'running' and d.deadline < clock_timestamp()
  and c.steady_since < clock_timestamp() - make_interval(secs => s.lease)
"""

OVERDUE = """
select distinct s.queue, s.service from conversations_delivery d
join conversations_subscription s on s.service = d.service
where d.state = 'sent' and d.sent_at < clock_timestamp() - make_interval(secs => %s)
"""

# statement_timestamp() and not clock_timestamp(), which is volatile, so no index serves a comparison with it: over
# 1,000,000 past events this read the whole table, 140 ms against 0.2 ms (make bench-ledger-age).
OVERTAKEN = """
select d.id from conversations_delivery d
where d.service = any(%s) and d.state = 'sent' and d.sent_at < clock_timestamp() - make_interval(secs => %s)
  and (%s or d.sent_at < (
    select max(x.sent_at) from conversations_delivery x
    where x.service = any(%s) and x.started_at > statement_timestamp() - interval '10 minutes'
      and x.started_at >= x.sent_at
  ) - make_interval(secs => %s))
"""


def receive_progress(records: Iterable[Record]) -> None:
    """Enter ``running`` and renew the leases. The latest word of each attempt counts: a zombie's hides no other."""
    latest: dict[tuple[str, str, int], ProgressReported] = {}
    for each in records:
        assert isinstance(each.data, ProgressReported)
        latest[each.causationid, each.source, each.data.attempt] = each.data
    columns: list[list[Any]] = [[], [], [], [], []]
    for key, data in sorted(latest.items(), key=lambda item: item[0]):
        for column, value in zip(columns, (*key, data.done, data.total), strict=True):
            column.append(value)
    with connection.cursor() as cursor:
        cursor.execute(PROGRESS, columns)
        subjects = [row[0] for row in cursor.fetchall()]
    if subjects:
        work_started.send(sender=None, subjects=subjects)


def receive_failure(said: Record) -> None:
    """End an attempt that its service says has failed."""
    data = said.data
    assert isinstance(data, ServiceFailed)
    matching = Delivery.objects.filter(event_id=said.causationid, service=said.source, sends=data.attempt)
    fail(
        list(matching.values_list("id", flat=True)), data.code, permanent=data.permanent, started=True,
        exception=data.exception, locations=data.locations,
    )  # fmt: skip


def fail(
    ids: list[int], code: str, *, permanent: bool, started: bool, exception: str = "", locations: Sequence[str] = ()
) -> None:
    """End the current attempt of deliveries: another is due after a back-off, or they are dead."""
    values: Mapping[str, Any] = {
        "ids": ids, "code": code, "permanent": permanent, "started": started, "exception": exception,
        "locations": list(locations), "most_attempts": MOST_ATTEMPTS, "charged": code not in UNCHARGED,
    }  # fmt: skip
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(FAIL, values)
            dead = [row[0] for row in cursor.fetchall() if row[1] == "dead"]
        for delivery in Delivery.objects.filter(id__in=dead).select_related("event"):
            say_failed(delivery)


def say_failed(delivery: Delivery) -> None:
    """Say ConversationFailed for a dead delivery, if a call cannot do without its service."""
    if not Subscription.objects.filter(service=delivery.service, required=True).exists():
        return
    event = ConversationFailed(service=delivery.service, code=delivery.error)
    record(answer_to(delivery, event, f"{delivery.service}{delivery.sends}"))


def answer_to(delivery: Delivery, event: ConversationFailed, distinct: str) -> Record:
    """The record of what the ledger itself says about a delivery; ``distinct`` tells one death from another."""
    cause = delivery.event
    return Record(
        id=str(uuid5(cause.id, f"ledger{type(event).__name__}{distinct}")), source="ledger", data=event,
        type=type(event).__name__, time=now(), subject=str(cause.subject), tenant=str(cause.tenant),
        correlationid=str(cause.correlationid), causationid=str(cause.id), traceparent=cause.traceparent,
    )  # fmt: skip


def note_caught_up() -> None:
    """Note that a consumer has read all that was said; after a gap, leases run anew."""
    with connection.cursor() as cursor:
        cursor.execute(CAUGHT_UP, [GAP_SECONDS])


def expire_leases() -> int:
    """End the attempts whose lease ran out while the ledger was listening; how many."""
    return end_attempts(EXPIRED, [GAP_SECONDS], FailureCode.LEASE_EXPIRED)


def overdue_queues() -> dict[str, list[str]]:
    """The services, by queue, with a delivery that was sent a while ago and has not started."""
    queues: dict[str, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(OVERDUE, [LOST_AFTER_SECONDS])
        for queue, service in cursor.fetchall():
            queues.setdefault(queue, []).append(service)
    return queues


def give_up_lost(services: list[str], empty: bool) -> int:
    """Send again what was sent and is evidently no longer on the queue of these services; how many."""
    values = [services, LOST_AFTER_SECONDS, empty, services, LOST_AFTER_SECONDS]
    return end_attempts(OVERTAKEN, values, FailureCode.LOST_IN_TRANSIT)


def end_attempts(select: str, values: list[Any], code: FailureCode) -> int:
    """Fail the deliveries that a query finds; how many. One ledger at a time: others skip."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(hashtext(%s))", [f"end attempts {code}"])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(select, values)
        ids = [row[0] for row in cursor.fetchall()]
        if ids:
            fail(ids, code, permanent=False, started=False)
            failpoint("attempts.before_commit")
    if ids:
        failpoint("attempts.after_commit")
    return len(ids)
