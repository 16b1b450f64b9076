"""Fetching what was made of calls over the API: transcript, audio, entities, events, tags."""

from typing import Any

import pysubs2
import pytest
import webvtt
from django.test import Client

from conversations.ledger.models import Delivery
from conversations.models import Conversation, Entity, Organization, Role, Tag, Utterance
from tests.factories import (
    make_audio,
    make_conversation,
    make_delivery,
    make_organization,
    make_redaction,
    make_user,
    token_header,
)

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"
SOUND = bytes(range(100))


@pytest.fixture
def organization() -> Organization:
    """An organization with calls."""
    return make_organization()


@pytest.fixture
def client(organization: Organization) -> Client:
    """A program of a supervisor of it."""
    return Client(headers=token_header(make_user(organization, Role.SUPERVISOR)))


# ── Transcript ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_transcript_has_words_with_times_and_redactions(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization, [("customer", "Call [PHONE_1] please")], seconds=3)
    make_redaction(conversation, "[PHONE_1]", start=1.0, end=2.0)
    assert client.get(f"{ADDRESS}{conversation.id}/transcript/").json() == {
        "conversation": str(conversation.id),
        "language": "en",
        "language_probability": None,
        "duration": 3.0,
        "utterances": [
            {
                "index": 0, "speaker": "customer", "channel": 1, "start": 0.0, "end": 3.0,
                "text": "Call [PHONE_1] please", "confidence": 0.9, "flags": [],
                "words": [
                    {"text": "Call", "start": 0.0, "end": 1.0, "probability": 0.9},
                    {"text": "[PHONE_1]", "start": 1.0, "end": 2.0, "probability": 0.9},
                    {"text": "please", "start": 2.0, "end": 3.0, "probability": 0.9},
                ],
            }
        ],
        "redactions": [{"label": "PHONE", "placeholder": "[PHONE_1]", "utterance": 0, "start": 1.0, "end": 2.0}],
        "withheld": [],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("accept", "asked", "media_type", "begins"),
    [
        ("*/*", "", "application/json", '{"conversation"'),
        ("text/plain", "", "text/plain", "[0:00] Agent: Thank you"),
        ("*/*", "txt", "text/plain", "[0:00] Agent: Thank you"),
        ("application/x-subrip", "", "application/x-subrip", "1\n00:00:00,000 --> 00:00:04,000\nAgent: Thank you"),
        ("*/*", "srt", "application/x-subrip", "1\n00:00:00,000 --> 00:00:04,000\nAgent: Thank you"),
        ("text/vtt", "", "text/vtt", "WEBVTT\n\n1\n00:00:00.000 --> 00:00:04.000\nAgent: Thank you"),
        ("text/html,*/*;q=0.8", "vtt", "text/vtt", "WEBVTT"),  # a browser that follows a link
        ("application/json", "json", "application/json", '{"conversation"'),
    ],
)
def test_a_transcript_comes_in_the_form_that_is_asked_for(
    client: Client, organization: Organization, accept: str, asked: str, media_type: str, begins: str
) -> None:
    conversation = make_conversation(organization)
    parameters = {"format": asked} if asked else {}
    response = client.get(f"{ADDRESS}{conversation.id}/transcript/", parameters, headers={"Accept": accept})
    assert response["Content-Type"].partition(";")[0] == media_type
    assert response.content.decode().startswith(begins)


