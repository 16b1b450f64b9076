"""Is Parley up, and is all there that it needs?"""

from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client
from django.utils import timezone

from conversations.ledger.models import Delivery, Subscription
from conversations.views import health
from pipeline.storage import StorageError, blob_store
from tests.factories import make_conversation, make_delivery, make_organization

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("broker_url", "workers")]
LONG_AGO = timedelta(minutes=1)


@pytest.fixture
def workers() -> None:
    """Workers that were heard of just now."""
    Subscription.objects.update(last_seen=timezone.now())


def failing() -> set[str]:
    """The checks that fail, after a look at the status."""
    response = Client().get("/readyz")
    checks = response.json()["checks"]
    failed = {name for name, state in checks.items() if state == "failed"}
    assert response.status_code == (503 if failed else 200)
    assert response.json()["status"] == ("not ready" if failed else "ready")
    return failed


def test_a_process_that_answers_is_up() -> None:
    assert Client().get("/healthz").json() == {"status": "ok"}


def test_with_all_its_parts_it_is_ready() -> None:
    assert failing() == set()


def test_a_queue_without_a_worker_is_not_ready() -> None:
    Subscription.objects.filter(queue="gpu").update(last_seen=timezone.now() - LONG_AGO)
    assert failing() == {"workers"}


def test_workers_that_were_never_seen_are_not_ready() -> None:
    Subscription.objects.update(last_seen=None)
    assert failing() == {"workers", "ledger"}


def test_a_service_that_is_switched_off_is_not_missed() -> None:
    Subscription.objects.filter(queue="gpu").update(last_seen=None, active=False)
    assert failing() == set()


@pytest.mark.parametrize(
    ("pending_since", "in_flight", "sent_since", "failed"),
    [
        (timedelta(seconds=20), 0, None, {"ledger"}),  # nobody takes what is due
        (timedelta(seconds=5), 0, None, set()),  # it has just come in
        (timedelta(seconds=20), 2, timedelta(seconds=60), set()),  # the window of two is full
        (timedelta(seconds=20), 1, timedelta(seconds=60), {"ledger"}),  # there is room in it
        (timedelta(seconds=20), 1, timedelta(seconds=1), set()),  # the relay is at work
    ],
)
def test_a_ledger_that_leaves_work_lying_is_not_ready(
    pending_since: timedelta, in_flight: int, sent_since: timedelta, failed: set[str]
) -> None:
    organization, now = make_organization(), timezone.now()
    due = make_delivery(make_conversation(organization), "transcription", Delivery.State.PENDING)
    Delivery.objects.filter(id=due.id).update(due_at=now - pending_since)
    for _ in range(in_flight):
        sent = make_delivery(make_conversation(organization), "transcription", Delivery.State.RUNNING)
        Delivery.objects.filter(id=sent.id).update(sent_at=now - sent_since)
    assert failing() == failed


def test_what_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise StorageError("The blob store failed (OSError, errno 28).")

    def away(*_: Any) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(blob_store(), "check", full)
    monkeypatch.setattr(health, "one", away)
    assert failing() == {"blobs", "database", "ledger", "workers"}


def test_a_broker_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = health.bus.Connection("redis://localhost:1", transport_options={"socket_connect_timeout": 0.2})
    monkeypatch.setattr(health.bus, "connect", lambda: elsewhere)
    assert failing() == {"broker"}
