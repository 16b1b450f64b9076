"""Raw data is deleted when its organization's time has come, is shown to be gone, and comes back by no way."""

import os
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError
from django.test import Client
from django.utils import timezone
from msgspec import structs

from conversations.api.content import record_of
from conversations.ledger.models import Event
from conversations.ledger.recording import record
from conversations.models import Conversation, Organization, Role, User
from conversations.services import calls, purging
from conversations.services.calls import details_of
from conversations.services.purging import Purger, purge, raw_blobs
from conversations.services.raw_data import RawPurged
from pipeline.events import RawDataPurged
from pipeline.records import uuid7
from pipeline.storage import BlobStore, StorageError, blob_store
from tests.conversations.installation import Installation, blob_of, completed, files, received, told
from tests.factories import make_delivery, make_organization, make_user, token_header

Status = Conversation.Status
once = pytest.mark.django_db


@pytest.fixture
def organization() -> Organization:
    """One that keeps raw data for a week."""
    return make_organization(raw_days=7)


def aged(call: Conversation, days: float) -> Conversation:
    """A call that was first anonymized so many days ago."""
    Conversation.objects.filter(id=call.id).update(anonymized_at=timezone.now() - timedelta(days=days))
    return now(call)


def now(call: Conversation) -> Conversation:
    return Conversation.objects.select_related("organization").get(id=call.id)


def old_call(organization: Organization, days: float = 8) -> Conversation:
    return aged(completed(organization, os.urandom(16)), days)


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# ── What is purged ───────────────────────────────────────────────────────────────────────────────────────────────


@once
def test_after_so_many_days_what_is_raw_is_deleted_and_what_is_safe_stays(organization: Organization) -> None:
    old, young = old_call(organization), old_call(organization, days=6)
    safe = {key for key in blob_store().blobs(*old.place) if key.startswith("safe/")}
    Purger().purge_due()
    assert blob_store().blobs(*old.place) == safe
    assert len(raw_blobs(young)) == 3
    event = Event.objects.get(type=RawDataPurged.__name__)
    assert (event.subject, event.correlationid, event.source, event.data) == (old.id, old.run, "monolith", {})
    assert now(old).raw_purged_at is not None
    assert now(young).raw_purged_at is None
    assert details_of(now(old)).external_id == "A-1"  # its key stays


@once
def test_zero_days_are_at_once_and_none_is_never() -> None:
    at_once = completed(make_organization(raw_days=0), os.urandom(16))
    never = old_call(make_organization(), days=10_000)
    Purger().purge_due()
    assert raw_blobs(at_once) == set()
    assert len(raw_blobs(never)) == 3


@once
@pytest.mark.parametrize("fields", [{"status": Status.RECEIVED}, {"status": Status.PROCESSING}, {"hiding": uuid7()}])
def test_a_call_that_is_being_processed_keeps_its_raw_data(organization: Organization, fields: dict[str, Any]) -> None:
    call = old_call(organization)
    Conversation.objects.filter(id=call.id).update(**fields)
    Purger().purge_due()
    assert purge(call.id) is False
    assert len(raw_blobs(call)) == 3


@once
@pytest.mark.parametrize("status", [Status.QUARANTINED, Status.FAILED])
def test_neither_a_quarantine_nor_a_later_failure_keeps_raw_data(organization: Organization, status: str) -> None:
    call = old_call(organization)
    Conversation.objects.filter(id=call.id).update(status=status)
    Purger().purge_due()
    assert raw_blobs(call) == set()


@once
def test_a_call_without_redacted_audio_may_be_mended_for_a_month(organization: Organization) -> None:
    old, older = old_call(organization, days=29), old_call(organization, days=31)
    Conversation.objects.update(status=Status.FAILED, master=None)
    Purger().purge_due()
    assert (len(raw_blobs(old)), raw_blobs(older)) == (3, set())


@once
def test_a_call_that_was_never_anonymized_keeps_what_it_is_to_be_made_of(organization: Organization) -> None:
    call = old_call(organization)
    Conversation.objects.update(status=Status.FAILED, anonymized_at=None)
    Purger().purge_due()
    assert len(raw_blobs(call)) == 3


