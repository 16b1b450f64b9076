"""Fetching calls and what was made of them over the API."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import uuid4

import pysubs2
import pytest
import webvtt
from django.core.management import call_command
from django.test import Client

from conversations.ledger.models import Delivery
from conversations.models import Conversation, Entity, Organization, Role, Tag, Token, User, Utterance
from conversations.services.calls import CallDetails, sealed_details
from tests.factories import (
    make_audio,
    make_conversation,
    make_delivery,
    make_organization,
    make_redaction,
    make_tag,
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
def user(organization: Organization) -> User:
    """A supervisor of it."""
    return make_user(organization, Role.SUPERVISOR)


@pytest.fixture
def client(user: User) -> Client:
    """A program of the supervisor's."""
    return Client(headers=token_header(user))


def ids(response: Any) -> list[str]:
    """The calls of a list."""
    return [each["id"] for each in response.json()["results"]]


# ── Who may ask ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("header", [{}, {"Authorization": "Token parley_unknown"}], ids=["nobody", "an unknown token"])
def test_who_is_unknown_is_asked_for_a_token(header: dict[str, str]) -> None:
    response = Client(headers=header).get(ADDRESS)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")
    assert response["Content-Type"] == "application/problem+json"


def test_an_expired_token_is_unknown(user: User) -> None:
    key = Token.issue(user, expires_at=datetime.now(UTC) - timedelta(seconds=1))
    assert Client(headers={"Authorization": f"Token {key}"}).get(ADDRESS).status_code == 401


def test_a_person_who_is_signed_in_needs_no_token(user: User) -> None:
    browser = Client()
    browser.force_login(user, "django.contrib.auth.backends.ModelBackend")
    assert browser.get(ADDRESS).status_code == 200


@pytest.mark.parametrize(
    ("method", "below"),
    [
        ("get", ""),
        ("delete", ""),
        ("post", "retry/"),
        ("get", "transcript/"),
        ("get", "audio/"),
        ("get", "peaks/"),
        ("get", "entities/"),
        ("get", "events/"),
        ("get", "tags/"),
        ("post", "tags/"),
    ],
)
def test_the_calls_of_another_organization_are_not_there(organization: Organization, method: str, below: str) -> None:
    conversation = make_conversation(organization, status=Conversation.Status.FAILED)
    stranger = Client(headers=token_header(make_user(role=Role.ADMIN)))
    sent = {"data": {"tag": "mine"}, "content_type": "application/json"} if method == "post" else {}
    assert getattr(stranger, method)(f"{ADDRESS}{conversation.id}/{below}", **sent).status_code == 404
    assert ids(stranger.get(ADDRESS)) == []
    assert Conversation.objects.filter(id=conversation.id).exists()
    assert not conversation.tags.exists()


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 204), (Role.SUPERVISOR, 403), (Role.CLIENT, 403)])
def test_only_an_admin_erases_a_call(organization: Organization, role: Role, status: int) -> None:
    conversation = make_conversation(organization)
    client = Client(headers=token_header(make_user(organization, role)))
    assert client.delete(f"{ADDRESS}{conversation.id}/").status_code == status
    assert Conversation.objects.filter(id=conversation.id).exists() == (status == 403)


# ── Calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_is_shown_with_its_stages_tags_and_flags(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization, agent="Emily", flags=["dual_mono"])
    make_tag(conversation, "refund")
    make_delivery(conversation, "transcription", Delivery.State.DONE, attempts=2)

    call = client.get(f"{ADDRESS}{conversation.id}/").json()
    assert (call["id"], call["status"], call["language"]) == (str(conversation.id), "completed", "en")
    assert (call["duration"], call["agent"], call["flags"], call["failure"]) == (8.0, "Emily", ["dual_mono"], None)
    assert [(each["tag"], each["provenance"]) for each in call["tags"]] == [("refund", "rule:refund")]
    assert [(each["service"], each["state"], each["attempts"]) for each in call["stages"]] == [
        ("transcription", "done", 2),
        ("entity_tagging", "waiting", 0),
        ("anonymization", "waiting", 0),
        ("audio_redaction", "waiting", 0),
        ("qualification", "waiting", 0),
    ]


def test_a_failed_call_says_what_is_wrong(client: Client, organization: Organization) -> None:
    failed = {"failure_service": "transcription", "failure_code": "audio_is_playlist"}
    conversation = make_conversation(organization, [], status="failed", transcript=None, **failed)
    failure = client.get(f"{ADDRESS}{conversation.id}/").json()["failure"]
    assert (failure["code"], failure["stage"]) == ("audio_is_playlist", "transcription")
    assert "playlist" in failure["sentence"]
    response = client.get(f"{ADDRESS}{conversation.id}/transcript/")
    assert (response.status_code, response.json()["detail"]) == (409, failure["sentence"])


@pytest.mark.parametrize(("role", "seen"), [(Role.CLIENT, True), (Role.SUPERVISOR, True), (Role.AGENT, False)])
def test_agents_do_not_see_who_called(organization: Organization, role: Role, seen: bool) -> None:
    conversation = make_conversation(organization)
    said = CallDetails(external_id="crm-0815", metadata={"customer": "Jane Doe"})
    conversation.details.sealed = sealed_details(conversation, said)
    conversation.details.save()
    client = Client(headers=token_header(make_user(organization, role)))
    call = client.get(f"{ADDRESS}{conversation.id}/")
    assert (call.json().get("external_id") == "crm-0815") == seen
    assert ("Jane Doe" in call.content.decode()) == seen
    assert client.get(ADDRESS, {"external_id": "crm-0815"}).status_code == (200 if seen else 403)


