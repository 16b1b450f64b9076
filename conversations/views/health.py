"""Is Parley up, and is all there that it needs? For load balancers and ``make run``; no details, for anyone may ask.

The ledger is judged by what only it can have done: its consumer has heard of the workers lately, and its relay leaves
nothing lying that is due and fits its service's window.
"""

from collections.abc import Callable

from django.db import Error as DatabaseError
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from pipeline import bus
from pipeline.storage import StorageError, blob_store

SILENT_SECONDS, LEFT_LYING_SECONDS = 45, 15

QUEUES_WITHOUT_WORKER = """
select queue from conversations_subscription where active
group by queue having coalesce(max(last_seen) < clock_timestamp() - make_interval(secs => %s), true)
"""
CONSUMER_SILENT = """
select coalesce(max(last_seen) < clock_timestamp() - make_interval(secs => %s), true) from conversations_subscription
"""
# What was sent lately is in flight or has started since: there is an index for either, and none by service and time of
# sending. statement_timestamp(), because no index serves a comparison with clock_timestamp(), which is volatile: over
# 1,000,000 past events this took 24 ms a service, now 0.1 ms. What is pending is found by its service in any case.
LEFT_LYING = """
select exists (
    select from conversations_subscription s
    where s.active
      and exists (
        select from conversations_delivery d
        where d.service = s.service and d.state = 'pending'
          and d.due_at < clock_timestamp() - make_interval(secs => %s))
      and s."window" > (
        select count(*) from conversations_delivery d where d.service = s.service and d.state in ('sent', 'running'))
      and not exists (
        select from conversations_delivery d
        where d.service = s.service and d.state in ('sent', 'running')
          and d.sent_at > statement_timestamp() - make_interval(secs => %s))
      and not exists (
        select from conversations_delivery d
        where d.service = s.service and d.started_at > statement_timestamp() - make_interval(secs => %s)
          and d.sent_at > statement_timestamp() - make_interval(secs => %s))
)
"""


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """The process is up."""
    return JsonResponse({"status": "ok"})


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """All parts are there (200), or which are not (503)."""
    checks = {name: "ok" if works(check) else "failed" for name, check in CHECKS.items()}
    ready = set(checks.values()) == {"ok"}
    return JsonResponse({"status": "ready" if ready else "not ready", "checks": checks}, status=200 if ready else 503)


def works(check: Callable[[], bool]) -> bool:
    """Whether a check says yes; what cannot be reached says no."""
    try:
        return check()
    except (DatabaseError, StorageError, OSError, *bus.BROKER_ERRORS):
        return False


def database() -> bool:
    """The database answers."""
    return bool(one("select true"))


def broker() -> bool:
    """The broker answers."""
    with bus.connect() as there:
        there.ensure_connection(max_retries=1, timeout=2)
    return True


def blobs() -> bool:
    """The blob store can be written."""
    blob_store().check()
    return True


def ledger() -> bool:
    """Its consumer hears, its relay sends."""
    return not one(CONSUMER_SILENT, SILENT_SECONDS) and not one(LEFT_LYING, *4 * [LEFT_LYING_SECONDS])


def workers() -> bool:
    """Each queue of an active service has a worker that was heard of lately."""
    return one(QUEUES_WITHOUT_WORKER, SILENT_SECONDS) is None


def one(query: str, *values: float) -> object:
    """The first value of a query's first row."""
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        row = cursor.fetchone()
    return row[0] if row else None


CHECKS: dict[str, Callable[[], bool]] = {
    "database": database, "broker": broker, "blobs": blobs, "ledger": ledger, "workers": workers,
}  # fmt: skip
