"""Switching services on and off."""

from django.db import connection, transaction

from conversations.ledger.models import Subscription
from conversations.ledger.recording import REGISTRATION_LOCK


def switch(subscription: Subscription, *, on: bool, window: int) -> None:
    """Give a service work from now on, or none, whatever it says of itself; and how much at once.

    Under the lock of registrations, so that no event slips between.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [REGISTRATION_LOCK])
        Subscription.objects.filter(pk=subscription.pk).update(active=on, switched_off=not on, window=window)
