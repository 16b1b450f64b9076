"""What a ledger forgets, and that nobody misses it."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from conversations.ledger import consumer, relay
from conversations.ledger.models import Attempt, Delivery, Event, Parked, Subscription
from conversations.ledger.recording import record
from conversations.ledger.retention import prune
from conversations.models import Conversation
from conversations.services import dead_letters
from conversations.services.calls import reprocess, retry
from conversations.stages import CASCADE, StageState, stages_of, stages_of_many
from pipeline import bus
from pipeline.events import (
    Blob,
    ConversationReceived,
    ConversationTranscribed,
    DeliveryHandled,
    ProgressReported,
    ServiceFailed,
    ServiceRegistered,
)
from pipeline.events import Event as EventData
from pipeline.records import Record, to_wire, uuid7
from tests.factories import make_conversation, make_delivery, make_organization, make_user, token_header

pytestmark = pytest.mark.django_db
BLOB = Blob(key="raw/t/c/s", sha256="s", size=1, media_type="audio/wav")
TRANSCRIBED = ConversationTranscribed(audio=BLOB, settings=BLOB, transcript=BLOB, language="en", duration=61.5)
SAYS = dict(
    zip(
        CASCADE,
        "ConversationTranscribed EntitiesTagged TranscriptAnonymized AudioRedacted ConversationQualified".split(),
        strict=True,
    )
)
State, Status = Delivery.State, Conversation.Status


def days_ago(days: float) -> Any:
    """A moment."""
    return timezone.now() - timedelta(days=days)


def old_run() -> UUID:
    """The id of a run that began a hundred days ago."""
    return UUID(int=int(days_ago(100).timestamp() * 1000) << 80 | uuid7().int & (1 << 80) - 1)


@pytest.fixture
def call() -> Conversation:
    return make_conversation(make_organization(), status=Status.COMPLETED, run=old_run())


def ended(call: Conversation, service: str, state: str = "done", days: float = 100, **fields: Any) -> Delivery:
    """A delivery that ended so many days ago, with an attempt and, if it is done, an answer."""
    delivery = make_delivery(call, service, state, sends=1, **fields)
    moment = days_ago(days)
    Delivery.objects.filter(id=delivery.id).update(
        created_at=moment, due_at=moment, sent_at=moment, done_at=moment if state in ("done", "cancelled") else None
    )
    if state == "done":
        cause = delivery.event
        answer = Event.objects.create(
            id=uuid7(), source=service, type=SAYS[service], subject=call.id, tenant=call.organization_id,
            correlationid=call.run, causationid=cause.id, time=moment, data={},
        )  # fmt: skip
        Event.objects.filter(id=answer.id).update(recorded_at=moment)
    return delivery


def states(call: Conversation) -> list[str]:
    return [stage.state.value for stage in stages_of(call)]


def hear(*wires: dict[str, Any]) -> None:
    consumer.receive_together([bus.json.dumps(list(wires))])


def answer(event: EventData, by: Record, source: str = "transcription") -> dict[str, Any]:
    return to_wire(Record.caused(event, by=by, source=source))


@pytest.fixture
def transcribed(call: Conversation, monkeypatch: pytest.MonkeyPatch) -> Record:
    """ConversationReceived, whose delivery to transcription was done long ago and has been pruned."""
    monkeypatch.setattr(relay.Relay, "publish", lambda self, some: None)
    said = Record.initial(
        ConversationReceived(audio=BLOB, settings=BLOB), source="monolith", subject=str(call.id),
        tenant=str(call.organization_id), id=str(call.run),
    )  # fmt: skip
    record(said)
    relay.Relay().relay_once()
    hear(answer(TRANSCRIBED, said))
    Delivery.objects.filter(service="transcription").update(created_at=days_ago(100), done_at=days_ago(100))
    assert prune(90) == 1
    return said


# ── What is forgotten ────────────────────────────────────────────────────────────────────────────────────────────


def test_what_ended_long_ago_is_pruned_with_its_attempts_and_its_events_stay(call: Conversation) -> None:
    for service in CASCADE:
        ended(call, service)
    events = Event.objects.count()
    assert prune(90) == len(CASCADE)
    assert (Delivery.objects.count(), Attempt.objects.count(), Event.objects.count()) == (0, 0, events)


@pytest.mark.parametrize("state", ["pending", "sent", "running", "dead"])
def test_what_has_not_ended_is_kept_however_old(call: Conversation, state: str) -> None:
    ended(call, "transcription", state, days=1000)
    assert prune(1) == 0
    assert Attempt.objects.count() == 1


def test_what_ended_lately_is_kept_also_when_it_was_owed_long_ago(call: Conversation) -> None:
    delivery = ended(call, "transcription")
    Delivery.objects.filter(id=delivery.id).update(done_at=days_ago(89))
    assert prune(90) == 0


def test_what_was_given_up_today_is_kept_and_later_pruned(call: Conversation) -> None:
    ended(call, "transcription", "dead", error="crashed")
    assert dead_letters.give_up(Delivery.objects.all()) == 1
    assert prune(90) == 0
    Delivery.objects.update(done_at=days_ago(91))
    assert prune(90) == 1


def test_pruning_in_small_batches_passes_over_what_is_kept(call: Conversation) -> None:
    for number in range(11):
        ended(call, CASCADE[number % 5], "dead" if number in (0, 1, 2, 7) else "done")
    ended(call, "transcription", days=2)
    assert prune(90, batch=2) == 7
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["dead"] * 4 + ["done"]


def test_the_command_says_how_many_went(call: Conversation, capsys: pytest.CaptureFixture[str]) -> None:
    ended(call, "transcription", days=91)
    ended(call, "entity_tagging", days=8)
    call_command("prune_ledger")
    call_command("prune_ledger", days=7)
    call_command("prune_ledger")
    assert capsys.readouterr().out.splitlines() == [f"{count} deliveries pruned." for count in (1, 1, 0)]
    with pytest.raises(CommandError):
        call_command("prune_ledger", days=0)


# ── What is answered all the same ────────────────────────────────────────────────────────────────────────────────


def test_a_call_whose_deliveries_are_pruned_still_has_its_steps_done(call: Conversation) -> None:
    for service in CASCADE:
        ended(call, service)
    before = stages_of(call)
    prune(90)
    after = stages_of(call)
    assert [(each.service, each.state, each.progress) for each in after] == [
        (each.service, StageState.DONE, 1.0) for each in before
    ]
    assert all(each.ended_at and not each.started_at for each in after)


def test_a_call_half_of_whose_deliveries_are_pruned_has_its_steps_as_they_were(call: Conversation) -> None:
    ended(call, "transcription")
    ended(call, "entity_tagging", days=1)
    ended(call, "anonymization", "dead")
    before = states(call)
    prune(90)
    assert states(call) == before == ["done", "done", "failed", "waiting", "waiting"]


def test_a_step_that_was_given_up_is_still_cancelled(call: Conversation) -> None:
    Conversation.objects.update(status=Status.FAILED, failure_service="entity_tagging", failure_code="crashed")
    call.refresh_from_db()
    ended(call, "transcription")
    ended(call, "entity_tagging", "cancelled")
    before = states(call)
    assert prune(90) == 2
    assert states(call) == before == ["done", "cancelled", "waiting", "waiting", "waiting"]


def test_what_an_earlier_run_has_answered_is_not_done_in_this_one(call: Conversation) -> None:
    ended(call, "transcription")
    call.run = uuid7()
    prune(90)
    assert states(call) == ["waiting"] * 5


def test_the_steps_of_many_calls_take_two_queries(django_assert_num_queries: Any) -> None:
    organization = make_organization()
    calls = [make_conversation(organization, run=old_run()) for _ in range(3)]
    for each in calls:
        ended(each, "transcription")
    prune(90)
    with django_assert_num_queries(2):
        assert [stages[0].state for stages in stages_of_many(calls).values()] == ["done"] * 3


def test_a_call_of_today_is_looked_up_in_one_query(django_assert_num_queries: Any) -> None:
    call = make_conversation(make_organization())
    make_delivery(call, "transcription", State.DONE)
    with django_assert_num_queries(1):
        assert states(call) == ["done", "waiting", "waiting", "waiting", "waiting"]


def test_pages_and_api_show_a_call_whose_deliveries_are_pruned(call: Conversation) -> None:
    user = make_user(call.organization)
    for service in CASCADE:
        ended(call, service)
    prune(90)
    client = Client(headers=token_header(user))
    told = client.get(f"/api/v1/conversations/{call.id}/").json()
    assert {stage["state"] for stage in told["stages"]} == {"done"}
    call.refresh_from_db()
    client = Client()
    client.force_login(user)
    page = client.get(f"/conversations/{call.id}/")
    assert page.status_code == 200
    assert b"waiting" not in page.content


def test_the_history_keeps_the_events(transcribed: Record, call: Conversation) -> None:
    client = Client(headers=token_header(make_user(call.organization)))
    told = client.get(f"/api/v1/conversations/{call.id}/events/").json()
    assert [event["type"] for event in told["events"]] == ["ConversationReceived", "ConversationTranscribed"]
    assert [delivery["service"] for delivery in told["deliveries"]] == ["entity_tagging"]


# ── What is said after all that time ─────────────────────────────────────────────────────────────────────────────

OLD_NEWS: Sequence[tuple[str, EventData]] = (
    ("the answer again", TRANSCRIBED),
    ("a zombie at work", ProgressReported(attempt=1)),
    ("a zombie that failed", ServiceFailed(attempt=1, code="crashed", permanent=True)),
    ("a zombie without an answer", DeliveryHandled(attempt=1)),
)


@pytest.mark.parametrize(("why", "event"), OLD_NEWS, ids=[why for why, _ in OLD_NEWS])
def test_old_news_of_a_pruned_delivery_changes_nothing_and_alarms_nobody(
    transcribed: Record, why: str, event: EventData
) -> None:
    hear(answer(event, transcribed))
    assert (Event.objects.count(), Delivery.objects.count(), Parked.objects.count()) == (2, 1, 0)
    assert Delivery.objects.get().state == State.PENDING


NO_NEWS = [
    ("an answer with another id", lambda said: answer(TRANSCRIBED, said) | {"id": str(uuid7())}),
    ("an answer of a service that was not asked", lambda said: answer(TRANSCRIBED, said, "qualification")),
    ("another's words", lambda said: answer(ProgressReported(attempt=1), said, "qualification")),
    ("a stranger's words", lambda said: answer(ProgressReported(attempt=1), said, "stranger")),
    ("words about nothing", lambda said: answer(ProgressReported(attempt=1), said) | {"causationid": str(uuid7())}),
    ("words without a cause", lambda said: answer(ProgressReported(attempt=1), said) | {"causationid": ""}),
]


@pytest.mark.parametrize(("why", "wire"), NO_NEWS, ids=[why for why, _ in NO_NEWS])
def test_what_is_no_old_news_is_parked(transcribed: Record, why: str, wire: Any) -> None:
    hear(wire(transcribed))
    assert Parked.objects.count() == 1


def test_old_news_holds_up_nothing_in_its_batch(transcribed: Record, call: Conversation) -> None:
    other = Record.initial(
        ConversationReceived(audio=BLOB, settings=BLOB), source="monolith", subject=str(call.id),
        tenant=str(call.organization_id),
    )  # fmt: skip
    record(other)
    hear(answer(TRANSCRIBED, transcribed), answer(TRANSCRIBED, other))
    assert Delivery.objects.get(event_id=other.id).state == State.DONE
    assert not Parked.objects.exists()


def test_an_event_recorded_again_is_owed_to_nobody_again(transcribed: Record) -> None:
    record(transcribed)
    assert list(Delivery.objects.values_list("service", flat=True)) == ["entity_tagging"]


def test_a_known_service_that_registers_anew_is_not_owed_what_was_pruned(transcribed: Record) -> None:
    event = ServiceRegistered(
        subscribes=("ConversationReceived",), says=("ConversationTranscribed",), queue="elsewhere", since="2020-01-01T00:00:00Z"
    )  # fmt: skip
    hear(to_wire(Record.initial(event, source="transcription")))
    assert Subscription.objects.get(service="transcription").queue == "elsewhere"
    assert not Delivery.objects.filter(service="transcription").exists()


def test_a_call_whose_deliveries_are_pruned_can_be_processed_again(transcribed: Record, call: Conversation) -> None:
    call.audio = {"key": "raw/t/c/s", "sha256": "s", "size": 1, "media_type": "audio/wav"}
    reprocess(call)
    call.refresh_from_db()
    assert Delivery.objects.get(service="transcription").correlationid == call.run
    assert states(call) == ["waiting"] * 5


def test_a_dead_step_is_retried_after_the_others_were_pruned(call: Conversation) -> None:
    Conversation.objects.update(status=Status.FAILED, failure_service="entity_tagging", failure_code="crashed")
    ended(call, "transcription")
    ended(call, "entity_tagging", "dead", error="crashed")
    prune(90)
    assert retry(call.organization, [call.id]) == 1
    call.refresh_from_db()
    assert states(call) == ["done", "waiting", "waiting", "waiting", "waiting"]
