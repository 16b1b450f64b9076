"""``make bench-bus``: how fast the ledger is, beside plain Celery and a naive outbox, on the same servers in one run.

* ``bus_ledger``: events recorded beforehand, then relay → worker → ledger, one ledger, one worker process, a no-op
  service; deliveries done a second, counted in Postgres.
* ``bus_two_ledgers``: the same with two.
* ``bus_plain_celery``: no-op tasks sent beforehand, counted in the broker: the limit.
* ``bus_naive_outbox``: rows published one at a time, each in its own transaction.
* ``bus_hop_quiet``: from recording an event to its delivery being done, one at a time.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench import say
from webapp.stack import environment, postgres, valkey
from webapp.stack.home import Home

DELIVERIES = int(os.environ.get("DELIVERIES", "3000"))
QUIET_HOPS = 100
ROOT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Start servers in a folder of their own, measure, print."""
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, ExitStack() as stack:
        home = Home(Path(folder))
        home.create()
        os.environ.update(environment.embedded(home))
        os.environ |= {"DJANGO_SETTINGS_MODULE": "webapp.settings", "PARLEY_SERVICES": "noop"}
        stack.enter_context(postgres.running(home))
        stack.enter_context(valkey.running(home))
        measure()


def measure() -> None:
    """All figures; each of the three wirings gets the same number of no-ops."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    with process("-m", "celery", "-A", "tests.bench.bus_services:application", "worker", "-c", "1", "-Q", "cpu",
                 "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR"):  # fmt: skip
        place = prepare()
        plain = plain_celery()
        one = through_ledgers(place, 1)
        two = through_ledgers(place, 2)
        outbox = naive_outbox(place)
        hops = quiet_hops(place)
    say("bus_plain_celery", plain, "tasks/s")
    say("bus_ledger", one, "deliveries/s")
    say("bus_ledger_ratio", one / plain, "of plain Celery")
    say("bus_two_ledgers", two, "deliveries/s")
    say("bus_naive_outbox", outbox, "rows/s")
    say("bus_hop_quiet_p50", 1000 * statistics.median(hops), "ms")
    say("bus_hop_quiet_p99", 1000 * sorted(hops)[int(0.99 * len(hops))], "ms")


@contextmanager
def process(*arguments: str) -> Iterator[None]:
    """A process of Parley's while the block lasts."""
    running = subprocess.Popen([sys.executable, *arguments], cwd=ROOT)
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=60)


def prepare() -> dict[str, str]:
    """One organization and call that all events are about, and the service, with a window of 64."""
    from conversations.models import Conversation, Organization, Subscription
    from pipeline.records import uuid7

    organization = Organization.objects.create(name="bench")
    call = Conversation.objects.create(organization=organization, run=uuid7(), audio={}, audio_digest="bench")
    Subscription.objects.update(active=False)
    Subscription.objects.create(
        service="noop", subscribes=["ConversationReceived"], queue="cpu", window=64, active=True
    )
    return {"subject": str(call.id), "tenant": str(organization.id)}


def events(place: dict[str, str], count: int) -> list[Any]:
    """Unrecorded events."""
    from pipeline.events import Blob, ConversationReceived
    from pipeline.records import Record

    blob = Blob(key="raw/a/b/c", sha256="c" * 64, size=1, media_type="audio/wav")
    event = ConversationReceived(audio=blob, settings=blob)
    return [Record.initial(event, source="monolith", **place) for _ in range(count)]


def through_ledgers(place: dict[str, str], ledgers: int) -> float:
    """Deliveries done a second."""
    from conversations.ledger.recording import record
    from conversations.models import Delivery

    record(*events(place, DELIVERIES))
    with ExitStack() as stack:
        for _ in range(ledgers):
            stack.enter_context(process("manage.py", "run_ledger"))
        done = Delivery.objects.filter(state="done")
        before = wait_for(lambda: done.count(), done.count() + 100)
        started = time.monotonic()
        after = wait_for(lambda: done.count(), before + DELIVERIES - 150)
        return (after - before) / (time.monotonic() - started)


def plain_celery() -> float:
    """Tasks run a second."""
    from tests.bench.bus_services import application, counter

    def done() -> int:
        return int(counter.get("plain") or 0)

    for _ in range(DELIVERIES):
        application.send_task("plain", queue="cpu")
    before = wait_for(done, done() + 100)
    started = time.monotonic()
    after = wait_for(done, DELIVERIES - 50)
    return (after - before) / (time.monotonic() - started)


def naive_outbox(place: dict[str, str]) -> float:
    """Rows published a second, one transaction and one publish each."""
    from django.db import transaction

    from conversations.ledger.models import Delivery
    from conversations.ledger.recording import record
    from pipeline import bus
    from pipeline.records import to_wire
    from tests.bench.bus_services import application

    said = events(place, 500)
    record(*said)
    wires = {each.id: to_wire(each) for each in said}
    started = time.monotonic()
    with application.producer_pool.acquire(block=True) as producer:
        for _ in said:
            with transaction.atomic():
                row = Delivery.objects.select_for_update(skip_locked=True).filter(state="pending").first()
                assert row
                bus.publish_task(producer, queue_name="ledger-bench", service="noop", record=wires[str(row.event_id)],
                                 attempt=1)  # fmt: skip
                row.state = "cancelled"
                row.save(update_fields=["state"])
    return len(said) / (time.monotonic() - started)


def quiet_hops(place: dict[str, str]) -> list[float]:
    """Seconds of one hop at a time, with one ledger."""
    from conversations.ledger.recording import record
    from conversations.models import Delivery

    hops = []
    with process("manage.py", "run_ledger"):
        for each in events(place, QUIET_HOPS + 10):
            started = time.monotonic()
            record(each)
            mine = Delivery.objects.filter(event_id=each.id, state="done")
            while not mine.exists():
                time.sleep(0.001)
            hops.append(time.monotonic() - started)
    return hops[10:]


def wait_for(count: Any, least: int) -> int:
    """Wait until something has been counted so often; the count."""
    deadline = time.monotonic() + 300
    while (counted := count()) < least:
        if time.monotonic() > deadline:
            raise SystemExit(f"{counted} of {least} after 300 s")
        time.sleep(0.02)
    return int(counted)


if __name__ == "__main__":
    main()