@once
def test_processing_a_call_again_does_not_begin_its_time_anew(organization: Organization) -> None:
    call = old_call(organization)
    first = now(call).anonymized_at
    calls.reprocess(call)
    story = Event.objects.filter(subject=call.id, type="TranscriptAnonymized").get()
    again = structs.replace(record_of(story), id=str(uuid7()), correlationid=str(now(call).run))
    record(again)
    assert now(call).anonymized_at == first


@once
@pytest.mark.parametrize("state", ["pending", "sent", "running"])
def test_a_call_of_which_a_step_is_at_work_keeps_its_raw_data(organization: Organization, state: str) -> None:
    call = old_call(organization)
    make_delivery(call, "qualification", state)
    Purger().purge_due()
    assert (len(raw_blobs(call)), now(call).raw_purged_at) == (3, None)


@once
def test_the_raw_data_of_earlier_runs_goes_too(organization: Organization) -> None:
    call = completed(organization, os.urandom(16))
    calls.reprocess(call)
    blob_store().put("raw", *call.place, [b"what the next run heard"], "application/json")
    Conversation.objects.filter(id=call.id).update(status=Status.COMPLETED)
    calls.cancel_deliveries(call)
    aged(call, 8)
    Purger().purge_due()
    assert raw_blobs(call) == set()


@once
def test_purging_twice_is_purging_once(organization: Organization) -> None:
    call = old_call(organization)
    assert [purge(call.id), purge(call.id)] == [True, False]
    assert Event.objects.filter(type=RawDataPurged.__name__).count() == 1


