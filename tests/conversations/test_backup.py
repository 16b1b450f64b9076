"""A backup is whole or it is none; it can be brought up to date, and put back."""

from pathlib import Path

import pytest
from django.core.management import CommandError

from conversations.ledger import attempts
from conversations.ledger.models import Clock, Delivery
from conversations.models import Conversation, Utterance
from conversations.services import calls, dumps
from conversations.services.calls import details_of
from pipeline.config import config
from pipeline.storage import blob_store
from tests.conversations.installation import (
    Installation,
    blob_of,
    completed,
    files,
    flip_a_bit,
    put,
    received,
    rows,
    told,
)
from tests.factories import make_organization


def test_what_was_wiped_is_there_again_row_for_row_and_byte_for_byte(installation: Installation) -> None:
    organization = make_organization()
    completed(organization)
    received(organization, b"another")
    told("backup", installation.backup)
    before, bytes_before = rows(), files(installation.blobs)
    installation.use_new_database()
    installation.lose_blobs()
    said = told("restore", installation.backup)
    assert rows() == before
    assert files(installation.blobs) == bytes_before
    assert said.endswith("Compared: 2 calls, 9 blobs. Findings: 0.\n")
    assert [details_of(each).external_id for each in Conversation.objects.all()] == ["A-1", "A-1"]
    assert Utterance.objects.filter(search="name").count() == 1


def test_a_second_backup_copies_only_what_is_new(installation: Installation) -> None:
    organization = make_organization()
    completed(organization)
    first = told("backup", installation.backup)
    old = {path: path.stat().st_mtime_ns for path in (installation.backup / "blobs").rglob("*") if path.is_file()}
    received(organization, b"another")
    second = told("backup", installation.backup)
    assert "11 copied" in first
    assert "2 copied" in second
    assert "11 there already, 0 deleted; 13 in all" in second
    assert {path: path.stat().st_mtime_ns for path in old} == old
    assert len(list(installation.backup.glob("database-*"))) == 1


def test_neither_keys_nor_words_of_a_raw_blob_are_in_a_backup(installation: Installation) -> None:
    conversation = received(make_organization(), b"spoken words")
    told("backup", installation.backup)
    backup = files(installation.backup)
    keys = [content for content in files(installation.keys).values() if content]
    assert keys
    assert not any(key in content or b"spoken words" in content for key in keys for content in backup.values())
    assert f"blobs/{blob_of(conversation, 'audio').key}" in backup


def test_a_call_erased_after_the_backup_stays_erased(installation: Installation) -> None:
    organization = make_organization()
    erased, kept = completed(organization, b"to be erased"), completed(organization, b"to be kept")
    call = str(erased.id)
    told("backup", installation.backup)
    calls.erase(erased)
    installation.use_new_database()
    installation.lose_blobs()
    said = told("restore", installation.backup)
    assert f"call_erased: call {call}" in said
    assert list(Conversation.objects.all()) == [kept]
    assert not Utterance.objects.exclude(conversation=kept).exists()
    assert not any(call in path for path in files(installation.blobs))
    assert "Findings: 0." in told("reconcile")


def test_the_next_backup_forgets_an_erased_call(installation: Installation) -> None:
    conversation = completed(make_organization())
    call = str(conversation.id)
    told("backup", installation.backup)
    calls.erase(conversation)
    assert "11 deleted; 0 in all" in told("backup", installation.backup)
    assert not any(call in path for path in files(installation.backup))


def test_what_the_store_lost_by_accident_stays_in_the_backup_and_what_was_swept_does_not(
    installation: Installation,
) -> None:
    conversation = received(make_organization())
    swept = put(conversation, "safe", b"of an attempt that came second")
    told("backup", installation.backup)
    installation.lose_blobs()
    said = told("backup", installation.backup)
    kept = files(installation.backup / "blobs")
    assert "1 deleted; 2 in all" in said
    assert swept.key not in kept
    assert blob_of(conversation, "audio").key in kept


