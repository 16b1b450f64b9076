"""Receiving, reprocessing and erasing calls, and what is left behind."""

import io
import os
import time
from pathlib import Path

import pytest
from django.core.management import call_command

from conversations.ledger.models import Delivery, Event
from conversations.management.commands import sweep_blobs
from conversations.models import Conversation, Organization
from conversations.services import calls
from conversations.services.calls import CallDetails, UploadRefused, receive_call
from pipeline import config, storage
from pipeline.sealing import KeyMissing
from pipeline.storage import BlobStore, StorageError
from tests.factories import make_organization

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BlobStore:
    """A blob store of the test's own."""
    keys = storage.KeyStore(f"file://{tmp_path}/keys", config.config().master_key)
    store = BlobStore(f"file://{tmp_path}/blobs", keys)
    for module in (calls, storage, sweep_blobs):
        monkeypatch.setattr(module, "blob_store", lambda: store)
    return store


@pytest.fixture
def organization() -> Organization:
    return make_organization()


def files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_received_call_has_its_bytes_row_and_event(organization: Organization, store: BlobStore) -> None:
    details = CallDetails(external_id="A-1", file_name="anna smith.wav", agent="Emily", language="fr")
    conversation, created = receive_call(organization, io.BytesIO(b"RIFF"), details)
    event = Event.objects.get()
    assert created
    assert (event.type, event.id, event.subject) == ("ConversationReceived", conversation.run, conversation.id)
    assert Delivery.objects.get().service == "transcription"
    assert calls.details_of(Conversation.objects.get()) == details
    assert b"anna smith" not in bytes(Conversation.objects.get().details.sealed)


@pytest.mark.parametrize(
    ("file_name", "media_type"),
    [
        ("Anna Smith.ulaw", "audio/PCMU"),
        ("Anna Smith.2026.ALAW", "audio/PCMA"),
        ("june/Anna Smith.gsm", "audio/GSM"),
        ("Anna Smith.wav", "audio/vnd.wave"),
        ("Anna Smith.mp3", "application/octet-stream"),
        ("gsm of Anna Smith", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_of_a_files_name_an_event_has_only_the_kind_of_audio(
    organization: Organization, file_name: str, media_type: str
) -> None:
    receive_call(organization, io.BytesIO(b"sound"), CallDetails(file_name=file_name))
    event = Event.objects.get()
    assert event.data["audio"]["media_type"] == media_type
    assert "Smith" not in str(event.data)
    assert Conversation.objects.get().audio == event.data["audio"]


def test_the_same_bytes_twice_in_an_organization_are_one_conversation(organization: Organization) -> None:
    first = receive_call(organization, io.BytesIO(b"same"), CallDetails())
    second = receive_call(organization, io.BytesIO(b"same"), CallDetails(external_id="another"))
    elsewhere = receive_call(make_organization(), io.BytesIO(b"same"), CallDetails())
    assert (second.conversation.id, second.created) == (first.conversation.id, False)
    assert elsewhere.created
    assert elsewhere.conversation.audio_digest != first.conversation.audio_digest


def test_two_uploads_of_the_same_bytes_at_once_are_one_conversation(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, store: BlobStore
) -> None:
    first = receive_call(organization, io.BytesIO(b"same"), CallDetails())
    look = Conversation.objects.of

    class Blind:
        """Sees no conversation the first time, as a request does that looked a moment too early."""

        def __init__(self) -> None:
            self.looked = False

        def __call__(self, organization: Organization) -> object:
            if self.looked:
                return look(organization)
            self.looked = True
            return Conversation.objects.none()

    monkeypatch.setattr(Conversation.objects, "of", Blind())
    second = receive_call(organization, io.BytesIO(b"same"), CallDetails())
    assert (second.conversation.id, second.created) == (first.conversation.id, False)
    assert len(store.places()) == 1


def test_too_large_a_file_is_refused_and_leaves_nothing(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = type("Small", (), {"max_upload_bytes": 3, "master_key": config.config().master_key})
    monkeypatch.setattr(calls, "config", lambda: small)
    with pytest.raises(UploadRefused) as refused:
        receive_call(organization, io.BytesIO(b"four"), CallDetails())
    assert refused.value.code == "file_too_large"
    assert not Conversation.objects.exists()
    assert files(tmp_path) == []


def test_a_full_disk_leaves_no_row(
    organization: Organization, store: BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "_publish", full)
    with pytest.raises(StorageError):
        receive_call(organization, io.BytesIO(b"RIFF"), CallDetails())
    assert not Conversation.objects.exists()
    assert not Event.objects.exists()


def test_reprocessing_is_a_new_run_that_cancels_the_old(organization: Organization) -> None:
    conversation = receive_call(organization, io.BytesIO(b"RIFF"), CallDetails(language="fr")).conversation
    calls.reprocess(conversation)
    requested = Event.objects.get(type="ReprocessingRequested")
    received = Event.objects.get(type="ConversationReceived", causationid=requested.id)
    assert Conversation.objects.get().run == requested.id == received.correlationid
    assert received.data["language"] == "fr"
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["cancelled", "pending"]


def test_an_erased_call_cannot_be_opened_from_any_copy(
    organization: Organization, store: BlobStore, tmp_path: Path
) -> None:
    conversation = receive_call(organization, io.BytesIO(b"RIFF"), CallDetails()).conversation
    place = str(organization.id), str(conversation.id)
    calls.erase(conversation)
    assert [path.name for path in files(tmp_path)] == [f"{place[1]}.erased"]
    assert not Conversation.objects.exists()
    assert Delivery.objects.get().state == "cancelled"
    with pytest.raises(KeyMissing):
        store.keys.get(*place)


def test_only_old_blobs_that_no_event_names_are_swept(organization: Organization, store: BlobStore) -> None:
    conversation = receive_call(organization, io.BytesIO(b"RIFF"), CallDetails()).conversation
    place = str(organization.id), str(conversation.id)
    named = store.blobs(*place)
    old, new = (store.put("safe", *place, [content], "text/plain") for content in (b"old", b"new"))
    two_days_ago = time.time() - 2 * 86400
    for key in (old.key, *named):
        os.utime(f"{store.root}/{key}", (two_days_ago, two_days_ago))
    call_command("sweep_blobs")
    assert store.blobs(*place) == named | {new.key}


def failed(organization: Organization, code: str) -> Conversation:
    """A call whose transcription is dead."""
    conversation = receive_call(organization, io.BytesIO(code.encode()), CallDetails()).conversation
    Delivery.objects.filter(subject=conversation.id).update(state="dead", error=code, attempts=5)
    Conversation.objects.filter(id=conversation.id).update(status="failed", failure_code=code)
    return conversation


def test_a_retried_step_has_fresh_attempts(organization: Organization) -> None:
    conversation = failed(organization, "crashed")
    assert calls.retry(organization, [conversation.id]) == 1
    assert (Delivery.objects.get().state, Delivery.objects.get().attempts) == ("pending", 0)
    assert Conversation.objects.get().status == "processing"


def test_a_call_that_needs_other_settings_is_retried_as_a_new_run(organization: Organization) -> None:
    conversation = failed(organization, "audio_too_long")
    assert calls.retry(organization, [conversation.id]) == 1
    assert Conversation.objects.get().run != conversation.run
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["cancelled", "pending"]


def test_nobody_retries_the_calls_of_others(organization: Organization) -> None:
    conversation = failed(organization, "crashed")
    assert calls.retry(make_organization(), [conversation.id]) == 0
    assert Conversation.objects.get().status == "failed"
