"""What goes wrong: one small function a fault. Each ends with everything that it took away given back."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import psutil
from kombu import Connection, Producer

from pipeline.failpoints import FAILPOINTS
from pipeline.records import Record, from_wire, uuid7
from pipeline.service import blobs_of
from tests.chaos.brokers import Broker
from tests.chaos.cluster import Cluster, Process, manage, wait_until
from tests.chaos.invented import LEASE
from tests.chaos.load import Load
from webapp.stack import postgres

SECONDS_AWAY = (10.0, 30.0)  # of the database
SECONDS_BEYOND_LEASE = 5.0  # after which the work of a killed worker must have begun again


@dataclass
class Storm:
    """What a fault may touch, and what it notes for the checkers."""

    cluster: Cluster
    broker: Broker
    chance: random.Random
    load: Load | None = None
    blobs: Path = Path()
    disk: bool = False  # whether the blobs lie on a file system of their own, which can be filled
    long: bool = False
    lease: float = LEASE  # seconds that a service may be silent
    killed_at: list[float] = field(default_factory=list)
    damaged: set[str] = field(default_factory=set)
    strangers: set[str] = field(default_factory=set)
    wrong: list[str] = field(default_factory=list)
    arguments: set[tuple[str, str]] = field(default_factory=set)

    def has(self, *needs: str) -> bool:
        """Whether there is what a fault needs."""
        return self.cluster.has(*(kind for kind in needs if kind != "disk")) and ("disk" not in needs or self.disk)

    def note_arguments(self) -> None:
        """Note with which words every process was started."""
        processes = [each for process in self.cluster.processes if process.alive for each in process.family()]
        for each in processes:
            with suppress(psutil.Error):
                self.arguments.add((each.name(), " ".join(each.cmdline())))

    def one(self, kind: str) -> Process:
        """A process of a kind."""
        return self.chance.choice(self.cluster.of(kind))


Fault = Callable[[Storm], None]
FAULTS: dict[str, tuple[Fault, tuple[str, ...]]] = {}


def fault(*needs: str) -> Callable[[Fault], Fault]:
    """Name a fault, and the kinds of processes that must be there for it."""

    def note(function: Fault) -> Fault:
        FAULTS[function.__name__] = (function, needs)
        return function

    return note


# ── Processes ────────────────────────────────────────────────────────────────────────────────────────────────────


@fault("worker")
def worker_killed(storm: Storm) -> None:
    """A worker dies with all its children, as when its machine does. Nothing else strikes until its work goes on."""
    worker = busy_worker(storm)
    storm.killed_at.append(time.time())
    worker.end(signal.SIGKILL)
    time.sleep(storm.lease + SECONDS_BEYOND_LEASE)


@fault("worker", "web")
def pool_children_killed(storm: Storm) -> None:
    """The children of a worker die in mid-task."""
    worker = busy_worker(storm)
    for child in worker.family()[1:]:
        with suppress(psutil.NoSuchProcess):
            child.kill()


def busy_worker(storm: Storm) -> Process:
    """A worker of a queue from which something is being worked on; any worker, if nothing soon is."""
    queues: list[str] = []
    if storm.cluster.has("database"):
        wait_until(lambda: bool(queues.extend(busy_queues(storm.cluster)) or queues), 5)
    workers = storm.cluster.of("worker")
    busy = [worker for worker in workers if any(f"-{queue}" in worker.name for queue in queues)]
    return storm.chance.choice(busy or workers)


@fault("ledger")
def ledger_killed(storm: Storm) -> None:
    """A ledger dies, whatever it had in hand."""
    storm.one("ledger").end(signal.SIGKILL)


@fault("web")
def web_killed_during_an_upload(storm: Storm) -> None:
    """The web server dies while it takes in a call."""
    assert storm.load
    load, upload = storm.load, storm.load.new_upload(padding=1_000_000)
    with load.client() as client:
        sending = threading.Thread(target=load.send, args=[client, upload], kwargs={"slowly": True})
        sending.start()
        time.sleep(storm.chance.uniform(0.2, 2.0))
        storm.one("web").end(signal.SIGKILL)
        sending.join()


@fault("web", "ledger", "worker")
def everything_restarted(storm: Storm) -> None:
    """Everything of Parley is restarted in peace, one after the other, as for a new version."""
    for process in storm.cluster.of("web", "ledger", "worker"):
        restart(process)


@fault("worker")
def worker_frozen(storm: Storm) -> None:
    """A worker stands still for longer than its lease, then goes on as if nothing had been: a zombie."""
    with storm.cluster.frozen(storm.one("worker")):
        time.sleep(storm.lease + 2)


@fault("web", "ledger", "worker")
def failpoint_reached(storm: Storm) -> None:
    """Whoever comes first to one of the named places dies there."""
    places = [name for name in FAILPOINTS if not name.startswith("erase")]  # nobody erases a call in a storm
    armed = Path(storm.cluster.environ["PARLEY_FAILPOINTS"]) / storm.chance.choice(places)
    armed.touch()
    wait_until(lambda: not armed.exists(), storm.lease)
    armed.unlink(missing_ok=True)


@fault("ledger")
def ledger_frozen(storm: Storm) -> None:
    """A ledger stands still for longer than a lease."""
    with storm.cluster.frozen(storm.one("ledger")):
        time.sleep(storm.lease + 2)


@fault("worker", "web")
def worker_an_hour_ahead(storm: Storm) -> None:
    """The clock of a worker is an hour ahead for a while."""
    worker = storm.one("worker")
    worker.odd = {"LD_PRELOAD": str(libfaketime()), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    restart(worker)
    time.sleep(storm.lease)
    worker.odd = {}
    restart(worker)


def libfaketime() -> Path:
    """The library, from the Debian package, that gives a program another time."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def restart(process: Process) -> None:
    """End a process in peace, and wait until it is started again."""
    before = process.starts
    if process.alive:
        process.end(signal.SIGTERM, group=False)
    wait_until(lambda: process.starts > before, 10)


