"""The bus: the Celery application, its queues, and how records are put on them.

Direct queues only. The broker is a disposable load balancer that may lose anything at any time; the ledger
(``conversations/ledger/``) remembers, so nothing here is durable, prioritized, delayed or retried for its own sake.
``docs/decisions/0001-ledger.md`` has the measurements behind each setting.
"""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from amqp.exceptions import MessageNacked, RecoverableConnectionError
from celery import Celery
from kombu import Connection, Message, Producer, Queue
from kombu.exceptions import ChannelError, OperationalError
from kombu.transport.virtual import QoS as VirtualQoS
from redis.exceptions import OutOfMemoryError

from pipeline.config import config
from pipeline.records import Record, to_wire

GPU, CPU, LEDGER = "gpu", "cpu", "ledger"
# A broker whose memory is full is waited for like one that is away; kombu takes its refusal for a bug of ours. RabbitMQ
# hands back what it has no queue for as an error of the channel.
BROKER_ERRORS = (
    OperationalError,
    OutOfMemoryError,
    ChannelError,
    RecoverableConnectionError,
    MessageNacked,
    *Connection("redis://").connection_errors,
    *Connection("amqp://").connection_errors,
)
# A message that was handed out so often without an acknowledgement is dropped; the ledger sends it again, or not.
# RabbitMQ before 3.12 knows no x-consumer-timeout: docs/operations.md.
QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 10, "x-consumer-timeout": 24 * 3600 * 1000}
# RabbitMQ: a message that no queue takes is an error, and so is one that is not confirmed.
CONFIRMED = {"mandatory": True, "confirm_timeout": 10}
PUBLISH_RETRY = {"max_retries": 30, "interval_start": 0.1, "interval_step": 0.2, "interval_max": 1.0}


def is_amqp(url: str) -> bool:
    """Whether a broker is RabbitMQ, not Redis."""
    return url.startswith(("amqp", "pyamqp"))


def transport_options(url: str) -> dict[str, Any]:
    """What the transport needs to notice a dead broker within seconds."""
    if is_amqp(url):
        return {"confirm_publish": True}
    return {
        "socket_timeout": 4,
        "socket_connect_timeout": 2,
        "socket_keepalive": not url.startswith("redis+socket"),
        "health_check_interval": 10,
        "unacked_restore_interval": 1,
        "unacked_restore_throttle": 1,
    }


def ledger_transport_options() -> dict[str, Any]:
    """As above, with unacked keys of the ledger's own, so that what one ledger dropped is soon another's."""
    url = config().broker_url
    options = transport_options(url)
    if not is_amqp(url):
        names = {f"unacked_{part}key": f"unacked_{part}ledger" for part in ("", "index_", "mutex_")}
        options |= {"visibility_timeout": 10, **names}
    return options


@cache
def queue(name: str) -> Queue:
    """A direct queue on the default exchange; a quorum queue where the broker is RabbitMQ.

    On Redis, workers take a message off its queue for good: acks are early anyway, and kombu's copy of what is not
    acknowledged costs a third of the worker's main process.
    """
    if is_amqp(config().broker_url):
        return Queue(name, routing_key=name, queue_arguments=QUORUM)
    return Queue(name, routing_key=name, no_ack=name != LEDGER)


@cache
def app() -> Celery:
    """The Celery application."""
    url = config().broker_url
    celery = Celery("parley", broker=url or None, fixups=[])  # no Django, also where its settings are named
    celery.conf.update(
        accept_content=["json"],
        task_serializer="json",
        task_ignore_result=True,
        task_acks_late=False,
        task_reject_on_worker_lost=False,
        task_create_missing_queues=False,
        task_queues=[queue(CPU), queue(GPU), queue(LEDGER)],
        task_default_queue=CPU,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=not is_amqp(url),
        worker_proc_alive_timeout=300,  # a child loads its model before it says that it is up
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_enable_remote_control=False,
        worker_send_task_events=False,
        worker_hijack_root_logger=False,
        worker_soft_shutdown_timeout=30,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options=transport_options(url),
    )
    return celery


def add_queue(name: str) -> None:
    """Let workers of this process's services be started for a queue beside the three."""
    queues = app().conf.task_queues
    if queue(name) not in queues:
        queues.append(queue(name))


def connect(options: dict[str, Any] | None = None) -> Connection:
    """A connection to the broker."""
    url = config().broker_url
    return Connection(url, transport_options=transport_options(url) if options is None else options)


def to_declare(name: str) -> list[Queue]:
    """What must be there before a message is published: a Redis list comes into being by itself."""
    return [queue(name)] if is_amqp(config().broker_url) else []


def publish_task(producer: Producer, *, queue_name: str, service: str, record: dict[str, Any], attempt: int) -> None:
    """Put a delivery on a service's queue, as a Celery task named like the service.

    Not ``send_task``, which lets a task for an unknown queue go astray; and without ``argsrepr``, which would copy
    the record into the headers.
    """
    message = app().amqp.as_task_v2(
        f"{record['id']}:{service}:{attempt}",
        service,
        kwargs={"record": record, "attempt": attempt},
        argsrepr="-",
        kwargsrepr="-",
    )
    producer.publish(
        message.body,
        exchange="",
        routing_key=queue_name,
        declare=to_declare(queue_name),
        headers=message.headers,
        serializer="json",
        **CONFIRMED,
        **message.properties,
    )


def say(records: Iterable[Record]) -> None:
    """Put records on the ledger's queue, as one message: a CloudEvents batch. Raises when the broker stays away."""
    body = json.dumps([to_wire(record) for record in records])
    with app().producer_pool.acquire(block=True) as producer:
        producer.publish(
            body,
            exchange="",
            routing_key=LEDGER,
            declare=to_declare(LEDGER),
            content_type="application/cloudevents-batch+json",
            content_encoding="utf-8",
            retry=True,
            retry_policy=PUBLISH_RETRY,
            **CONFIRMED,
        )


def acknowledge(messages: Sequence[Message]) -> None:
    """Acknowledge messages of one channel together: kombu asks Redis once for each, which costs as much as reading."""
    channel = messages[-1].channel
    if is_amqp(config().broker_url):
        messages[-1].ack(multiple=True)
        return
    tags = [message.delivery_tag for message in messages]
    with channel.conn_or_acquire() as client, client.pipeline() as pipe:
        pipe.zrem(channel.unacked_index_key, *tags).hdel(channel.unacked_key, *tags).execute()
    for tag in tags:
        VirtualQoS.ack(channel.qos, tag)  # what kombu keeps of it in this process
