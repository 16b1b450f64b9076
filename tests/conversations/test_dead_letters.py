"""Dead letters: seen by cause, replayed one or all of a cause, given up."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from conversations.ledger.models import Delivery
from conversations.models import Conversation, Role
from conversations.services import calls, dead_letters
from pipeline.events import TranscriptAnonymized
from tests.conversations.stories import SPOKEN, Story
from tests.factories import make_conversation, make_delivery, make_organization, make_user

pytestmark = pytest.mark.django_db
Status = Conversation.Status


@pytest.fixture
def dead() -> list[Delivery]:
    """Two calls that crashed in transcription, one with damaged audio."""
    organization = make_organization()
    return [
        make_delivery(make_conversation(organization, status="failed"), service, "dead", error=error, sends=2, attempts=2)
        for service, error in (
            ("transcription", "crashed"), ("transcription", "crashed"), ("audio_redaction", "blob_corrupt"),
        )
    ]  # fmt: skip


def told(*arguments: str) -> str:
    """What the command prints."""
    output = StringIO()
    call_command("dead_letters", *arguments, stdout=output)
    return output.getvalue()


def test_they_are_grouped_by_cause(dead: list[Delivery]) -> None:
    causes = list(dead_letters.causes(Delivery.objects.all()))
    assert [(each["service"], each["error"], each["count"]) for each in causes] == [
        ("transcription", "crashed", 2),
        ("audio_redaction", "blob_corrupt", 1),
    ]


def test_the_list_names_cause_call_and_attempts(dead: list[Delivery]) -> None:
    listed = told()
    assert "2 × transcription: crashed" in listed
    assert f"{dead[2].id} call {dead[2].subject} attempts [1:" in listed


def test_the_list_takes_as_many_queries_for_many_as_for_one(
    dead: list[Delivery], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(3):
        told()


@pytest.mark.usefixtures("relayed")
def test_a_cause_is_as_old_as_its_first_death_not_as_its_first_attempt() -> None:
    story = Story(make_organization())
    story.until_anonymized()
    story.kill_audio_redaction()
    (cause,) = dead_letters.causes(Delivery.objects.all())
    first, last = Delivery.objects.get(service="audio_redaction").history.order_by("number")
    assert cause["since"] == cause["latest"] == last.ended_at > first.ended_at


def test_one_is_shown_with_all_that_happened_to_its_call(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized()
    story.kill_audio_redaction()
    id = Delivery.objects.get(service="audio_redaction").id
    shown = told("show", "--delivery", str(id))
    assert f"{id} audio_redaction dead: blob_corrupt, call {story.call.id}\n" in shown
    assert "A file of this call is damaged in the storage." in shown
    assert "2 attempts started since it was last replayed, sent 2 times." in shown
    assert (
        " ! Failed: redaction of the audio, attempt 1 (audio_redaction, crashed, ZeroDivisionError,"
        " pipeline.tasks:40, pipeline.services.redaction:12)\n"
    ) in shown
    assert shown.index("The call came in") < shown.index("The transcript was anonymized") < shown.index(" ! Failed")


@pytest.mark.parametrize(("arguments", "said"), [(["--delivery", "0"], "no delivery 0"), ([], "Say which")])
def test_what_is_not_there_is_not_shown(arguments: list[str], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        told("show", *arguments)


def test_one_is_replayed_and_its_call_goes_on(dead: list[Delivery]) -> None:
    assert told("replay", "--delivery", str(dead[0].id)) == "1 replayed.\n"
    states = Delivery.objects.order_by("id").values_list("state", "attempts", "most_sends")
    assert list(states) == [("pending", 0, 17), ("dead", 2, 15), ("dead", 2, 15)]
    assert Conversation.objects.get(id=dead[0].subject).status == "processing"


def test_all_of_a_cause_are_replayed(dead: list[Delivery]) -> None:
    assert told("replay", "--service", "transcription", "--error", "crashed") == "2 replayed.\n"
    assert list(Delivery.objects.filter(state="dead")) == [dead[2]]


def test_all_of_a_call_are_replayed(dead: list[Delivery]) -> None:
    assert told("replay", "--call", str(dead[1].subject)) == "1 replayed.\n"
    assert list(Delivery.objects.filter(state="dead").order_by("id")) == [dead[0], dead[2]]


def test_what_is_given_up_leaves_the_list_and_its_call_stays_failed(dead: list[Delivery]) -> None:
    assert told("give-up", "--all") == "3 given up.\n"
    assert told() == "Nothing has failed for good.\n"
    assert set(Conversation.objects.values_list("status", flat=True)) == {"failed"}


@pytest.mark.parametrize("action", ["replay", "give-up"])
def test_nobody_replays_or_gives_up_all_by_leaving_something_out(dead: list[Delivery], action: str) -> None:
    with pytest.raises(CommandError, match="--all"):
        told(action)


# ── What is there of a call stays ────────────────────────────────────────────────────────────────────────────────


def page_of(call: Conversation) -> str:
    """The page of a call as an agent sees it."""
    client = Client()
    client.force_login(make_user(call.organization, Role.AGENT))
    return client.get(f"/conversations/{call.id}/").content.decode()


def assert_seen(story: Story) -> None:
    """What earlier steps gave is on the page of the call."""
    page = page_of(story.now())
    assert all(f">{word}</span>" in page for word in SPOKEN.split())
    assert "Refund" in page


def test_a_call_whose_later_step_died_keeps_what_is_there_and_completes_after_a_replay(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized()
    story.qualify()
    story.kill_audio_redaction()
    assert story.now().status == Status.FAILED
    assert "A file of this call is damaged in the storage." in page_of(story.call)
    assert_seen(story)

    dead_letters.replay(Delivery.objects.filter(subject=story.call.id))
    assert (story.now().status, story.call.failure_code) == (Status.PROCESSING, "")
    assert_seen(story)

    story.send()
    story.redact_audio()
    assert story.now().status == Status.COMPLETED
    assert story.call.player
    assert_seen(story)


def test_a_success_that_comes_late_completes_a_call_that_nobody_replayed(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized()
    story.qualify()
    story.kill_audio_redaction()
    story.redact_audio()
    assert story.now().status == Status.COMPLETED
    assert not Delivery.objects.filter(state="dead").exists()


@pytest.mark.parametrize("other", ["dead", "given up"])
def test_a_call_with_another_step_that_failed_for_good_stays_failed_for_that(relayed: list[Any], other: str) -> None:
    story = Story(make_organization())
    story.until_anonymized()
    story.kill_audio_redaction()
    story.fail("qualification", TranscriptAnonymized, 1, "key_unusable", permanent=True)
    both = Delivery.objects.filter(subject=story.call.id)
    if other == "given up":
        dead_letters.give_up(both.filter(service="audio_redaction"))
    dead_letters.replay(both.filter(service="qualification"))
    call = story.now()
    assert (call.status, call.failure_service, call.failure_code) == (Status.FAILED, "audio_redaction", "blob_corrupt")
    story.qualify()
    assert story.now().status == Status.FAILED
    assert_seen(story)
    if other == "dead":
        assert calls.retry(call.organization, [call.id]) == 1
        story.send()
        story.redact_audio()
        assert story.now().status == Status.COMPLETED


def test_a_late_success_leaves_a_call_failed_for_another_step(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized()
    story.kill_audio_redaction()
    story.fail("qualification", TranscriptAnonymized, 1, "key_unusable", permanent=True)
    assert story.now().failure_service == "qualification"
    story.qualify()
    assert (story.now().status, story.call.failure_service) == (Status.FAILED, "audio_redaction")
    story.redact_audio()
    assert story.now().status == Status.COMPLETED
