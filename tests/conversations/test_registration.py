"""Services join by starting, wait for an admin, are switched off and on, and are owed what they missed."""

from typing import Any
from uuid import UUID

import pytest
from django.db import connection

from conversations.ledger.models import Delivery, Event, Subscription
from conversations.ledger.registration import switch
from conversations.models import Conversation
from pipeline.events import (
    ServiceRegistered,
)
from pipeline.records import Record, to_wire, uuid7
from tests.conversations.said import hear, received
from tests.factories import make_conversation, make_organization

pytestmark = pytest.mark.django_db
State = Delivery.State


def registration(**fields: Any) -> dict[str, Any]:
    values = {"subscribes": ("ConversationReceived",), "says": (), "queue": "cpu", **fields}
    return to_wire(Record.initial(ServiceRegistered(**values), source="archive"))


def test_an_unknown_service_waits_for_the_admin(conversation: Conversation) -> None:
    hear(registration())
    received(conversation)
    archive = Subscription.objects.get(service="archive")
    assert (archive.active, archive.subscribes) == (False, ["ConversationReceived"])
    assert not Delivery.objects.filter(service="archive").exists()


@pytest.fixture
def archive_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service may join by starting."""
    from conversations.ledger import registration as module

    monkeypatch.setattr(module, "config", lambda: type("Named", (), {"services": ("archive",)}))


def owed_to_archive() -> set[UUID]:
    """The calls that the service is to hear of, each once, in whatever order."""
    owed = list(Delivery.objects.filter(service="archive").values_list("subject", flat=True))
    assert len(owed) == len(set(owed))
    return set(owed)


@pytest.mark.usefixtures("archive_named")
def test_a_named_service_joins_by_starting_and_is_owed_the_past_it_asks_for(conversation: Conversation) -> None:
    received(conversation)
    hear(registration(since="2020-01-01T00:00:00Z"))
    hear(registration(since="2020-01-01T00:00:00Z"))
    assert Subscription.objects.get(service="archive").active
    assert Delivery.objects.filter(service="archive").count() == 1


@pytest.mark.parametrize(("since", "owed"), [("2020-01-01T00:00:00Z", [0, 1]), ("2090-01-01T00:00:00Z", []), ("", [])])
def test_a_service_that_waited_for_the_admin_is_owed_what_it_missed(since: str, owed: list[int]) -> None:
    calls = [make_conversation(make_organization()) for _ in range(2)]
    received(calls[0])
    hear(registration(since=since))
    received(calls[1])
    assert owed_to_archive() == set()
    switch(Subscription.objects.get(service="archive"), on=True, window=4)
    assert owed_to_archive() == {calls[index].id for index in owed}


@pytest.mark.usefixtures("archive_named")
@pytest.mark.parametrize(("since", "missed"), [("2020-01-01T00:00:00Z", 1), ("", 0)])
def test_what_was_said_while_a_service_was_off_is_owed_to_it_if_it_wants_the_past(since: str, missed: int) -> None:
    calls = [make_conversation(make_organization()) for _ in range(3)]
    hear(registration(since=since))
    archive = Subscription.objects.get(service="archive")
    received(calls[0])
    switch(archive, on=False, window=4)
    received(calls[1])
    assert owed_to_archive() == {calls[0].id}
    switch(archive, on=True, window=4)
    received(calls[2])
    assert owed_to_archive() == {calls[0].id, calls[2].id, *[calls[1].id] * missed}


@pytest.mark.usefixtures("archive_named")
def test_what_was_pruned_is_not_owed_again_when_a_service_is_switched_on() -> None:
    call = make_conversation(make_organization())
    said = received(call)
    hear(registration(since="2020-01-01T00:00:00Z"))
    with connection.cursor() as cursor:
        cursor.execute(
            "update conversations_event set recorded_at = now() - interval '3 days' where id = %s", [said.id]
        )
    Delivery.objects.filter(service="archive").delete()
    archive = Subscription.objects.get(service="archive")
    for on in (False, True):
        switch(archive, on=on, window=4)
    assert owed_to_archive() == set()


@pytest.mark.usefixtures("archive_named")
def test_the_past_has_no_calls_that_were_erased_and_no_runs_that_were_replaced() -> None:
    erased, replaced, kept = (make_conversation(make_organization()) for _ in range(3))
    for each in (erased, replaced, kept):
        received(each)
    erased.delete()
    Conversation.objects.filter(id=replaced.id).update(run=uuid7())
    hear(registration(since="2020-01-01T00:00:00Z"))
    assert owed_to_archive() == {kept.id}


def test_a_service_that_was_switched_off_stays_off(monkeypatch: pytest.MonkeyPatch) -> None:
    Subscription.objects.filter(service="transcription").update(active=False, switched_off=True)
    event = ServiceRegistered(subscribes=("ConversationReceived",), says=(), queue="gpu")
    hear(to_wire(Record.initial(event, source="transcription")))
    assert not Subscription.objects.get(service="transcription").active


def test_registering_again_notes_only_that_the_service_was_seen() -> None:
    hear(registration())
    before = Subscription.objects.get(service="archive")
    hear(registration())
    after = Subscription.objects.get(service="archive")
    assert after.last_seen > before.last_seen
    assert Event.objects.count() == 0