def test_a_damaged_blob_never_replaces_the_whole_one_of_an_earlier_backup(installation: Installation) -> None:
    conversation = received(make_organization())
    blob = blob_of(conversation, "audio")
    flip_a_bit(installation.blobs / blob.key)
    assert f"blob_damaged: {blob.key}" in told("backup", installation.backup)
    assert blob.key not in files(installation.backup / "blobs")
    flip_a_bit(installation.blobs / blob.key)
    told("backup", installation.backup)
    whole = files(installation.blobs)
    flip_a_bit(installation.blobs / blob.key)
    told("backup", installation.backup)
    assert files(installation.backup / "blobs") == whole


def test_a_backup_cut_off_leaves_the_last_one_whole(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    received(make_organization())
    told("backup", installation.backup)
    before = rows()
    received(make_organization())

    def power_cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("conversations.services.backups.write_whole", power_cut)
        with pytest.raises(KeyboardInterrupt):
            told("backup", installation.backup)
    assert len(list(installation.backup.glob("database-*"))) == 2
    installation.use_new_database()
    told("restore", installation.backup)
    assert rows() == before
    told("backup", installation.backup)
    assert len(list(installation.backup.glob("database-*"))) == 1


def test_another_database_and_one_set_back_do_not_overwrite_a_backup(installation: Installation) -> None:
    received(make_organization())
    told("backup", installation.backup)
    older = installation.backup.with_name("older")
    installation.backup.rename(older)
    received(make_organization())
    told("backup", installation.backup)
    kept = files(installation.backup)
    told("restore", older, "--replace")
    with pytest.raises(CommandError, match="newer than the database"):
        told("backup", installation.backup)
    installation.use_new_database()
    told("migrate", verbosity=0)
    with pytest.raises(CommandError, match="another database"):
        told("backup", installation.backup)
    assert files(installation.backup) == kept


def test_two_backups_into_one_folder_at_once_are_refused(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, refused = dumps.dump, []

    def meanwhile_another(target: Path) -> dumps.Counts:
        with pytest.raises(CommandError, match="Another backup"):
            told("backup", installation.backup)
        refused.append(True)
        return real(target)

    monkeypatch.setattr(dumps, "dump", meanwhile_another)
    told("backup", installation.backup)
    assert refused == [True]


def test_programs_older_than_the_server_are_passed_over(
    installation: Installation, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old = tmp_path / "bin" / "pg_dump"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.1'\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))
    assert dumps.program("pg_dump") != old
    assert dumps.version_of(dumps.program("pg_dump")) >= 15
    monkeypatch.setattr(dumps, "folders", lambda: [old.parent])
    with pytest.raises(CommandError, match="or newer is needed; found: 9"):
        told("backup", installation.backup)
    assert not (installation.backup / "manifest.json").exists()


def test_what_was_in_flight_at_the_time_of_the_backup_is_found_lost_and_sent_again(
    installation: Installation,
) -> None:
    organization = make_organization()
    sent, running = (Delivery.objects.get(subject=received(organization, audio).id) for audio in (b"sent", b"running"))
    past = "2026-01-01T00:00:00Z"
    Delivery.objects.filter(id=sent.id).update(state="sent", sends=1, sent_at=past)
    Delivery.objects.filter(id=running.id).update(
        state="running", sends=1, attempts=1, sent_at=past, started_at=past, deadline=past
    )
    told("backup", installation.backup)
    installation.use_new_database()
    told("restore", installation.backup)
    assert sorted(Delivery.objects.values_list("state", flat=True)) == ["running", "sent"]
    attempts.note_caught_up()  # as a consumer does that starts after the restore
    assert attempts.expire_leases() == 0  # the outage is charged to nobody
    Clock.objects.update(steady_since=past)  # a lease later
    assert attempts.expire_leases() == 1
    assert attempts.give_up_lost(attempts.overdue_queues()["gpu"], empty=True) == 1
    assert set(Delivery.objects.values_list("state", flat=True)) == {"pending"}


def test_a_store_in_a_bucket_is_backed_up_and_restored_by_its_url(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_BLOB_URL", "memory://bucket/blobs")  # object storage as fsspec sees it
    config.cache_clear()
    blob_store.cache_clear()
    conversation = received(make_organization(), b"in a bucket")
    place = str(conversation.organization_id), str(conversation.id)
    told("backup", installation.backup)
    blob_store().fs.rm(blob_store().root, recursive=True)
    said = told("restore", installation.backup, "--replace")
    assert "2 copied back" in said
    assert blob_store().read(blob_of(conversation, "audio"), *place) == b"in a bucket"
