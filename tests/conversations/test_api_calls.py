"""Looking at calls over the API: who may, which there are, how they stand."""

from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.test import Client

from conversations.ledger.models import Delivery
from conversations.models import Conversation, Organization, Role, Token, User
from conversations.services.calls import CallDetails, sealed_details
from tests.factories import (
    make_conversation,
    make_delivery,
    make_organization,
    make_tag,
    make_user,
    token_header,
)

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


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


# ── Problems and the entrance ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("method", "address", "status"),
    [
        ("get", f"{ADDRESS}{UUID(int=1)}/", 404),
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
