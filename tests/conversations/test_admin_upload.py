"""Uploading in the admin: by the ordinary form, and file by file as the page's script does."""

import io
import zipfile
from collections.abc import Callable

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from conversations.models import Batch, BatchItem, Conversation, Role, User
from conversations.services import batches
from conversations.services.batches import Reason
from tests.factories import make_user

pytestmark = pytest.mark.django_db

UPLOAD = "/admin/conversations/batch/upload/"


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def signed_in(user: User) -> Client:
    return client_of(user)


def client_of(user: User, **options: bool) -> Client:
    client = Client(**options)
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    return client


def file(name: str, content: bytes = b"sound") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def start(client: Client, **fields: object) -> dict[str, str]:
    response = client.post(reverse("admin:start_batch"), {"name": "June", **fields})
    assert response.status_code == 201, response.content
    return response.json()


def reasons(batch: Batch) -> list[str]:
    return [item.reason for item in batch.items.all()]


# ── Without a script ─────────────────────────────────────────────────────────────────────────────────────────────


def test_the_upload_page_is_reached_from_the_first_page_and_from_the_list_of_batches(signed_in: Client) -> None:
    assert reverse("admin:upload_batch") == UPLOAD
    for page in ("/admin/", "/admin/conversations/batch/"):
        assert f'href="{UPLOAD}"' in signed_in.get(page).content.decode()
    assert signed_in.get("/admin/conversations/batch/add/").headers["Location"] == UPLOAD


def test_many_files_a_zip_and_a_manifest_are_one_batch(signed_in: Client, user: User) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("b.wav", b"b")
    fields = {
        "name": "June", "language": "fr", "files": [file("a.wav", b"a"), file("z.zip", buffer.getvalue())],
        "manifest": file("m.csv", b"file,agent\na.wav,Ann\nb.wav,Bob\n"),
    }  # fmt: skip
    response = signed_in.post(UPLOAD, fields)
    batch = Batch.objects.of(user.organization).get()
    assert response.headers["Location"] == f"/admin/conversations/batch/{batch.pk}/change/"
    assert (batch.name, batch.language, batch.created_by) == ("June", "fr", user)
    assert sorted(Conversation.objects.filter(batch=batch).values_list("agent", flat=True)) == ["Ann", "Bob"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "June"}, "Choose at least one file."),
        ({"name": "", "files": "a.wav"}, "Name: This field is required."),
        ({"name": "June", "files": "a.wav", "language": "de"}, "Language: Select a valid choice."),
        ({"name": "June", "files": "a.wav", "manifest": "m.csv"}, "names no column “file”"),
    ],
)
def test_a_form_that_is_not_right_says_so_and_takes_nothing_in(
    signed_in: Client, user: User, fields: dict[str, str], sentence: str
) -> None:
    data = {name: file(value) if name in ("files", "manifest") else value for name, value in fields.items()}
    response = signed_in.post(UPLOAD, data)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert not Batch.objects.of(user.organization).exists()


def test_a_file_that_is_too_large_is_refused_and_the_others_come_in(
    signed_in: Client, user: User, limits: Callable[..., None]
) -> None:
    limits(max_upload_bytes=100_000)
    files = [file("a.wav", b"a"), file("long.wav", bytes(200_000)), file("b.wav", b"b")]
    signed_in.post(UPLOAD, {"name": "June", "files": files})
    items = Batch.objects.of(user.organization).get().items.all()
    assert [(str(batches.file_name_of(item)), item.reason) for item in items] == [
        ("a.wav", ""), ("b.wav", ""), ("long.wav", Reason.FILE_TOO_LARGE),
    ]  # fmt: skip


def test_a_single_file_that_is_too_large_is_an_error_of_the_form(
    signed_in: Client, user: User, limits: Callable[..., None]
) -> None:
    limits(max_upload_bytes=1_000_000)
    response = signed_in.post(UPLOAD, {"name": "June", "files": file("long.wav", bytes(1_100_000))})
    assert "The file is larger than 0 MB" in response.content.decode()
    assert not Batch.objects.of(user.organization).exists()


