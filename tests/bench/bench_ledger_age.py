"""``make bench-ledger-age``: is a ledger with 1,000,000 past events as quick as one with 10,000?

Two databases on one embedded Postgres, filled by SQL (``past.py``), with the same 500 deliveries due. Each statement of
a ledger at work is run in both by turns, in a transaction that is undone, so that each finds the same:

* ``pick``: the relay's query, LOCK and PICK;
* ``expired``, ``overdue``, ``overtaken``: its checks of leases and of lost messages, twice a second;
* ``record``: ConversationReceived with its delivery; ``answer``: a message of a worker, believed, recorded, its
  delivery ended and the next owed; ``end``: the ending alone;
* ``readyz``: what a health check asks of the ledger.

Medians in milliseconds, and old by young; and of each query the pages of 8 KiB that it touches, which a busy machine
does not blur. ``--explain`` prints the plans to standard error.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.bench import past, say
from webapp.stack import environment, postgres
from webapp.stack.home import Home

AGES = {"young": 10_000, "old": 1_000_000}
Step = Callable[[Any], None]


def main() -> None:
    """Start a server in a folder of its own, fill two databases, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--explain", action="store_true", help="print the plans to standard error")
    parser.add_argument("--rounds", type=int, default=300, help="how often each is run in each database")
    parser.add_argument("--old", type=int, default=AGES["old"], help="past events of the old ledger")
    options = parser.parse_args()
    ages = AGES | {"old": options.old}
    with tempfile.TemporaryDirectory(prefix="parley-bench-") as folder, ledgers(Path(folder), ages, autovacuum=False):
        if options.explain:
            explain()
        measure(options.rounds)


@contextmanager
def ledgers(folder: Path, ages: dict[str, int], *, autovacuum: bool) -> Iterator[dict[str, Any]]:
    """A server with a filled database for each age, by its name in Django's connections too.

    Yields the connections that filled them, by name. Without ``autovacuum`` both stay as they were filled: a fifth of
    the young one is soon written, so it alone would be vacuumed meanwhile, and what is due be found without its rows.
    """
    import psycopg

    home = Home(folder)
    home.create()
    os.environ |= {**environment.embedded(home), "DJANGO_SETTINGS_MODULE": "webapp.settings"}
    with postgres.running(home, durable=False) as url, ExitStack() as stack:
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connections

        filled = {}
        for name, events in ages.items():
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute(f"create database {name}")
            connections.settings[name] = {**connections.settings["default"], "NAME": name}
            with at(name):
                call_command("migrate", verbosity=0)
            filled[name] = stack.enter_context(past.filled(url.replace("@/parley", f"@/{name}"), events, autovacuum))
        yield filled
        for name in ages:
            connections[name].close()


@contextmanager
def at(name: str) -> Iterator[None]:
    """Let Django's default connection be to this database."""
    from django.db import connections

    usual = connections["default"]
    connections["default"] = connections[name]
    try:
        yield
    finally:
        connections["default"] = usual


def measure(rounds: int) -> None:
    """Run everything by turns and print medians and their ratios.

    Each is run twice, and the second time counts: a relay asks ten times a second and finds its pages in memory.
    """
    taken: dict[tuple[str, str], list[float]] = defaultdict(list)
    for turn in range(rounds):
        for age in sorted(AGES, reverse=bool(turn % 2)):
            with at(age):
                for name, step in steps().items():
                    milliseconds(step)
                    taken[name, age].append(milliseconds(step))
    for name in dict.fromkeys(name for name, _ in taken):
        young, old = (statistics.median(taken[name, age]) for age in AGES)
        say(f"ledger_age_{name}_young", young, "ms")
        say(f"ledger_age_{name}_old", old, "ms")
        say(f"ledger_age_{name}_ratio", old / young, "of young")
    for name, statements in queries_of("young").items():
        young = sum(pages("young", *each) for each in statements)
        old = sum(pages("old", *each) for each in queries_of("old")[name])
        say(f"ledger_age_{name}_pages_young", young, "pages")
        say(f"ledger_age_{name}_pages_ratio", old / young, "of young")


