"""Two people on one channel: each has a lane and a colour of his own, and a person says which of them is the agent."""

from typing import Any

import msgspec
import pytest
from django.test import Client

from conversations.ledger.models import Event
from conversations.models import Conversation, Role
from conversations.services import calls
from conversations.services.speakers import SwapRefused, swap_speakers
from conversations.views.player import picture_of
from conversations.views.strips import strips_of
from conversations.views.transcript import passages_of, withheld_of
from pipeline import documents
from pipeline.documents import Cut, Flag
from tests.conversations.stories import PASSED, Story
from tests.factories import make_organization, make_user, token_header

SAID = (
    ("speaker 1", "Bluewave, good morning, what can I do for you?"),
    ("speaker 2", "I was charged twice and I would like a refund."),
    ("speaker 1", "One moment, I shall look it up."),
    ("speaker 2", "Thank you."),
)
MONO = documents.Transcript(
    language="en",
    duration=20.0,
    channels=1,
    flags=(Flag.SPEAKERS_BY_VOICE,),
    utterances=tuple(
        documents.Utterance(index=index, speaker=speaker, channel=0, start=index * 5.0, end=index * 5.0 + 4, text=text)
        for index, (speaker, text) in enumerate(SAID)
    ),
    withheld=(documents.Withheld(channel=0, start=19.0, end=20.0, words=2, reason=Flag.HALLUCINATION),),
)
pytestmark = pytest.mark.django_db


CUT = Cut(channel=0, start=5.0, end=6.0, cause="words", label="NAME", placeholder="[NAME_1]")
ECHO, WIDENED = Cut(channel=1, start=10.0, end=11.0, cause="echo"), Cut(channel=0, start=15.0, end=16.0, cause="proof")


@pytest.fixture
def story(relayed: list[Any]) -> Story:
    """A completed call on one channel."""
    story = Story(make_organization())
    story.until_anonymized(MONO)
    story.qualify()
    story.redact_audio(msgspec.structs.replace(PASSED, cuts=(CUT, ECHO, WIDENED)), length=20.0)
    Conversation.objects.update(speakers=[], duration=20.0)
    return story


def speakers(call: Conversation) -> list[str]:
    return list(call.utterances.order_by("index").values_list("speaker", flat=True))


def test_each_voice_has_its_lane_in_transcript_list_and_player(story: Story) -> None:
    call = story.now()
    assert [(each.lane, each.speaker) for each in passages_of(call, ())] == [
        (0, "Speaker 1"), (1, "Speaker 2"), (0, "Speaker 1"), (1, "Speaker 2"),
    ]  # fmt: skip
    picture = picture_of(call, ())
    assert (picture.channels, picture.speakers) == ([0], ["speaker 1", "speaker 2"])
    assert [(each.x, each.lane, each.title) for each in picture.turns[:2]] == [
        ("0.000%", 0, "Speaker 1"), ("25.000%", 1, "Speaker 2"),
    ]  # fmt: skip
    first, second = strips_of([call])[call.id]
    assert (first.count("M"), second.count("M")) == (2, 2)
    assert [each.speaker for each in withheld_of(call).stretches] == [""], "nobody can tell whose silence it is"


def test_the_first_use_names_the_voices_and_the_second_exchanges_them(story: Story) -> None:
    swap_speakers(story.now())
    assert speakers(story.now()) == ["agent", "customer", "agent", "customer"]
    assert story.call.speakers == ["agent", "customer"]
    swap_speakers(story.now())
    assert speakers(story.now()) == ["customer", "agent", "customer", "agent"]
    assert [each.lane for each in passages_of(story.now(), ())] == [1, 0, 1, 0]
    assert Event.objects.filter(type="SpeakersSwapped").count() == 2


def test_a_person_says_which_voice_is_the_agent_and_a_form_sent_twice_says_it_once(story: Story) -> None:
    for _twice in range(2):
        swap_speakers(story.now(), ["customer", "agent"])
    assert speakers(story.now()) == ["customer", "agent", "customer", "agent"]
    assert Event.objects.filter(type="SpeakersSwapped").count() == 1


def test_other_names_than_those_are_refused(story: Story) -> None:
    with pytest.raises(SwapRefused, match="agent,customer / customer,agent"):
        swap_speakers(story.now(), ["agent", "agent"])


def test_a_program_names_the_voices_and_the_transcript_has_the_names(story: Story) -> None:
    client = Client(headers=token_header(make_user(story.call.organization, Role.CLIENT)))
    address = f"/api/v1/conversations/{story.call.id}/"
    wanted = {"speakers": ["customer", "agent"]}
    answer = client.post(f"{address}swap-speakers/", wanted, content_type="application/json")
    assert answer.json()["speakers"] == ["customer", "agent"]
    said = client.get(f"{address}transcript/").json()["utterances"]
    assert [each["speaker"] for each in said] == ["customer", "agent", "customer", "agent"]


def test_a_later_run_is_told_who_the_voices_are(story: Story) -> None:
    audio = story.stored(documents.Entities())
    Conversation.objects.update(audio={**msgspec.to_builtins(audio), "media_type": "audio/wav"})
    swap_speakers(story.now(), ["customer", "agent"])
    calls.reprocess(story.now())
    received = Event.objects.filter(type="ConversationReceived").latest("time")
    assert received.data["voices"] == ["customer", "agent"]


def test_what_is_silent_is_hatched_where_it_is_cut_whatever_the_reason(story: Story) -> None:
    hatches = picture_of(story.now(), ()).hatches
    assert [(each.x, each.width, each.title) for each in hatches] == [
        ("25.000%", "5.000%", "Name"), ("50.000%", "5.000%", "heard from the other channel"),
        ("75.000%", "5.000%", "heard in the proof"),
    ]  # fmt: skip


def test_an_echo_is_hatched_in_the_lane_in_which_it_is_cut(relayed: list[Any]) -> None:
    story = Story(make_organization())
    sides = (("agent", 0), ("customer", 1))
    utterances = tuple(
        msgspec.structs.replace(each, speaker=speaker, channel=channel)
        for each, (speaker, channel) in zip(MONO.utterances[:2], sides, strict=True)
    )
    story.until_anonymized(msgspec.structs.replace(MONO, channels=2, utterances=utterances, flags=()))
    story.redact_audio(msgspec.structs.replace(PASSED, cuts=(CUT, ECHO)), length=20.0)
    Conversation.objects.update(duration=20.0)
    assert [(each.x, each.y) for each in picture_of(story.now(), ()).hatches] == [
        ("25.000%", "0.00%"), ("50.000%", "50.00%"),
    ]  # fmt: skip