def test_a_failed_call_is_tried_again(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization, status="failed", failure_code="crashed")
    dead = make_delivery(conversation, "transcription", Delivery.State.DEAD)
    response = client.post(f"{ADDRESS}{conversation.id}/retry/")
    assert (response.status_code, response.json()["status"]) == (202, "processing")
    dead.refresh_from_db()
    assert dead.state == Delivery.State.PENDING


def test_a_call_that_did_not_fail_is_not_tried_again(client: Client, organization: Organization) -> None:
    response = client.post(f"{ADDRESS}{make_conversation(organization).id}/retry/")
    assert (response.status_code, response.json()["code"]) == (409, "not_failed")


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("", "abc"),
        ("status=failed", "c"),
        ("status=failed&status=completed", "abc"),
        ("language=fr", "b"),
        ("language=fr&language=en", "abc"),
        ("agent=Emily", "a"),
        ("tag=refund", "ab"),
        ("tag=refund&tag=billing", "b"),
        ("tag=unheard-of", ""),
        ("flag=dual_mono", "c"),
        ("started_after=2026-10-02T00:00:00Z", "bc"),
        ("started_after=2026-10-02T00:00:00Z&started_before=2026-10-03T00:00:00Z", "b"),
        ("received_before=2020-01-01T00:00:00Z", ""),
        ("status=completed&tag=billing", "b"),
    ],
)
def test_a_list_is_filtered(client: Client, organization: Organization, asked: str, found: str) -> None:
    calls = {
        "a": make_conversation(organization, agent="Emily", started_at="2026-10-01T12:00:00Z"),
        "b": make_conversation(organization, language="fr", started_at="2026-10-02T12:00:00Z"),
        "c": make_conversation(organization, status="failed", flags=["dual_mono"], started_at="2026-10-03T12:00:00Z"),
    }
    make_tag(calls["a"], "refund")
    make_tag(calls["b"], "refund")
    make_tag(calls["b"], "billing", utterance=1)
    listed = ids(client.get(f"{ADDRESS}?{asked}&ordering=started_at"))
    assert listed == [str(calls[name].id) for name in found]


@pytest.mark.parametrize("asked", ["status=done", "batch=x", "started_after=yesterday", "ordering=id", "agent=%00"])
def test_a_filter_that_makes_no_sense_is_named(client: Client, asked: str) -> None:
    response = client.get(f"{ADDRESS}?{asked}")
    assert (response.status_code, list(response.json()["errors"])) == (400, [asked.partition("=")[0]])


def test_a_time_zone_that_the_database_does_not_know_is_no_bug(client: Client) -> None:
    response = client.get(ADDRESS, {"started_after": "2026-10-02T00:00:00+21:32"})
    assert (response.status_code, response.json()["code"]) == (400, "out_of_range")


def test_a_long_list_comes_in_pages(client: Client, organization: Organization, django_assert_max_num_queries) -> None:
    made = [str(make_conversation(organization).id) for _ in range(5)]
    with django_assert_max_num_queries(6):
        first = client.get(ADDRESS, {"page_size": 3})
    second = client.get(first.json()["next"])
    assert first.json()["count"] == 5
    assert ids(first) + ids(second) == made[::-1]
    assert second.json()["next"] is None


# ── Transcript ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_transcript_has_words_with_times_and_redactions(client: Client, organization: Organization) -> None:
    conversation = make_conversation(organization, [("customer", "Call [PHONE_1] please")], seconds=3)
    make_redaction(conversation, "[PHONE_1]", start=1.0, end=2.0)
    assert client.get(f"{ADDRESS}{conversation.id}/transcript/").json() == {
        "conversation": str(conversation.id),
        "language": "en",
        "duration": 3.0,
        "utterances": [
            {
                "index": 0, "speaker": "customer", "channel": 1, "start": 0.0, "end": 3.0,
                "text": "Call [PHONE_1] please", "confidence": 0.9,
                "words": [
                    {"text": "Call", "start": 0.0, "end": 1.0, "probability": 0.9},
                    {"text": "[PHONE_1]", "start": 1.0, "end": 2.0, "probability": 0.9},
                    {"text": "please", "start": 2.0, "end": 3.0, "probability": 0.9},
                ],
            }
        ],
        "redactions": [{"label": "PHONE", "placeholder": "[PHONE_1]", "utterance": 0, "start": 1.0, "end": 2.0}],
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


# ── Problems and the entrance ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("get", f"{ADDRESS}{uuid4()}/", 404),
        ("get", f"{ADDRESS}not-an-id/", 404),
        ("get", "/api/v1/unheard-of/", 404),
        ("post", "/api/v1/conversations", 404),  # without its slash
        ("put", ADDRESS, 405),
        ("post", ADDRESS, 415),  # JSON instead of a form
        ("get", f"{ADDRESS}?page=99", 404),
    ],
)
def test_every_error_is_a_problem(client: Client, method: str, address: str, status: int) -> None:
    sent = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
    response = getattr(client, method)(address, **sent)
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    problem = response.json()
    assert problem["status"] == status
    assert all(problem[name] for name in ("type", "title", "code", "detail"))


def test_the_entrance_shows_where_things_are(client: Client) -> None:
    addresses = Client().get("/api/v1/").json()
    assert addresses["conversations"] == f"http://testserver{ADDRESS}"
    assert client.get(addresses["schema"]).status_code == 200


def test_the_documentation_loads_no_script_but_its_own_files() -> None:
    page = Client().get("/api/v1/docs/").content.decode()
    assert "<style" not in page
    assert page.count("<script") == page.count("<script src=") == 3
    assert "api/v1/schema" in Client().get("/api/v1/docs/?script=").content.decode()


def test_the_openapi_document_is_valid_and_complete() -> None:
    out = StringIO()
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=out)
    assert "/api/v1/conversations/{id}/transcript/" in out.getvalue()
