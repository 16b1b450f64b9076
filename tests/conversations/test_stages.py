"""How far a call is, and the words for it."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from conversations import words
from conversations.ledger.models import Attempt, Delivery
from conversations.stages import CASCADE, Stage, StageState, stages_of, stages_of_many
from pipeline.documents import Flag
from pipeline.events import FailureCode
from pipeline.records import uuid7
from tests.factories import make_conversation, make_delivery, make_organization

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)


def later(seconds: float) -> datetime:
    """A moment after noon."""
    return NOON + timedelta(seconds=seconds)


@pytest.mark.django_db
def test_what_is_not_yet_owed_is_waiting() -> None:
    stages = stages_of(make_conversation(make_organization()))
    assert [(each.service, each.state) for each in stages] == [(name, StageState.WAITING) for name in CASCADE]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("delivery", "stage", "seconds", "progress"),
    [
        ({"state": "pending"}, StageState.WAITING, None, 0.0),
        ({"state": "sent", "sent_at": NOON}, StageState.WAITING, None, 0.0),
        (
            {"state": "running", "started_at": NOON, "progress_done": 30.0, "progress_total": 120.0},
            StageState.RUNNING, None, 0.25,
        ),
        ({"state": "running", "started_at": NOON}, StageState.RUNNING, None, 0.0),  # how much there is is unknown
        ({"state": "done", "started_at": NOON, "done_at": later(7)}, StageState.DONE, 7.0, 1.0),
        ({"state": "dead", "started_at": NOON, "sends": 2, "error": "crashed"}, StageState.FAILED, 9.0, 0.0),
        ({"state": "cancelled"}, StageState.CANCELLED, None, 0.0),
    ],
)  # fmt: skip
def test_a_stage_is_told_from_its_delivery(
    delivery: dict[str, object], stage: StageState, seconds: float | None, progress: float
) -> None:
    conversation = make_conversation(make_organization())
    make_delivery(conversation, "transcription", **delivery)
    Attempt.objects.filter(number=1).update(ended_at=later(3))
    Attempt.objects.filter(number=2).update(ended_at=later(9))
    first = stages_of(conversation)[0]
    assert (first.state, first.seconds, first.progress) == (stage, seconds, progress)
    assert bool(first.sentence) == bool(first.error)


@pytest.mark.parametrize(
    ("after", "done", "total", "left"),
    [
        (60, 30.0, 120.0, 180.0),  # a quarter took a minute
        (60, 120.0, 120.0, 0.0),
        (60, 0.0, 120.0, None),
        (60, 5.0, 0.0, None),  # how much there is is unknown
        (1, 30.0, 120.0, None),  # too early to tell
    ],
)
def test_the_time_left_is_told_from_what_is_done(after: float, done: float, total: float, left: float | None) -> None:
    fields = {"started_at": NOON, "read_at": later(after), "progress_done": done, "progress_total": total}
    assert Stage(service="transcription", state=StageState.RUNNING, **fields).seconds_left == left
    assert Stage(service="transcription", state=StageState.FAILED, **fields).seconds_left is None


@pytest.mark.parametrize(
    ("seconds", "english", "french"),
    [
        (10, "less than a minute left", "moins d’une minute restante"),
        (50, "about 1 minute left", "environ 1 minute restante"),
        (130, "about 2 minutes left", "environ 2 minutes restantes"),
        (7200, "about 2 hours left", "environ 2 heures restantes"),
    ],
)
def test_the_time_left_is_told_in_plain_words(seconds: float, english: str, french: str) -> None:
    assert words.time_left(seconds) == english
    with translation.override("fr"):
        assert words.time_left(seconds) == french


@pytest.mark.django_db
def test_an_earlier_run_and_another_call_are_told_apart() -> None:
    organization = make_organization()
    mine, other = make_conversation(organization), make_conversation(organization)
    make_delivery(mine, "transcription", Delivery.State.DEAD)
    make_delivery(other, "transcription", Delivery.State.RUNNING)
    mine.run = uuid7()
    make_delivery(mine, "transcription", Delivery.State.DONE)
    assert {id: stages[0].state for id, stages in stages_of_many([mine, other]).items()} == {
        mine.id: StageState.DONE,
        other.id: StageState.RUNNING,
    }


@pytest.mark.django_db
def test_a_service_that_joined_is_shown_after_the_cascade() -> None:
    conversation = make_conversation(make_organization())
    make_delivery(conversation, "sentiment_scoring", Delivery.State.RUNNING)
    assert [each.name for each in stages_of(conversation)][-1] == "Sentiment scoring"


@pytest.mark.django_db
def test_the_stages_of_many_calls_take_one_query(django_assert_num_queries) -> None:
    organization = make_organization()
    calls = [make_conversation(organization) for _ in range(3)]
    for call in calls:
        make_delivery(call, "transcription", Delivery.State.DONE, sends=2)
    with django_assert_num_queries(1):
        assert len(stages_of_many(calls)) == 3


@pytest.mark.parametrize("code", list(FailureCode))
def test_every_failure_has_a_sentence_of_its_own_that_says_what_to_do(code: FailureCode) -> None:
    assert code in words.FAILURES
    sentence = words.failure_sentence(code, "transcription")
    assert sentence.endswith(".")
    assert "%" not in sentence
    assert sentence.count(".") + sentence.count(":") >= 2


@pytest.mark.parametrize("flag", list(Flag))
def test_every_flag_has_a_sentence(flag: Flag) -> None:
    assert flag in words.FLAGS
    assert words.flag_sentence(flag).endswith(".")


def test_what_is_unknown_is_spelled_out() -> None:
    assert words.failure_sentence("unheard_of", "voice_print") == words.failure_sentence("crashed", "voice_print")
    assert "voice print" in words.failure_sentence("crashed", "voice_print")
    assert words.flag_sentence("bad_line") == "Bad line"
    assert words.label_name("LICENCE_PLATE") == "licence plate"
    assert (words.speaker_name("second-agent"), words.language_name("xx")) == ("Second agent", "xx")


def test_languages_are_named_in_the_language_of_the_reader() -> None:
    assert words.language_name("fr") == "French"
    with translation.override("fr"):
        assert words.language_name("fr") == "Français"


def test_progress_is_never_more_than_all() -> None:
    assert Stage(service="transcription", progress_done=130.0, progress_total=120.0).progress == 1.0