@fault("newcomer", "web")
def service_joined_or_left(storm: Storm) -> None:
    """A service that nobody knew starts, and is given all that has happened; or it leaves again, and is switched off."""
    newcomer = storm.one("newcomer")
    if newcomer.wanted:
        with storm.cluster.away(newcomer, by=signal.SIGTERM, group=False):
            switch_newcomer(storm, on=False)
        newcomer.wanted = False
        return
    switch_newcomer(storm, on=True)
    newcomer.wanted = True
    past = {row["id"] for row in storm.cluster.query(RECEIVED)}
    if not wait_until(lambda: past <= {row["event_id"] for row in storm.cluster.query(ARCHIVED)}, 60 + len(past) / 10):
        storm.wrong.append("a service that joined was not given all that had happened")


RECEIVED = "select id from conversations_event where type = 'ConversationReceived'"
ARCHIVED = "select event_id from conversations_delivery where service = 'archive' and state = 'done'"


def switch_newcomer(storm: Storm, *, on: bool) -> None:
    """Do as a person does in the admin, if the service is known already."""
    imports = "from conversations.models import Subscription; from conversations.services.subscriptions import switch; "
    known = "Subscription.objects.filter(service='archive')"
    each = f"[switch(each, on={on}, window=each.window) for each in {known}]"
    manage(storm.cluster, "shell", "--no-imports", "--command", imports + each)


@fault("worker", "web")
def workers_away(storm: Storm) -> None:
    """No worker of a queue is there for ten leases (in a short run for two)."""
    with storm.cluster.away(storm.cluster.of("worker")[0], by=signal.SIGTERM, group=False):
        time.sleep(storm.lease * (10 if storm.long else 2))


# ── The broker ───────────────────────────────────────────────────────────────────────────────────────────────────


@fault("broker")
def broker_killed(storm: Storm) -> None:
    """The broker dies and comes back empty (RabbitMQ: every second time; else with what it had)."""
    with storm.cluster.away(storm.broker.process, by=signal.SIGKILL):
        time.sleep(storm.chance.uniform(0, 3))
    storm.broker.wait_until_ready()


@fault("broker")
def broker_flushed(storm: Storm) -> None:
    """The broker forgets everything."""
    storm.broker.forget(storm.chance)


@fault("broker")
def broker_hung(storm: Storm) -> None:
    """The broker stands still."""
    with storm.cluster.frozen(storm.broker.process):
        time.sleep(storm.chance.uniform(3, 8))


@fault("broker")
def broker_connections_reset(storm: Storm) -> None:
    """The broker hangs up on everyone."""
    storm.broker.hang_up()


@fault("broker")
def broker_memory_full(storm: Storm) -> None:
    """The broker takes nothing more in."""
    storm.broker.refuse(storm.chance.uniform(2, 5))


@fault("broker", "web")
def stranger_spoke(storm: Storm) -> None:
    """An event of an unknown type, and one of a version to come, are put on the ledger's queue."""
    for change in ({"type": "ConversationSung"}, {"specversion": "2.0"}):
        id = str(uuid7())
        known = {"specversion": "1.0", "id": id, "source": "stranger", "type": "ConversationErased"}
        storm.strangers.add(id)
        say(storm.cluster, known | {"time": "2026-01-01T00:00:00Z", "data": {}} | change)


# ── The database ─────────────────────────────────────────────────────────────────────────────────────────────────


@fault("database")
def database_crashed(storm: Storm) -> None:
    """Postgres stops at once, without a farewell, and comes back."""
    with without_database(storm):
        pass


@fault("database")
def database_connections_ended(storm: Storm) -> None:
    """Every connection to the database is ended."""
    others = "datname = 'parley' and pid <> pg_backend_pid()"
    storm.cluster.query(f"select pg_terminate_backend(pid) from pg_stat_activity where {others}")  # noqa: S608 (ours)


