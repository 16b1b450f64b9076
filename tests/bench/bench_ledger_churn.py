"""``make bench-ledger-churn``: does a ledger stay quick while much goes through it?

100,000 deliveries, 500 at a time, go ``pending → sent → running → done`` by the ledger's own statements, over 1,000,000
past events, with autovacuum as the migrations set it. Each is four versions of a row, three of them dead.

* ``pick_first``, ``pick_last``: medians of the relay's query in the first and in the last tenth, and their ratio; and
  the pages of 8 KiB that it touches for each delivery, before and after, which a busy machine does not blur;
* ``rate``: deliveries a second through the statements alone;
* ``bytes``: what a delivery, its attempt and their indexes take up after it all, and the same of all dead rows;
* ``hot``: the share of updates that touched no index.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import say
from tests.bench.bench_ledger_age import at, ledgers, pages

CALLS_AT_ONCE, SERVICES = 100, 5
WINDOW = 64


def main() -> None:
    """Start a server in a folder of its own, fill a database, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=100_000)
    parser.add_argument("--past", type=int, default=1_000_000, help="past events")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="parley-bench-") as folder,
        ledgers(Path(folder), {"old": options.past}, autovacuum=True) as filled,
        at("old"),
    ):
        measure(filled["old"], options.deliveries)


def measure(filling: Any, deliveries: int) -> None:
    """Let deliveries go through and print what that cost."""
    from conversations.ledger.models import Delivery, Subscription
    from tests.bench import past

    Subscription.objects.update(window=WINDOW)
    Delivery.objects.filter(state__in=["sent", "running"]).update(state="done")
    before, picks, seconds = sizes(), [], 0.0
    for first in range(1000, 1000 + deliveries // SERVICES, CALLS_AT_ONCE):
        past.arrive(filling, first, first + CALLS_AT_ONCE - 1, 0)
        if first == 1000:
            pages_before = pages_of_pick()
        started = time.perf_counter()
        while taken := go_through():
            picks.append(taken)
        seconds += time.perf_counter() - started
    tenth = len(picks) // 10
    early, late = (statistics.median(part) * 1000 for part in (picks[:tenth], picks[-tenth:]))
    say("ledger_churn_pick_first", early, "ms")
    say("ledger_churn_pick_last", late, "ms")
    say("ledger_churn_pick_ratio", late / early, "of first")
    past.arrive(filling, 1000 - CALLS_AT_ONCE, 999, 0)
    say("ledger_churn_pick_pages_ratio", pages_of_pick() / pages_before, "of before")
    say("ledger_churn_rate", deliveries / seconds, "deliveries/s")
    for table, size in sizes().items():
        say(f"ledger_churn_{table}_bytes", (size - before[table]) / deliveries, "bytes a delivery")
    for table, hot, dead in updates():
        say(f"ledger_churn_{table}_hot", hot, "of updates")
        say(f"ledger_churn_{table}_dead", dead, "dead rows at the end")


def go_through() -> float:
    """Send what fits the windows, start it, end it, a transaction each; seconds the relay's query took, 0 at the end."""
    from django.db import connection, transaction

    from conversations.ledger import attempts, recording, relay

    with transaction.atomic(), connection.cursor() as cursor:
        started = time.perf_counter()
        cursor.execute(relay.LOCK)
        cursor.execute(relay.PICK, {"services": [row[0] for row in cursor.fetchall()]})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
        taken = time.perf_counter() - started
    events, services = [row["id"] for row in rows], [row["service"] for row in rows]
    numbers, zeros = [row["sends"] for row in rows], [0.0 for _ in rows]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attempts.PROGRESS, [events, services, numbers, zeros, zeros])
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(recording.END, [events, services])
    return taken if rows else 0.0


def pages_of_pick() -> int:
    """Pages that the relay's query touches."""
    from conversations.ledger import relay

    services = ["anonymization", "audio_redaction", "entity_tagging", "qualification", "transcription"]
    return pages("old", relay.PICK, {"services": services})


def sizes() -> dict[str, int]:
    """Bytes of the tables of deliveries and attempts, with their indexes."""
    return {row[0]: row[1] for row in ask("select relname, pg_total_relation_size(relid) " + OF_TABLES)}


def updates() -> list[Any]:
    """Of both tables: the share of updates that touched no index, and dead rows."""
    share = "n_tup_hot_upd / greatest(n_tup_upd, 1)::float"
    return ask(f"select relname, {share}, n_dead_tup {OF_TABLES}")


OF_TABLES = "from pg_stat_user_tables where relname in ('conversations_delivery', 'conversations_attempt')"


def ask(query: str) -> list[Any]:
    """The rows of a query."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(query)
        return cursor.fetchall()


if __name__ == "__main__":
    main()
