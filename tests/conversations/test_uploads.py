"""What becomes of the bytes of an upload: a full disk is said and leaves nothing, and only the blob store has them."""

import base64
import errno
import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client, RequestFactory

from conversations.ledger.models import Event
from conversations.ledger.relay import Relay
from conversations.models import Batch, Conversation, Role
from conversations.services import batches, spool
from conversations.services.batches import Reason
from pipeline.bus import GPU
from pipeline.records import MOST_BYTES
from pipeline.storage import blob_store
from tests.factories import make_user, token_header
from webapp.stack import valkey
from webapp.stack.home import home

pytestmark = pytest.mark.django_db
ADDRESS, UPLOAD = "/api/v1/conversations/", "/admin/conversations/batch/upload/"
SOUND = b"the sound of a voice "


@pytest.fixture
def sender() -> Client:
    """A program that may send calls."""
    return Client(headers=token_header(make_user(role=Role.CLIENT)))


@pytest.fixture
def person() -> Client:
    """Somebody who is signed in."""
    client = Client()
    client.force_login(make_user(), "django.contrib.auth.backends.ModelBackend")
    return client


def file(name: str = "a.wav", content: bytes = SOUND) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def files(url: str) -> list[Path]:
    return [path for path in Path(url).rglob("*") if path.is_file()]


# ── No room ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def no_room_to_spool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk under the folder of temporary files; the kernel itself says so."""
    monkeypatch.setattr(spool.tempfile, "TemporaryFile", lambda **_: io.FileIO("/dev/full", "r+"))


@pytest.fixture
def no_room_to_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk under the blob store that has room for keys and settings, and for no audio."""

    def fsync(descriptor: int) -> None:
        if os.fstat(descriptor).st_size > 100_000:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fsync)


@pytest.mark.parametrize("full", ["no_room_to_spool", "no_room_to_store"])
def test_a_full_disk_is_said_and_leaves_nothing_half_written(
    sender: Client, full: str, request: pytest.FixtureRequest
) -> None:
    places = blob_store().root, blob_store().keys.root
    before = [sorted(files(place)) for place in places]
    request.getfixturevalue(full)
    response = sender.post(ADDRESS, {"audio": file(content=bytes(200_000))})
    assert (response.status_code, response.json()["code"]) == (507, "storage_full")
    assert response["Content-Type"] == "application/problem+json"
    assert response["Retry-After"]
    assert not Conversation.objects.exists()
    assert not Event.objects.exists()
    assert [sorted(files(place)) for place in places] == before


def test_a_file_that_there_is_no_room_for_is_refused_by_its_name(
    person: Client, request: pytest.FixtureRequest
) -> None:
    batch = opened_batch(person)
    request.getfixturevalue("no_room_to_spool")
    answer = person.post(f"/admin/conversations/batch/{batch.pk}/files/", {"file": file()}).json()
    assert [(item["name"], item["outcome"]) for item in answer["items"]] == [("a.wav", "refused")]
    assert [item.reason for item in batch.items.all()] == [Reason.STORAGE_UNAVAILABLE]


def test_a_file_in_a_zip_that_there_is_no_room_for_is_refused(person: Client, request: Any) -> None:
    batch = opened_batch(person)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b.wav", SOUND)
    request.getfixturevalue("no_room_to_spool")
    assert [item.reason for item in batches.add_file(batch, "z.zip", buffer)] == [Reason.STORAGE_UNAVAILABLE]


@pytest.mark.parametrize("address", [UPLOAD, f"{UPLOAD}start/"])
def test_a_form_of_which_nothing_can_be_kept_says_so(person: Client, address: str, no_room_to_spool: None) -> None:
    response = person.post(address, {"name": "June", "files": file(), "manifest": file("m.csv", b"file\na.wav\n")})
    assert response.status_code == 400
    assert "could not be stored just now" in response.content.decode()
    assert not Batch.objects.exists()


def opened_batch(person: Client) -> Batch:
    assert person.post(f"{UPLOAD}start/", {"name": "June"}).status_code == 201
    batch: Batch = Batch.objects.get()
    return batch


# ── Nowhere else ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_page_that_takes_no_files_keeps_none() -> None:
    request = RequestFactory().post("/", {"name": "June", "file": file()})
    assert (request.POST["name"], len(request.FILES)) == ("June", 0)


def test_no_record_no_task_and_no_table_holds_audio(sender: Client, broker_url: str) -> None:
    broker = redis.Redis(unix_socket_path=str(valkey.socket(home())))
    broker.delete(GPU)
    assert sender.post(ADDRESS, {"audio": file(content=SOUND * 100_000)}).status_code == 201

    Relay().relay_once()
    (message,) = broker.lrange(GPU, 0, -1)
    broker.delete(GPU)
    assert len(message) < 2 * MOST_BYTES  # kombu's own envelope around the record
    assert not holds_sound(message)
    for table in connection.introspection.table_names():
        with connection.cursor() as cursor:
            cursor.execute(f'select t::text from "{table}" t')  # noqa: S608
            for (row,) in cursor.fetchall():
                assert not holds_sound(row.encode())
                assert table == "conversations_organization" or len(row) < MOST_BYTES


def holds_sound(data: bytes) -> bool:
    """Whether the audio is in there: as it is, in hex as Postgres shows bytes, or in base64 at any of its offsets."""
    shapes = [SOUND, SOUND.hex().encode()]
    shapes += [base64.b64encode((SOUND * 3)[offset:])[4:24] for offset in range(3)]
    return any(shape in data for shape in shapes)
