"""Database, blobs and keys of different moments are put side by side: what differs is told, and mended where it can be."""

import json
import shutil
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError

from conversations.ledger import relay
from conversations.ledger.models import Delivery, Event
from conversations.ledger.recording import record
from conversations.models import Conversation
from conversations.services import calls
from pipeline import bus
from pipeline.events import ConversationReceived, ConversationTranscribed
from pipeline.records import to_wire
from pipeline.service import Service, handle
from pipeline.storage import blob_store
from tests.conversations.installation import (
    Installation,
    blob_of,
    cascade,
    completed,
    files,
    flip_a_bit,
    put,
    received,
    rows,
    told,
)
from tests.factories import make_organization

Status = Conversation.Status


def found(*arguments: Any) -> list[tuple[str, str, str]]:
    """What `reconcile --json` finds: code, call, and the blob's key."""
    answer = json.loads(told("reconcile", "--json", *arguments))
    assert sum(answer["counts"].values()) == len(answer["findings"])
    return [(each["code"], each["call"], each.get("blob", "")) for each in answer["findings"]]


def key(conversation: Conversation, field: str) -> str:
    return str(blob_of(conversation, field).key)


def tags_key(conversation: Conversation) -> str:
    return str(Event.objects.get(subject=conversation.id, type="ConversationQualified").data["tags"]["key"])


def surviving_entities_key(conversation: Conversation) -> str:
    return str(Event.objects.get(subject=conversation.id, type="TranscriptAnonymized").data["entities"]["key"])


def test_where_nothing_differs_nothing_is_found_and_nothing_changes(installation: Installation) -> None:
    completed(make_organization())
    received(make_organization())
    before, bytes_before = rows(), files(installation.blobs)
    assert told("reconcile") == "Compared: 2 calls, 9 blobs. Findings: 0.\n"
    assert (rows(), files(installation.blobs)) == (before, bytes_before)


@pytest.mark.parametrize(
    "which",
    [lambda call: key(call, "transcript"), lambda call: key(call, "master"), lambda call: key(call, "player"),
     lambda call: key(call, "peaks"), tags_key, surviving_entities_key],
    ids=["transcript", "master", "player", "peaks", "tags", "entities"],
)  # fmt: skip
@pytest.mark.parametrize("spoil", ["lost", "flipped"])
def test_a_call_that_lost_what_was_made_of_its_recording_is_processed_again(
    installation: Installation, which: Callable[[Conversation], str], spoil: str
) -> None:
    conversation, other = completed(make_organization()), completed(make_organization())
    blob = which(conversation)
    path = installation.blobs / blob
    path.unlink() if spoil == "lost" else flip_a_bit(path)
    code = "blob_missing" if spoil == "lost" else "blob_damaged"
    call = str(conversation.id)
    assert found() == [(code, call, blob), ("call_reprocessed", call, "")]
    again = Conversation.objects.get(id=conversation.id)
    assert (again.status, Conversation.objects.get(id=other.id).status) == (Status.RECEIVED, Status.COMPLETED)
    assert Delivery.objects.get(correlationid=again.run).state == "pending"
    assert found() == [], "its run is on the way; it is not begun again"


def test_a_dry_run_tells_the_same_and_changes_nothing(installation: Installation) -> None:
    organization = make_organization()
    lost, erased = completed(organization, b"1"), completed(organization, b"2")
    (installation.blobs / key(lost, "player")).unlink()
    blob_store().keys.erase(str(organization.id), str(erased.id))
    before, bytes_before = rows(), files(installation.blobs)
    dry = found("--dry-run")
    assert (rows(), files(installation.blobs)) == (before, bytes_before)
    assert "Nothing was changed" in told("reconcile", "--dry-run")
    assert found() == dry
    assert [code for code, _, _ in dry] == ["blob_missing", "call_reprocessed", "call_erased"]


def test_a_lost_recording_is_told_and_what_was_made_of_it_stays(installation: Installation) -> None:
    conversation = completed(make_organization())
    flip_a_bit(installation.blobs / key(conversation, "audio"))
    call = str(conversation.id)
    assert found() == [("blob_damaged", call, key(conversation, "audio")), ("audio_lost", call, "")]
    assert Conversation.objects.get().status == Status.COMPLETED
    assert conversation.utterances.count() == 1


def test_what_nobody_needs_any_more_is_not_missed(installation: Installation) -> None:
    conversation = completed(make_organization())
    for path in list((installation.blobs / "raw").rglob("*")):
        if path.is_file() and path.name != blob_of(conversation, "audio").sha256:
            path.unlink()  # the raw transcript and its entities, of a call that is completed
    assert found() == []


def test_blobs_older_than_the_database_make_calls_be_processed_again(installation: Installation) -> None:
    organization = make_organization()
    conversation = received(organization)
    old = installation.blobs.with_name("old")
    shutil.copytree(installation.blobs, old)
    for said in cascade(conversation, b"RIFF"):
        record(said)
    newer = received(organization, b"came after the blobs were copied")
    installation.lose_blobs()
    old.rename(installation.blobs)
    codes = {(code, call) for code, call, _ in found()}
    assert codes == {
        ("blob_missing", str(conversation.id)), ("call_reprocessed", str(conversation.id)),
        ("blob_missing", str(newer.id)), ("audio_lost", str(newer.id)),
    }  # fmt: skip


