"""Manifests of batches, and what is told of their lines."""

import io
from datetime import UTC, datetime

import pytest

from conversations.models import Batch, BatchItem, Conversation, Organization, User
from conversations.services import batches
from conversations.services.batches import Reason, manifest
from conversations.services.calls import details_of
from tests.conversations.batches import fates, receive, zip_of
from tests.factories import make_organization, make_user

pytestmark = pytest.mark.django_db

Outcome = BatchItem.Outcome


@pytest.fixture
def user() -> User:
    return make_user()


@pytest.fixture
def organization(user: User) -> Organization:
    return user.organization


FULL = "file;external_id;language;started_at;agent;channels;Ticket\n"


@pytest.mark.parametrize(
    "table",
    [
        FULL + "a.wav;X-1;en;2026-06-01 14:05;Zoë;agent,customer;42\n",
        "\ufeff" + FULL + "a.wav;X-1;EN;2026-06-01T14:05:00Z;Zoë;agent customer;42\n",  # as spreadsheets save it
        FULL.replace(";", ",") + 'a.wav,X-1,en-GB,2026-06-01 14:05,Zoë,"agent,customer",42\n',
        FULL.replace(";", "\t").replace("\n", "\r\n")
        + "./a.wav\tX-1\ten\t2026-06-01 14:05\tZoë\tagent/customer\t42\r\n",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_a_manifest_says_what_is_known_of_a_call(user: User, table: str, encoding: str) -> None:
    batch = receive(user, ("a.wav", b"one"), manifest=table.encode(encoding, "ignore"))
    call = Conversation.objects.get(batch=batch)
    details = details_of(call)
    assert (details.external_id, details.language, details.metadata) == ("X-1", "en", {"ticket": "42"})
    assert (call.agent, call.speakers) == ("Zoë", ["agent", "customer"])
    assert call.started_at == datetime(2026, 6, 1, 14, 5, tzinfo=UTC)
    assert batch.items.get().line == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("a.wav;;;yesterday;;;", Reason.LINE_BAD_DATE),
        ("a.wav;;;2026-02-30;;;", Reason.LINE_BAD_DATE),  # written well, but no day
        ("a.wav;;;06/01/2026;;;", Reason.LINE_BAD_DATE),  # January or June?
        ("a.wav;;klingon;;;;", Reason.LINE_BAD_LANGUAGE),
        ("a.wav;;de;;;;", Reason.LINE_BAD_LANGUAGE),  # a language, but not the organization's
        ("a.wav;;;;;agent,agent;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;;agent,;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;;marie-dupont;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;;<b>;", Reason.LINE_BAD_CHANNELS),
        ("a.wav;;;;" + "x" * 101 + ";;", Reason.LINE_BAD_AGENT),
        ("a.wav;" + "x" * 201 + ";;;;;", Reason.LINE_BAD_EXTERNAL_ID),
        ("a.wav;;;;;;;too;many", Reason.LINE_TOO_LONG),
    ],
)
def test_a_line_that_cannot_be_taken_refuses_its_file_by_line_number(user: User, row: str, reason: Reason) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"), manifest=f"{FULL}\n{row}\nb.wav;;;;;;\n".encode())
    refused, accepted = batch.items.all()
    assert (refused.outcome, refused.reason, refused.line) == (Outcome.REFUSED, reason, 3)
    assert (accepted.outcome, accepted.line) == (Outcome.ACCEPTED, 4)
    assert batches.reason_sentence(refused.reason, refused.line).startswith("Line 3 of the manifest: ")


def test_lines_without_a_file_named_twice_or_naming_none_are_reported_by_number(user: User) -> None:
    table = b"file,agent\na.wav,Ann\nmissing.wav,Bob\na.wav,Carl\n,Dora\n"
    batch = receive(user, ("a.wav", b"one"), manifest=table)
    assert [(item.line, item.outcome, item.reason) for item in batch.items.all()] == [
        (2, "accepted", ""), (3, "refused", Reason.LINE_WITHOUT_FILE), (4, "refused", Reason.LINE_REPEATS_FILE),
        (5, "refused", Reason.LINE_NAMES_NO_FILE),
    ]  # fmt: skip
    assert Conversation.objects.get(batch=batch).agent == "Ann"


def test_a_file_that_the_manifest_does_not_name_is_taken_in_and_said_so(user: User) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"), manifest=b"file\nb.wav\n")
    assert fates(batch) == [("a.wav", "accepted", Reason.NOT_IN_MANIFEST), ("b.wav", "accepted", "")]


