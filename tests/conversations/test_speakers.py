"""Swapping who is agent and who is customer: seen at once, kept for good, and undone by doing it again."""

import io
import os
from typing import Any

import pytest
from django.test import Client

from conversations.ledger.models import Delivery, Event
from conversations.models import Conversation, Organization, Role, Subscription
from conversations.projections import PROJECTIONS
from conversations.runs import runs_of
from conversations.services import calls
from conversations.services.calls import CallDetails, receive_call
from conversations.services.speakers import SwapRefused, swap_speakers
from pipeline import documents, events
from pipeline import tasks as tasks  # it registers the services
from pipeline.records import Record
from pipeline.service import SERVICES
from tests.conversations.stories import Story
from tests.factories import make_organization, make_tag, make_user, token_header

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


def heard(*speakers: str, channels: int = 2) -> documents.Transcript:
    """A transcript in which these speak in turn."""
    utterances = tuple(
        documents.Utterance(
            index=index, speaker=speaker, channel=index % channels, start=index * 5.0, end=index * 5.0 + 4,
            text=f"Said by number {index}.",
        )
        for index, speaker in enumerate(speakers)
    )  # fmt: skip
    return documents.Transcript(language="en", duration=2.5, utterances=utterances, channels=channels)


@pytest.fixture
def story(relayed: list[Any]) -> Story:
    """A completed call with a tag that a rule gave."""
    story = Story(make_organization())
    story.call.speakers = []
    story.call.save()
    story.until_anonymized(heard("agent", "customer", "agent"))
    story.qualify()
    story.redact_audio()
    return story


def speakers(call: Conversation) -> list[str]:
    return list(call.utterances.order_by("index").values_list("speaker", flat=True))


def swap(story: Story) -> Record:
    """Swap the speakers of a story's call; the event as its services hear it."""
    swap_speakers(story.now())
    event = Event.objects.filter(type="SpeakersSwapped").latest("time")
    said = Record.initial(
        events.SpeakersSwapped(**{
            "settings": story.said["ConversationReceived"].data.settings, "transcript": event.data["transcript"],
            "channels": ("customer", "agent"),
        }), source="monolith", id=str(event.id),
    )  # fmt: skip
    story.said["SpeakersSwapped"] = said
    return said


def tag_again(story: Story, name: str, cause: type[events.Event] = events.SpeakersSwapped) -> None:
    """Qualification gives one tag in answer to an event."""
    story.send()
    tag = documents.Tag(tag=name, name=name.capitalize(), provenance=f"rule:{name}")
    tags = story.stored(documents.Tags(tags=(tag,)))
    story.hear("qualification", cause, events.ConversationQualified(tags=tags))


def test_each_utterance_is_the_other_speakers_at_once(story: Story) -> None:
    swap(story)
    assert speakers(story.now()) == ["customer", "agent", "customer"]
    assert story.call.speakers == ["customer", "agent"]
    assert story.call.status == "completed"


def test_swapping_twice_gives_back_the_first_state(story: Story) -> None:
    before = story.now().transcript
    swap(story)
    swap(story)
    assert speakers(story.now()) == ["agent", "customer", "agent"]
    assert (story.call.transcript, story.call.speakers) == (before, ["agent", "customer"])
    assert Event.objects.filter(type="SpeakersSwapped").count() == 2


def test_what_is_asked_for_twice_is_done_once(story: Story) -> None:
    for _twice in range(2):
        swap_speakers(story.now(), ["customer", "agent"])
    assert speakers(story.now()) == ["customer", "agent", "customer"]
    assert Event.objects.filter(type="SpeakersSwapped").count() == 1


def test_document_and_rows_say_the_same(story: Story) -> None:
    swap(story)
    client = Client(headers=token_header(make_user(story.call.organization)))
    address = f"{ADDRESS}{story.call.id}/transcript/"
    of_rows, of_run = client.get(address).json(), client.get(address, {"run": str(story.now().run)}).json()
    assert of_rows == of_run
    assert [each["speaker"] for each in of_run["utterances"]] == ["customer", "agent", "customer"]


@pytest.mark.parametrize("form", ["txt", "srt", "vtt"])
def test_exports_and_search_follow(story: Story, form: str) -> None:
    swap(story)
    client = Client(headers=token_header(make_user(story.call.organization)))
    text = client.get(f"{ADDRESS}{story.call.id}/transcript/", {"format": form}).content.decode()
    assert "Customer: Said by number 0." in text
    hits = client.get("/api/v1/search/", {"q": "said"}).json()["results"]
    assert {each["utterance"]: each["speaker"] for each in hits} == {0: "customer", 1: "agent", 2: "customer"}


def test_the_rule_tags_are_given_anew_and_those_by_hand_stay(story: Story) -> None:
    make_tag(story.call, "mine", kind="hand")
    said = swap(story)
    owed = Delivery.objects.get(event=said.id)
    assert (owed.service, owed.state, owed.correlationid) == ("qualification", "pending", story.now().run)
    tag_again(story, "complaint")
    assert set(story.call.tags.values_list("tag", flat=True)) == {"complaint", "mine"}
    assert Event.objects.filter(type="ConversationCompleted").count() == 1
    assert story.now().status == "completed"


