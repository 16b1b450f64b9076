"""``make bench-bus``: how fast the ledger is, beside plain Celery and a naive outbox, on the same servers in one run.

Each wiring gets the same no-ops and one worker of one process; the rounds take turns, and medians are given.

* ``bus_plain_celery``: tasks sent beforehand, counted in the broker, with Celery's own settings: the limit.
* ``bus_ledger``: events recorded beforehand, then relay → worker → ledger; deliveries done a second, counted in Postgres.
* ``bus_two_ledgers``: the same with two.
* ``bus_naive_outbox``: the same way through Postgres, one row, one transaction and one message at a time.
* ``bus_hop_quiet``: from recording an event to its delivery being done, one at a time; ``plain``: a task of Celery's.
* ``bus_ledger_live``: the same rate when the events are recorded meanwhile, which costs the same processors;
  ``bus_plain_celery_live``: plain tasks, sent meanwhile as well.
* ``bus_hop_full``: the same while events are recorded at nine tenths of that rate.
* ``bus_answers``: answers that lie ready on the queue ``ledger``, recorded a second, by one ledger and by two: what a
  ledger does when no worker holds it up.
* ``bus_cpu_…``: milliseconds of processor time a delivery, of all processes of a kind.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.bench import say
from webapp.stack import environment, postgres, valkey
from webapp.stack.home import Home

DELIVERIES = int(os.environ.get("DELIVERIES", "3000"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))
QUIET_HOPS, FULL_SECONDS, BATCH = 200, 10.0, 8
ROOT = Path(__file__).resolve().parents[2]
CELERY = ("-m", "celery", "-A")
ALONE = ("worker", "-c", "1", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "ERROR")
KINDS = {"ledger": "run_ledger", "worker": "bus_services", "postgres": "postgres", "broker": "valkey-server"}
Rate = Callable[[dict[str, str]], float]


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
    """All figures."""
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    place = prepare()
    wirings: dict[str, Rate] = {
        "bus_plain_celery": plain_celery, "bus_ledger": one_ledger, "bus_two_ledgers": two_ledgers,
        "bus_naive_outbox": naive_outbox, "bus_plain_celery_live": plain_celery_live, "bus_ledger_live": ledger_live,
    }  # fmt: skip
    rates: dict[str, list[float]] = {name: [] for name in wirings}
    for _ in range(ROUNDS):
        for name, rate in wirings.items():
            rates[name].append(rate(place))
    for name, measured in rates.items():
        say(name, statistics.median(measured), "deliveries/s")
        limit = "bus_plain_celery_live" if name.endswith("_live") else "bus_plain_celery"
        ratios = [each / plain for each, plain in zip(measured, rates[limit], strict=True)]
        say(f"{name}_ratio", statistics.median(ratios), f"of {limit}, in the same round")
    say_hops(place, statistics.median(rates["bus_ledger_live"]))
    for ledgers in (1, 2):
        say(f"bus_answers_{ledgers}_ledgers", answers_recorded(place, ledgers), "deliveries/s")


def say_hops(place: dict[str, str], rate: float) -> None:
    """The latency of a hop: quiet, plain, and near the full rate."""
    for name, hops in (
        ("quiet", quiet_hops(place)), ("plain_quiet", plain_hops()), ("full", full_hops(place, 0.9 * rate))
    ):  # fmt: skip
        say(f"bus_hop_{name}_p50", 1000 * statistics.median(hops), "ms")
        say(f"bus_hop_{name}_p99", 1000 * sorted(hops)[int(0.99 * len(hops))], "ms")


@contextmanager
def process(*arguments: str, worker: bool = False) -> Iterator[None]:
    """A process while the block lasts; a worker has no Django."""
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE" or not worker}
    command = [sys.executable, *arguments]
    running = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        running.terminate()
        running.wait(timeout=60)


def parley_worker() -> Any:
    """A worker with the no-op service."""
    return process(*CELERY, "tests.bench.bus_services:application", *ALONE, "-Q", "cpu", worker=True)


def plain_worker() -> Any:
    """A worker with the plain tasks."""
    return process(*CELERY, "tests.bench.bus_services:plain_application", *ALONE, worker=True)


def prepare() -> dict[str, str]:
    """One organization and call that all events are about, and the services, with a window of 64."""
    from conversations.models import Conversation, Organization, Subscription
    from pipeline.records import uuid7

    organization = Organization.objects.create(name="bench")
    call = Conversation.objects.create(organization=organization, run=uuid7(), audio={}, audio_digest="bench")
    Subscription.objects.update(active=False, required=False)
    for name in ("noop", "naive"):
        Subscription.objects.create(
            service=name, subscribes=["ConversationReceived"], queue="cpu", window=64, active=name == "noop"
        )
    return {"subject": str(call.id), "tenant": str(organization.id)}


def events(place: dict[str, str], count: int) -> list[Any]:
    """Unrecorded events."""
    from pipeline.events import Blob, ConversationReceived
    from pipeline.records import Record

    blob = Blob(key="raw/a/b/c", sha256="c" * 64, size=1, media_type="audio/wav")
    event = ConversationReceived(audio=blob, settings=blob)
    return [Record.initial(event, source="monolith", **place) for _ in range(count)]


def record_events(place: dict[str, str]) -> list[Any]:
    """Events that are owed and not yet sent."""
    from conversations.ledger.recording import record

    said = events(place, DELIVERIES)
    record(*said)
    return said


def done_a_second(done: Callable[[], int], expected: int) -> float:
    """How fast a count grows, without its first and last hundred."""
    before = wait_for(done, done() + 100)
    started, spent = time.monotonic(), processor_time()
    after = wait_for(done, before + expected - 200)
    took, count = time.monotonic() - started, after - before
    for kind, seconds in processor_time().items():
        if (used := seconds - spent[kind]) > 0:
            print(f"  {kind}: {1000 * used / count:.2f} ms each", file=sys.stderr)
    print(f"{count / took:.0f} a second", file=sys.stderr, flush=True)
    return count / took


def processor_time() -> dict[str, float]:
    """Seconds that the processes of each kind have had a processor."""
    spent = dict.fromkeys(KINDS, 0.0)
    for each in psutil.process_iter(["cmdline", "cpu_times"]):
        words = " ".join(each.info["cmdline"] or [])
        for kind, mark in KINDS.items():
            if mark in words and each.info["cpu_times"]:
                spent[kind] += each.info["cpu_times"].user + each.info["cpu_times"].system
                break
    return spent


def done_deliveries(service: str = "noop") -> int:
    """How many deliveries are done."""
    from conversations.models import Delivery

    return Delivery.objects.filter(service=service, state="done").count()


def one_ledger(place: dict[str, str]) -> float:
    """Deliveries done a second."""
    return through_ledgers(place, 1)


def two_ledgers(place: dict[str, str]) -> float:
    """Deliveries done a second."""
    return through_ledgers(place, 2)


def through_ledgers(place: dict[str, str], ledgers: int) -> float:
    """Deliveries done a second."""
    record_events(place)
    with ExitStack() as stack:
        stack.enter_context(parley_worker())
        for _ in range(ledgers):
            stack.enter_context(process("manage.py", "run_ledger"))
        return done_a_second(done_deliveries, DELIVERIES)


def plain_celery(_: dict[str, str]) -> float:
    """Tasks run a second."""
    from tests.bench.bus_services import plain

    for _ in range(DELIVERIES):
        plain.apply_async()
    with plain_worker():
        return done_a_second(plain_count, DELIVERIES)


def plain_count() -> int:
    """How many plain tasks have run."""
    from tests.bench.bus_services import counter

    return int(counter.get("plain") or 0)


def naive_outbox(place: dict[str, str]) -> float:
    """Rows done a second."""
    from conversations.models import Subscription

    services = Subscription.objects.filter(service__in=["noop", "naive"])
    services.update(active=True)
    services.filter(service="noop").update(active=False)
    record_events(place)
    services.filter(service="noop").update(active=True)
    services.filter(service="naive").update(active=False)
    with plain_worker(), process("-m", "tests.bench.bus_services"):
        return done_a_second(lambda: done_deliveries("naive"), DELIVERIES)


def answers_recorded(place: dict[str, str], ledgers: int) -> float:
    """Answers recorded a second, of those that lie ready."""
    from conversations.models import Delivery
    from pipeline import bus
    from pipeline.events import DeliveryHandled
    from pipeline.records import Record

    said = record_events(place)
    Delivery.objects.filter(event_id__in=[each.id for each in said]).update(state="sent", sends=1, sent_at="2030-01-01")
    for each in said:
        bus.say([Record.caused(DeliveryHandled(attempt=1), by=each, source="noop")])
    with ExitStack() as stack:
        for _ in range(ledgers):
            stack.enter_context(process("manage.py", "run_ledger"))
        return done_a_second(done_deliveries, DELIVERIES)


def quiet_hops(place: dict[str, str]) -> list[float]:
    """Seconds of one hop at a time, with one ledger."""
    from conversations.ledger.recording import record
    from conversations.models import Delivery

    hops = []
    with parley_worker(), process("manage.py", "run_ledger"):
        for each in events(place, QUIET_HOPS + 20):
            started = time.monotonic()
            record(each)
            mine = Delivery.objects.filter(event_id=each.id, state="done")
            while not mine.exists():
                time.sleep(0.001)
            hops.append(time.monotonic() - started)
    return hops[20:]


def plain_hops() -> list[float]:
    """Seconds of one plain task at a time."""
    from tests.bench.bus_services import plain

    hops = []
    with plain_worker():
        for _ in range(QUIET_HOPS + 20):
            started, before = time.monotonic(), plain_count()
            plain.apply_async()
            while plain_count() == before:
                time.sleep(0.001)
            hops.append(time.monotonic() - started)
    return hops[20:]


def ledger_live(place: dict[str, str]) -> float:
    """Deliveries done a second of events that are recorded as fast as can be meanwhile."""
    from conversations.ledger.recording import record

    said = events(place, DELIVERIES)
    with parley_worker(), process("manage.py", "run_ledger"):
        record(*events(place, 200))
        wait_for(all_done, 1)
        started = time.monotonic()
        for first in range(0, len(said), BATCH):
            record(*said[first : first + BATCH])
        wait_for(all_done, 1)
    return DELIVERIES / (time.monotonic() - started)


def plain_celery_live(_: dict[str, str]) -> float:
    """Tasks run a second that are sent as fast as can be meanwhile."""
    from tests.bench.bus_services import plain

    with plain_worker():
        before = plain_count()
        for _ in range(200):
            plain.apply_async()
        wait_for(plain_count, before + 200)
        started = time.monotonic()
        for _ in range(DELIVERIES):
            plain.apply_async()
        wait_for(plain_count, before + 200 + DELIVERIES)
    return DELIVERIES / (time.monotonic() - started)


def all_done() -> int:
    """1 when nothing is owed any more."""
    from conversations.models import Delivery

    return int(not Delivery.objects.filter(service="noop").exclude(state="done").exists())


def full_hops(place: dict[str, str], rate: float) -> list[float]:
    """Seconds from recording to done, of events that are recorded at a rate, without those of the first two seconds."""
    from conversations.ledger.recording import record
    from conversations.models import Delivery

    said = events(place, int(rate * FULL_SECONDS))
    with parley_worker(), process("manage.py", "run_ledger"):
        record(*events(place, 200))
        wait_for(all_done, 1)
        started = time.monotonic()
        for first in range(0, len(said), BATCH):
            time.sleep(max(started + first / rate - time.monotonic(), 0))
            record(*said[first : first + BATCH])
        wait_for(all_done, 1)
    late = [each.id for each in said[int(2 * rate) :]]
    rows = Delivery.objects.filter(event_id__in=late).values_list("done_at", "created_at")
    return [(done - created).total_seconds() for done, created in rows]


def wait_for(count: Callable[[], int], least: int) -> int:
    """Wait until something has been counted so often; the count."""
    deadline = time.monotonic() + 300
    while (counted := count()) < least:
        if time.monotonic() > deadline:
            raise SystemExit(f"{counted} of {least} after 300 s")
        time.sleep(0.02)
    return int(counted)


if __name__ == "__main__":
    main()