@fault("database", "web")
def database_away(storm: Storm) -> None:
    """Postgres is away for a while; who uploads is told to try again, and never that all is well."""
    assert storm.load
    least, most = SECONDS_AWAY
    with without_database(storm), storm.load.client() as client:
        until = time.monotonic() + (most if storm.long else least)
        while time.monotonic() < until:
            status = storm.load.send(client, storm.load.new_upload())
            if status not in (0, 503):  # 0: the web server may still be on its way up
                storm.wrong.append(f"without a database an upload was answered {status}")
            time.sleep(1)


@contextmanager
def without_database(storm: Storm) -> Iterator[None]:
    """Stop Postgres while the block runs, and wait until it is back."""
    with storm.cluster.away(storm.one("database"), by=signal.SIGQUIT, group=False):
        yield
    postgres.wait_until_ready(storm.cluster.home)


# ── Blobs and uploads ────────────────────────────────────────────────────────────────────────────────────────────


@fault("ledger", "broker", "web")
def blobs_damaged(storm: Storm) -> None:
    """Blobs of work that was done but not yet recorded are cut short or changed by a bit, and the word of it is lost.

    The ledgers are away meanwhile, so no answer that points to a damaged blob can have been recorded.
    """
    with storm.cluster.away(*storm.cluster.of("ledger"), by=signal.SIGKILL):
        wait_until(lambda: bool(unrecorded(storm)), 3)
        said = unrecorded(storm)
        time.sleep(0.5)  # each of these has been put on the queue by now
        storm.broker.forget(storm.chance)
        for record in said:
            known = storm.cluster.query("select data from conversations_event where subject = %s", record.subject)
            for blob in blobs_of(record.data):
                if blob.key not in repr(known):  # an answer repeats blobs of its cause
                    damage(storm, blob.key)


def unrecorded(storm: Storm) -> list[Record]:
    """What workers have lately kept as said, and the database has not heard."""
    lately = time.time() - 20
    memos = [path for path in (storm.blobs / "memo").glob("*/*/*/*") if path.stat().st_mtime > lately]
    said = [from_wire(wire) for memo in memos for wire in msgspec.json.decode(memo.read_bytes())]
    ids = [record.id for record in said]
    known = storm.cluster.query("select id::text from conversations_event where id = any(%s::uuid[])", ids)
    return [record for record in said if {"id": record.id} not in known]


def damage(storm: Storm, key: str) -> None:
    """Cut a blob short, or change a bit of it."""
    path = storm.blobs / key
    content = bytearray(path.read_bytes())
    if storm.chance.random() < 0.5:
        del content[len(content) // 2 :]
    else:
        content[len(content) // 2] ^= 1
    path.write_bytes(content)
    storm.damaged.add(key)


@fault("disk", "web")
def blob_store_full(storm: Storm) -> None:
    """The disk of the blob store is full for a while; who uploads is told to try again, and never that all is well."""
    assert storm.load
    with full(storm.blobs), storm.load.client() as client:
        until = time.monotonic() + storm.chance.uniform(5, 10)
        while time.monotonic() < until:
            status = storm.load.send(client, storm.load.new_upload(padding=100_000))
            if status not in (0, 503, 507):
                storm.wrong.append(f"with a full disk an upload was answered {status}")
            time.sleep(1)


@contextmanager
def full(folder: Path) -> Iterator[None]:
    """Take all room of a file system while the block runs."""
    filler = folder / "filler"
    with filler.open("wb") as file, suppress(OSError):  # ENOSPC is what is wanted
        while True:
            file.write(b"." * 2**20)
            file.flush()
    try:
        yield
    finally:
        filler.unlink()


@fault("web")
def uploaded_twice(storm: Storm) -> None:
    """Two clients send the same call at the same moment."""
    assert storm.load
    load, upload = storm.load, storm.load.new_upload()

    def send() -> None:
        with load.client() as client:
            load.send(client, upload)

    threads = [threading.Thread(target=send) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@fault("web")
def upload_cut_off(storm: Storm) -> None:
    """A client hangs up in the middle of the file, and another a little before its end."""
    assert storm.load
    for share in (storm.chance.uniform(0.4, 0.9), 0.98):
        upload = storm.load.new_upload(padding=5000)
        with suppress(OSError):
            storm.load.cut_off(upload, share)


def busy_queues(cluster: Cluster) -> list[str]:
    """The queues from which something is being worked on."""
    rows = cluster.query(
        "select distinct s.queue from conversations_delivery d join conversations_subscription s using (service)"
        " where d.state in ('sent', 'running')"
    )
    return [row["queue"] for row in rows]


def say(cluster: Cluster, wire: dict[str, Any]) -> None:
    """Put a record on the ledger's queue, as a worker would."""
    with Connection(cluster.environ["PARLEY_BROKER_URL"]) as connection:
        Producer(connection).publish(
            msgspec.json.encode([wire]).decode(), exchange="", routing_key="ledger",
            content_type="application/cloudevents-batch+json", content_encoding="utf-8",
        )  # fmt: skip
