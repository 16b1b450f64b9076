"""No-ops for ``bench_bus``: a service of Parley's; a plain Celery task; the two ends of a naive outbox.

``python -m tests.bench.bus_services`` is the naive outbox: one row, one transaction, one message at a time, both ways.
"""

import threading
from collections.abc import Callable

import redis
from celery import Celery
from kombu import Connection, Consumer, Message, Queue

from pipeline import bus
from pipeline.config import config
from pipeline.events import ConversationReceived
from pipeline.service import service

ANSWERS = Queue("naive-answers", routing_key="naive-answers")
url = config().broker_url
application = bus.app()
plain_application = Celery("plain", broker=url)  # as Celery comes, but for results, which nobody reads
plain_application.conf.task_ignore_result = True
counter = redis.Redis(unix_socket_path=url.removeprefix("redis+socket://").split("?")[0], db=1)


@service("noop", queue=bus.CPU, window=64)
def noop(event: ConversationReceived) -> None:
    """Handle an event and have nothing to say."""


@plain_application.task(name="plain")
def plain() -> None:
    """What Celery does without a ledger."""
    counter.incr("plain")


@plain_application.task(name="naive")
def naive(row: int) -> None:
    """Answer a row of the outbox."""
    with plain_application.producer_pool.acquire(block=True) as producer:
        producer.publish({"row": row}, exchange="", routing_key=ANSWERS.name, declare=[ANSWERS], serializer="json")


def send_rows() -> None:
    """The outbox: take a row, publish it, mark it, commit; again."""
    from django.db import transaction

    from conversations.ledger.models import Delivery

    while True:
        with transaction.atomic():
            row = Delivery.objects.select_for_update(skip_locked=True).filter(service="naive", state="pending").first()
            if row:
                naive.apply_async(args=[row.pk])
                row.state = "sent"
                row.save(update_fields=["state"])
        if not row:
            threading.Event().wait(0.01)


def receive_answers() -> None:
    """The inbox: an answer, a transaction, an acknowledgement."""
    from conversations.ledger.models import Delivery

    def receive(body: dict[str, int], message: Message) -> None:
        Delivery.objects.filter(pk=body["row"]).update(state="done")
        message.ack()

    with Connection(url) as connection, Consumer(connection, [ANSWERS], callbacks=[receive]):
        while True:
            connection.drain_events()


def main() -> None:
    """Both ends, in threads, as a ledger has them."""
    import django

    django.setup()
    loops: tuple[Callable[[], None], ...] = (send_rows, receive_answers)
    for loop in loops:
        threading.Thread(target=loop, daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
