"""Failing, trying again, giving up: what is lost or late costs what it should, and nobody else."""

from typing import Any

import pytest

from conversations.ledger import attempts, relay
from conversations.ledger.models import Attempt, Delivery, Event
from conversations.models import Conversation
from conversations.services.calls import retry
from pipeline.events import (
    ConversationFailed,
    ProgressReported,
    ServiceFailed,
)
from tests.conversations.said import age, answer, hear, received, send, steady_ledger, the_delivery, transcribed
from tests.factories import make_conversation, make_organization

pytestmark = pytest.mark.django_db
State = Delivery.State


def test_a_failure_is_tried_again_after_a_back_off(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ProgressReported(attempt=1), said))
    hear(answer(ServiceFailed(attempt=1, code="crashed", exception="ValueError", locations=("a:1",)), said))
    delivery = the_delivery()
    assert (delivery.state, delivery.attempts, delivery.error) == (State.PENDING, 1, "crashed")
    assert delivery.due_at > delivery.sent_at
    assert Attempt.objects.get().exception == "ValueError"


def test_a_permanent_failure_fails_the_call_at_once(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), said))
    conversation.refresh_from_db()
    assert the_delivery().state == State.DEAD
    assert (conversation.status, conversation.failure_code) == ("failed", "audio_unreadable")
    assert Event.objects.filter(type="ConversationFailed").count() == 1


def test_after_five_attempts_a_delivery_is_dead(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    for attempt in range(1, 6):
        assert the_delivery().state == State.PENDING
        send()
        hear(answer(ServiceFailed(attempt=attempt, code="worker_lost"), said))
    assert the_delivery().state == State.DEAD
    assert Attempt.objects.count() == 5


def test_a_blob_store_that_is_away_costs_no_attempt_but_not_for_ever(
    conversation: Conversation, relayed: list[Any]
) -> None:
    said = received(conversation)
    for attempt in range(1, attempts.MOST_SENDS + 1):
        assert (the_delivery().state, the_delivery().attempts) == (State.PENDING, 0)
        send()
        hear(answer(ProgressReported(attempt=attempt), said))
        hear(answer(ServiceFailed(attempt=attempt, code="storage_unavailable"), said))
    assert (the_delivery().state, the_delivery().error) == (State.DEAD, "storage_unavailable")


def test_a_late_answer_revives_the_dead(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), said))
    hear(answer(transcribed(), said))
    conversation.refresh_from_db()
    assert the_delivery(service="transcription").state == State.DONE
    assert (conversation.status, conversation.failure_code) == ("processing", "")


def test_the_words_of_a_zombie_change_nothing(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    for _ in range(2):
        send()
        Delivery.objects.update(state=State.PENDING)
    send()
    hear(
        answer(ProgressReported(attempt=2), said),
        answer(ServiceFailed(attempt=1, code="crashed", permanent=True), said),
    )
    assert (the_delivery().state, the_delivery().sends) == (State.SENT, 3)


def test_the_heartbeat_of_a_zombie_hides_no_other(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    Delivery.objects.update(state=State.PENDING)
    send()
    hear(answer(ProgressReported(attempt=2), said), answer(ProgressReported(attempt=1), said))
    assert the_delivery().state == State.RUNNING


def test_a_lease_that_runs_out_ends_the_attempt(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ProgressReported(attempt=1), said))
    steady_ledger()
    assert attempts.expire_leases() == 0
    age(the_delivery(), 31)
    assert attempts.expire_leases() == 1
    assert (the_delivery().state, the_delivery().error) == (State.PENDING, "lease_expired")


def test_an_outage_of_the_ledger_charges_nobody(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ProgressReported(attempt=1), said))
    age(the_delivery(), 3600)
    assert attempts.expire_leases() == 0, "no consumer has caught up yet"
    attempts.note_caught_up()
    assert attempts.expire_leases() == 0, "one has, but only just now"
    steady_ledger()
    assert attempts.expire_leases() == 1


def test_a_message_that_is_gone_is_sent_again_without_a_charge(conversation: Conversation, relayed: list[Any]) -> None:
    received(conversation)
    send()
    assert attempts.overdue_queues() == {}
    age(the_delivery(), 5)
    assert attempts.overdue_queues() == {"gpu": ["transcription"]}
    assert attempts.give_up_lost(["transcription"], empty=False) == 0
    assert attempts.give_up_lost(["transcription"], empty=True) == 1
    assert (the_delivery().state, the_delivery().attempts, the_delivery().error) == (
        State.PENDING,
        0,
        "lost_in_transit",
    )


def test_a_message_is_gone_when_a_later_one_has_started(relayed: list[Any]) -> None:
    organization = make_organization()
    received(make_conversation(organization))
    send()
    age(the_delivery(), 20)
    lost = the_delivery()
    later = received(make_conversation(organization))
    send()
    hear(answer(ProgressReported(attempt=1), later))
    assert attempts.give_up_lost(["transcription"], empty=False) == 1
    assert the_delivery(id=lost.id).error == "lost_in_transit"


def test_a_message_is_not_gone_because_one_that_was_sent_again_had_started_before(relayed: list[Any]) -> None:
    organization = make_organization()
    crashed = received(make_conversation(organization))
    send()
    hear(answer(ProgressReported(attempt=1), crashed), answer(ServiceFailed(attempt=1, code="crashed"), crashed))
    Delivery.objects.update(due_at="2100-01-01T00:00:00Z")
    received(make_conversation(organization))
    relay.Relay().relay_once()
    age(the_delivery(state=State.SENT), 20)
    send()
    assert attempts.give_up_lost(["transcription"], empty=False) == 0


def test_failing_for_good_is_said_again_when_a_replay_fails_too(conversation: Conversation, relayed: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), said))
    assert retry(conversation.organization, [conversation.id]) == 1
    conversation.refresh_from_db()
    assert conversation.status == "processing"
    send()
    hear(answer(ServiceFailed(attempt=2, code="audio_unreadable", permanent=True), said))
    conversation.refresh_from_db()
    assert conversation.status == "failed"
    assert Event.objects.filter(type=ConversationFailed.__name__).count() == 2
