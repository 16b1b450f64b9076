"""What a ledger forgets while another process works with it."""

import threading

import pytest
from django.db import connection, connections, transaction

from conversations.ledger.models import Delivery, Subscription
from conversations.ledger.retention import prune
from tests.conversations.test_retention import ended
from tests.factories import make_conversation, make_organization

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_another_process_holds_is_left_for_another_day_and_not_waited_for() -> None:
    Subscription.objects.all().delete()
    call = make_conversation(make_organization())
    held, free = ended(call, "transcription"), ended(call, "entity_tagging")
    pruned: list[int] = []

    def prune_elsewhere() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("set lock_timeout = '2s'")
            pruned.append(prune(90))
        finally:
            connections.close_all()

    with transaction.atomic():
        Delivery.objects.select_for_update().get(id=held.id)
        thread = threading.Thread(target=prune_elsewhere)
        thread.start()
        thread.join(timeout=20)
    assert pruned == [1]
    assert not Delivery.objects.filter(id=free.id).exists()
