"""What goes wrong with the broker and the database."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from kombu import Connection, Producer

from pipeline.records import uuid7
from tests.chaos.cluster import Cluster
from tests.chaos.storm import Storm, fault
from webapp.stack import postgres

SECONDS_AWAY = (10.0, 30.0)  # of the database


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


def say(cluster: Cluster, wire: dict[str, Any]) -> None:
    """Put a record on the ledger's queue, as a worker would."""
    with Connection(cluster.environ["PARLEY_BROKER_URL"]) as connection:
        Producer(connection).publish(
            msgspec.json.encode([wire]).decode(), exchange="", routing_key="ledger",
            content_type="application/cloudevents-batch+json", content_encoding="utf-8",
        )  # fmt: skip
