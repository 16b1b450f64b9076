"""Subscriptions come from ServiceRegistered: a new service joins a running system by starting."""

from datetime import timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from conversations.ledger.models import Subscription
from conversations.ledger.recording import REGISTRATION_LOCK
from pipeline.config import config
from pipeline.events import ServiceRegistered
from pipeline.records import Record

# Not of a call that was erased, nor of a run that another has replaced: there is nothing of them to work on.
BACKFILL = """
insert into conversations_delivery (event_id, service, subject, tenant, correlationid, lane)
select e.id, %(service)s, e.subject, e.tenant, e.correlationid, 1
from conversations_event e
join conversations_conversation c on c.id = e.subject and c.run = e.correlationid
where e.type = any(%(subscribes)s) and e.recorded_at >= %(since)s::timestamptz
on conflict do nothing
"""
LONGEST_RECORDING = timedelta(hours=1)  # no transaction that records takes so long


def register(said: Record) -> None:
    """Take in what a service says of itself. An unchanged one only updates ``last_seen``.

    A new service is active at once if ``PARLEY_SERVICES`` names it, else when an admin switches it on; one that was
    switched off stays off. Those of the cascade (``required``) are there by migration, before they first register.
    """
    data = said.data
    assert isinstance(data, ServiceRegistered)
    fields = {
        "subscribes": list(data.subscribes), "says": list(data.says), "queue": data.queue, "lease": data.lease,
    }  # fmt: skip
    known = Subscription.objects.filter(service=said.source)
    with connection.cursor() as cursor:
        if known.filter(**fields).exists():
            cursor.execute(
                "update conversations_subscription set last_seen = clock_timestamp() where service = %s", [said.source]
            )
            return
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [REGISTRATION_LOCK])
        subscription, created = Subscription.objects.select_for_update().get_or_create(
            service=said.source, defaults={**fields, "window": data.window, "owed_from": data.since or None}
        )
        was_active = not created and subscription.active
        for name, value in fields.items():
            setattr(subscription, name, value)
        named = said.source in config().services
        subscription.active = not subscription.switched_off and (subscription.active or named)
        subscription.save()
        cursor.execute("update conversations_subscription set last_seen = now() where service = %s", [said.source])
        if subscription.active and not was_active:
            give_the_past(subscription)


def switch(subscription: Subscription, *, on: bool, window: int) -> None:
    """Give a service work, or none, whatever it says of itself; and how much at once.

    One that wants the events of the past gets those that it was not given while it was off, too. All under the lock of
    registrations, so that no event slips between.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [REGISTRATION_LOCK])
        before = Subscription.objects.select_for_update().get(pk=subscription.pk)
        changed = Subscription.objects.filter(pk=before.pk)
        changed.update(active=on, switched_off=not on, window=window)
        if on and not before.active:
            give_the_past(before)
        if before.active and not on and before.owed_from is not None:
            changed.update(owed_from=Now() - LONGEST_RECORDING)


def give_the_past(subscription: Subscription) -> None:
    """Owe a service the events of the past that it wants; those that it was given already are not owed twice."""
    if subscription.owed_from is not None:
        values = {"subscribes": subscription.subscribes, "since": subscription.owed_from}
        with connection.cursor() as cursor:
            cursor.execute(BACKFILL, {"service": subscription.service, **values})
