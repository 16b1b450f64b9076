"""The bus on a real broker: what is taken, and what is acknowledged."""

from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Consumer, Message, Producer, Queue

from pipeline import bus

HELLO = {"hello": "worker"}


@pytest.fixture
def channel(broker_url: str) -> Iterator[Any]:
    """A channel, with the keys that the ledger has for what it has not acknowledged."""
    with bus.connect(bus.ledger_transport_options()) as connection:
        yield connection.channel()


def taken(channel: Any, queue: Queue, count: int) -> list[Message]:
    """Messages that were put on a queue and taken from it."""
    messages: list[Message] = []
    for _ in range(count):
        Producer(channel).publish(HELLO, exchange="", routing_key=queue.name)
    with Consumer(channel, [queue], on_message=messages.append):
        while len(messages) < count:
            channel.connection.client.drain_events(timeout=5)
    return messages


def unacknowledged(channel: Any) -> int:
    """How many messages the broker keeps until they are acknowledged."""
    with channel.conn_or_acquire() as client:
        return int(client.hlen(channel.unacked_key)) + int(client.zcard(channel.unacked_index_key))


def test_what_a_worker_takes_the_broker_no_longer_has(channel: Any) -> None:
    queue = Queue("test-bus-work", routing_key="test-bus-work", no_ack=bus.queue(bus.CPU).no_ack)
    assert [message.payload for message in taken(channel, queue, 2)] == [HELLO, HELLO]
    assert unacknowledged(channel) == 0


def test_what_the_ledger_takes_is_kept_until_it_is_acknowledged(channel: Any) -> None:
    queue = Queue("test-bus-ledger", routing_key="test-bus-ledger", no_ack=bus.queue(bus.LEDGER).no_ack)
    messages = taken(channel, queue, 3)
    assert unacknowledged(channel) == 6, "each is kept, and indexed by time"
    bus.acknowledge(messages)
    assert unacknowledged(channel) == 0


def test_a_worker_has_no_django(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "webapp.settings")
    assert bus.app.__wrapped__().fixups == []


def test_the_queue_of_a_service_is_known_to_its_worker() -> None:
    bus.add_queue("test-bus-own")
    bus.add_queue("test-bus-own")
    assert [queue.name for queue in bus.app().conf.task_queues].count("test-bus-own") == 1
    bus.app().conf.task_queues.remove(bus.queue("test-bus-own"))