def queries_of(age: str) -> dict[str, list[tuple[str, Any]]]:
    """The statements of the ledger, with values of this database."""
    with at(age):
        return queries()


def pages(age: str, statement: str, values: Any) -> int:
    """How many pages a statement touches, in memory or not, by the second time. What it changes is undone."""
    from django.db import connection, transaction

    for _ in range(2):
        with at(age), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"explain (analyze, buffers, format json) {statement}", values)
            plan = cursor.fetchone()[0][0]["Plan"]
            transaction.set_rollback(True)
    return int(plan["Shared Hit Blocks"] + plan["Shared Read Blocks"])


def milliseconds(step: Step) -> float:
    """How long a step takes. What it changes is undone."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select 1")  # the transaction's begin is not the step's
        started = time.perf_counter()
        step(cursor)
        taken = time.perf_counter() - started
        transaction.set_rollback(True)
    return taken * 1000


def queries() -> dict[str, list[tuple[str, Any]]]:
    """The statements of the ledger, with values."""
    from conversations.ledger import attempts, recording, relay
    from conversations.views import health

    services = ["anonymization", "audio_redaction", "entity_tagging", "qualification", "transcription"]
    lost, gap, lying = attempts.LOST_AFTER_SECONDS, attempts.GAP_SECONDS, health.LEFT_LYING_SECONDS
    said = answer()
    return {
        "pick": [(relay.LOCK, []), (relay.PICK, {"services": services})],
        "expired": [(attempts.EXPIRED, [gap])],
        "overdue": [(attempts.OVERDUE, [lost])],
        "overtaken": [(attempts.OVERTAKEN, [services, lost, False, services, lost])],
        "end": [(recording.END, [[said.causationid], [said.source]])],
        "readyz": [
            (health.QUEUES_WITHOUT_WORKER, [health.SILENT_SECONDS]),
            (health.CONSUMER_SILENT, [health.SILENT_SECONDS]),
            (health.LEFT_LYING, 4 * [lying]),
        ],
    }


def steps() -> dict[str, Step]:
    """Everything that is measured, by its name."""
    from conversations.ledger.consumer import receive
    from conversations.ledger.recording import record
    from pipeline.events import Blob, ConversationReceived
    from pipeline.records import Record, to_wire, uuid7

    def run(statements: list[tuple[str, Any]]) -> Step:
        def step(cursor: Any) -> None:
            for statement, values in statements:
                cursor.execute(statement, values)
                if cursor.description:
                    cursor.fetchall()

        return step

    blob = Blob(key="raw/t/c/s", sha256="s", size=1, media_type="audio/wav")
    event = ConversationReceived(audio=blob, settings=blob)
    received = Record.initial(event, source="monolith", subject=str(uuid7()), tenant=past.FIRST)
    wire = to_wire(answer())
    return {
        **{name: run(statements) for name, statements in queries().items()},
        "record": lambda cursor: record(received),
        "answer": lambda cursor: receive([wire]),
    }


def answer() -> Any:
    """What entity_tagging says about the delivery that it has."""
    from conversations.ledger.models import Delivery
    from pipeline.events import Blob, EntitiesTagged
    from pipeline.records import Record, answer_id, now

    given = Delivery.objects.get(service="entity_tagging", state="sent")
    blob = Blob(key="raw/t/c/s", sha256="s", size=1, media_type="application/json")
    said = EntitiesTagged(audio=blob, settings=blob, transcript=blob, entities=blob, language="en", duration=1.0)
    cause = str(given.event_id)
    return Record(
        id=answer_id(said, cause, given.service), source=given.service, type=type(said).__name__, time=now(), data=said,
        causationid=cause,
    )  # fmt: skip


def explain() -> None:
    """Print the plan of each statement at each age."""
    from django.db import connection, transaction

    for age in AGES:
        with at(age):
            for name, statements in queries().items():
                for statement, values in statements:
                    with transaction.atomic(), connection.cursor() as cursor:
                        cursor.execute(f"explain (analyze, buffers) {statement}", values)
                        plan = "\n".join(row[0] for row in cursor.fetchall())
                        transaction.set_rollback(True)
                    print(f"── {name}, {age}\n{plan}\n", file=sys.stderr)


if __name__ == "__main__":
    main()