def test_a_database_older_than_the_blobs_leaves_newer_uploads_alone_and_tells_them(
    installation: Installation,
) -> None:
    organization = make_organization()
    known = received(organization)
    told("backup", installation.backup)
    for said in cascade(known, b"RIFF"):
        record(said)
    unknown = received(organization, b"came after the backup")
    before = files(installation.blobs)
    said = told("restore", installation.backup, "--replace")
    assert f"call_unknown: call {unknown.id}" in said
    assert said.count(f"blob_unreferenced: call {known.id}") == 9
    assert "Findings: 10." in said
    assert files(installation.blobs) == before
    assert Conversation.objects.get() == known
    assert Delivery.objects.get().state == "pending"


def test_work_done_since_the_backup_is_not_done_again_unless_its_blobs_are_gone(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = received(make_organization())
    told("backup", installation.backup)
    answer, said = next(iter(cascade(conversation, b"RIFF"))).data, []
    service = Service(
        name="transcription", function=lambda event: said.append("worked") or answer, hears=(ConversationReceived,),
        says=(ConversationTranscribed,), queue="gpu", lease=30.0, window=2, warm=None,
    )  # fmt: skip
    monkeypatch.setattr(bus, "say", lambda records: said.append(records[0].type))
    event = Event.objects.get()
    wire = to_wire(relay.record_of({**event.__dict__, "data": json.dumps(event.data)}))
    handle(service, wire, attempt=1)
    told("restore", installation.backup, "--replace")
    handle(service, wire, attempt=1)
    assert said == ["worked", "ConversationTranscribed", "ConversationTranscribed"]
    (installation.blobs / answer.transcript.key).unlink()
    handle(service, wire, attempt=2)
    assert said[3:] == ["worked", "ConversationTranscribed"]


def test_damaged_and_missing_blobs_are_taken_from_a_backup(installation: Installation) -> None:
    conversation = completed(make_organization())
    told("backup", installation.backup)
    before, bytes_before = rows(), files(installation.blobs)
    flip_a_bit(installation.blobs / key(conversation, "audio"))
    (installation.blobs / key(conversation, "player")).unlink()
    told_codes = [code for code, _, _ in found("--backup", installation.backup)]
    assert sorted(told_codes) == ["blob_damaged", "blob_fetched", "blob_fetched", "blob_missing"]
    assert (rows(), files(installation.blobs)) == (before, bytes_before)


def test_a_flipped_bit_in_a_backup_is_told_and_never_copied_back(installation: Installation) -> None:
    conversation = completed(make_organization())
    told("backup", installation.backup)
    player = key(conversation, "player")
    flip_a_bit(installation.backup / "blobs" / player)
    installation.use_new_database()
    installation.lose_blobs()
    said = told("restore", installation.backup)
    assert f"blob_damaged: {player}: not copied back" in said
    assert f"blob_missing: call {conversation.id}, blob {player}" in said
    assert f"call_reprocessed: call {conversation.id}" in said
    assert player not in files(installation.blobs)


def test_a_lost_key_is_told_and_erases_nobody(installation: Installation) -> None:
    organization = make_organization()
    lost, kept = completed(organization, b"1"), completed(organization, b"2")
    (installation.keys / str(organization.id) / str(lost.id)).unlink()
    call = str(lost.id)
    assert found() == [("key_missing", call, "")]
    assert Conversation.objects.count() == 2
    assert found("--erase-keyless") == [("call_erased", call, "")]
    assert Conversation.objects.get() == kept


def test_a_lost_key_store_erases_nobody_even_when_asked_to(installation: Installation) -> None:
    organization = make_organization()
    completed(organization, b"1")
    completed(organization, b"2")
    shutil.rmtree(installation.keys)
    assert [code for code, _, _ in found()] == ["key_missing", "key_missing"]
    with pytest.raises(CommandError, match="No call has a key"):
        found("--erase-keyless")
    assert Conversation.objects.count() == 2


def test_another_master_key_is_told_and_nothing_is_mended(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = completed(make_organization())
    (installation.blobs / key(conversation, "player")).unlink()
    monkeypatch.setattr(blob_store().keys.master_key, "value", b"another".ljust(32))
    assert [code for code, _, _ in found()] == ["key_unusable", "blob_missing"]
    assert Conversation.objects.get().status == Status.COMPLETED


def test_what_an_erased_call_left_is_deleted(installation: Installation) -> None:
    conversation = completed(make_organization())
    call, copy = str(conversation.id), installation.blobs.with_name("copy")
    shutil.copytree(installation.blobs, copy)
    calls.erase(conversation)
    shutil.copytree(copy, installation.blobs, dirs_exist_ok=True)  # as from a copy by hand
    assert found() == [("leftovers_erased", call, "")]
    assert files(installation.blobs) == {}
    assert found() == []


def test_a_blob_that_no_event_refers_to_is_told_and_left_for_the_sweep(installation: Installation) -> None:
    conversation = received(make_organization())
    blob = put(conversation, "safe", b"of a second attempt")
    assert found() == [("blob_unreferenced", str(conversation.id), blob.key)]
    assert blob.key in files(installation.blobs)


def test_quick_sees_a_blob_cut_off_and_no_flipped_bit(installation: Installation) -> None:
    conversation = completed(make_organization())
    flip_a_bit(installation.blobs / key(conversation, "player"))
    assert found("--quick") == []
    path = installation.blobs / key(conversation, "master")
    path.write_bytes(path.read_bytes()[:-1])
    assert [blob for _, _, blob in found("--quick", "--dry-run")] == [key(conversation, "master"), ""]
