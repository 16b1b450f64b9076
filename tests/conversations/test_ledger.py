"""The ledger: what is recorded is delivered; what is lost, late, repeated or unknown changes nothing it should not."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from msgspec import to_builtins

from conversations.ledger import attempts, consumer, relay
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
    ConversationFailed,
    ConversationQualified,
    ConversationReceived,
    ConversationTagged,
    ConversationTranscribed,
    DeliveryHandled,
    ProgressReported,
    ServiceFailed,
    ServiceRegistered,
    TranscriptAnonymized,
)
from pipeline.events import (
    Event as EventData,
)
from pipeline.records import Record, to_wire, uuid7
from pipeline.storage import blob_store
from tests.factories import make_conversation, make_organization

pytestmark = pytest.mark.django_db
BLOB = Blob(key="raw/t/c/s", sha256="s", size=1, media_type="audio/wav")
State = Delivery.State


@pytest.fixture
def conversation() -> Conversation:
    return make_conversation(make_organization(), status=Conversation.Status.RECEIVED)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """What a relay puts on the queues, instead of a broker."""
    rows: list[dict[str, Any]] = []
    monkeypatch.setattr(relay.Relay, "publish", lambda self, some: rows.extend(some))
    return rows


def received(conversation: Conversation) -> Record:
    """ConversationReceived for a call, recorded."""
    said = Record.initial(
        ConversationReceived(audio=BLOB, settings=BLOB), source="monolith", subject=str(conversation.id),
        tenant=str(conversation.organization_id), id=str(conversation.run),
    )  # fmt: skip
    record(said)
    return said


def transcribed() -> ConversationTranscribed:
    return ConversationTranscribed(audio=BLOB, settings=BLOB, transcript=BLOB, language="fr", duration=61.5)


def answer(event: EventData, by: Record, source: str = "transcription") -> dict[str, Any]:
    return to_wire(Record.caused(event, by=by, source=source))


def hear(*wires: dict[str, Any]) -> None:
    consumer.receive_together([bus.json.dumps(list(wires))])


def the_delivery(**fields: Any) -> Delivery:
    return Delivery.objects.get(**fields)


def age(delivery: Delivery, seconds: int) -> None:
    """Let time pass for a delivery."""
    with connection.cursor() as cursor:
        cursor.execute(
            "update conversations_delivery set due_at = due_at - make_interval(secs => %s),"
            " sent_at = sent_at - make_interval(secs => %s), deadline = deadline - make_interval(secs => %s) where id = %s",
            [seconds, seconds, seconds, delivery.id],
        )


def steady_ledger() -> None:
    """A ledger that has been listening for an hour."""
    attempts.note_caught_up()
    with connection.cursor() as cursor:
        cursor.execute("update conversations_clock set steady_since = now() - interval '1 hour'")


# ── Recording ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_event_is_owed_to_every_service_that_hears_it(conversation: Conversation) -> None:
    Subscription.objects.create(service="archive", subscribes=["ConversationReceived"], queue="cpu", active=True)
    Subscription.objects.create(service="off", subscribes=["ConversationReceived"], queue="cpu", active=False)
    received(conversation)
    assert set(Delivery.objects.values_list("service", flat=True)) == {"transcription", "archive"}


def test_a_step_of_the_cascade_that_is_switched_off_waits_until_it_is_on(
    conversation: Conversation, published: list[dict[str, Any]]
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


def test_what_is_due_is_sent_once(conversation: Conversation, published: list[dict[str, Any]]) -> None:
    said = received(conversation)
    assert [relay.Relay().relay_once() for _ in range(2)] == [1, 0]
    assert relay.record_of(published[0]) == said
    assert (published[0]["queue"], published[0]["service"], published[0]["sends"]) == ("gpu", "transcription", 1)
    assert the_delivery().state == State.SENT
    assert Attempt.objects.get().number == 1


# ── Answers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answer_ends_its_delivery_and_owes_the_next(
    conversation: Conversation, published: list[dict[str, Any]]
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
    conversation: Conversation, published: list[dict[str, Any]]
) -> None:
    said = received(conversation)
    relay.Relay().relay_once()
    wire = answer(transcribed(), said)
    hear(wire, wire)
    hear(wire)
    assert (Event.objects.count(), Delivery.objects.count(), Parked.objects.count()) == (2, 2, 0)


def test_an_answer_cannot_speak_of_another_call(conversation: Conversation, published: list[dict[str, Any]]) -> None:
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


# ── Failing, trying again, giving up ─────────────────────────────────────────────────────────────────────────────


def send(delivery: Delivery | None = None) -> None:
    """Let the relay send what is pending, however long its back-off."""
    Delivery.objects.filter(state=State.PENDING).update(due_at="2020-01-01T00:00:00Z")
    relay.Relay().relay_once()


def test_a_failure_is_tried_again_after_a_back_off(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ProgressReported(attempt=1), said))
    hear(answer(ServiceFailed(attempt=1, code="crashed", exception="ValueError", locations=("a:1",)), said))
    delivery = the_delivery()
    assert (delivery.state, delivery.attempts, delivery.error) == (State.PENDING, 1, "crashed")
    assert delivery.due_at > delivery.sent_at
    assert Attempt.objects.get().exception == "ValueError"


def test_a_permanent_failure_fails_the_call_at_once(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), said))
    conversation.refresh_from_db()
    assert the_delivery().state == State.DEAD
    assert (conversation.status, conversation.failure_code) == ("failed", "audio_unreadable")
    assert Event.objects.filter(type="ConversationFailed").count() == 1


def test_after_five_attempts_a_delivery_is_dead(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    for attempt in range(1, 6):
        assert the_delivery().state == State.PENDING
        send()
        hear(answer(ServiceFailed(attempt=attempt, code="worker_lost"), said))
    assert the_delivery().state == State.DEAD
    assert Attempt.objects.count() == 5


def test_a_blob_store_that_is_away_costs_no_attempt_but_not_for_ever(
    conversation: Conversation, published: list[Any]
) -> None:
    said = received(conversation)
    for attempt in range(1, attempts.MOST_SENDS + 1):
        assert (the_delivery().state, the_delivery().attempts) == (State.PENDING, 0)
        send()
        hear(answer(ProgressReported(attempt=attempt), said))
        hear(answer(ServiceFailed(attempt=attempt, code="storage_unavailable"), said))
    assert (the_delivery().state, the_delivery().error) == (State.DEAD, "storage_unavailable")


def test_a_late_answer_revives_the_dead(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), said))
    hear(answer(transcribed(), said))
    conversation.refresh_from_db()
    assert the_delivery(service="transcription").state == State.DONE
    assert (conversation.status, conversation.failure_code) == ("processing", "")


def test_the_words_of_a_zombie_change_nothing(conversation: Conversation, published: list[Any]) -> None:
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


def test_the_heartbeat_of_a_zombie_hides_no_other(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    send()
    Delivery.objects.update(state=State.PENDING)
    send()
    hear(answer(ProgressReported(attempt=2), said), answer(ProgressReported(attempt=1), said))
    assert the_delivery().state == State.RUNNING


def test_a_lease_that_runs_out_ends_the_attempt(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ProgressReported(attempt=1), said))
    steady_ledger()
    assert attempts.expire_leases() == 0
    age(the_delivery(), 31)
    assert attempts.expire_leases() == 1
    assert (the_delivery().state, the_delivery().error) == (State.PENDING, "lease_expired")


def test_an_outage_of_the_ledger_charges_nobody(conversation: Conversation, published: list[Any]) -> None:
    said = received(conversation)
    send()
    hear(answer(ProgressReported(attempt=1), said))
    age(the_delivery(), 3600)
    assert attempts.expire_leases() == 0, "no consumer has caught up yet"
    attempts.note_caught_up()
    assert attempts.expire_leases() == 0, "one has, but only just now"
    steady_ledger()
    assert attempts.expire_leases() == 1


def test_a_message_that_is_gone_is_sent_again_without_a_charge(
    conversation: Conversation, published: list[Any]
) -> None:
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


def test_a_message_is_gone_when_a_later_one_has_started(published: list[Any]) -> None:
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


def test_a_message_is_not_gone_because_one_that_was_sent_again_had_started_before(published: list[Any]) -> None:
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


# ── Registering ──────────────────────────────────────────────────────────────────────────────────────────────────


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


def owed_to_archive() -> list[UUID]:
    """The calls that the service is to hear of."""
    return list(Delivery.objects.filter(service="archive").order_by("id").values_list("subject", flat=True))


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
    assert owed_to_archive() == []
    switch(Subscription.objects.get(service="archive"), on=True, window=4)
    assert owed_to_archive() == [calls[index].id for index in owed]


@pytest.mark.usefixtures("archive_named")
@pytest.mark.parametrize(("since", "missed"), [("2020-01-01T00:00:00Z", 1), ("", 0)])
def test_what_was_said_while_a_service_was_off_is_owed_to_it_if_it_wants_the_past(since: str, missed: int) -> None:
    calls = [make_conversation(make_organization()) for _ in range(3)]
    hear(registration(since=since))
    archive = Subscription.objects.get(service="archive")
    received(calls[0])
    switch(archive, on=False, window=4)
    received(calls[1])
    assert owed_to_archive() == [calls[0].id]
    switch(archive, on=True, window=4)
    received(calls[2])
    assert owed_to_archive() == [calls[0].id, *[calls[1].id] * missed, calls[2].id]


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
    assert owed_to_archive() == []


@pytest.mark.usefixtures("archive_named")
def test_the_past_has_no_calls_that_were_erased_and_no_runs_that_were_replaced() -> None:
    erased, replaced, kept = (make_conversation(make_organization()) for _ in range(3))
    for each in (erased, replaced, kept):
        received(each)
    erased.delete()
    Conversation.objects.filter(id=replaced.id).update(run=uuid7())
    hear(registration(since="2020-01-01T00:00:00Z"))
    assert owed_to_archive() == [kept.id]


def test_an_answer_has_the_id_that_its_cause_gives_it_whatever_its_worker_says(
    conversation: Conversation, published: list[Any]
) -> None:
    said = received(conversation)
    relay.Relay().relay_once()
    for _ in range(2):
        hear(answer(transcribed(), said) | {"id": str(uuid7())})
    assert Event.objects.filter(type=ConversationTranscribed.__name__).count() == 1


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


def test_failing_for_good_is_said_again_when_a_replay_fails_too(
    conversation: Conversation, published: list[Any]
) -> None:
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


def test_a_call_stays_failed_until_both_steps_are_revived(conversation: Conversation, published: list[Any]) -> None:
    said = fail_both(conversation)
    tags = stored(conversation, Tags())
    hear(answer(ConversationQualified(tags=tags), said, "qualification"))
    conversation.refresh_from_db()
    assert (conversation.status, conversation.failure_service) == ("failed", "audio_redaction")
    hear(answer(AudioRedacted(master=BLOB, player=BLOB, peaks=BLOB), said, "audio_redaction"))
    conversation.refresh_from_db()
    assert conversation.status == "completed"


def test_a_call_with_a_step_that_was_given_up_stays_failed_when_another_is_retried(
    conversation: Conversation, published: list[Any]
) -> None:
    said = fail_both(conversation)
    dead_letters.give_up(Delivery.objects.filter(service="audio_redaction"))
    retry(conversation.organization, [conversation.id])
    hear(answer(ConversationQualified(tags=stored(conversation, Tags())), said, "qualification"))
    conversation.refresh_from_db()
    assert (conversation.status, conversation.failure_service) == ("failed", "audio_redaction")


def test_a_late_answer_of_an_earlier_run_revives_nothing(published: list[Any]) -> None:
    conversation = make_conversation(make_organization(), audio=to_builtins(BLOB))
    earlier = received(conversation)
    send()
    reprocess(conversation)
    send()
    later = relay.record_of(published[-1])
    hear(answer(ServiceFailed(attempt=1, code="audio_unreadable", permanent=True), later))
    hear(answer(transcribed(), earlier))
    conversation.refresh_from_db()
    assert conversation.status == "failed"
