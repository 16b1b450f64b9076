"""A call, or a selection, again with another language, model or vocabulary; and its runs, of which each stays."""

import io
import os
import time
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from conversations.ledger.models import Event
from conversations.ledger.retention import prune
from conversations.models import Conversation, Organization, Role
from conversations.runs import runs_of
from conversations.services import calls
from conversations.services.calls import CallDetails, receive_call
from conversations.services.choices import Choices, ReprocessingRefused
from conversations.services.vocabulary import MOST_PHRASES
from pipeline import documents, events
from pipeline.records import Record
from pipeline.storage import blob_store
from tests.conversations.stories import Story
from tests.factories import make_organization, make_user, token_header

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


@pytest.fixture
def organization() -> Organization:
    return make_organization(vocabulary=["Parley"])


def received_call(organization: Organization, **details: Any) -> Conversation:
    """A call that has come in, as if it were completed."""
    audio = io.BytesIO(os.urandom(16))
    call = receive_call(organization, audio, CallDetails(**details)).conversation
    Conversation.objects.filter(id=call.id).update(status=Conversation.Status.COMPLETED)
    return call


def last_received(call: Conversation) -> tuple[str, documents.Settings]:
    """Language and settings of the run that began last."""
    event = Event.objects.filter(subject=call.id, type="ConversationReceived").order_by("-time").first()
    assert event
    (settings,) = [run.settings for run in runs_of(call) if run.id == event.correlationid]
    return event.data.get("language", ""), settings


def test_a_run_has_its_own_language_model_and_words_frozen(organization: Organization) -> None:
    call = received_call(organization, language="fr")
    calls.reprocess(call, Choices(language="en", model="tiny.en", vocabulary=("Bluewave", "Parley")))
    language, settings = last_received(call)
    assert (language, settings.model, settings.vocabulary) == ("en", "tiny.en", ("Bluewave", "Parley"))


def test_what_is_not_chosen_is_as_the_sender_said_and_the_settings_of_today(organization: Organization) -> None:
    call = received_call(organization, language="fr")
    calls.reprocess(call, Choices(model="base"))
    calls.reprocess(call)
    language, settings = last_received(call)
    assert (language, settings.model, settings.vocabulary) == ("fr", "", ("Parley",))
    calls.reprocess(call, Choices(language=""))
    assert last_received(call)[0] == ""


