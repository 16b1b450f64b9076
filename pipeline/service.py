"""How a service meets the bus. ``@service`` makes a Celery task of a function from event to event.

A delivery is worked on in these steps:

1. say ProgressReported soon, and again every few seconds until the end: the lease;
2. if this event was handled before (memo), say again what was said then;
3. otherwise call the function, keep what it answers as the memo, and say it.

An expected failure is said as ServiceFailed with its code, any other as a crash; the ledger decides what follows.
The death of the process is said by its parent. No error is retried here and no text of an error goes anywhere.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec
from billiard.exceptions import WorkerLostError
from celery.bootsteps import StartStopStep
from celery.signals import task_failure, worker_process_init, worker_process_shutdown, worker_ready
from celery.worker.consumer.tasks import Tasks

from pipeline import bus, documents
from pipeline import scratch as temporary
from pipeline.config import config
from pipeline.events import (
    Blob,
    DeliveryHandled,
    Event,
    FailureCode,
    ProgressReported,
    ServiceFailed,
    ServiceRegistered,
)
from pipeline.failpoints import failpoint
from pipeline.records import Record, from_wire, to_wire
from pipeline.sealing import KeyMissing, KeyUnusable
from pipeline.services.errors import ExpectedFailure
from pipeline.storage import BlobCorrupt, BlobMissing, BlobRefused, Kind, StorageError, blob_store

log = logging.getLogger(__name__)
D = TypeVar("D", bound=documents.Document)
FIRST_BEAT_SECONDS, BEAT_SECONDS, REGISTER_SECONDS = 0.5, 2.0, 15.0


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """A function from event to event, and how it is run."""

    name: str
    function: Callable[[Any], Event | None]
    hears: tuple[type[Event], ...]
    says: tuple[type[Event], ...]
    queue: str
    lease: float
    window: int
    since: str = ""
    warm: Callable[[], None] | None = None


class Delivery:
    """The event that a worker is at work on."""

    def __init__(self, service: Service, record: Record, attempt: int) -> None:
        self.service, self.record, self.attempt = service, record, attempt
        self.done, self.total = 0.0, 0.0

    @property
    def place(self) -> tuple[str, str]:
        """Tenant and conversation, as the blob store wants them."""
        return self.record.tenant, self.record.subject

    def answer(self, event: Event) -> Record:
        """The record of what the service says about this delivery."""
        return Record.caused(event, by=self.record, source=self.service.name)


SERVICES: dict[str, Service] = {}
current: ContextVar[Delivery] = ContextVar("delivery")


def service(
    name: str,
    *,
    queue: str,
    lease: float = 30.0,
    window: int = 4,
    since: str = "",
    warm: Callable[[], None] | None = None,
) -> Callable[[Callable[[Any], Event | None]], Callable[[Any], Event | None]]:
    """Register a function as a service: it hears what its parameter is typed as (``A | B``: either) and says what it
    returns.

    A service that joins with a queue of its own disturbs no worker that runs. ``since`` (RFC 3339) is from when on it
    wants the events of the past, if the ledger does not know it yet.
    """
    if since and datetime.fromisoformat(since).tzinfo is None:
        # Refused here, before a worker says it: services register in one message, which is parked if one is wrong.
        raise ValueError(f"{name}: since={since!r} has no time zone; write it like 2026-01-31T00:00:00Z.")

    def register(function: Callable[[Any], Event | None]) -> Callable[[Any], Event | None]:
        hints = get_type_hints(function)
        said = hints.pop("return")
        (heard,) = hints.values()
        hears = get_args(heard) or (heard,)  # A | B: either
        says = () if said is type(None) else (said,)
        SERVICES[name] = Service(
            name=name, function=function, hears=hears, says=says, queue=queue, lease=lease, window=window, since=since,
            warm=warm,
        )  # fmt: skip
        bus.add_queue(queue)

        def task(record: dict[str, Any], attempt: int) -> None:
            handle(SERVICES[name], record, attempt)

        bus.app().task(task, name=name)
        return function

    return register


def handle(service: Service, wire: dict[str, Any], attempt: int) -> None:
    """Work on a delivery and say what came of it."""
    delivery = Delivery(service, from_wire(wire), attempt)
    token = current.set(delivery)
    try:
        with heart().beating(delivery):
            answers = recall(delivery) or [answer_of(delivery)]
    except Exception as error:
        failure = failure_of(error, attempt)
        log.warning("%s failed on %s: %s", service.name, delivery.record.id, failure.code)
        answers = [delivery.answer(failure)]
    finally:
        current.reset(token)
    failpoint("work.before_publish")
    try:
        bus.say(answers)
    except bus.BROKER_ERRORS as error:
        # No failure of the service: its answer is kept, and the ledger asks again when the lease is over. Said as one,
        # it ended calls while a RabbitMQ with full memory took nothing in.
        log.warning("%s could not answer %s: %s", service.name, delivery.record.id, type(error).__name__)
        return
    failpoint("work.after_publish")


def answer_of(delivery: Delivery) -> Record:
    """Call the service and keep its answer."""
    event = delivery.service.function(delivery.record.data)
    if event is None:
        return delivery.answer(DeliveryHandled(attempt=delivery.attempt))
    answer = delivery.answer(event)
    memo = msgspec.json.encode([to_wire(answer)])
    failpoint("work.before_memo")
    blob_store().memoize(*delivery.place, delivery.record.id, delivery.service.name, memo)
    return answer


def recall(delivery: Delivery) -> list[Record]:
    """What the service said about this event before, provided that its blobs are still whole."""
    place = (*delivery.place, delivery.record.id, delivery.service.name)
    memo = blob_store().recall(*place)
    if memo is None:
        return []
    records = [from_wire(wire) for wire in msgspec.json.decode(memo)]
    try:
        for blob in (blob for record in records for blob in blobs_of(record.data)):
            for _ in blob_store().stream(blob, *delivery.place):
                pass
    except (BlobMissing, BlobCorrupt):
        blob_store().forget(*place)
        return []
    return records


def blobs_of(event: Event) -> list[Blob]:
    """The blobs that an event points to."""
    values = (getattr(event, name) for name in event.__struct_fields__)
    return [value for value in values if isinstance(value, Blob)]


class Heart(threading.Thread):
    """Says ProgressReported for the delivery at work: soon, and again every few seconds.

    One a process: a thread a delivery took 0.3 ms of the 1.4 that quick work takes, which says only its answer.
    """

    def __init__(self) -> None:
        super().__init__(name="heart", daemon=True)
        self.lock = threading.Lock()
        self.delivery: Delivery | None = None
        self.due = 0.0

    @contextmanager
    def beating(self, delivery: Delivery) -> Iterator[None]:
        """Beat for a delivery until the block ends."""
        self.take_up(delivery, FIRST_BEAT_SECONDS)
        try:
            yield
        finally:
            self.take_up(None)

    def take_up(self, delivery: Delivery | None, seconds: float = 0.0) -> None:
        """Beat for another delivery, or for none, once a beat that has begun is over."""
        with self.lock:
            self.delivery, self.due = delivery, time.monotonic() + seconds

    def run(self) -> None:
        """Beat when it is time, as long as the process lives."""
        while True:
            time.sleep(FIRST_BEAT_SECONDS / 2)
            with self.lock:
                if self.delivery and time.monotonic() >= self.due:
                    self.beat(self.delivery)
                    self.due = time.monotonic() + BEAT_SECONDS

    def beat(self, delivery: Delivery) -> None:
        """Say it; where that fails the work goes on, and the ledger judges by the lease."""
        try:
            say_progress(delivery)
        except Exception as error:
            log.warning("no heartbeat for %s: %s", delivery.record.id, type(error).__name__)


@cache
def heart() -> Heart:
    """The heart of this process; it starts with the first delivery, which a pool child has after it was forked."""
    started = Heart()
    started.start()
    return started


def say_progress(delivery: Delivery) -> None:
    """Say how far the delivery is."""
    event = ProgressReported(attempt=delivery.attempt, done=delivery.done, total=delivery.total)
    bus.say([delivery.answer(event)])


CODES: tuple[tuple[type[Exception], FailureCode, bool], ...] = (
    (BlobMissing, FailureCode.BLOB_MISSING, False),
    (BlobCorrupt, FailureCode.BLOB_CORRUPT, False),
    (BlobRefused, FailureCode.BLOB_CORRUPT, True),
    (KeyMissing, FailureCode.BLOB_MISSING, True),
    (KeyUnusable, FailureCode.KEY_UNUSABLE, False),
    (StorageError, FailureCode.STORAGE_UNAVAILABLE, False),
)


def failure_of(error: BaseException, attempt: int) -> ServiceFailed:
    """What is said of an error: its code, class and code locations, never its text."""
    if isinstance(error, ExpectedFailure):
        return ServiceFailed(attempt=attempt, code=error.code, permanent=error.permanent)
    code, permanent = next(
        ((code, permanent) for kind, code, permanent in CODES if isinstance(error, kind)), (FailureCode.CRASHED, False)
    )
    frames = traceback.extract_tb(error.__traceback__)[-8:]
    locations = tuple(f"{Path(frame.filename).stem}:{frame.lineno}" for frame in frames)
    return ServiceFailed(
        attempt=attempt, code=code, permanent=permanent, exception=type(error).__name__, locations=locations
    )


# ── What a task calls while it works ─────────────────────────────────────────────────────────────────────────────


def load(blob: Blob, kind: type[D]) -> D:
    """The document in a blob of the current conversation."""
    return documents.decode(blob_store().read(blob, *current.get().place), kind)


@contextmanager
def local_copy(blob: Blob) -> Iterator[Path]:
    """A private file with the bytes of a blob, gone when the block ends."""
    with blob_store().local_copy(blob, *current.get().place) as path:
        yield path


@contextmanager
def scratch() -> Iterator[Path]:
    """A private folder, gone when the block ends."""
    with TemporaryDirectory(prefix="parley-") as folder:
        yield Path(folder)


def save(kind: Kind, document: documents.Document) -> Blob:
    """Store a document, sealed under ``raw`` or, once anonymized, under ``safe``."""
    return blob_store().put(kind, *current.get().place, [documents.encode(document)], "application/json")


def save_file(path: Path, media_type: str) -> Blob:
    """Store a redacted file under ``safe``."""
    return blob_store().put_file("safe", *current.get().place, path, media_type)


def report(done: float, total: float) -> None:
    """Note how far the work is; the next heartbeat carries it."""
    delivery = current.get()
    delivery.done, delivery.total = done, total


# ── What a worker says of itself ─────────────────────────────────────────────────────────────────────────────────


def registrations(queues: set[str]) -> list[Record]:
    """ServiceRegistered for each service that works on these queues."""
    return [
        Record.initial(
            ServiceRegistered(
                subscribes=tuple(event.__name__ for event in service.hears),
                says=tuple(event.__name__ for event in service.says),
                queue=service.queue,
                lease=service.lease,
                window=service.window,
                since=service.since,
            ),
            source=service.name,
        )
        for service in SERVICES.values()
        if service.queue in queues
    ]


class TakenForGood(StartStopStep):
    """Spares Redis the acknowledgement of what a worker took for good (``bus.queue``).

    kombu would ask it to forget what it does not have, which took a quarter of the worker's main process, and would
    keep the tag of every message for ever.
    """

    requires = (Tasks,)

    def start(self, consumer: Any) -> None:
        """Each time that the worker has connected."""
        if not bus.is_amqp(config().broker_url):
            consumer.task_consumer.channel.qos.ack = lambda delivery_tag: None


bus.app().steps["consumer"].add(TakenForGood)


@worker_process_init.connect
def take_temporary_folder(**_: Any) -> None:
    """Clear what processes that were killed left of recordings, and have a folder that can be cleared likewise."""
    if cleared := temporary.clear_dead():
        log.warning("cleared the temporary files of %d processes that were killed", cleared)
    folder = temporary.own()
    worker_process_shutdown.connect(lambda **_: temporary.give_back(folder), weak=False)


@worker_process_init.connect
def warm_up(**_: Any) -> None:
    """Load the models of the services that this worker runs, before it takes work."""
    logging.getLogger("faster_whisper").setLevel(logging.WARNING)  # it has two lines for every few seconds of speech
    for service in SERVICES.values():
        if service.warm and service.queue in bus.app().amqp.queues.consume_from:
            service.warm()


@worker_ready.connect
def keep_registered(**_: Any) -> None:
    """Say ServiceRegistered when the worker starts and every 15 s after."""
    queues = set(bus.app().amqp.queues.consume_from)

    def register() -> None:
        while True:
            try:
                bus.say(registrations(queues))
            except Exception as error:  # the broker is away; said again in 15 s
                log.warning("not registered: %s", type(error).__name__)
            threading.Event().wait(REGISTER_SECONDS)

    threading.Thread(target=register, name="registration", daemon=True).start()


@task_failure.connect
def say_worker_lost(sender: Any = None, exception: Any = None, kwargs: Any = None, **_: Any) -> None:
    """Say ServiceFailed for a pool child that died; this runs in the worker's main process."""
    if isinstance(exception, WorkerLostError) and kwargs:
        attempt = kwargs["attempt"]
        delivery = Delivery(SERVICES[sender.name], from_wire(kwargs["record"]), attempt)
        bus.say([delivery.answer(ServiceFailed(attempt=attempt, code=FailureCode.WORKER_LOST))])
