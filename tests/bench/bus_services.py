"""No-op tasks for ``bench_bus``: a service of Parley's, and a plain Celery task that counts in the broker."""

import redis

from pipeline import bus
from pipeline.config import config
from pipeline.events import ConversationReceived
from pipeline.service import service

application = bus.app()
counter = redis.Redis(unix_socket_path=config().broker_url.removeprefix("redis+socket://").split("?")[0], db=1)


@service("noop", queue=bus.CPU, window=64)
def noop(event: ConversationReceived) -> None:
    """Handle an event and have nothing to say."""


@application.task(name="plain")
def plain() -> None:
    """What Celery does without a ledger."""
    counter.incr("plain")
