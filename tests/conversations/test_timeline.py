"""The timeline of a call: every event, delivery, attempt and failure, in order, for people and for programs."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import translation

from conversations import timeline, words
from conversations.ledger.models import Attempt, Delivery, Event
from conversations.ledger.recording import record
from conversations.models import Organization, Role
from conversations.services import calls, dead_letters
from conversations.timeline import Kind, Moment
from pipeline.events import (
    EVENTS,
    ConversationReceived,
    ConversationTagged,
    ProgressReported,
    ReprocessingRequested,
)
from pipeline.records import Record, uuid7
from tests.conversations.stories import RAW, Story
from tests.factories import make_conversation, make_delivery, make_organization, make_user, token_header

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("relayed")]
NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def told(story: Story) -> list[Moment]:
    """All moments of a call."""
    return timeline.moments_of(*timeline.history_of(story.call.id))


def in_short(moments: list[Moment]) -> list[str]:
    """Each moment in a few names."""
    return [
        " ".join(filter(None, [each.kind, each.type if each.kind == Kind.RECORDED else each.service, str(each.attempt or "")]))
        for each in moments
    ]  # fmt: skip


# ── What is in it, and in which order ────────────────────────────────────────────────────────────────────────────


def test_it_tells_every_event_delivery_attempt_and_failure_in_order(organization: Organization) -> None:
    story = Story(organization)
    story.send()
    story.hear("transcription", ConversationReceived, ProgressReported(attempt=1))
    story.fail("transcription", ConversationReceived, 1, exception="ValueError", locations=("a:1", "b:2"))
    story.until_anonymized()
    moments = told(story)
    assert in_short(moments)[:11] == [
        "recorded ConversationReceived", "owed transcription", "sent transcription 1", "started transcription 1",
        "failed transcription 1", "sent transcription 2", "started transcription 2",
        "recorded ConversationTranscribed", "answered transcription 2", "done transcription 2", "owed entity_tagging",
    ]  # fmt: skip
    failed = moments[4]
    assert (failed.error, failed.exception, failed.locations) == ("crashed", "ValueError", ("a:1", "b:2"))
    assert "Something went wrong in this step: transcription." in failed.why
    assert moments == sorted(moments, key=lambda each: each.at)


def test_a_death_and_its_replay_are_told_also_after_a_success(organization: Organization) -> None:
    story = Story(organization)
    story.until_anonymized()
    story.kill_audio_redaction()
    before = in_short(told(story))
    assert before[-2:] == ["dead audio_redaction 2", "recorded ConversationFailed"]
    dead_letters.replay(Delivery.objects.filter(subject=story.call.id))
    assert in_short(told(story)) == [*before, "replayed audio_redaction 3"]
    story.send()
    story.redact_audio()
    after = in_short(told(story))
    assert after[: len(before)] == before
    assert [each for each in after[len(before) :] if "audio_redaction" in each] == [
        "replayed audio_redaction 3", "sent audio_redaction 3", "started audio_redaction 3",
        "answered audio_redaction 3", "done audio_redaction 3",
    ]  # fmt: skip


def test_a_failed_call_names_the_step_and_the_error(organization: Organization) -> None:
    story = Story(organization)
    story.until_anonymized()
    story.kill_audio_redaction()
    failed = told(story)[-1]
    assert (failed.service, failed.error, failed.failure) == ("audio_redaction", "blob_corrupt", True)
    assert failed.sentence == "The call failed at this step: redaction of the audio"


@pytest.mark.parametrize("way", ["give_up", "reprocess", "erase"])
def test_what_is_cancelled_says_when(organization: Organization, way: str) -> None:
    story = Story(organization)
    story.fail("transcription", ConversationReceived, 1, "audio_empty", permanent=True)
    died_at = told(story)[-1].at
    call = story.now()
    call.audio = {"key": RAW.key, "sha256": RAW.sha256, "size": RAW.size, "media_type": RAW.media_type}
    id = call.id
    if way == "give_up":
        dead_letters.give_up(Delivery.objects.filter(subject=id))
    else:
        getattr(calls, way)(call)
    moments = timeline.moments_of(*timeline.history_of(id))
    (cancelled_at,) = [each.at for each in moments if each.kind == Kind.CANCELLED]
    assert cancelled_at > died_at


def test_moments_of_one_time_stand_in_the_order_of_cause_whatever_the_order_of_rows(organization: Organization) -> None:
    story = Story(organization)
    story.until_anonymized()
    story.qualify()
    Event.objects.update(recorded_at=NOON)
    Delivery.objects.update(created_at=NOON, done_at=NOON)
    Attempt.objects.update(sent_at=NOON, started_at=NOON, ended_at=NOON)
    events, deliveries = timeline.history_of(story.call.id)
    moments = timeline.moments_of(events, deliveries)
    assert moments == timeline.moments_of(events[::-1], deliveries[::-1])
    assert in_short(moments)[:12] == [
        "recorded ConversationReceived", "owed transcription", "sent transcription 1", "started transcription 1",
        "answered transcription 1", "done transcription 1",
        "recorded ConversationTranscribed", "owed entity_tagging", "sent entity_tagging 1", "started entity_tagging 1",
        "answered entity_tagging 1", "done entity_tagging 1",
    ]  # fmt: skip


def test_a_circle_of_causes_is_no_endless_loop() -> None:
    one, other = uuid7(), uuid7()
    assert timeline.depth_of(one, {one: other, other: one}) == 2


def test_it_takes_three_queries_however_much_has_happened(
    organization: Organization, django_assert_num_queries: Any
) -> None:
    story = Story(organization)
    for service in ("transcription", "entity_tagging", "anonymization", "archive"):
        make_delivery(story.call, service, Delivery.State.DEAD, sends=15, error="crashed")
    with django_assert_num_queries(3):
        told(story)


# ── For people ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_each_kind_of_moment_and_each_event_has_a_sentence_in_both_languages() -> None:
    def sentences() -> list[str]:
        moments = [words.moment_sentence(kind, "transcription", 2) for kind in Kind if kind != Kind.RECORDED]
        return moments + [words.event_sentence(type, "transcription") for type in words.HAPPENED]

    english = sentences()
    with translation.override("fr"):
        assert not set(english) & set(sentences())


def test_an_event_that_nobody_has_words_for_goes_by_its_name() -> None:
    assert words.event_sentence("SentimentScored") == "Sentiment scored"
    assert set(words.HAPPENED) <= set(EVENTS)


def test_a_page_groups_moments_by_run_and_counts_what_it_leaves_out(organization: Organization) -> None:
    story = Story(organization)
    story.fail("transcription", ConversationReceived, 1)
    first = story.call.run
    record(story.initial(ConversationTagged(tag="x")))  # by hand, in the first run
    requested = story.initial(ReprocessingRequested())
    record(requested)
    record(Record.caused(ConversationReceived(audio=RAW, settings=RAW), by=requested, source="monolith"))
    record(story.initial(ConversationTagged(tag="y")))
    moments = told(story)
    shown = timeline.for_page(moments, 100)
    assert [(run.number, run.last, run.failures) for run in shown.runs] == [(1, False, 1), (2, True, 0)]
    assert shown.runs[0].id == first
    assert sum(len(run.moments) for run in shown.runs) == len(moments)
    some = timeline.for_page(moments, 3)
    assert some.earlier == len(moments) - 3
    assert [(run.number, list(run.moments)) for run in some.runs] == [(2, moments[-3:])]


def test_the_page_of_a_call_tells_it_to_admins_alone(organization: Organization) -> None:
    story = Story(organization)
    story.until_anonymized()
    story.kill_audio_redaction()
    address = f"/conversations/{story.call.id}/"
    client = Client()
    client.force_login(make_user(organization, Role.ADMIN))
    page = client.get(address).content.decode()
    for words_of_it in (
        "Failed: redaction of the audio, attempt 1",
        "Something went wrong in this step: redaction of the audio.",
        "<code>ZeroDivisionError</code>",
        "<code>pipeline.services.redaction:12</code>",
        "2 attempts failed",
        f'href="/api/v1/conversations/{story.call.id}/events/"',
    ):
        assert words_of_it in page
    client.force_login(make_user(organization, Role.SUPERVISOR))
    assert "ZeroDivisionError" not in client.get(address).content.decode()


def test_the_page_of_a_call_with_hundreds_of_moments_shows_the_latest_and_says_so(organization: Organization) -> None:
    call = make_conversation(organization)
    for number in range(20):
        make_delivery(call, f"service_{number}", Delivery.State.DEAD, sends=15, error="crashed")
    client = Client()
    client.force_login(make_user(organization, Role.ADMIN))
    page = client.get(f"/conversations/{call.id}/").content.decode()
    assert page.count('<span class="at">') == 200
    assert "160 earlier moments are not shown here." in page


# ── For programs ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_programs_fetch_it_beside_the_events(organization: Organization, django_assert_max_num_queries: Any) -> None:
    story = Story(organization)
    story.fail("transcription", ConversationReceived, 1, exception="ValueError", locations=("a:1",))
    client = Client(headers=token_header(make_user(organization, Role.SUPERVISOR)))
    with django_assert_max_num_queries(8):
        answer = client.get(f"/api/v1/conversations/{story.call.id}/events/").json()
    assert set(answer) == {"events", "deliveries", "timeline"}
    assert [each["kind"] for each in answer["timeline"]] == ["recorded", "owed", "sent", "failed"]
    failed = answer["timeline"][-1]
    at = datetime.fromisoformat(failed.pop("at"))
    assert datetime.now(UTC) - at < timedelta(minutes=5)
    assert failed == {
        "kind": "failed", "run": str(story.call.run), "event": answer["events"][0]["id"],
        "type": ConversationReceived.__name__, "service": "transcription", "attempt": 1, "error": "crashed",
        "exception": "ValueError", "locations": ["a:1"],
    }  # fmt: skip
