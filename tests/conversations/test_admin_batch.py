"""The page of a batch: how far it is, what went wrong, retrying."""

import io
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.test import Client
from django.urls import reverse

from conversations import words
from conversations.admin.progress import Progress, measure, standing
from conversations.ledger.models import Delivery
from conversations.models import Batch, Conversation, User
from conversations.services import batches
from conversations.services.calls import erase
from conversations.stages import CASCADE, Stage, StageState
from tests.factories import make_conversation, make_delivery, make_organization, make_user

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
State, Status = Delivery.State, Conversation.Status


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def make_batch(user: User, calls: int) -> tuple[Batch, list[Conversation]]:
    files = [(f"call-{number}.wav", io.BytesIO(bytes([number]))) for number in range(calls)]
    batch = batches.receive_batch(user.organization, user, "June", files)
    return batch, [item.conversation for item in batch.items.select_related("conversation")]


def fail(call: Conversation, code: str, service: str = "transcription") -> None:
    Delivery.objects.filter(correlationid=call.run, service=service).delete()
    make_delivery(call, service, State.DEAD, attempts=5, sends=5, error=code)
    Conversation.objects.filter(pk=call.pk).update(status=Status.FAILED, failure_code=code, failure_service=service)


def page(client: Client, batch: Batch) -> str:
    return client.get(reverse("admin:conversations_batch_change", args=[batch.pk])).content.decode()


# ── The page ─────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.django_db
def test_the_page_asks_for_news_until_all_calls_are_done_or_failed(signed_in: Client, user: User) -> None:
    batch, (call,) = make_batch(user, 1)
    address = reverse("admin:batch_progress", args=[batch.pk])
    assert f'hx-get="{address}?page=1" hx-trigger="every 2s"' in page(signed_in, batch)
    Conversation.objects.filter(pk=call.pk).update(status=Status.COMPLETED)
    news = signed_in.get(address).content.decode()
    assert "hx-get" not in news
    assert "1 of 1 calls done." in news


@pytest.mark.django_db
def test_failed_calls_and_refused_files_stand_first_and_say_why(signed_in: Client, user: User) -> None:
    files = [(f"call-{number}.wav", io.BytesIO(bytes([number]))) for number in range(3)]
    batch = batches.receive_batch(user.organization, user, "June", [*files, ("bad.zip", io.BytesIO(b"no"))])
    failed = batch.items.get(position=4).conversation
    fail(failed, "audio_unreadable")
    html = page(signed_in, batch)
    names = re.findall(r">\s*((?:call-\d|bad)\.\w+)<", html)
    assert names == ["bad.zip", "call-2.wav", "call-0.wav", "call-1.wav"]
    assert "The zip cannot be opened." in html
    assert "The file is damaged, or is not audio." in html
    assert reverse("conversations:detail", args=[failed.pk]) in html


@pytest.mark.django_db
def test_failures_are_grouped_by_cause_and_retried_by_cause(signed_in: Client, user: User) -> None:
    batch, calls = make_batch(user, 4)
    for call, code in zip(calls, ["worker_lost", "worker_lost", "audio_empty"], strict=False):
        fail(call, code)
    html = page(signed_in, batch)
    assert html.index("2 calls</strong>") < html.index("1 call</strong>")
    address = reverse("admin:retry_batch", args=[batch.pk])
    response = signed_in.post(address, {"service": "transcription", "code": "worker_lost"}, follow=True)
    assert "2 calls are tried again." in response.content.decode()
    statuses = [Conversation.objects.get(pk=call.pk).status for call in calls]
    assert statuses == [Status.PROCESSING, Status.PROCESSING, Status.FAILED, Status.RECEIVED]
    assert Delivery.objects.filter(subject__in=[call.pk for call in calls[:2]], state=State.PENDING).count() == 2