@once
def test_what_cannot_be_deleted_is_not_said_to_be_deleted(
    organization: Organization, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    call, other = old_call(organization, days=9), old_call(organization)
    stuck = call.place
    whole = BlobStore.purge_raw

    def purge_raw(store: BlobStore, *place: str) -> None:
        if place != stuck:
            whole(store, *place)

    monkeypatch.setattr(BlobStore, "purge_raw", purge_raw)
    Purger().purge_due()
    assert (now(call).raw_purged_at, len(raw_blobs(call))) == (None, 3)
    assert now(other).raw_purged_at is not None
    assert f"the raw data of call {call.id} is not deleted (PurgeFailed)" in caplog.text
    with pytest.raises(CommandError, match="3 raw blobs"):
        told("purge_raw")
    monkeypatch.undo()
    Purger().purge_due()
    assert now(call).raw_purged_at is not None


@once
def test_a_store_that_is_away_is_waited_for(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    call = old_call(organization)

    def away(*_: Any) -> None:
        raise StorageError("The storage failed.")

    monkeypatch.setattr(BlobStore, "purge_raw", away)
    Purger().purge_due()
    monkeypatch.undo()
    assert now(call).raw_purged_at is None
    Purger().purge_due()
    assert now(call).raw_purged_at is not None


# ── It is shown, by command, on pages and by the API ─────────────────────────────────────────────────────────────


@once
def test_the_command_purges_and_shows_that_what_was_purged_is_gone(organization: Organization) -> None:
    call = old_call(organization)
    assert told("purge_raw", "--dry-run") == "1 calls are due. Nothing was changed (dry run).\n"
    assert told("purge_raw") == "The raw data of 1 calls is deleted.\n"
    assert told("purge_raw", "--verify").startswith("1 calls are purged.")
    left = blob_store().put("raw", *call.place, [b"a late worker's"], "application/json")
    with pytest.raises(CommandError, match="1 raw blobs"):
        told("purge_raw", "--verify")
    assert told("reconcile").startswith(f"raw_left: call {call.id}, blob {left.key}")
    assert told("purge_raw", "--verify").startswith("1 calls are purged.")


@once
def test_pages_and_api_say_since_when_the_raw_data_is_gone(organization: Organization) -> None:
    call = old_call(organization)
    admin = make_user(organization, Role.ADMIN)
    admin.let("open_raw_data", True)
    client, api = browser(admin), Client(headers=token_header(admin))
    page, operators = f"/conversations/{call.id}/", f"/admin/conversations/conversation/{call.id}/change/"
    assert api.get(f"/api/v1{page}").json()["raw_purged_at"] is None
    assert "were deleted" not in client.get(page).content.decode()
    purge(call.id)
    assert api.get(f"/api/v1{page}").json()["raw_purged_at"] is not None
    assert "The recording and raw transcript were deleted" in client.get(page).content.decode()
    assert "None of it is in the storage" in client.get(operators).content.decode()
    blob_store().put("raw", *call.place, [b"a late worker's"], "application/json")
    assert "but 1 file of it is in the storage" in client.get(operators).content.decode()


@once
def test_what_needs_raw_data_is_refused_with_a_sentence(organization: Organization) -> None:
    call = old_call(organization)
    purge(call.id)
    admin = make_user(organization, Role.ADMIN)
    admin.let("open_raw_data", True)
    client, api, address = browser(admin), Client(headers=token_header(admin)), f"/conversations/{call.id}/"
    runs = Event.objects.filter(type="ConversationReceived").count()
    with pytest.raises(RawPurged):
        calls.reprocess(now(call))
    for answer in (
        api.post(f"/api/v1{address}reprocess/", {}),
        api.post(f"/api/v1{address}raw/", {"what": "audio", "reason": "x"}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (410, "raw_purged")
        assert "the call cannot be processed again" in answer.json()["detail"]
    for path, fields in (("reprocess/", {}), ("raw/", {"what": "audio", "reason": "x"})):
        page = client.post(f"{address}{path}", fields, follow=True).content.decode()
        assert "the call cannot be processed again" in page
    assert "Process again" not in client.get(address).content.decode()
    chosen = {"action": "reprocess_calls", "_selected_action": [str(call.id)], "sure": "yes"}
    page = client.post("/admin/conversations/conversation/", chosen, follow=True).content.decode()
    assert "1 call cannot be processed again" in page
    assert Event.objects.filter(type="ConversationReceived").count() == runs


@once
def test_the_same_recording_is_known_again_after_its_raw_data_is_purged(organization: Organization) -> None:
    call = aged(completed(organization, b"the same bytes"), 8)
    purge(call.id)
    assert received(organization, b"the same bytes") == call


@once
def test_the_setting_is_a_number_of_days_in_the_admin(organization: Organization) -> None:
    client = browser(make_user(organization, Role.ADMIN))
    page = client.get(f"/admin/conversations/organization/{organization.id}/change/").content.decode()
    assert 'name="raw_days" value="7"' in page
    assert "cannot be processed again" in page


# ── Backups ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_purged_raw_data_is_neither_missing_nor_processed_again(installation: Installation) -> None:
    call = old_call(make_organization(raw_days=7))
    purge(call.id)
    assert told("reconcile").endswith("Findings: 0.\n")
    (installation.blobs / blob_of(call, "player").key).unlink()
    said = told("reconcile")
    assert f"raw_purged: call {call.id}" in said
    assert "call_reprocessed" not in said


def test_the_next_backup_drops_what_was_purged(installation: Installation) -> None:
    call = old_call(make_organization(raw_days=7))
    told("backup", installation.backup)
    assert any("/raw/" in path for path in files(installation.backup))
    purge(call.id)
    assert "3 deleted" in told("backup", installation.backup)
    assert not any("/raw/" in path for path in files(installation.backup))


def test_a_restore_brings_no_purged_raw_data_back(installation: Installation) -> None:
    call = old_call(make_organization(raw_days=7))
    told("backup", installation.backup)
    raw = {path: content for path, content in files(installation.backup).items() if "/raw/" in path}
    purge(call.id)
    told("backup", installation.backup)
    for path, content in raw.items():  # somebody's copy of the folder
        (installation.backup / path).parent.mkdir(parents=True, exist_ok=True)
        (installation.backup / path).write_bytes(content)
    installation.use_new_database()
    installation.lose_blobs()
    told("restore", installation.backup)
    assert raw_blobs(call) == set()
    assert told("purge_raw", "--verify").startswith("1 calls are purged.")


def test_after_the_restore_of_an_older_backup_it_is_purged_again(installation: Installation) -> None:
    call = old_call(make_organization(raw_days=7))
    told("backup", installation.backup)
    purge(call.id)
    installation.use_new_database()
    installation.lose_blobs()
    told("restore", installation.backup)
    assert (len(raw_blobs(call)), now(call).raw_purged_at) == (3, None)
    Purger().purge_due()
    assert raw_blobs(call) == set()
    assert list(purging.remains()) == [(call, set())]
