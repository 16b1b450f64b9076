"""Sending calls over the API."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import msgspec
import psycopg
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from conversations.ledger.models import Event
from conversations.models import Conversation, IdempotencyKey, Role
from conversations.services import calls
from pipeline.config import config
from pipeline.events import Blob
from pipeline.storage import StorageError, blob_store
from tests.factories import make_user, token_header

pytestmark = pytest.mark.django_db
ADDRESS = "/api/v1/conversations/"


@pytest.fixture
def sender() -> Client:
    """A program that may send calls."""
    return Client(headers=token_header(make_user(role=Role.CLIENT)))


def send(client: Client, content: bytes = b"some sound", key: str = "", **fields: Any) -> Any:
    """Send a call, under an Idempotency-Key if there is one."""
    audio = SimpleUploadedFile("Jane Doe.wav", content)
    return client.post(ADDRESS, {"audio": audio, **fields}, headers={"Idempotency-Key": key} if key else {})


def test_a_call_that_is_sent_is_there_with_its_bytes_and_its_event(sender: Client) -> None:
    response = send(sender, b"these bytes", agent="Emily", language="en", channels="agent, customer")

    assert response.status_code == 201
    answer = response.json()
    conversation = Conversation.objects.get(id=answer["id"])
    assert (answer["status"], answer["duplicate"]) == ("received", False)
    assert response["Location"] == f"http://testserver{ADDRESS}{conversation.id}/"
    assert (conversation.agent, conversation.speakers) == ("Emily", ["agent", "customer"])
    event = Event.objects.get(subject=conversation.id)
    assert (event.type, event.data["language"]) == ("ConversationReceived", "en")
    blob = msgspec.convert(conversation.audio, Blob)
    assert blob_store().read(blob, str(conversation.organization_id), str(conversation.id)) == b"these bytes"


def test_a_call_without_a_header_is_sent_on_with_the_kind_of_audio_that_its_name_says(sender: Client) -> None:
    audio = SimpleUploadedFile("Jane Doe.ulaw", b"some sound", content_type="application/octet-stream")
    id = sender.post(ADDRESS, {"audio": audio}).json()["id"]
    event = Event.objects.get(subject=id)
    assert event.data["audio"]["media_type"] == "audio/PCMU"
    assert "Jane" not in json.dumps(event.data)


def test_what_the_sender_says_of_the_caller_is_sealed_and_given_back(sender: Client) -> None:
    said = {"external_id": "crm-0815", "metadata": json.dumps({"customer": "Jane Doe"})}
    id = send(sender, **said).json()["id"]

    call = sender.get(f"{ADDRESS}{id}/").json()
    assert (call["external_id"], call["metadata"]) == ("crm-0815", {"customer": "Jane Doe"})
    assert b"Jane" not in bytes(Conversation.objects.get(id=id).details.sealed)
    assert [each["id"] for each in sender.get(ADDRESS, {"external_id": "crm-0815"}).json()["results"]] == [id]


def test_the_same_bytes_twice_are_one_call_and_the_answer_says_so(sender: Client) -> None:
    first, second = send(sender), send(sender)
    assert (second.status_code, second.json()["duplicate"]) == (200, True)
    assert second.json()["id"] == first.json()["id"]
    assert second["Location"] == first["Location"]
    assert Conversation.objects.count() == 1


def test_the_same_bytes_of_two_organizations_are_two_calls(sender: Client) -> None:
    other = Client(headers=token_header(make_user(role=Role.CLIENT)))
    assert send(sender).json()["id"] != send(other).json()["id"]


def test_an_empty_file_is_taken_in_to_fail_with_a_sentence(sender: Client) -> None:
    assert send(sender, b"").status_code == 201


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("language", "english"),  # a code is meant
        ("language", "EN"),
        ("channels", "Agent Smith,customer"),  # a role, no name of a person
        ("channels", "agent,agent"),
        ("channels", "marie-dupont,customer"),
        ("channels", "agent,"),
        ("metadata", "[1]"),
        ("metadata", "{"),
        ("metadata", '{"a": NaN}'),
        ("metadata", "[" * 16000),
        ("metadata", json.dumps({"a": "x" * 16384})),
        ("started_at", "yesterday"),
        ("external_id", "x" * 201),
        ("agent", "x" * 101),
        ("agent", "nul\x00"),
    ],
)
def test_a_field_that_is_not_right_is_named(sender: Client, field: str, value: str) -> None:
    response = send(sender, **{field: value})
    assert response.status_code == 400
    assert response["Content-Type"] == "application/problem+json"
    assert list(response.json()["errors"]) == [field]
    assert not Conversation.objects.exists()


def test_a_call_without_audio_is_refused(sender: Client) -> None:
    response = sender.post(ADDRESS, {"agent": "Emily"})
    assert (response.status_code, list(response.json()["errors"])) == (400, ["audio"])


@pytest.mark.parametrize("announced", [True, False], ids=["by its announced length", "by its bytes"])
def test_a_file_that_is_too_large_is_refused(sender: Client, monkeypatch: pytest.MonkeyPatch, announced: bool) -> None:
    limit = 1000
    small = msgspec.structs.replace(config(), max_upload_bytes=limit)
    monkeypatch.setattr(calls, "config", lambda: small)
    monkeypatch.setattr("conversations.api.calls.config", lambda: small)
    response = send(sender, b"x" * (3 * 1024**2 if announced else limit + 1))
    assert (response.status_code, response.json()["code"]) == (413, "file_too_large")
    assert not Conversation.objects.exists()


@pytest.mark.parametrize(("role", "status"), [(Role.ADMIN, 201), (Role.SUPERVISOR, 201), (Role.AGENT, 403)])
def test_agents_do_not_send_calls(role: Role, status: int) -> None:
    assert send(Client(headers=token_header(make_user(role=role)))).status_code == status


# ── Idempotency-Key ──────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_request_under_a_key_has_the_same_answer(sender: Client) -> None:
    first, second = (send(sender, key="one", agent="Emily") for _ in range(2))
    assert (second.status_code, second.json(), second["Location"]) == (201, first.json(), first["Location"])


@pytest.mark.parametrize("other", [{"content": b"other sound"}, {"agent": "Laura"}], ids=["bytes", "fields"])
def test_another_request_under_a_key_is_refused(sender: Client, other: dict[str, Any]) -> None:
    send(sender, key="one", **({"agent": "Emily"} if "agent" in other else {}))
    response = send(sender, key="one", **other)
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


def test_two_users_may_use_the_same_key(sender: Client) -> None:
    send(sender, b"mine", key="one")
    assert send(Client(headers=token_header(make_user(role=Role.CLIENT))), b"theirs", key="one").status_code == 201


def test_a_key_is_free_again_after_a_day(sender: Client) -> None:
    send(sender, b"old", key="one")
    IdempotencyKey.objects.update(created_at=timezone.now() - timedelta(days=1, seconds=1))
    assert send(sender, b"new", key="one").status_code == 201
    assert IdempotencyKey.objects.count() == 1


def test_a_request_that_failed_may_be_sent_again_under_its_key(sender: Client, monkeypatch: Any) -> None:
    with monkeypatch.context() as away:
        away.setattr(blob_store(), "put", unreachable)
        assert send(sender, key="one").status_code == 503
    assert send(sender, key="one").status_code == 201


def test_the_same_request_at_the_same_time_is_told_to_wait(sender: Client) -> None:
    send(sender, b"to know the lock's name", key="one")
    user, digest = IdempotencyKey.objects.values_list("user", "digest").get()
    with other_session() as cursor:
        cursor.execute("select pg_advisory_lock(hashtextextended(%s, 0))", [f"{user} {digest}"])
        response = send(sender, b"to know the lock's name", key="one")
    assert (response.status_code, response.json()["code"]) == (409, "request_in_progress")
    assert send(sender, b"to know the lock's name", key="one").status_code == 201


@contextmanager
def other_session() -> Iterator[psycopg.Cursor[Any]]:
    """A database session beside Django's."""
    settings = connection.get_connection_params()
    where = {name: settings[name] for name in ("dbname", "user", "host", "port") if settings.get(name)}
    with psycopg.connect(**where) as there:
        yield there.cursor()