@pytest.mark.django_db
def test_a_duplicate_leads_to_the_call_that_was_here(signed_in: Client, user: User) -> None:
    _first, (call,) = make_batch(user, 1)
    second, _calls = make_batch(user, 1)
    html = page(signed_in, second)
    assert "Already here" in html
    assert reverse("conversations:detail", args=[call.pk]) in html
    assert "No call was taken in." in html


@pytest.mark.django_db
def test_an_upload_that_broke_off_can_be_ended_from_the_page(signed_in: Client, user: User) -> None:
    batch = batches.open_batch(user.organization, user, "June", manifest=io.BytesIO(b"file\na.wav\nb.wav\n"))
    assert "no file has come yet for 2 lines of the manifest" in page(signed_in, batch)
    html = signed_in.post(reverse("admin:close_batch", args=[batch.pk]), follow=True).content.decode()
    assert "Line 2 of the manifest: No file of this name came with the batch." in html


@pytest.mark.django_db
def test_an_erased_call_leaves_its_row_without_a_name(signed_in: Client, user: User) -> None:
    batch, (call, _other) = make_batch(user, 2)
    erase(call)
    html = page(signed_in, batch)
    assert "A call that was erased" in html
    assert "call-0.wav" not in html


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["conversations_batch_change", "batch_progress"])
def test_the_batch_of_another_organization_is_not_there(signed_in: Client, name: str) -> None:
    batch, _calls = make_batch(make_user(), 1)
    assert signed_in.get(reverse(f"admin:{name}", args=[batch.pk])).status_code == 404


@pytest.mark.django_db
def test_what_is_no_batch_at_all_is_not_there(signed_in: Client) -> None:
    assert signed_in.get("/admin/conversations/batch/nonsense/change/").status_code == 404


@pytest.mark.django_db
def test_whoever_is_signed_out_while_watching_is_sent_to_sign_in(user: User) -> None:
    batch, _calls = make_batch(user, 1)
    response = Client().get(reverse("admin:batch_progress", args=[batch.pk]))
    assert (response.status_code, response.headers["HX-Refresh"]) == (204, "true")


@pytest.mark.django_db
def test_news_of_a_batch_cost_as_many_queries_for_forty_calls_as_for_two(
    signed_in: Client, user: User, django_assert_max_num_queries: object
) -> None:
    for calls in (2, 40):
        batch, _calls = make_batch(user, calls)
        with django_assert_max_num_queries(12):  # type: ignore[operator]
            signed_in.get(reverse("admin:batch_progress", args=[batch.pk]))
        Conversation.objects.filter(batch=batch).delete()


# ── Its numbers ──────────────────────────────────────────────────────────────────────────────────────────────────


def call_with(status: str, duration: float | None = None) -> Conversation:
    return Conversation(status=status, duration=duration)


def stages(done: int, *, running: float | None = None, failed: bool = False, each: float = 10.0) -> list[Stage]:
    """The stages of a call of which ``done`` are done, one after the other, the last a second ago."""
    states = [StageState.DONE] * done
    if running is not None:
        states.append(StageState.RUNNING)
    elif failed:
        states.append(StageState.FAILED)
    result = []
    for place, service in enumerate(CASCADE):
        state = states[place] if place < len(states) else StageState.WAITING
        end = NOW - timedelta(seconds=each * (len(states) - 1 - place))
        begun = None if state == StageState.WAITING else end - timedelta(seconds=each)
        finished = end if state in (StageState.DONE, StageState.FAILED) else None
        share = running or 0.0
        result.append(
            Stage(service=service, state=state, started_at=begun, ended_at=finished, progress_done=share,
                  progress_total=1.0 if state == StageState.RUNNING else 0.0)
        )  # fmt: skip
    return result


def measured(*calls: tuple[Conversation, list[Stage]]) -> Progress:
    known: dict[UUID, list[Stage]] = {call.id: steps for call, steps in calls}
    return measure([call for call, _steps in calls], known, NOW)


