"""What a ledger forgets: deliveries that ended long ago, with their attempts. Events are the history, and stay.

A delivery that has ended is needed no more for what the ledger promises: its event is never recorded, and so never
delivered, a second time. What still asks for it is answered from the events: the stages of a call
(``conversations/stages.py``), and answers that are repeated after all that time (``is_old_news``).
"""

from django.db import connection, transaction

from conversations.ledger.models import Event, Subscription
from pipeline.events import ABOUT_A_DELIVERY
from pipeline.records import Record

BATCH = 1000
KEPT_DAYS_AT_LEAST = 1  # so what goes on today is found without a look at the events

# By id, which is the order of age and needs no index of its own. What is being written is left for another day.
PRUNE = """
with seen as (
    select id, created_at from conversations_delivery where id > %(after)s order by id limit %(batch)s
), old as (
    select d.id from conversations_delivery d join seen on seen.id = d.id
    where d.state in ('done', 'cancelled')
      and coalesce(d.done_at, d.sent_at, d.created_at) < now() - make_interval(secs => %(seconds)s)
    order by d.id
    for update of d skip locked
), forgotten as (
    delete from conversations_attempt t using old where t.delivery_id = old.id
), pruned as (
    delete from conversations_delivery d using old where d.id = old.id returning d.id
)
select max(seen.id) filter (where seen.created_at < now() - make_interval(secs => %(seconds)s)),
       (select count(*) from pruned)
from seen
"""


def prune(days: float, batch: int = BATCH) -> int:
    """Delete the deliveries that were done or cancelled more than so many days ago, and their attempts; how many.

    A transaction for each ``batch`` of deliveries looked at, so that nothing waits. Dead ones are for a person to
    decide, and what is due or in flight has not ended: these stay, however old.
    """
    after, pruned = 0, 0
    while after is not None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PRUNE, {"after": after, "batch": batch, "seconds": days * 86400})
            after, count = cursor.fetchone()
        pruned += count
    return pruned


def is_old_news(said: Record) -> bool:
    """Whether a record that answers no delivery says only what was known when its delivery was pruned.

    An answer has the id that it had the first time; words about a delivery (``ABOUT_A_DELIVERY``) change nothing once
    it has ended, so it is enough that its service hears events like its cause.
    """
    if not said.causationid:
        return False
    if isinstance(said.data, ABOUT_A_DELIVERY):
        cause = Event.objects.filter(id=said.causationid).values_list("type", flat=True).first()
        return bool(cause) and Subscription.objects.filter(service=said.source, subscribes__contains=[cause]).exists()
    repeated = {"id": said.id, "source": said.source, "type": said.type, "causationid": said.causationid}
    return Event.objects.filter(**repeated).exists()
