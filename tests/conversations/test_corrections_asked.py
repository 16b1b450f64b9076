"""Who may correct what, what is refused, and how it is asked for: by services, the API and the page."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from msgspec import structs

from conversations.models import RedactionCorrection, Role, User
from conversations.services.corrections import CorrectionRefused, Mark
from pipeline import events
from pipeline import tasks as tasks  # it registers the services
from tests.conversations.corrected import Corrected, browser
from tests.conversations.stories import PASSED
from tests.factories import make_user, token_header

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


# ── What is refused ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", [Role.AGENT, Role.CLIENT])
def test_who_may_not_show_may_hide(story: Corrected, role: Role) -> None:
    user = make_user(story.call.organization, role)
    with pytest.raises(PermissionDenied, match="may hide words"):
        story.correct(Mark(0, 3, 4, ""), by=user)
    story.correct(Mark(1, 7, 8, "NAME"), by=user)
    assert RedactionCorrection.objects.get().made_by == user


@pytest.mark.parametrize(
    ("mark", "why"),
    [
        (Mark(9, 0, 1, "NAME"), "no such words"),
        (Mark(0, 0, 99, "NAME"), "no such words"),
        (Mark(0, 2, 2, "NAME"), "no such words"),
        (Mark(0, 0, 1, "SECRET"), "no such kind"),
        (Mark(0, 0, 1, ""), "nothing would change"),  # not hidden
        (Mark(0, 3, 4, "NAME"), "nothing would change"),  # hidden as that
    ],
)
def test_what_makes_no_sense_is_refused(story: Corrected, supervisor: User, mark: Mark, why: str) -> None:
    with pytest.raises(CorrectionRefused, match=why):
        story.correct(mark, by=supervisor)
    assert story.now().status == "completed"
    assert not RedactionCorrection.objects.exists()


def test_words_of_a_transcript_that_has_changed_are_refused(story: Corrected, supervisor: User) -> None:
    seen = story.now().transcript["sha256"]
    story.correct(Mark(1, 7, 8, "NAME"), by=supervisor, seen=seen)
    story.made_anew()
    with pytest.raises(CorrectionRefused, match="has changed"):
        story.correct(Mark(0, 5, 6, "NAME"), by=supervisor, seen=seen)


def test_a_call_without_a_transcript_or_of_an_earlier_version_is_refused(
    story: Corrected, supervisor: User, relayed: list[Any]
) -> None:
    fresh = Corrected(story.call.organization)
    with pytest.raises(CorrectionRefused, match="no transcript yet"):
        fresh.correct(Mark(0, 0, 1, "NAME"), by=supervisor)
    story.call.redactions.update(words=0)
    with pytest.raises(CorrectionRefused, match="earlier version"):
        story.correct(Mark(0, 5, 6, "NAME"), by=supervisor)


# ── Once the raw data is deleted ─────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def purged(story: Corrected) -> Corrected:
    """The call, of which only what is safe is left."""
    from conversations.ledger.recording import record

    record(structs.replace(story.initial(events.RawDataPurged()), correlationid=str(story.call.run)))
    return story


def test_more_can_be_hidden_of_what_is_left_but_nothing_shown(purged: Corrected, supervisor: User) -> None:
    with pytest.raises(CorrectionRefused, match="stays so"):
        purged.correct(Mark(0, 3, 4, ""), by=supervisor)
    master, transcript = purged.now().master, purged.call.transcript
    purged.correct(Mark(0, 5, 7, "ADDRESS"), by=supervisor)
    asked = purged.said["RedactionCorrected"].data
    assert (asked.audio.key, asked.transcript.key) == (master["key"], transcript["key"])
    purged.correct(Mark(1, 7, 8, "MISC"), by=supervisor)  # meanwhile
    purged.made_anew()
    assert purged.texts() == [
        "my name is [NAME_1] of [ADDRESS_1] farm", "thank you [NAME_1] how many bottles of [MISC_1]",
    ]  # fmt: skip
    purged.qualify()
    purged.redact_audio(PASSED, length=6.0)
    purged.correct(Mark(0, 5, 7, "NAME"), by=supervisor)
    purged.made_anew()
    assert purged.texts()[0] == "my name is [NAME_1] of [NAME_2]"
    assert purged.call.redactions.get(placeholder="[NAME_2]").words == 3


# ── Over the API, and on the page ────────────────────────────────────────────────────────────────────────────────


def test_a_program_corrects_and_reads_corrections(story: Corrected, supervisor: User) -> None:
    client, address = Client(headers=token_header(supervisor)), f"{ADDRESS}{story.call.id}/"
    etag = client.get(f"{address}transcript/")["ETag"]
    sent = {"transcript": etag, "corrections": [{"utterance": 1, "first": 7, "stop": 8, "label": "NAME"}]}
    made = client.post(f"{address}corrections/", sent, content_type="application/json")
    assert (made.status_code, made.json()["status"]) == (202, "processing")
    (told,) = client.get(f"{address}corrections/").json()
    assert (told["first"], told["stop"], told["kind"], told["label"]) == (8, 9, "hide", "NAME")
    assert told["made_by"] == supervisor.username
    sent["transcript"] = "0" * 64
    refused = client.post(f"{address}corrections/", sent, content_type="application/json")
    assert (refused.status_code, refused.json()["code"]) == (409, "correction_refused")
    agent = Client(headers=token_header(make_user(story.call.organization, Role.CLIENT)))
    story.listen()
    story.made_anew()
    show = {"corrections": [{"utterance": 0, "first": 3, "stop": 4, "label": ""}]}
    assert agent.post(f"{address}corrections/", show, content_type="application/json").status_code == 403


def test_the_form_lists_the_words_of_an_utterance_and_works_without_script(story: Corrected, supervisor: User) -> None:
    client, address = browser(supervisor), f"/conversations/{story.call.id}/correct/"
    text = client.get(address, {"utterance": "1"}).content.decode()
    assert text.count('type="checkbox" name="word"') == 8
    assert "hidden: name" in text
    assert '<option value="show">' in text
    sent = {"utterance": "1", "word": ["7", "3"], "label": "NAME", "seen": story.now().transcript["sha256"]}
    done = client.post(address, sent, follow=True)
    assert "Corrected. Transcript, audio and tags are being made again." in done.content.decode()
    assert {(each.first, each.stop) for each in RedactionCorrection.objects.all()} == {(4, 5), (8, 9)}
    empty = client.post(address, {"utterance": "1", "label": "NAME"}, follow=True).content.decode()
    assert "Choose words, and say what they are." in empty
    assert client.get(address, {"utterance": "99"}).status_code == 404


def test_an_agent_is_offered_to_hide_only(story: Corrected) -> None:
    agent = browser(make_user(story.call.organization, Role.AGENT))
    address = f"/conversations/{story.call.id}/"
    text = agent.get(f"{address}correct/", {"utterance": "1"}).content.decode()
    assert '<option value="show">' not in text
    assert "ask a supervisor" in text
    assert '<option value="show">' not in agent.get(address).content.decode()
    sent = {"utterance": "1", "word": "2", "label": "show"}
    assert agent.post(f"{address}correct/", sent).status_code == 403