def test_a_batch_without_calls_has_a_bar_without_length() -> None:
    progress = measured()
    assert (progress.total, progress.percent, progress.seconds_left) == (0, 0, None)


def test_the_bar_fills_by_stage_and_calls_count_by_their_length() -> None:
    progress = measured(
        (call_with(Status.COMPLETED, 300.0), stages(5)), (call_with(Status.PROCESSING, 100.0), stages(0, running=0.5)),
    )  # fmt: skip
    transcription, *_between, qualification = progress.segments
    assert transcription.done == pytest.approx(60 * (0.75 + 0.25 * 0.5))
    assert qualification.done == pytest.approx(10 * 0.75)
    assert (progress.done, progress.failed, progress.to_come) == (1, 0, 1)
    assert sum(segment.width for segment in progress.segments) == pytest.approx(100)
    assert 0 < progress.percent < 100


def test_what_a_failed_call_will_not_reach_is_hatched_from_the_end() -> None:
    progress = measured(
        (call_with(Status.COMPLETED, 60.0), stages(5)), (call_with(Status.FAILED, 60.0), stages(1, failed=True)),
    )  # fmt: skip
    transcription, entity_tagging = progress.segments[:2]
    assert (transcription.done, transcription.failed) == (pytest.approx(60), 0)
    assert entity_tagging.failed == pytest.approx(5)
    assert entity_tagging.failed_start == pytest.approx(65)
    assert (progress.percent, progress.seconds_left) == (100, None)
    assert progress.said == "1 of 2 calls done, 1 failed."


def test_the_time_left_follows_the_pace_so_far() -> None:
    progress = measured(
        (call_with(Status.COMPLETED, 60.0), stages(5, each=10.0)), (call_with(Status.RECEIVED), stages(0)),
    )  # fmt: skip
    assert progress.seconds_left == pytest.approx(50)  # as long as the first took


def test_an_hour_of_rest_before_a_retry_is_not_counted_as_work() -> None:
    long_ago = [
        Stage(service=stage.service, state=stage.state, started_at=NOW - timedelta(hours=2),
              ended_at=NOW - timedelta(hours=1))
        for stage in stages(5)
    ]  # fmt: skip
    progress = measured(
        (call_with(Status.COMPLETED, 60.0), long_ago), (call_with(Status.COMPLETED, 60.0), stages(5, each=60.0)),
        (call_with(Status.RECEIVED, 60.0), stages(0)),
    )  # fmt: skip
    assert progress.seconds_left == pytest.approx(300)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (3, "less than a minute left"), (61, "about 1 minute left"), (200, "about 3 minutes left"),
        (2 * 3600, "about 2 hours left"),
    ],
)  # fmt: skip
def test_the_time_left_is_said_as_people_say_it(seconds: float | None, text: str) -> None:
    assert words.time_left(seconds) == text


@pytest.mark.parametrize(
    ("call", "steps", "text"),
    [
        (call_with(Status.RECEIVED), stages(0), "Waiting for: transcription"),
        (call_with(Status.PROCESSING), stages(0, running=0.43), "Transcription 43 %"),
        (call_with(Status.PROCESSING), stages(3), "Waiting for: redaction of the audio"),
        (call_with(Status.PROCESSING), stages(5), "Finishing"),
        (call_with(Status.COMPLETED), stages(5), "Completed"),
        (Conversation(status=Status.FAILED, failure_service="anonymization"), stages(2, failed=True),
         "Failed at: anonymization"),
    ],
)  # fmt: skip
def test_where_a_call_is_is_said_in_few_words(call: Conversation, steps: list[Stage], text: str) -> None:
    assert standing(call, steps) == text


@pytest.mark.django_db
def test_calls_that_came_with_no_file_of_the_batch_count_in_its_bar(signed_in: Client, user: User) -> None:
    batch = batches.open_batch(user.organization, user, "June")
    make_conversation(user.organization, batch=batch)
    make_conversation(make_organization())
    assert "1 of 1 calls done." in page(signed_in, batch)