def test_a_manifest_may_come_among_the_files_or_in_a_zip_and_in_any_order(user: User) -> None:
    table = b"file,agent\ncalls/a.wav,Ann\n"
    loose = receive(user, ("a.wav", b"one"), ("manifest.csv", table))
    zipped = receive(user, ("z.zip", zip_of(("calls/a.wav", b"two"), ("manifest.csv", table))))
    for batch in (loose, zipped):
        assert Conversation.objects.get(batch=batch).agent == "Ann"
        assert fates(batch)[0][2] == Reason.IS_MANIFEST


def test_a_second_manifest_is_not_used_and_the_first_stays(user: User) -> None:
    batch = receive(user, ("a.wav", b"one"), ("b.csv", b"file,agent\na.wav,Bob\n"), manifest=b"file,agent\na.wav,Ann\n")
    assert fates(batch)[0] == ("b.csv", "refused", Reason.MANIFEST_IS_SECOND)
    assert Conversation.objects.get(batch=batch).agent == "Ann"


def test_a_line_goes_with_one_file_also_where_two_have_its_name(user: User) -> None:
    table = b"file,agent\na.wav,Ann\n"
    batch = receive(user, ("z.zip", zip_of(("x/a.wav", b"one"), ("y/a.wav", b"two"))), manifest=table)
    assert [reason for _name, _outcome, reason in fates(batch)] == ["", Reason.NOT_IN_MANIFEST]


def test_an_accent_written_apart_is_the_same_name() -> None:
    table = manifest.read_manifest("file\né.wav\n".encode(), ("en",))
    line = table.line_for("e\u0301.wav")
    assert line is not None
    assert line.number == 2


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        (b"", Reason.MANIFEST_NO_FILE_COLUMN),
        (b"name,agent\na.wav,Ann\n", Reason.MANIFEST_NO_FILE_COLUMN),
        (b"file,agent,agent\na.wav,Ann,Bob\n", Reason.MANIFEST_REPEATS_COLUMN),
        ("file,agent\na.wav,Ann\n".encode("utf-16"), Reason.MANIFEST_UNREADABLE),
        (b"file\n" + b'"' + b"x" * 200_000, Reason.MANIFEST_UNREADABLE),  # a cell that never ends
        (b"file\n" + b"x" * manifest.MOST_BYTES, Reason.MANIFEST_TOO_LARGE),
        (b"file\n" + b"a.wav\n" * 2001, Reason.MANIFEST_TOO_LARGE),
    ],
)
def test_a_manifest_that_cannot_be_read_stops_the_batch_before_it_begins(
    user: User, table: bytes, reason: Reason
) -> None:
    with pytest.raises(batches.ManifestRefused) as refused:
        receive(user, ("a.wav", b"one"), manifest=table)
    assert refused.value.reason == reason
    assert not Batch.objects.of(user.organization).exists()


def test_a_table_among_the_files_that_is_no_manifest_is_refused_and_the_rest_goes_on(user: User) -> None:
    batch = receive(user, ("costs.csv", b"a,b\n1,2\n"), ("a.wav", b"one"))
    assert fates(batch) == [("costs.csv", "refused", Reason.MANIFEST_NO_FILE_COLUMN), ("a.wav", "accepted", "")]


def test_the_language_of_a_batch_is_that_of_calls_whose_line_says_none(user: User) -> None:
    table = b"file,language\na.wav,en\nb.wav,\n"
    batch = receive(user, ("a.wav", b"one"), ("b.wav", b"two"), manifest=table, language="fr")
    languages = [item.conversation.requested_language for item in batch.items.all() if item.conversation]
    assert languages == ["en", "fr"]


def test_a_manifest_is_sealed_while_the_upload_lasts_and_gone_after(user: User, organization: Organization) -> None:
    table = io.BytesIO(b"file,customer\na.wav,Jane Doe\nb.wav,Joe\n")
    batch = batches.open_batch(organization, user, "June", manifest=table)
    batches.add_file(batch, "a.wav", io.BytesIO(b"one"))
    batch = Batch.objects.get(pk=batch.pk)  # as another request sees it
    assert b"Jane" not in bytes(batch.sealed_manifest)
    assert [line.number for line in batches.missing_lines(batch)] == [3]
    assert [item.line for item in batches.close_batch(batch)] == [3]
    assert not Batch.objects.get(pk=batch.pk).sealed_manifest


def test_closing_a_batch_twice_says_nothing_twice() -> None:
    user = make_user(make_organization())
    batch = batches.open_batch(user.organization, user, "June", manifest=io.BytesIO(b"file\na.wav\n"))
    assert len(batches.close_batch(batch)) == 1
    assert batches.close_batch(batch) == []


def test_every_reason_has_a_sentence() -> None:
    sentences = {batches.reason_sentence(reason) for reason in Reason}
    assert len(sentences) == len(Reason)
    assert all(sentence.endswith(".") for sentence in sentences)
