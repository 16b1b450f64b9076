"""What should be trusted less: flags of calls and utterances, and words that were withheld; shown and found."""

from typing import Any

import pytest
from django.test import Client

from conversations.models import Conversation, Role
from pipeline import documents
from pipeline.documents import Flag
from tests.conversations.stories import SAID, Story
from tests.factories import make_conversation, make_organization, make_user, token_header

pytestmark = pytest.mark.django_db
WITHHELD = documents.Withheld(channel=1, start=61.5, end=65.0, words=7, reason=Flag.HALLUCINATION)


def transcript(*flags: str) -> documents.Transcript:
    """A transcript of which the second utterance has flags, and in which seven words were withheld."""
    second = documents.Utterance(
        index=1, speaker="agent", channel=1, start=3.0, end=4.0, text="One moment.", flags=flags
    )
    return documents.Transcript(
        language="en", duration=70.0, utterances=(SAID, second), channels=2, flags=(Flag.UNSURE_LANGUAGE,),
        withheld=(WITHHELD,),
    )  # fmt: skip


def flagged_call(**fields: Any) -> Conversation:
    """A call with a flag of its own, another on its first utterance, and words that were withheld."""
    call = make_conversation(make_organization(), flags=["unsure_language", "quiet"], **fields)
    call.utterances.filter(index=0).update(flags=["quiet"])
    return call


def page_of(call: Conversation) -> str:
    client = Client()
    client.force_login(make_user(call.organization))
    return client.get(f"/conversations/{call.id}/").content.decode()


def said_for(seconds: float, *flags: str) -> documents.Transcript:
    """Ten seconds of speech, of which so many have flags."""
    clear = documents.Utterance(index=0, speaker="agent", channel=0, start=0.0, end=10.0 - seconds, text="Yes.")
    flagged = documents.Utterance(
        index=1, speaker="customer", channel=1, start=20, end=20 + seconds, text="No.", flags=flags
    )
    return documents.Transcript(language="en", duration=30.0, utterances=(clear, flagged), language_probability=0.62)


@pytest.mark.parametrize(("seconds", "whole", "within"), [(0.9, [], ["clipped"]), (1.1, ["clipped"], [])])
def test_what_is_wrong_with_a_tenth_of_the_speech_is_wrong_with_the_call(
    relayed: list[Any], seconds: float, whole: list[str], within: list[str]
) -> None:
    story = Story(make_organization())
    story.until_anonymized(said_for(seconds, Flag.CLIPPED))
    assert (story.now().flags, story.call.flags_within) == (whole, within)
    text = page_of(story.call)
    assert ("The sound is distorted" in text) == bool(whole)
    assert "Distorted here: recorded too loud." in text


def test_how_sure_the_language_is_can_be_read_on_the_page_and_by_programs(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized(said_for(1))
    assert "English, 62\N{NO-BREAK SPACE}% sure" in page_of(story.now())
    client = Client(headers=token_header(make_user(story.call.organization)))
    address = f"/api/v1/conversations/{story.call.id}/"
    for part in ("", "transcript/", f"transcript/?run={story.call.run}"):
        assert client.get(f"{address}{part}").json()["language_probability"] == 0.62
    assert [run["language_probability"] for run in client.get(f"{address}runs/").json()] == [0.62]


def test_a_call_has_the_flags_of_its_utterances_too_each_once(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized(transcript(Flag.QUIET, Flag.UNSURE_LANGUAGE))
    assert story.now().flags == ["unsure_language", "quiet"]
    assert list(story.call.utterances.values_list("flags", flat=True)) == [[], ["quiet", "unsure_language"]]


def test_what_was_withheld_is_kept_without_any_word_of_it(relayed: list[Any]) -> None:
    story = Story(make_organization())
    story.until_anonymized(transcript())
    stretch = {"channel": 1, "start": 61.5, "end": 65.0, "words": 7, "reason": "hallucination"}
    assert story.now().withheld == [stretch]


def test_a_flagged_utterance_says_on_the_page_why_it_should_be_trusted_less() -> None:
    text = page_of(flagged_call())
    assert text.count('class="doubts"') == 1
    assert "Very quiet here." in text
    assert "The language may be another one." in text


def test_the_page_says_how_many_words_were_withheld_and_where() -> None:
    stretches = [
        {"channel": 1, "start": 61.5, "end": 65.0, "words": 7, "reason": "hallucination"},
        {"channel": 0, "start": 5.0, "end": 6.0, "words": 1, "reason": "no_speech"},
    ]
    text = page_of(flagged_call(withheld=stretches))
    assert "8 words are withheld: the model wrote them where nobody speaks." in text
    assert text.index('data-seek="5.00"') < text.index('href="?t=61.50" data-seek="61.50">1:01 – 1:05</a>')
    assert "Customer, 7 words." in " ".join(text.split())


def test_a_page_without_anything_withheld_says_nothing_of_it() -> None:
    assert "withheld" not in page_of(make_conversation(make_organization()))


def test_the_transcript_over_the_api_has_flags_and_what_was_withheld() -> None:
    stretch = {"channel": 1, "start": 61.5, "end": 65.0, "words": 7, "reason": "hallucination"}
    call = flagged_call(withheld=[stretch])
    client = Client(headers=token_header(make_user(call.organization)))
    document = client.get(f"/api/v1/conversations/{call.id}/transcript/").json()
    assert [each["flags"] for each in document["utterances"]] == [["quiet"], []]
    assert document["withheld"] == [stretch]


@pytest.mark.parametrize(
    "address", ["/?flag=quiet", "/api/v1/conversations/?flag=quiet", "/api/v1/search/?q=refund&flag=quiet"]
)
def test_calls_are_found_by_the_flag_of_an_utterance(address: str) -> None:
    call = flagged_call()
    Conversation.objects.update(flags=[], flags_within=["quiet"])
    make_conversation(call.organization)
    user = make_user(call.organization, Role.SUPERVISOR)
    client = Client(headers=token_header(user)) if "api" in address else Client()
    client.force_login(user)
    text = client.get(address).content.decode()
    assert str(call.id) in text
    assert str(Conversation.objects.exclude(id=call.id).get().id) not in text


def test_the_schema_names_flags_and_what_was_withheld() -> None:
    client = Client(headers=token_header(make_user()))
    schema = client.get("/api/v1/schema/?format=json").json()["components"]["schemas"]
    assert "flags" in schema["Utterance"]["properties"]
    assert schema["Transcript"]["properties"]["withheld"]["items"]["$ref"].endswith("/Withheld")