def test_more_files_than_a_batch_takes_are_an_error_with_the_limit_in_it(
    signed_in: Client, user: User, limits: Callable[..., None]
) -> None:
    limits(max_batch_files=2)
    files = [file(f"{number}.wav", bytes([number])) for number in range(6)]
    response = signed_in.post(UPLOAD, {"name": "June", "files": files})
    assert response.status_code == 400
    assert "at most 2 files" in response.content.decode()
    assert not Batch.objects.of(user.organization).exists()


def test_an_empty_file_is_taken_in_for_its_call_says_what_is_wrong(signed_in: Client, user: User) -> None:
    signed_in.post(UPLOAD, {"name": "June", "files": file("empty.wav", b"")})
    assert Batch.objects.of(user.organization).get().items.get().outcome == BatchItem.Outcome.ACCEPTED


# ── With the script ──────────────────────────────────────────────────────────────────────────────────────────────


def test_files_sent_one_by_one_are_kept_and_told_one_by_one(signed_in: Client, user: User) -> None:
    addresses = start(signed_in, manifest=file("m.csv", b"file,agent\na.wav,Ann\nnever.wav,Bob\n"))
    first = signed_in.post(addresses["files"], {"file": file("a.wav", b"a")}).json()
    again = signed_in.post(addresses["files"], {"file": file("copy.wav", b"a")}).json()
    assert first == {"items": [{"name": "a.wav", "outcome": "accepted", "label": "accepted", "sentence": ""}]}
    assert again["items"][0]["outcome"] == "duplicate"
    batch = Batch.objects.of(user.organization).get()
    assert batch.conversations.get().agent == "Ann"  # kept, though the upload has not ended
    assert signed_in.post(addresses["close"]).headers["Location"] == addresses["page"]
    assert reasons(batch) == ["", Reason.NOT_IN_MANIFEST, Reason.LINE_WITHOUT_FILE]


def test_a_manifest_that_cannot_be_read_begins_no_batch(signed_in: Client, user: User) -> None:
    response = signed_in.post(reverse("admin:start_batch"), {"name": "June", "manifest": file("m.csv", b"a,b\n")})
    assert response.status_code == 400
    assert "names no column" in response.json()["errors"]["manifest"][0]
    assert not Batch.objects.of(user.organization).exists()


@pytest.mark.parametrize(
    "sent",
    [
        {"file": SimpleUploadedFile("long.wav", bytes(200_000))},
        {"too_large": "long.wav"},  # what the script sends of a file that it sees to be too large
    ],
)
def test_a_file_that_is_too_large_is_told_and_kept_as_refused(
    signed_in: Client, user: User, limits: Callable[..., None], sent: dict[str, object]
) -> None:
    limits(max_upload_bytes=100_000)
    answer = signed_in.post(start(signed_in)["files"], sent).json()
    assert answer["items"][0]["name"] == "long.wav"
    assert "larger than" in answer["items"][0]["sentence"]
    assert reasons(Batch.objects.of(user.organization).get()) == [Reason.FILE_TOO_LARGE]


def test_a_request_without_a_file_is_an_error(signed_in: Client) -> None:
    assert signed_in.post(start(signed_in)["files"]).status_code == 400


@pytest.mark.parametrize("name", ["batch_file", "close_batch", "retry_batch"])
def test_a_batch_of_another_organization_is_not_there(signed_in: Client, name: str) -> None:
    stranger = make_user()
    batch = batches.open_batch(stranger.organization, stranger, "Theirs")
    assert signed_in.post(reverse(f"admin:{name}", args=[batch.pk])).status_code == 404
    assert not batch.items.exists()


# ── Who may ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("role", [Role.AGENT, Role.CLIENT])
def test_agents_and_programs_do_not_upload_here(role: Role) -> None:
    user = make_user(role=role)
    response = client_of(user).post(UPLOAD, {"name": "June", "files": file("a.wav")})
    assert response.headers["Location"].startswith("/admin/login/")
    assert not Batch.objects.of(user.organization).exists()


@pytest.mark.parametrize("address", ["upload_batch", "start_batch"])
def test_an_upload_without_a_csrf_token_is_refused(user: User, address: str) -> None:
    client = client_of(user, enforce_csrf_checks=True)
    response = client.post(reverse(f"admin:{address}"), {"name": "June", "files": file("a.wav")})
    assert response.status_code == 403
    assert not Batch.objects.of(user.organization).exists()