# ── When something is away ───────────────────────────────────────────────────────────────────────────────────────


def unreachable(*_: Any, **__: Any) -> None:
    """What a blob store on a full disk does."""
    raise StorageError("The blob store failed (OSError, errno 28).")


def database_is_away(*_: Any, **__: Any) -> None:
    """What Django does without a database."""
    raise OperationalError("connection refused")


@pytest.mark.parametrize(
    ("what", "name", "failing"),
    [(blob_store, "put", unreachable), (lambda: calls, "record", database_is_away)],
    ids=["blob store", "database"],
)
def test_a_call_that_cannot_be_kept_is_never_answered_with_success(
    sender: Client, monkeypatch: Any, what: Any, name: str, failing: Any
) -> None:
    monkeypatch.setattr(what(), name, failing)
    response = send(sender)
    assert (response.status_code, response.json()["code"]) == (503, "unavailable")
    assert response["Retry-After"]
    assert not Conversation.objects.exists()


def test_a_bug_is_answered_without_its_words_and_logged_without_them(
    sender: Client, monkeypatch: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def bug(*_: Any, **__: Any) -> None:
        raise ValueError("Jane Doe's card is 4111")

    monkeypatch.setattr(calls, "receive_call", bug)
    response = send(sender)
    assert (response.status_code, response["Content-Type"]) == (500, "application/problem+json")
    assert "Jane" not in response.content.decode() + caplog.text
    assert "ValueError" in caplog.text
