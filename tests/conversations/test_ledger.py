"""The ledger: what is recorded is delivered; what is repeated, unknown or not believed changes nothing it should not."""

from typing import Any

import pytest
from msgspec import to_builtins

from conversations.ledger import consumer, relay
from conversations.ledger.models import Attempt, Delivery, Event, Parked, Subscription
from conversations.ledger.recording import record
from conversations.ledger.registration import switch
from conversations.models import Conversation
from conversations.services import dead_letters
from conversations.services.calls import reprocess, retry
from conversations.signals import RECORDED
from pipeline import bus
from pipeline.documents import Document, Entities, Tags, Transcript, encode
from pipeline.events import (
    AudioRedacted,
    Blob,
    ConversationCompleted,
    ConversationQualified,
    ConversationTagged,
    ConversationTranscribed,
    DeliveryHandled,
    ProgressReported,
    ServiceFailed,
    TranscriptAnonymized,
)
from pipeline.records import Record, uuid7
from pipeline.storage import blob_store
from tests.conversations.said import BLOB, answer, hear, received, send, the_delivery, transcribed
from tests.factories import make_conversation, make_organization

pytestmark = pytest.mark.django_db
State = Delivery.State


# ── Recording ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_owed_to_every_service_that_hears_it(conversation: Conversation) -> None:
    Subscription.objects.create(service="archive", subscribes=["ConversationReceived"], queue="cpu", active=True)
    Subscription.objects.create(service="off", subscribes=["ConversationReceived"], queue="cpu", active=False)
    received(conversation)
    assert set(Delivery.objects.values_list("service", flat=True)) == {"transcription", "archive"}


def test_a_step_of_the_cascade_that_is_switched_off_waits_until_it_is_on(
    conversation: Conversation, relayed: list[dict[str, Any]]
) -> None:
    transcription = Subscription.objects.get(service="transcription")
    switch(transcription, on=False, window=2)
    received(conversation)
    assert relay.Relay().relay_once() == 0
    switch(transcription, on=True, window=2)
    assert relay.Relay().relay_once() == 1


def test_recording_twice_is_recording_once(conversation: Conversation) -> None:
    said = received(conversation)
    record(said, said)
    assert (Event.objects.count(), Delivery.objects.count()) == (1, 1)


def test_a_failing_projection_undoes_the_recording(conversation: Conversation) -> None:
    def fail(**_: Any) -> None:
        raise RuntimeError

    RECORDED[ConversationTagged].connect(fail)
    try:
        with pytest.raises(RuntimeError):
            record(Record.initial(ConversationTagged(tag="x"), source="monolith", subject=str(conversation.id),
                                  tenant=str(conversation.organization_id)))  # fmt: skip
    finally:
        RECORDED[ConversationTagged].disconnect(fail)
    assert not Event.objects.exists()


# ── The relay ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_is_due_is_sent_once(conversation: Conversation, relayed: list[dict[str, Any]]) -> None:
    said = received(conversation)
    assert [relay.Relay().relay_once() for _ in range(2)] == [1, 0]
    assert relay.record_of(relayed[0]) == said
    assert (relayed[0]["queue"], relayed[0]["service"], relayed[0]["sends"]) == ("gpu", "transcription", 1)
    assert the_delivery().state == State.SENT
    assert Attempt.objects.get().number == 1


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_ends_its_delivery_and_owes_the_next(
    conversation: Conversation, relayed: list[dict[str, Any]]
) -> None:
    said = received(conversation)
    relay.Relay().relay_once()
    hear(answer(ProgressReported(attempt=1), said), answer(transcribed(), said))
    assert the_delivery(service="transcription").state == State.DONE
    assert Attempt.objects.get().outcome == "done"
    assert the_delivery(service="entity_tagging").state == State.PENDING
    conversation.refresh_from_db()
    assert (conversation.status, conversation.language, conversation.duration) == ("processing", "fr", 61.5)


def test_everything_heard_twice_changes_nothing_the_second_time(
    conversation: Conversation, relayed: list[dict[str, Any]]
) -> None:
    said = received(conversation)
    relay.Relay().relay_once()
    wire = answer(transcribed(), said)
    hear(wire, wire)
    hear(wire)
    assert (Event.objects.count(), Delivery.objects.count(), Parked.objects.count()) == (2, 2, 0)


def test_an_answer_cannot_speak_of_another_call(conversation: Conversation, relayed: list[dict[str, Any]]) -> None:
    said, other = received(conversation), make_conversation(make_organization(), language="en")
    wire = answer(transcribed(), said) | {"subject": str(other.id), "tenant": str(other.organization_id)}
    hear(wire)
    other.refresh_from_db()
    assert other.language == "en"
    assert Event.objects.get(type="ConversationTranscribed").subject == conversation.id


UNBELIEVED = [
    ("an answer to nothing", lambda said: answer(transcribed(), said) | {"causationid": str(uuid7())}),
    ("an answer of a service that was not asked", lambda said: answer(transcribed(), said, "qualification")),
    ("an event the service never registered to say", lambda said: answer(ConversationCompleted(), said)),
    ("an unknown type", lambda said: answer(transcribed(), said) | {"type": "WeatherChanged"}),
    ("a broken record", lambda said: answer(transcribed(), said) | {"data": {"language": 7}}),
]