@pytest.mark.parametrize(
    ("choices", "says"),
    [
        (Choices(model="gigantic"), "There are: base, tiny.en."),
        (Choices(language="de"), "There are: en, fr."),
        (Choices(vocabulary=("x" * 61,)), "Line 1 is longer than 60 characters"),
        (Choices(vocabulary=tuple(map(str, range(MOST_PHRASES + 1)))), "100 are the most"),
        (Choices(vocabulary=("bell\a",)), "Line 1 has a character that cannot be said"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_is_said(
    organization: Organization, choices: Choices, says: str
) -> None:
    call = received_call(organization)
    with pytest.raises(ReprocessingRefused, match=says):
        calls.reprocess(call, choices)
    assert Event.objects.filter(type="ReprocessingRequested").count() == 0


@pytest.mark.parametrize(
    ("sent", "heard_before", "language"), [("fr", "", None), ("", "fr", None), ("", "fr", ""), ("en", "en", "fr")]
)
def test_a_model_that_cannot_read_the_language_is_refused_by_its_name_when_it_is_asked_for(
    organization: Organization, sent: str, heard_before: str, language: str | None
) -> None:
    call = received_call(organization, language=sent)
    Conversation.objects.update(language=heard_before)
    call.refresh_from_db()
    with pytest.raises(ReprocessingRefused, match=r"tiny\.en reads English only, and this call is in French"):
        calls.reprocess(call, Choices(model="tiny.en", language=language))
    assert Event.objects.filter(type="ReprocessingRequested").count() == 0
    calls.reprocess(call, Choices(model="tiny.en", language="en"))


def test_the_refusal_of_a_model_is_read_on_the_page_by_programs_and_in_the_admin(organization: Organization) -> None:
    call = received_call(organization, language="fr")
    admin = Client()
    admin.force_login(make_user(organization, Role.ADMIN, is_staff=True), "django.contrib.auth.backends.ModelBackend")
    chosen = {"language": "", "model": "tiny.en", "vocabulary": ""}
    page = admin.post(f"/conversations/{call.id}/reprocess/", chosen, follow=True).content.decode()
    data = {"action": "reprocess_calls", "_selected_action": [str(call.id)], "sure": "yes", **chosen}
    listed = admin.post("/admin/conversations/conversation/", data, follow=True).content.decode()
    program = Client(headers=token_header(make_user(organization)))
    answer = program.post(f"{ADDRESS}{call.id}/reprocess/", {"model": "tiny.en"}, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (400, "reprocessing_refused")
    for text in (page, listed, answer.content.decode()):
        assert "tiny.en reads English only" in text


def test_the_models_to_choose_from_are_a_setting(organization: Organization, monkeypatch: Any, limits: Any) -> None:
    limits(asr_models="small, large-v3")
    call = received_call(organization)
    calls.reprocess(call, Choices(model="large-v3"))
    with pytest.raises(ReprocessingRefused):
        calls.reprocess(call, Choices(model="tiny.en"))


# ── Over the API ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_program_lets_a_call_be_processed_again(organization: Organization) -> None:
    call = received_call(organization)
    client = Client(headers=token_header(make_user(organization, Role.CLIENT)))
    chosen = {"language": "fr", "model": "base", "vocabulary": [" Blue  wave ", ""]}
    response = client.post(f"{ADDRESS}{call.id}/reprocess/", chosen, content_type="application/json")
    assert (response.status_code, response.json()["status"]) == (202, "received"), response.json()
    language, settings = last_received(call)
    assert (language, settings.model, settings.vocabulary) == ("fr", "base", ("Blue wave", "Parley"))
    assert client.post(f"{ADDRESS}{call.id}/reprocess/").status_code == 202


@pytest.mark.parametrize(
    ("chosen", "code"),
    [
        ({"model": "gigantic"}, "reprocessing_refused"),
        ({"language": "de"}, "reprocessing_refused"),
        ({"vocabulary": "Parley"}, "invalid"),
        ({"vocabulary": ["x" * 70]}, "reprocessing_refused"),
    ],
)
def test_what_a_program_asks_for_in_vain_is_a_problem(
    organization: Organization, chosen: dict[str, Any], code: str
) -> None:
    client = Client(headers=token_header(make_user(organization)))
    address = f"{ADDRESS}{received_call(organization).id}/reprocess/"
    response = client.post(address, chosen, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, code)


def test_agents_and_strangers_let_nothing_be_processed_again(organization: Organization) -> None:
    call = received_call(organization)
    agent, stranger = make_user(organization, Role.AGENT), make_user()
    for user, status in ((agent, 403), (stranger, 404)):
        client = Client(headers=token_header(user))
        assert client.post(f"{ADDRESS}{call.id}/reprocess/").status_code == status
    assert client.get(f"{ADDRESS}{call.id}/runs/").status_code == 404


# ── On the pages ─────────────────────────────────────────────────────────────────────────────────────────────────


def browser(organization: Organization, role: Role = Role.SUPERVISOR) -> Client:
    client = Client()
    client.force_login(make_user(organization, role), "django.contrib.auth.backends.ModelBackend")
    return client


def test_the_page_of_a_call_offers_languages_models_and_words(organization: Organization) -> None:
    call, client = received_call(organization, language="fr"), browser(organization)
    text = client.get(f"/conversations/{call.id}/").content.decode()
    for offered in ('<option value="fr">French</option>', '<option value="tiny.en">', 'name="vocabulary"'):
        assert offered in text
    chosen = {"language": "detect", "model": "base", "vocabulary": "Bluewave\n\nSky  Line\n"}
    client.post(f"/conversations/{call.id}/reprocess/", chosen)
    language, settings = last_received(call)
    assert (language, settings.model, settings.vocabulary) == ("", "base", ("Bluewave", "Sky Line", "Parley"))


def test_the_page_says_what_is_wrong_with_a_choice(organization: Organization) -> None:
    call, client = received_call(organization), browser(organization)
    chosen = {"vocabulary": f"fine\n{'x' * 61}"}
    text = client.post(f"/conversations/{call.id}/reprocess/", chosen, follow=True).content.decode()
    assert "Line 2 is longer than 60 characters." in text
    assert len(runs_of(call)) == 1


def test_the_admin_lets_a_selection_be_processed_again_after_asking_with_what(organization: Organization) -> None:
    chosen, others = [received_call(organization), received_call(organization)], received_call(make_organization())
    client, address = browser(organization), "/admin/conversations/conversation/"
    data = {"action": "reprocess_calls", "_selected_action": [each.pk for each in (*chosen, others)]}
    asked = client.post(address, data).content.decode()
    assert "Process these 2 calls again?" in asked
    assert 'name="model"' in asked
    refused = client.post(address, {**data, "sure": "yes", "model": "gigantic"}).content.decode()
    assert "gigantic is not one of the available choices" in refused
    done = client.post(address, {**data, "sure": "yes", "model": "tiny.en", "vocabulary": "Bluewave"}, follow=True)
    assert "2 calls are processed again." in done.content.decode()
    assert [last_received(each)[1].model for each in (*chosen, others)] == ["tiny.en", "tiny.en", ""]


# ── Runs ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def heard(*said: str, **fields: Any) -> documents.Transcript:
    """A transcript of one speaker, an utterance for each of ``said``."""
    utterances = tuple(
        documents.Utterance(
            index=index, speaker="customer", channel=0, start=index * 5.0, end=index * 5.0 + 4, text=text,
            words=tuple(documents.Word(text=word, start=index * 5.0, end=index * 5.0 + 4) for word in text.split()),
        )
        for index, text in enumerate(said)
    )  # fmt: skip
    return documents.Transcript(
        language="en", duration=2.5, utterances=utterances, engine="faster-whisper", **{"model": "base", **fields}
    )


def run_again(story: Story, transcript: documents.Transcript, choices: Choices) -> None:
    """Another run of a call, up to its transcript."""
    audio = blob_store().put("raw", str(story.call.organization_id), str(story.call.id), [b"RIFF"], "audio/wav")
    Conversation.objects.filter(id=story.call.id).update(
        audio={"key": audio.key, "sha256": audio.sha256, "size": audio.size, "media_type": "audio/wav"}
    )
    calls.reprocess(story.now(), choices)
    received = Event.objects.filter(subject=story.call.id, type="ConversationReceived").latest("time")
    story.said["ConversationReceived"] = Record.initial(
        events.ConversationReceived(audio=audio, settings=audio), source="monolith", id=str(received.id)
    )
    story.until_anonymized(transcript)


def told_twice(organization: Organization) -> Story:
    """A completed call that was processed again with another model."""
    story = Story(organization)
    story.until_anonymized(heard("I would like a refund."))
    story.qualify()
    story.redact_audio()
    again = heard("I would like a refund.", "Thank you.", model="tiny.en", flags=("quiet",))
    run_again(story, again, Choices(model="tiny.en", language="en", vocabulary=("Bluewave",)))
    return story


def test_each_run_says_with_what_it_was_done_and_what_it_heard(relayed: list[Any], organization: Organization) -> None:
    call = told_twice(organization).now()
    client = Client(headers=token_header(make_user(organization)))
    first, second = client.get(f"{ADDRESS}{call.id}/runs/").json()
    assert (first["number"], first["current"], first["status"], first["words"]) == (1, False, "completed", 5)
    assert (second["number"], second["current"], second["status"], second["words"]) == (2, True, "received", 7)
    assert (second["requested_model"], second["model"], second["engine"]) == ("tiny.en", "tiny.en", "faster-whisper")
    assert (second["requested_language"], second["language"], second["flags"]) == ("en", "en", ["quiet"])
    assert second["vocabulary"] == ["Bluewave", "Parley"]
    assert second["id"] == str(call.run)


def test_the_transcript_of_an_earlier_run_can_still_be_fetched(relayed: list[Any], organization: Organization) -> None:
    call = told_twice(organization).now()
    client, address = Client(headers=token_header(make_user(organization))), f"{ADDRESS}{call.id}/transcript/"
    first, second = (str(run.id) for run in runs_of(call))
    texts = [
        [each["text"] for each in client.get(address, {"run": run}).json()["utterances"]] for run in (first, second)
    ]
    assert texts == [["I would like a refund."], ["I would like a refund.", "Thank you."]]
    assert client.get(address, {"run": second}).json() == client.get(address).json()
    assert (
        client.get(address, {"run": first, "format": "txt"}).content.decode()
        == "[0:00] Customer: I would like a refund.\n"
    )


@pytest.mark.parametrize("run", ["nonsense", "01989ef2-5a5c-7d3e-8f00-2b6a0c1d4e5f"])
def test_a_run_that_there_is_not_is_a_problem(relayed: list[Any], organization: Organization, run: str) -> None:
    call = Story(organization).call
    client = Client(headers=token_header(make_user(organization)))
    response = client.get(f"{ADDRESS}{call.id}/transcript/", {"run": run})
    assert (response.status_code, response.json()["code"]) == (404, "no_such_run")
    waiting = client.get(f"{ADDRESS}{call.id}/transcript/", {"run": str(call.run)})
    assert (waiting.status_code, waiting.json()["code"]) == (409, "not_ready")


def test_nothing_that_forgets_forgets_an_earlier_run(relayed: list[Any], organization: Organization) -> None:
    call = told_twice(organization).now()
    place = str(organization.id), str(call.id)
    long_ago = time.time() - 400 * 86400
    for key in blob_store().blobs(*place):
        os.utime(f"{blob_store().root}/{key}", (long_ago, long_ago))
    Event.objects.update(recorded_at="2025-01-01T00:00:00Z")
    call_command("sweep_blobs")
    prune(1)
    first, second = runs_of(call)
    assert (first.words, second.words) == (5, 7)
    assert second.vocabulary == ("Bluewave", "Parley")


def test_a_run_whose_transcript_is_gone_from_the_storage_is_still_listed(
    relayed: list[Any], organization: Organization
) -> None:
    call = told_twice(organization).now()
    blob_store().remove(runs_of(call)[0].transcript_blob["key"])
    assert [run.words for run in runs_of(call)] == [None, 7]
    client = Client(headers=token_header(make_user(organization)))
    response = client.get(f"{ADDRESS}{call.id}/transcript/", {"run": str(runs_of(call)[0].id)})
    assert (response.status_code, response.json()["code"]) == (409, "no_transcript")


def test_a_run_that_was_replaced_before_it_ended_says_so(organization: Organization) -> None:
    call = received_call(organization)
    calls.reprocess(call)
    call.refresh_from_db()
    assert [run.status for run in runs_of(call)] == ["replaced", "received"]