def test_tags_of_the_speakers_as_they_were_before_change_nothing(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized(heard("agent", "customer"))
    story.redact_audio()
    swap(story)
    tag_again(story, "new")
    tag_again(story, "old", events.TranscriptAnonymized)
    assert list(story.call.tags.values_list("tag", flat=True)) == ["new"]
    assert story.now().status == "completed"


def test_a_call_whose_new_tags_fail_at_first_is_completed_again(story: Story) -> None:
    completed_at = story.now().completed_at
    swap(story)
    story.fail("qualification", events.SpeakersSwapped, 1, permanent=True)
    assert story.now().status == "failed"
    assert calls.retry(story.call.organization, [story.call.id]) == 1
    tag_again(story, "complaint")
    assert (story.now().status, story.call.failure_code) == ("completed", "")
    assert story.call.completed_at == completed_at


def test_a_later_run_has_the_speakers_as_they_were_swapped() -> None:
    call = receive_call(make_organization(), io.BytesIO(os.urandom(9)), CallDetails()).conversation
    Conversation.objects.filter(id=call.id).update(speakers=["customer", "agent"])
    calls.reprocess(call)  # as it was before the swap
    received = Event.objects.filter(type="ConversationReceived").latest("time")
    assert received.data["channels"] == ["customer", "agent"]


def test_a_run_remembers_the_speakers_that_it_had_last(story: Story) -> None:
    swap(story)
    (run,) = runs_of(story.now())
    assert run.transcript
    assert [each.speaker for each in run.transcript.utterances] == ["customer", "agent", "customer"]


@pytest.mark.parametrize(
    ("spoken", "channels"),
    [(("speaker", "speaker"), 1), (("agent", "agent"), 1), (("agent", "customer", "third"), 2), ((), 2)],
)
def test_only_two_speakers_that_are_told_apart_are_swapped(
    relayed: list[Any], spoken: tuple[str, ...], channels: int
) -> None:
    story = Story(make_organization())
    story.until_anonymized(heard(*spoken, channels=channels))
    with pytest.raises(SwapRefused):
        swap_speakers(story.now())


def test_a_call_that_is_being_processed_again_is_not_swapped_meanwhile(story: Story) -> None:
    audio = story.stored(documents.Entities())
    Conversation.objects.update(audio={"key": audio.key, "sha256": audio.sha256, "size": 1, "media_type": "audio/wav"})
    calls.reprocess(story.now())
    with pytest.raises(SwapRefused, match="being processed again"):
        swap_speakers(story.now())


def test_qualification_is_subscribed_to_swaps_as_its_signature_says() -> None:
    subscribed = Subscription.objects.get(service="qualification").subscribes
    assert subscribed == [event.__name__ for event in SERVICES["qualification"].hears]
    assert "SpeakersSwapped" in subscribed
    assert events.SpeakersSwapped in {event for event, _projection in PROJECTIONS}


# ── Over the API, and on the page ────────────────────────────────────────────────────────────────────────────────


def test_a_program_swaps_speakers(story: Story) -> None:
    client = Client(headers=token_header(make_user(story.call.organization, Role.CLIENT)))
    address = f"{ADDRESS}{story.call.id}/swap-speakers/"
    assert client.post(address).json()["speakers"] == ["customer", "agent"]
    wanted = {"speakers": ["customer", "agent"]}
    assert client.post(address, wanted, content_type="application/json").json()["speakers"] == ["customer", "agent"]
    assert client.post(address).json()["speakers"] == ["agent", "customer"]


def test_what_cannot_be_swapped_is_a_problem_and_agents_may_not(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized(heard("speaker", channels=1))
    address = f"{ADDRESS}{story.call.id}/swap-speakers/"
    supervisor, agent = (
        token_header(make_user(story.call.organization, role)) for role in (Role.SUPERVISOR, Role.AGENT)
    )
    response = Client(headers=supervisor).post(address)
    assert (response.status_code, response.json()["code"]) == (409, "swap_refused")
    assert Client(headers=agent).post(address).status_code == 403


def browser(organization: Organization, role: Role = Role.SUPERVISOR) -> Client:
    client = Client()
    client.force_login(make_user(organization, role), "django.contrib.auth.backends.ModelBackend")
    return client


def test_a_supervisor_swaps_the_speakers_on_the_page(story: Story) -> None:
    client, address = browser(story.now().organization), f"/conversations/{story.call.id}/"
    assert (
        '<input type="hidden" name="speaker" value="customer"><input type="hidden" name="speaker" value="agent">'
        in (client.get(address).content.decode())
    )
    wanted = {"speaker": ["customer", "agent"]}
    text = client.post(f"{address}swap-speakers/", wanted, follow=True).content.decode()
    assert "The speakers are as you said." in text
    assert 'id="u1" class="utterance lane-0"' in text
    agent = browser(story.call.organization, Role.AGENT)
    assert "swap-speakers" not in agent.get(address).content.decode()
    assert agent.post(f"{address}swap-speakers/").status_code == 403


def test_the_page_follows_until_the_new_tags_are_there(story: Story) -> None:
    swap(story)
    client, address = browser(story.now().organization), f"/conversations/{story.call.id}/"
    assert "every 2s" in client.get(address).content.decode()
    tag_again(story, "complaint")
    live = client.get(f"{address}live/").content.decode()
    assert "Complaint" in live
    assert "every 2s" not in live


def test_the_swap_stands_in_the_history_of_the_call(story: Story) -> None:
    swap(story)
    text = browser(story.call.organization, Role.ADMIN).get(f"/conversations/{story.call.id}/").content.decode()
    assert "A person said who is agent and who is customer" in text
