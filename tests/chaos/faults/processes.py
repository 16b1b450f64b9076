"""What goes wrong with web server, ledgers and workers."""

import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from pipeline.failpoints import FAILPOINTS
from tests.chaos.cluster import Cluster, Process, manage, wait_until
from tests.chaos.storm import Storm, fault

SECONDS_BETWEEN_TWO = 60.0  # events that a service which joined is given
SECONDS_BEYOND_LEASE = 5.0  # after which the work of a killed worker must have begun again


@fault("worker")
def worker_killed(storm: Storm) -> None:
    """A worker dies with all its children, as when its machine does. Nothing else strikes until its work goes on."""
    worker = busy_worker(storm)
    storm.killed_at.append((time.time(), worker.name.split("-")[1]))
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
    worker.odd = {
        "LD_PRELOAD": str(libfaketime()), "FAKETIME": "+1h", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "PYTHONPATH": str(Path(__file__).parents[1] / "odd_clock"),
    }  # fmt: skip
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
    """A service that nobody knew starts, and is given all that has happened; or it is switched off, and leaves."""
    newcomer = storm.one("newcomer")
    if newcomer.wanted:
        switch_newcomer(storm, on=False)
        wait_until(lambda: not storm.cluster.query(ARCHIVING), SECONDS_BETWEEN_TWO)
        newcomer.wanted = False
        newcomer.end(signal.SIGTERM, group=False)
        return
    switch_newcomer(storm, on=True)
    newcomer.wanted = True
    past = {row["id"] for row in storm.cluster.query(RECEIVED)}
    left, since = len(past), time.monotonic()
    while left and time.monotonic() - since < SECONDS_BETWEEN_TWO:
        time.sleep(0.5)
        if (missing := len(past - archived(storm))) < left:
            left, since = missing, time.monotonic()
    if left:
        storm.wrong.append(f"a service that joined was given all that had happened but {left} events")


RECEIVED = "select id from conversations_event where type = 'ConversationReceived'"
ARCHIVING = "select id from conversations_delivery where service = 'archive' and state in ('sent', 'running')"
ARCHIVED = "select event_id from conversations_delivery where service = 'archive' and state = 'done'"


def archived(storm: Storm) -> set[Any]:
    """The events that the newcomer has handled."""
    return {row["event_id"] for row in storm.cluster.query(ARCHIVED)}


def switch_newcomer(storm: Storm, *, on: bool) -> None:
    """Do as a person does in the admin, if the service is known already."""
    imports = "from conversations.models import Subscription; from conversations.ledger.registration import switch; "
    known = "Subscription.objects.filter(service='archive')"
    each = f"[switch(each, on={on}, window=each.window) for each in {known}]"
    manage(storm.cluster, "shell", "--no-imports", "--command", imports + each)


@fault("worker", "web")
def workers_away(storm: Storm) -> None:
    """No worker of a queue is there for ten leases (in a short run for two)."""
    with storm.cluster.away(storm.cluster.of("worker")[0], by=signal.SIGTERM, group=False):
        time.sleep(storm.lease * (10 if storm.long else 2))


def busy_queues(cluster: Cluster) -> list[str]:
    """The queues from which something is being worked on."""
    rows = cluster.query(
        "select distinct s.queue from conversations_delivery d join conversations_subscription s using (service)"
        " where d.state in ('sent', 'running')"
    )
    return [row["queue"] for row in rows]