@pytest.mark.parametrize(("why", "wire"), UNBELIEVED, ids=[why for why, _ in UNBELIEVED])
def test_what_is_not_believed_is_parked_and_holds_up_nobody(conversation: Conversation, why: str, wire: Any) -> None:
    said = received(conversation)
    consumer.receive_together([bus.json.dumps([wire(said)]), bus.json.dumps([answer(transcribed(), said)]), b"\xff{"])
    assert Parked.objects.count() == 2
    assert the_delivery(service="transcription").state == State.DONE


def test_a_service_without_an_answer_ends_its_delivery(conversation: Conversation) -> None:
    Subscription.objects.create(service="archive", subscribes=["ConversationReceived"], queue="cpu", active=True)
    said = received(conversation)
    hear(answer(DeliveryHandled(attempt=1), said, "archive"))
    assert the_delivery(service="archive").state == State.DONE
    assert Event.objects.count() == 1


def test_an_answer_has_the_id_that_its_cause_gives_it_whatever_its_worker_says(
    conversation: Conversation, relayed: list[Any]
) -> None:
    said = received(conversation)
    relay.Relay().relay_once()
    for _ in range(2):
        hear(answer(transcribed(), said) | {"id": str(uuid7())})
    assert Event.objects.filter(type=ConversationTranscribed.__name__).count() == 1


# ── Joining ──────────────────────────────────────────────────────────────────────────────────────────────────────


def anonymized(conversation: Conversation) -> Record:
    """TranscriptAnonymized of another run than the call's, so that no projection reads its blobs."""
    event = TranscriptAnonymized(
        audio=BLOB, settings=BLOB, transcript=BLOB, entities=BLOB, language="en", duration=1.0
    )  # fmt: skip
    said = Record.initial(event, source="anonymization", subject=str(conversation.id),
                          tenant=str(conversation.organization_id))  # fmt: skip
    record(said)
    return said


ANSWERS = (
    (AudioRedacted(master=BLOB, player=BLOB, peaks=BLOB), "audio_redaction"),
    (ConversationQualified(tags=BLOB), "qualification"),
)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("answers", [ANSWERS, ANSWERS[::-1]])
def test_a_call_is_completed_once_when_both_answers_are_there(
    conversation: Conversation, answers: Any, together: bool
) -> None:
    said = anonymized(conversation)
    wires = [answer(event, said, source) for event, source in answers]
    for batch in [wires, wires] if together else [wires[:1], wires[1:], wires]:
        hear(*batch)
    completed = Event.objects.filter(type=ConversationCompleted.__name__)
    assert [each.correlationid for each in completed] == [Event.objects.get(id=said.id).correlationid]


def test_one_answer_alone_completes_nothing(conversation: Conversation) -> None:
    said = anonymized(conversation)
    hear(answer(*ANSWERS[0][:1], said, ANSWERS[0][1]))
    assert not Event.objects.filter(type=ConversationCompleted.__name__).exists()


# ── Two steps of one call ────────────────────────────────────────────────────────────────────────────────────────


def fail_both(conversation: Conversation) -> Record:
    """Audio redaction and qualification have failed for good, in this order."""
    event = TranscriptAnonymized(
        audio=BLOB, settings=BLOB, transcript=stored(conversation, Transcript(language="en", duration=1.0)),
        entities=stored(conversation, Entities()), language="en", duration=1.0,
    )  # fmt: skip
    said = Record.initial(event, source="anonymization", subject=str(conversation.id),
                          tenant=str(conversation.organization_id), id=str(conversation.run))  # fmt: skip
    record(said)
    send()
    for service in ("audio_redaction", "qualification"):
        hear(answer(ServiceFailed(attempt=1, code="crashed", permanent=True), said, service))
    return said


def stored(conversation: Conversation, document: Document) -> Blob:
    place = str(conversation.organization_id), str(conversation.id)
    return blob_store().put("safe", *place, [encode(document)], "application/json")


def test_a_call_stays_failed_until_both_steps_are_revived(conversation: Conversation, relayed: list[Any]) -> None:
    said = fail_both(conversation)
    tags = stored(conversation, Tags())
    hear(answer(ConversationQualified(tags=tags), said, "qualification"))
    conversation.refresh_from_db()
    assert (conversation.status, conversation.failure_service) == ("failed", "audio_redaction")
    hear(answer(AudioRedacted(master=BLOB, player=BLOB, peaks=BLOB), said, "audio_redaction"))
    conversation.refresh_from_db()
    assert conversation.status == "completed"


def test_a_call_with_a_step_that_was_given_up_stays_failed_when_another_is_retried(
    conversation: Conversation, relayed: list[Any]
) -> None:
    said = fail_both(conversation)
    dead_letters.give_up(Delivery.objects.filter(service="audio_redaction"))
    retry(conversation.organization, [conversation.id])
    hear(answer(ConversationQualified(tags=stored(conversation, Tags())), said, "qualification"))
    conversation.refresh_from_db()
    assert (conversation.status, conversation.failure_service) == ("failed", "audio_redaction")


def test_a_late_answer_of_an_earlier_run_revives_nothing(relayed: list[Any]) -> None:
    conversation = make_conversation(make_organization(), audio=to_builtins(BLOB))
    earlier = received(conversation)
    send()
    reprocess(conversation)
    send()
    later = relay.record_of(relayed[-1])
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), later))
    hear(answer(transcribed(), earlier))
    conversation.refresh_from_db()
    assert conversation.status == "failed"