@pytest.mark.parametrize(("asked", "accept", "status"), [("docx", "*/*", 404), ("", "application/pdf", 406)])
def test_a_form_that_there_is_not_is_a_problem(
    client: Client, organization: Organization, asked: str, accept: str, status: int
) -> None:
    address = f"{ADDRESS}{make_conversation(organization).id}/transcript/{'?format=' + asked if asked else ''}"
    response = client.get(address, headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("form", ["json", "txt", "srt", "vtt"])
def test_what_has_no_transcript_yet_says_so_in_every_form(
    client: Client, organization: Organization, form: str
) -> None:
    conversation = make_conversation(organization, [], status="processing", transcript=None)
    response = client.get(f"{ADDRESS}{conversation.id}/transcript/?format={form}")
    assert (response.status_code, response["Content-Type"]) == (409, "application/problem+json")
    assert response.json()["code"] == "not_ready"


def test_subtitles_keep_what_looks_like_markup_and_cut_what_is_long(client: Client, organization: Organization) -> None:
    strange = "<i>tag</i> {\\b1} R&D --> end"
    long = " ".join(f"word{number}" for number in range(60))
    conversation = make_conversation(organization, [("agent", strange), ("customer", long)], seconds=20)
    Utterance.objects.filter(index=0).update(words=[])  # an utterance without words is one cue
    address = f"{ADDRESS}{conversation.id}/transcript/"

    vtt = webvtt.from_string(client.get(address, {"format": "vtt"}).content.decode())
    assert vtt.captions[0].raw_text == "Agent: &lt;i&gt;tag&lt;/i&gt; {\\b1} R&amp;D --&gt; end"
    srt = pysubs2.SSAFile.from_string(client.get(address, {"format": "srt"}).content.decode(), keep_html_tags=True)
    assert srt[0].text == f"Agent: {strange}"
    cues = srt[1:]
    assert " ".join(each.text for each in cues) == f"Customer: {long}"
    assert all(len(each.text) <= 84 + len("Customer: ") and each.duration <= 7500 for each in cues)
    assert [each.end for each in cues[:-1]] == [each.start for each in cues[1:]]
    assert (cues[0].start, cues[-1].end) == (20_000, 40_000)


# ── Audio ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("headers", "status", "stretch"),
    [
        ({}, 200, SOUND),
        ({"Range": "bytes=0-"}, 206, SOUND),
        ({"Range": "bytes=0-0"}, 206, SOUND[:1]),
        ({"Range": "bytes=10-19"}, 206, SOUND[10:20]),
        ({"Range": "bytes=90-500"}, 206, SOUND[90:]),
        ({"Range": "bytes=-7"}, 206, SOUND[-7:]),
        ({"Range": "bytes=-700"}, 206, SOUND),
        ({"Range": "bytes=100-"}, 416, b""),
        ({"Range": "bytes=-0"}, 416, b""),
        ({"Range": "bytes=9-3"}, 200, SOUND),  # no valid range, so none
        ({"Range": "bytes=-"}, 200, SOUND),
        ({"Range": "seconds=1-2"}, 200, SOUND),
        ({"Range": "bytes=0-1,5-6"}, 200, SOUND),  # several: all of it is allowed
        ({"Range": f"bytes={'9' * 5000}-"}, 200, SOUND),
        ({"Range": "bytes=10-19", "If-Range": "ETAG"}, 206, SOUND[10:20]),
        ({"Range": "bytes=10-19", "If-Range": '"other"'}, 200, SOUND),
        ({"Range": "bytes=10-19", "If-Range": "Wed, 21 Oct 2026 07:28:00 GMT"}, 200, SOUND),
        ({"If-None-Match": "ETAG"}, 304, b""),
        ({"If-None-Match": '"other"'}, 200, SOUND),
    ],
)
def test_audio_is_served_by_range(
    client: Client, organization: Organization, headers: dict[str, str], status: int, stretch: bytes
) -> None:
    conversation = make_conversation(organization)
    make_audio(conversation, SOUND)
    etag = f'"{conversation.player["sha256"]}"'
    address = f"{ADDRESS}{conversation.id}/audio/"
    response = client.get(address, headers={name: value.replace("ETAG", etag) for name, value in headers.items()})

    assert (response.status_code, response["ETag"], response["Accept-Ranges"]) == (status, etag, "bytes")
    body = b"".join(response.streaming_content) if response.streaming else response.content
    assert body == stretch
    if status == 206:
        start = SOUND.index(stretch)
        assert response["Content-Range"] == f"bytes {start}-{start + len(stretch) - 1}/100"
    if status == 416:
        assert response["Content-Range"] == "bytes */100"
    if status in (200, 206):
        assert (response["Content-Length"], response["Content-Type"]) == (str(len(stretch)), "audio/mpeg")
        assert response["Content-Disposition"] == f'inline; filename="{conversation.id}.mp3"'


def test_a_player_may_accept_whatever_it_likes_and_ask_for_the_head(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization)
    make_audio(conversation, SOUND)
    response = client.head(f"{ADDRESS}{conversation.id}/audio/", headers={"Accept": "audio/webm", "Range": "bytes=0-9"})
    assert (response.status_code, response["Content-Length"], response.content) == (200, "100", b"")


def test_the_lossless_master_is_to_be_had(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization)
    make_audio(conversation, SOUND)
    response = client.get(f"{ADDRESS}{conversation.id}/audio/?format=flac")
    assert (response["Content-Type"], b"".join(response.streaming_content)) == ("audio/flac", SOUND)
    assert client.get(f"{ADDRESS}{conversation.id}/audio/?format=wav").status_code == 404


@pytest.mark.parametrize("what", ["audio", "peaks"])
def test_audio_that_is_not_there_yet_is_a_problem(client: Client, organization: Organization, what: str) -> None:
    response = client.get(f"{ADDRESS}{make_conversation(organization).id}/{what}/")
    assert (response.status_code, response.json()["code"]) == (409, "not_ready")


def test_audio_that_is_gone_from_the_storage_is_a_problem(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization)
    make_audio(conversation, SOUND)
    lost = {"sha256": "0" * 64, "key": f"safe/{organization.id}/{conversation.id}/{'0' * 64}"}
    Conversation.objects.update(player=conversation.player | lost)
    response = client.get(f"{ADDRESS}{conversation.id}/audio/")
    assert (response.status_code, response.json()["code"]) == (500, "file_damaged")


def test_the_waveform_is_served(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization)
    make_audio(conversation, SOUND)
    assert client.get(f"{ADDRESS}{conversation.id}/peaks/").json()["per_second"] == 20


# ── Entities, events, tags ───────────────────────────────────────────────────────────────────────────────────────


def test_entities_are_listed(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization)
    fields = {"utterance": 0, "label": "ORG", "text": "Parley", "start_char": 0, "end_char": 6, "score": 1.0}
    Entity.objects.create(conversation=conversation, **fields)
    assert client.get(f"{ADDRESS}{conversation.id}/entities/").json() == [fields]


def test_events_are_told_with_their_deliveries_and_attempts(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization)
    delivery = make_delivery(conversation, "transcription", Delivery.State.DEAD, sends=2, error="crashed")
    history = client.get(f"{ADDRESS}{conversation.id}/events/").json()
    (event,) = history["events"]
    assert (event["specversion"], event["id"], event["subject"]) == (
        "1.0",
        str(delivery.event_id),
        str(conversation.id),
    )
    assert (event["type"], event["time"], event["data"]) == ("ConversationErased", "2026-11-01T10:00:00Z", {})
    (told,) = history["deliveries"]
    assert (told["event"], told["service"], told["state"]) == (event["id"], "transcription", "dead")
    assert [each["number"] for each in told["attempts"]] == [1, 2]


def test_a_call_is_tagged_and_untagged_by_hand(organization: Organization) -> None:
    agent = make_user(organization, Role.AGENT)
    client = Client(headers=token_header(agent))
    address = f"{ADDRESS}{make_conversation(organization).id}/tags/"
    whole = client.post(address, {"tag": "Call back"}, content_type="application/json")
    part = client.post(address, {"tag": "Call back", "utterance": 1}, content_type="application/json")
    again = client.post(address, {"tag": "call back"}, content_type="application/json")

    assert (whole.status_code, part.status_code, again.json()["id"]) == (201, 201, whole.json()["id"])
    assert (whole.json()["tag"], whole.json()["name"], whole.json()["kind"]) == ("call-back", "Call back", "hand")
    assert whole.json()["provenance"] == f"user:{agent.id}"
    assert {(each["tag"], each["utterance"]) for each in client.get(address).json()} == {
        ("call-back", None),
        ("call-back", 1),
    }
    assert client.delete(f"{address}{whole.json()['id']}/").status_code == 204
    assert client.delete(f"{address}{whole.json()['id']}/").status_code == 404
    assert Tag.objects.get().utterance == 1


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "invalid"),
        ({"tag": ""}, "invalid"),
        ({"tag": "!!!"}, "tag_refused"),
        ({"tag": "refund", "utterance": 99}, "tag_refused"),
        ({"tag": "refund", "utterance": -1}, "invalid"),
        ({"tag": "refund", "utterance": 10**20}, "invalid"),
    ],
)
def test_a_tag_that_cannot_be_given_is_a_problem(
    client: Client, organization: Organization, given: dict[str, Any], code: str
) -> None:
    address = f"{ADDRESS}{make_conversation(organization).id}/tags/"
    response = client.post(address, given, content_type="application/json")
    assert (response.status_code, response.json()["code"]) == (400, code)
